// The rows of ARCHITECTURE.md's table (which bytes are new) where the content is known in another
// inode.
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "support/gzip_bytes.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG  "/d/app.log"
#define COPY "/d/app.log.1"

static struct source_world *make_world(void)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, LOG, 1, 60);
    source_world_read_for_s(world, 6);
    return world;
}

static void copy(struct source_world *world)
{
    simfs_copy_bytes(world->fs, LOG, COPY, 0, (size_t)simfs_size(world->fs, LOG));
}

static void take_original(struct source_world *world, int deleted)
{
    if (deleted) {
        simfs_unlink(world->fs, LOG);
    } else {
        simfs_truncate(world->fs, LOG, 0);
    }
}

START_TEST(another_inode_with_known_head_and_tail_is_the_original_when_that_is_truncated_or_deleted)
{
    struct source_world *world = make_world();
    bool restarts = _i >= 2;
    if (restarts) {
        source_world_stop(world);
    }
    source_world_write(world, LOG, 61, 70);
    copy(world);
    take_original(world, _i % 2);
    source_world_write(world, LOG, 81, 82);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 70, 1);
    source_world_check(world, 81, 82, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(another_inode_that_begins_an_intact_one_is_held_for_ten_seconds_after_its_last_growth)
{
    struct source_world *world = make_world();
    simfs_copy_bytes(world->fs, LOG, COPY, 0, 100);
    source_world_read_for_s(world, 8);
    simfs_copy_bytes(world->fs, LOG, COPY, 100, 100);
    source_world_read_for_s(world, 8);
    source_world_check_state(world, COPY, "held: it may be a copy");
    source_world_check(world, 1, 60, 1);
    source_world_read_for_s(world, 4);
    source_world_free_failed(world, "line 1 was read twice");
}
END_TEST

START_TEST(a_held_file_whose_original_goes_on_and_is_then_cut_is_not_read)
{
    struct source_world *world = make_world();
    copy(world);
    source_world_read(world);
    source_world_check_state(world, COPY, "held: it may be a copy");
    source_world_write(world, LOG, 61, 62);
    source_world_read(world);
    take_original(world, _i);
    source_world_write(world, LOG, 81, 82);
    source_world_read_for_s(world, 30);
    source_world_check(world, 1, 62, 1);
    source_world_check(world, 81, 82, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_whose_original_goes_on_and_is_then_cut_is_not_read)
{
    static const char *const names[] = {LOG ".gz", LOG ".1.gz"};
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    source_world_write(world, LOG, 1, 60);
    source_world_read_for_s(world, 6);
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, simfs_content(world->fs, LOG));
    simfs_append(world->fs, names[_i % 2], archive.data, archive.size);
    buf_deinit(&archive);
    source_world_read(world);
    source_world_write(world, LOG, 61, 62);
    source_world_read(world);
    take_original(world, _i / 2);
    source_world_write(world, LOG, 81, 82);
    source_world_read_for_s(world, 30);
    source_world_check(world, 1, 62, 1);
    source_world_check(world, 81, 82, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(another_inode_with_a_known_head_and_another_tail_is_a_file_of_its_own)
{
    struct source_world *world = make_world();
    simfs_copy_bytes(world->fs, LOG, COPY, 0, 1100);
    source_world_write(world, COPY, 101, 150);
    take_original(world, _i);
    source_world_read_for_s(world, 3);
    source_world_free_failed(world, "line 1 was read twice");
}
END_TEST

START_TEST(another_inode_that_is_longer_than_an_intact_one_read_to_its_end_is_a_file_of_its_own)
{
    struct source_world *world = make_world();
    copy(world);
    source_world_write(world, COPY, 91, 92);
    source_world_read(world);
    source_world_free_failed(world, "line 1 was read twice");
}
END_TEST

START_TEST(another_inode_that_was_born_after_the_original_ended_is_a_file_of_its_own)
{
    struct source_world *world = make_world();
    copy(world);
    simfs_rename(world->fs, COPY, "/copy");
    take_original(world, _i);
    source_world_read_for_s(world, 1);
    source_world_pass_s(world, 1);
    simfs_copy_bytes(world->fs, "/copy", "/d/late", 0, (size_t)simfs_size(world->fs, "/copy"));
    source_world_read_for_s(world, 3);
    source_world_free_failed(world, "line 1 was read twice");
}
END_TEST

START_TEST(a_copy_that_was_made_before_the_clock_was_set_back_is_a_copy_still)
{
    struct source_world *world = make_world();
    source_world_write(world, LOG, 61, 70);
    copy(world);
    if (_i >= 2) {
        source_world_read(world);
    }
    take_original(world, _i % 2);
    source_world_write(world, LOG, 81, 82);
    simfs_set_back_ns(world->fs, 3600 * NS_PER_S);
    source_world_read_for_s(world, 90);
    source_world_check(world, 1, 70, 1);
    source_world_check(world, 81, 82, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_copy_of_a_log_that_was_cut_before_it_was_copied_is_no_file_of_its_own)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_births(world->fs, _i == 1);
    source_world_write(world, LOG, 1, 2);
    source_world_read(world);
    simfs_truncate(world->fs, LOG, 0);
    source_world_write(world, LOG, 11, 13);
    copy(world);
    source_world_write(world, LOG, 14, 14);
    source_world_read(world);
    simfs_truncate(world->fs, LOG, 0);
    source_world_read_for_s(world, 20);
    source_world_check(world, 11, 14, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_log_that_is_replaced_by_its_copy_at_once_is_that_copy)
{
    struct source_world *world = make_world();
    simfs_copy_bytes(world->fs, LOG, "/tmp", 0, (size_t)simfs_size(world->fs, LOG));
    if (_i == 1) {
        source_world_write(world, "/tmp", 61, 65);
    }
    simfs_rename(world->fs, "/tmp", LOG); // within a tick of its birth
    source_world_read_for_s(world, 3);
    source_world_write(world, LOG, 71, 75);
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 60, 1);
    source_world_check(world, 61, 65, _i == 1 ? 1 : 0);
    source_world_check(world, 71, 75, 1);
    source_world_free(world);
}
END_TEST

static void compress_parts(struct source_world *world, const char *from, const char *to,
                           size_t parts)
{
    struct slice content = simfs_content(world->fs, from);
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    size_t part = content.size / parts;
    for (size_t i = 0; i < parts; i++) {
        size_t end = i + 1 == parts ? content.size : (i + 1) * part;
        gzip_bytes(&archive, slice_of(content.data + i * part, end - i * part));
    }
    simfs_append(world->fs, to, archive.data, archive.size);
    buf_deinit(&archive);
}

START_TEST(a_copy_that_ends_before_the_last_lines_that_were_read_was_made_before_them)
{
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    bool compressed = _i % 2 == 1;
    for (unsigned line = 1; line <= 60; line += 10) {
        source_world_write(world, LOG, line, line + 9);
        source_world_read_for_s(world, 1);
    }
    source_world_write(world, LOG, 61, 62); // between two marks
    source_world_read(world);
    simfs_copy_bytes(world->fs, LOG, "/copy", 0, (size_t)simfs_size(world->fs, LOG));
    source_world_write(world, LOG, 63, 70);
    source_world_read_for_s(world, 1);
    take_original(world, _i / 2);
    source_world_read_for_s(world, 3);
    if (compressed) {
        compress_parts(world, "/copy", "/copy.gz", 1);
        simfs_copy_mtime(world->fs, "/copy", "/copy.gz");
    }
    simfs_rename(world->fs, compressed ? "/copy.gz" : "/copy", compressed ? COPY ".gz" : COPY);
    source_world_read_for_s(world, 30);
    source_world_check(world, 1, 70, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(what_is_made_of_an_archive_that_was_read_is_a_copy_of_it)
{
    enum { INFLATED, COMPRESSED_ANEW };
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    source_world_write(world, LOG, 1, 60);
    source_world_read_for_s(world, 6);
    simfs_rename(world->fs, LOG, COPY);
    simfs_copy_bytes(world->fs, COPY, "/content", 0, (size_t)simfs_size(world->fs, COPY));
    compress_parts(world, COPY, COPY ".gz", 1);
    source_world_read_for_s(world, 2);
    simfs_unlink(world->fs, COPY);
    source_world_read_for_s(world, 20);
    switch (_i) {
    case INFLATED:
        simfs_copy_bytes(world->fs, "/content", COPY, 0, (size_t)simfs_size(world->fs, "/content"));
        source_world_read(world);
        simfs_unlink(world->fs, COPY ".gz");
        break;
    case COMPRESSED_ANEW:
        compress_parts(world, "/content", "/anew", 3);
        source_world_pass_s(world, 1);
        simfs_rename(world->fs, "/anew", COPY ".gz");
        break;
    }
    source_world_read_for_s(world, 30);
    source_world_check(world, 1, 60, 1);
    if (_i == INFLATED) {
        source_world_write(world, COPY, 61, 62);
        source_world_read_for_s(world, 3);
        source_world_check(world, 61, 62, 1);
    }
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cases of another inode");
    TCase *tests = tcase_create("rows");
    tcase_add_loop_test(
        tests,
        another_inode_with_known_head_and_tail_is_the_original_when_that_is_truncated_or_deleted, 0,
        4);
    tcase_add_test(
        tests,
        another_inode_that_begins_an_intact_one_is_held_for_ten_seconds_after_its_last_growth);
    tcase_add_loop_test(tests, an_archive_whose_original_goes_on_and_is_then_cut_is_not_read, 0, 4);
    tcase_add_loop_test(tests, a_log_that_is_replaced_by_its_copy_at_once_is_that_copy, 0, 2);
    tcase_add_loop_test(
        tests, a_copy_that_ends_before_the_last_lines_that_were_read_was_made_before_them, 0, 4);
    tcase_add_loop_test(tests, what_is_made_of_an_archive_that_was_read_is_a_copy_of_it, 0, 2);
    tcase_add_loop_test(tests, a_held_file_whose_original_goes_on_and_is_then_cut_is_not_read, 0,
                        2);
    tcase_add_loop_test(
        tests, another_inode_with_a_known_head_and_another_tail_is_a_file_of_its_own, 0, 2);
    tcase_add_test(
        tests,
        another_inode_that_is_longer_than_an_intact_one_read_to_its_end_is_a_file_of_its_own);
    tcase_add_loop_test(
        tests, another_inode_that_was_born_after_the_original_ended_is_a_file_of_its_own, 0, 2);
    tcase_add_loop_test(tests, a_copy_that_was_made_before_the_clock_was_set_back_is_a_copy_still,
                        0, 4);
    tcase_add_loop_test(
        tests, a_copy_of_a_log_that_was_cut_before_it_was_copied_is_no_file_of_its_own, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
