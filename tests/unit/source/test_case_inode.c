// The rows of ARCHITECTURE.md's table (which bytes are new) where the inode is known.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG          "/d/app.log"
#define ROTATED      "/d/app.log.1"
#define HEADER       "a header that all of them have\n"
#define OTHER_HEADER "A HEADER that all of them have\n"

enum { RUNNING, STOPPED, WAYS };

// What happens next is seen as it happens, or is found at the next start.
static void look_away(struct source_world *world, int way)
{
    if (way == STOPPED) {
        source_world_stop(world);
    }
}

START_TEST(the_same_inode_birth_head_and_tail_go_on_whatever_the_name)
{
    struct source_world *world = source_world_create("/d/app*");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    look_away(world, _i);
    simfs_rename(world->fs, LOG, "/d/apple");
    source_world_write(world, "/d/apple", 6, 7);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 7, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

static void unlink_and_write_the_same(struct source_world *world)
{
    struct slice content = simfs_content(world->fs, LOG);
    char *same = xstrndup(content);
    simfs_unlink(world->fs, LOG);
    source_world_pass_s(world, 2);
    source_world_append(world, LOG, same);
    free(same);
}

// Everything is as it was but the birth, so that it would go on otherwise.
START_TEST(the_same_inode_with_another_birth_is_another_file)
{
    struct source_world *world = source_world_create(LOG);
    simfs_set_reuse(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 3);
    source_world_stop(world);
    unlink_and_write_the_same(world);
    source_world_read_for_s(world, 20);
    source_world_free_failed(world, "line 1 was read twice");
}
END_TEST

START_TEST(without_births_the_same_inode_with_the_same_content_goes_on)
{
    struct source_world *world = source_world_create(LOG);
    simfs_set_births(world->fs, false);
    simfs_set_reuse(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 3);
    source_world_stop(world);
    unlink_and_write_the_same(world);
    source_world_write(world, LOG, 6, 6);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 6, 1);
    source_world_free(world);
}
END_TEST

START_TEST(without_births_the_same_inode_with_other_content_is_another_file)
{
    struct source_world *world = source_world_create(LOG);
    simfs_set_births(world->fs, false);
    simfs_set_reuse(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 3);
    look_away(world, _i);
    simfs_unlink(world->fs, LOG);
    if (_i == RUNNING) { // its inode is free once nobody has it open
        source_world_read_for_s(world, 70);
    }
    source_world_write(world, LOG, 6, 20);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 20, 1);
    source_world_free(world);
}
END_TEST

enum { SHORTER, OTHER_HEAD, OTHER_TAIL, CUTS };

// More than a tail covers.
static void write_padding(struct source_world *world)
{
    for (int i = 0; i < 30; i++) {
        source_world_append(world, LOG, "..........\n");
    }
}

START_TEST(the_same_inode_that_is_shorter_or_has_another_head_or_tail_was_truncated)
{
    enum { LINES = 60 };
    int way = _i / CUTS;
    int cut = _i % CUTS;
    struct source_world *world = source_world_create(LOG);
    for (unsigned first = 1; first <= LINES + 1; first += LINES) {
        bool again = first > 1;
        source_world_append(world, LOG, again && cut == OTHER_HEAD ? OTHER_HEADER : HEADER);
        if (cut == OTHER_TAIL) {
            for (int i = 0; i < 5; i++) {
                write_padding(world); // the head is in it
            }
        }
        source_world_write(world, LOG, first, first + (again && cut == SHORTER ? 1 : LINES - 1));
        if (cut == OTHER_HEAD && way == STOPPED) {
            write_padding(world); // the tail is in it, so that the head alone tells
        }
        source_world_read_for_s(world, 6);
        if (!again) {
            look_away(world, way);
            simfs_truncate(world->fs, LOG, 0);
        }
    }
    source_world_check(world, 1, LINES + (cut == SHORTER ? 2 : LINES), 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

// A step that only sees how large the file is, as where inotify does not tell.
static void see(struct source_world *world)
{
    source_world_pass_s(world, 2);
    owner_step(world->owner);
}

START_TEST(the_same_inode_whose_end_is_cut_off_behind_the_position_goes_on)
{
    struct source_world *world = source_world_create(LOG);
    simfs_set_network(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 6);
    uint64_t read = simfs_size(world->fs, LOG);
    source_world_write(world, LOG, 6, 8);
    see(world);
    uint64_t seen = simfs_size(world->fs, LOG);
    simfs_truncate(world->fs, LOG, read);
    source_world_read_for_s(world, 3);
    source_world_write(world, LOG, 9, 10);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 5, 1);
    source_world_check(world, 6, 8, 0);
    source_world_check(world, 9, 10, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), seen - read);
    source_world_free(world);
}
END_TEST

