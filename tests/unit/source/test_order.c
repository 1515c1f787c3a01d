// Generations of one log are read oldest first, also those that came while nobody looked.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "support/gzip_bytes.h"
#include "support/simfs.h"
#include "support/source_owner.h"
#include "support/test_main.h"

enum { ROUNDS_MAX = 400, READ_BYTES = 1000 };

static char pattern[] = "/d/*";
static char *patterns[] = {pattern};
static struct simfs *fs;
static struct owner *owner;
static struct source_config config;
static unsigned written; // lines, with the ids from 1

static void setup(void)
{
    fs = simfs_create();
    simfs_set_births(fs, true);
    simfs_mkdir(fs, "/d");
    config = (struct source_config){
        .files = {.items = patterns, .count = 1},
        .compressed = true,
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = 100,
    };
    owner = owner_create(simfs_io(fs), &config, false);
    written = 0;
    simfs_advance_ns(fs, 10 * NS_PER_S);
}

static void teardown(void)
{
    ck_assert_msg(owner_failure(owner) == NULL, "%s", owner_failure(owner));
    owner_free(owner);
    simfs_free(fs);
}

static void write_lines(const char *path, unsigned count)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < count; i++) {
        written++;
        buf_appendf(&text, "L%05u some text, %u;\n", written, written * 7919 % 10007);
    }
    simfs_append(fs, path, text.data, text.size);
    buf_deinit(&text);
    simfs_advance_ns(fs, NS_PER_S);
}

static void gzip_file(const char *path)
{
    char *name = xasprintf("%s.gz", path);
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, simfs_content(fs, path));
    simfs_append(fs, name, archive.data, archive.size);
    buf_deinit(&archive);
    simfs_copy_mtime(fs, path, name);
    simfs_unlink(fs, path);
    free(name);
    simfs_advance_ns(fs, NS_PER_S);
}

static void copy_and_cut(const char *copy)
{
    simfs_append(fs, copy, "", 0);
    simfs_copy_bytes(fs, "/d/app.log", copy, 0, (size_t)simfs_size(fs, "/d/app.log"));
    simfs_truncate(fs, "/d/app.log", 0);
    simfs_advance_ns(fs, NS_PER_S);
}

static void rotate_and_compress(const char *path)
{
    simfs_rename(fs, "/d/app.log", path);
    gzip_file(path);
}

// Reads everything; no line comes before the ones that were written before it.
static void check_order(void)
{
    unsigned read = 0;
    for (int i = 0; i < ROUNDS_MAX && read < written; i++) {
        owner_step(owner);
        (void)owner_read_some(owner, READ_BYTES);
        while (read < written && owner_times_read(owner, read + 1) == 1) {
            read++;
        }
        for (unsigned id = read + 1; id <= written; id++) {
            ck_assert_msg(owner_times_read(owner, id) == 0, "line %u came before line %u", id,
                          read + 1);
        }
        if (i % 8 == 7) {
            simfs_advance_ns(fs, NS_PER_S);
        }
    }
    ck_assert_uint_eq(read, written);
}

static void read_all_and_stop(void)
{
    owner_drain(owner);
    owner_commit(owner);
    owner_stop(owner);
}

START_TEST(archives_that_are_there_at_the_first_start_come_before_the_log)
{
    for (int i = 3; i > 0; i--) {
        write_lines("/d/app.log", 3);
        char *path = xasprintf("/d/app.log.%d", i);
        rotate_and_compress(path);
        free(path);
    }
    write_lines("/d/app.log", 3);
    check_order();
}
END_TEST

START_TEST(archives_of_a_downtime_come_before_the_log)
{
    write_lines("/d/app.log", 3);
    read_all_and_stop();
    for (int i = 1; i < 4; i++) {
        write_lines("/d/app.log", 3);
        char *path = xasprintf("/d/app.log-2026110%d", i);
        rotate_and_compress(path);
        free(path);
    }
    write_lines("/d/app.log", 3);
    check_order();
}
END_TEST

START_TEST(archives_of_a_log_that_is_gone_are_read_oldest_first)
{
    write_lines("/d/app.log", 3);
    read_all_and_stop();
    for (int i = 4; i > 0; i--) {
        write_lines("/d/app.log", (unsigned)i * 40); // the oldest one takes longest to look through
        char *path = xasprintf("/d/app.log.%d", i);
        rotate_and_compress(path);
        free(path);
    }
    check_order();
}
END_TEST

START_TEST(rotated_files_that_are_there_at_the_first_start_come_before_the_log)
{
    write_lines("/d/app.log", 50);
    rotate_and_compress("/d/app.log.3");
    for (int i = 2; i > 0; i--) {
        write_lines("/d/app.log", 100);
        char *path = xasprintf("/d/app.log.%d", i);
        simfs_rename(fs, "/d/app.log", path);
        free(path);
    }
    write_lines("/d/app.log", 50);
    check_order();
}
END_TEST

START_TEST(rotated_files_of_a_downtime_come_before_the_log)
{
    write_lines("/d/app.log", 3);
    read_all_and_stop();
    write_lines("/d/app.log", 3);
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    write_lines("/d/app.log", 100);
    simfs_rename(fs, "/d/app.log.1", "/d/app.log.2");
    gzip_file("/d/app.log.2");
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    write_lines("/d/app.log", 50);
    check_order();
}
END_TEST

