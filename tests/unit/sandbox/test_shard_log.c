#include "sandbox/shard_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "sandbox/shard_log_file.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static struct log_memory memory;
static char *dir;

static void setup(void)
{
    memory = (struct log_memory){.bytes_max = 64 << 20};
    dir = tempdir_create();
}

static void teardown(void)
{
    tempdir_remove(dir);
}

static struct shard_log *open_log(enum log_kind kind)
{
    struct log_options options = {
        .io = io_posix(), .kind = kind, .dir = dir, .memory = &memory, .shard = 3};
    struct shard_log *log = NULL;
    ck_assert_int_eq(shard_log_open(&options, 1, &log), 0);
    return log;
}

// Record number n arrives at time n and holds its number.
static void append(struct shard_log *log, uint64_t first, uint64_t count, size_t padding)
{
    char *data = xcalloc(padding + 32, 1);
    for (uint64_t n = first; n < first + count; n++) {
        snprintf(data, 32, "%llu", (unsigned long long)n);
        int64_t counter =
            shard_log_append(log, slice_of_text("key"), slice_of(data, padding + 32), n);
        ck_assert_int_eq(counter, (int64_t)n);
    }
    free(data);
    ck_assert_int_eq(shard_log_commit(log), 0);
}

struct expected {
    uint64_t next;
    uint64_t stop_at;
};

static bool check_record(void *context, const struct log_record *record)
{
    struct expected *expected = context;
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)record->counter);
    ck_assert_uint_eq(record->counter, expected->next);
    ck_assert_uint_eq(record->arrival_ns, record->counter);
    ck_assert(slice_equal_text(record->key, "key"));
    ck_assert_str_eq((const char *)record->data.data, text);
    if (record->counter == expected->stop_at) {
        return false;
    }
    expected->next++;
    return true;
}

static void check_from(const struct shard_log *log, uint64_t first, uint64_t end)
{
    struct expected expected = {.next = first};
    ck_assert_int_eq(shard_log_read(log, first, check_record, &expected), 0);
    ck_assert_uint_eq(expected.next, end);
}

static void check_log(enum log_kind kind)
{
    struct shard_log *log = open_log(kind);
    ck_assert_uint_eq(shard_log_begin(log), 1);
    ck_assert_uint_eq(shard_log_end(log), 1);
    append(log, 1, 10, 0);
    // Larger than a run, and than a file.
    append(log, 11, 2000, 20000);
    append(log, 2011, 5, 0);
    for (uint64_t first = 1; first <= 2016; first += 403) {
        check_from(log, first, 2016);
    }
    ck_assert_uint_eq(shard_log_at_time(log, 0), 1);
    ck_assert_uint_eq(shard_log_at_time(log, 1500), 1500);
    ck_assert_uint_eq(shard_log_at_time(log, 9999), 2016);
    struct expected some = {.next = 5, .stop_at = 9};
    ck_assert_int_eq(shard_log_read(log, 5, check_record, &some), 0);
    ck_assert_uint_eq(some.next, 9);
    shard_log_free(log);
}