START_TEST(a_known_inode_in_no_matching_name_is_looked_for_and_followed_to_its_end)
{
    struct source_world *world = source_world_create(LOG);
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    look_away(world, _i);
    simfs_rename(world->fs, LOG, "/d/elsewhere");
    source_world_write(world, "/d/elsewhere", 6, 7);
    source_world_read_for_s(world, 5);
    source_world_write(world, "/d/elsewhere", 8, 8); // its writer has not noticed
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 8, 1);
    source_world_read_for_s(world, 70);
    source_world_write(world, "/d/elsewhere", 9, 9);
    source_world_read_for_s(world, 5);
    source_world_check(world, 9, 9, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_generation_without_a_name_that_is_open_is_read_on_until_it_has_not_grown_for_a_while)
{
    struct source_world *world = source_world_create(LOG);
    world->config.close_after_ms = 20000;
    source_world_write(world, LOG, 1, 5);
    simfs_link(world->fs, LOG, "/hidden"); // whoever writes still has it open
    owner_step(world->owner);
    ck_assert(owner_read_some(world->owner, 10));
    simfs_unlink(world->fs, LOG);
    source_world_read_for_s(world, 15);
    source_world_write(world, "/hidden", 6, 6);
    source_world_read_for_s(world, 15);
    source_world_check(world, 1, 6, 1);
    ck_assert(simfs_is_open(world->fs, "/hidden"));
    source_world_read_for_s(world, 25);
    ck_assert(!simfs_is_open(world->fs, "/hidden"));
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_generation_without_a_name_that_is_closed_waits_for_a_name_and_then_is_lost)
{
    struct source_world *world = source_world_create("/d/*.log");
    world->config.open_files_max = 1;
    simfs_set_network(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 6);
    uint64_t read = simfs_size(world->fs, LOG);
    source_world_write(world, "/d/other.log", 101, 105);
    source_world_read_for_s(world, 6);
    ck_assert(!simfs_is_open(world->fs, LOG));
    source_world_write(world, LOG, 6, 8);
    see(world);
    uint64_t seen = simfs_size(world->fs, LOG);
    ck_assert(!simfs_is_open(world->fs, LOG));
    simfs_rename(world->fs, LOG, "/away");
    see(world);
    if (_i == 0) { // another name in time
        simfs_rename(world->fs, "/away", "/d/back.log");
    }
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 5, 1);
    source_world_check(world, 6, 8, _i == 0 ? 1 : 0);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), _i == 0 ? 0 : seen - read);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cases of a known inode");
    TCase *tests = tcase_create("rows");
    tcase_add_loop_test(tests, the_same_inode_birth_head_and_tail_go_on_whatever_the_name, 0, WAYS);
    tcase_add_test(tests, the_same_inode_with_another_birth_is_another_file);
    tcase_add_test(tests, without_births_the_same_inode_with_the_same_content_goes_on);
    tcase_add_loop_test(tests, without_births_the_same_inode_with_other_content_is_another_file, 0,
                        WAYS);
    tcase_add_loop_test(tests,
                        the_same_inode_that_is_shorter_or_has_another_head_or_tail_was_truncated, 0,
                        WAYS * CUTS);
    tcase_add_test(tests, the_same_inode_whose_end_is_cut_off_behind_the_position_goes_on);
    tcase_add_loop_test(
        tests, a_known_inode_in_no_matching_name_is_looked_for_and_followed_to_its_end, 0, WAYS);
    tcase_add_test(
        tests,
        a_generation_without_a_name_that_is_open_is_read_on_until_it_has_not_grown_for_a_while);
    tcase_add_loop_test(
        tests, a_generation_without_a_name_that_is_closed_waits_for_a_name_and_then_is_lost, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