START_TEST(a_log_that_was_empty_before_a_downtime_comes_after_the_copies_of_it)
{
    write_lines("/d/app.log", 3);
    owner_drain(owner);
    copy_and_cut("/d/app.log.1");
    read_all_and_stop();
    write_lines("/d/app.log", 20);
    copy_and_cut("/d/app.log.2");
    write_lines("/d/app.log", 3);
    check_order();
}
END_TEST

START_TEST(a_log_that_was_renamed_before_a_downtime_keeps_its_place)
{
    write_lines("/d/app.log", 3);
    read_all_and_stop();
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    write_lines("/d/app.log.1", 20); // by a writer that has not opened the new one yet
    write_lines("/d/app.log", 20);
    owner_step(owner);
    owner_stop(owner);
    simfs_rename(fs, "/d/app.log.1", "/d/app.log.2");
    gzip_file("/d/app.log.2");
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    write_lines("/d/app.log", 20);
    check_order();
}
END_TEST

START_TEST(generations_that_were_seen_and_not_read_keep_their_order_over_a_restart)
{
    enum { LARGE = 1000 }; // more than one turn of reading
    write_lines("/d/app.log", 3);
    owner_step(owner);
    owner_commit(owner);
    for (int i = 1; i < 4; i++) {
        char *path = xasprintf("/d/app.log-2026110%d", i);
        simfs_rename(fs, "/d/app.log", path);
        owner_step(owner);
        write_lines("/d/app.log", LARGE);
        owner_step(owner);
        owner_commit(owner);
        free(path);
    }
    simfs_rename(fs, "/d/app.log", "/d/app.log-20261104");
    owner_step(owner);
    owner_commit(owner);
    owner_stop(owner);
    check_order();
}
END_TEST

START_TEST(generations_that_were_not_stored_keep_their_order_over_a_restart)
{
    write_lines("/d/app.log", 3);
    owner_step(owner);
    owner_commit(owner);
    for (int i = 1; i < 5; i++) {
        char *path = xasprintf("/d/app.log-2026110%d", i);
        simfs_rename(fs, "/d/app.log", path);
        owner_step(owner);
        if (i < 4) {
            write_lines("/d/app.log", 500);
        }
        owner_step(owner);
        free(path);
    }
    owner_stop(owner);
    check_order();
}
END_TEST

START_TEST(two_rotations_in_one_tick_leave_three_generations_in_order)
{
    simfs_set_births(fs, false); // nothing says which of them was born first
    write_lines("/d/app.log", 3);
    owner_drain(owner);
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    owner_drain(owner);
    write_lines("/d/app.log", 3);
    simfs_rename(fs, "/d/app.log.1", "/d/app.log.2");
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    write_lines("/d/app.log", 3);
    check_order();
}
END_TEST

START_TEST(a_log_does_not_wait_for_what_cannot_be_read)
{
    write_lines("/d/app.log", 3);
    unsigned unread = written;
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    simfs_set_readable(fs, "/d/app.log.1", false);
    simfs_append(fs, "/d/app.log.2", "", 0);
    write_lines("/d/app.log", 3);
    owner_drain(owner);
    ck_assert_uint_eq(owner_times_read(owner, unread), 0);
    ck_assert_uint_eq(owner_times_read(owner, unread + 1), 1);
    ck_assert_uint_eq(owner_times_read(owner, written), 1);
}
END_TEST

START_TEST(a_file_does_not_wait_for_one_that_was_read_and_got_its_first_name_back)
{
    simfs_set_network(fs, true);
    write_lines("/d/app.log", 3);
    owner_drain(owner);
    simfs_rename(fs, "/d/app.log", "/d/app.log.1");
    simfs_advance_ns(fs, 31 * NS_PER_S);
    owner_drain(owner);
    simfs_advance_ns(fs, 31 * NS_PER_S);
    owner_step(owner);
    ck_assert(!simfs_is_open(fs, "/d/app.log.1"));
    simfs_rename(fs, "/d/app.log.1", "/d/app.log");
    write_lines("/d/app.log.1", 3);
    owner_drain(owner);
    ck_assert_uint_eq(owner_times_read(owner, written), 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, archives_that_are_there_at_the_first_start_come_before_the_log);
    tcase_add_test(tests, archives_of_a_downtime_come_before_the_log);
    tcase_add_test(tests, archives_of_a_log_that_is_gone_are_read_oldest_first);
    tcase_add_test(tests, rotated_files_that_are_there_at_the_first_start_come_before_the_log);
    tcase_add_test(tests, rotated_files_of_a_downtime_come_before_the_log);
    tcase_add_test(tests, a_log_that_was_empty_before_a_downtime_comes_after_the_copies_of_it);
    tcase_add_test(tests, a_log_that_was_renamed_before_a_downtime_keeps_its_place);
    tcase_add_test(tests, generations_that_were_seen_and_not_read_keep_their_order_over_a_restart);
    tcase_add_test(tests, generations_that_were_not_stored_keep_their_order_over_a_restart);
    tcase_add_test(tests, two_rotations_in_one_tick_leave_three_generations_in_order);
    tcase_add_test(tests, a_log_does_not_wait_for_what_cannot_be_read);
    tcase_add_test(tests, a_file_does_not_wait_for_one_that_was_read_and_got_its_first_name_back);
    suite_add_tcase(suite, tests);
    return suite;
}