START_TEST(records_are_read_from_any_counter_in_memory)
{
    check_log(LOG_IN_MEMORY);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

START_TEST(records_are_read_from_any_counter_in_files)
{
    check_log(LOG_IN_FILES);
    struct shard_log *log = open_log(LOG_IN_FILES);
    ck_assert_uint_eq(shard_log_end(log), 2016);
    check_from(log, 1, 2016);
    append(log, 2016, 10, 0);
    shard_log_free(log);
    log = open_log(LOG_IN_FILES);
    check_from(log, 1990, 2026);
    shard_log_free(log);
}
END_TEST

START_TEST(what_is_not_committed_cannot_be_read)
{
    struct shard_log *log = open_log(LOG_IN_MEMORY);
    append(log, 1, 3, 0);
    char data[32] = "4";
    ck_assert_int_eq(shard_log_append(log, slice_of_text("key"), slice_of(data, 32), 4), 4);
    ck_assert_uint_eq(shard_log_end(log), 4);
    check_from(log, 1, 4);
    ck_assert_int_eq(shard_log_commit(log), 0);
    check_from(log, 1, 5);
    shard_log_free(log);
}
END_TEST

START_TEST(a_failed_commit_leaves_the_state_before)
{
    struct shard_log *log = open_log(LOG_IN_FILES);
    append(log, 1, 3, 0);
    char *away = xasprintf("%s.away", dir);
    ck_assert_int_eq(rename(dir, away), 0);
    char data[32] = "4";
    ck_assert_int_eq(shard_log_append(log, slice_of_text("key"), slice_of(data, 32), 4), 4);
    ck_assert_int_lt(shard_log_commit(log), 0);
    ck_assert_int_eq(rename(away, dir), 0);
    free(away);
    ck_assert_uint_eq(shard_log_end(log), 4);
    append(log, 4, 2, 0);
    check_from(log, 1, 6);
    shard_log_free(log);
}
END_TEST

START_TEST(every_torn_tail_is_cut_off)
{
    struct shard_log *log = open_log(LOG_IN_FILES);
    append(log, 1, 3, 0);
    shard_log_free(log);
    char *path = shard_log_path(dir, 3, 1);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io_posix(), path, 4096, &data, &size), 0);
    size_t frame = size / 3;
    for (size_t left = 0; left <= size; left++) {
        ck_assert_int_eq(shard_log_cut(io_posix(), path, left), 0);
        log = open_log(LOG_IN_FILES);
        check_from(log, 1, 1 + left / frame);
        shard_log_free(log);
        ck_assert_int_eq(shard_log_write(io_posix(), path, slice_of(data, size), 0), 0);
    }
    free(data);
    free(path);
}
END_TEST

START_TEST(expired_runs_and_files_go)
{
    struct shard_log *log = open_log(LOG_IN_FILES);
    for (uint64_t n = 1; n <= 200; n += 10) {
        append(log, n, 10, 200000);
    }
    uint64_t bytes = shard_log_bytes(log);
    shard_log_expire(log, 150);
    ck_assert_uint_lt(shard_log_bytes(log), bytes / 2);
    ck_assert_uint_gt(shard_log_begin(log), 100);
    ck_assert_uint_le(shard_log_begin(log), 150);
    check_from(log, 150, 201);
    shard_log_expire(log, 10000);
    shard_log_free(log);
    log = open_log(LOG_IN_FILES);
    ck_assert_uint_eq(shard_log_end(log), 201);
    append(log, 201, 1, 0);
    shard_log_free(log);
}
END_TEST

START_TEST(memory_has_an_end)
{
    memory.bytes_max = 200;
    struct shard_log *log = open_log(LOG_IN_MEMORY);
    char data[100] = {0};
    ck_assert_int_eq(shard_log_append(log, slice_of_text("key"), slice_of(data, 100), 1), 1);
    ck_assert_int_eq(shard_log_append(log, slice_of_text("key"), slice_of(data, 100), 1), E_FULL);
    ck_assert_int_eq(shard_log_commit(log), 0);
    shard_log_free(log);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

START_TEST(discarded_records_only_count)
{
    struct shard_log *log = open_log(LOG_DISCARD);
    append(log, 1, 1000, 0);
    ck_assert_uint_eq(shard_log_end(log), 1001);
    ck_assert_uint_eq(shard_log_begin(log), 1001);
    ck_assert_uint_eq(shard_log_bytes(log), 0);
    shard_log_free(log);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("shard_log");
    TCase *tests = tcase_create("shard_log");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, records_are_read_from_any_counter_in_memory);
    tcase_add_test(tests, records_are_read_from_any_counter_in_files);
    tcase_add_test(tests, what_is_not_committed_cannot_be_read);
    tcase_add_test(tests, a_failed_commit_leaves_the_state_before);
    tcase_add_test(tests, every_torn_tail_is_cut_off);
    tcase_add_test(tests, expired_runs_and_files_go);
    tcase_add_test(tests, memory_has_an_end);
    tcase_add_test(tests, discarded_records_only_count);
    suite_add_tcase(suite, tests);
    return suite;
}
