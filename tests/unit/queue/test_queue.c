#include "queue/queue.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static char *dir;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;

static void reopen(void)
{
    struct queue_options options = {.dir = dir, .flow = "web", .config = &config, .stats = &stats};
    int error = queue_open(io_posix(), &options, &queue, &report);
    ck_assert_msg(error == 0, "%s", error_text(error));
}

static void setup(void)
{
    dir = tempdir_create();
    config = (struct queue_config){
        .max_size = 64 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    reopen();
    struct generation generation = {
        .id = 1, .inode = 7, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
}

static void teardown(void)
{
    queue_close(queue);
    tempdir_remove(dir);
}

static uint64_t position;

// Appends records "<from>", "<from + 1>" ... in one block.
static void append(unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%u\n", i);
        struct record_origin origin = {.generation = 1, .offset = position};
        ck_assert(queue_add_record(queue, origin, slice_of(text, (size_t)length), slice_of(NULL, 0),
                                   (uint32_t)length, 0));
        position += (unsigned)length;
    }
    queue_set_position(queue, 1, position, (struct fingerprint){.length = 1, .hash = 2});
    ck_assert_int_eq(queue_append(queue), 0);
}

static struct queued_record take(unsigned expected)
{
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    char text[32];
    snprintf(text, sizeof text, "%u\n", expected);
    ck_assert_msg(slice_equal_text(record.data, text), "%.*s instead of %s", (int)record.data.size,
                  (const char *)record.data.data, text);
    return record;
}

static void settle(const struct queued_record *record)
{
    queue_settle(queue, &record->place, record->source_bytes, SETTLED_ACKNOWLEDGED);
}

static void check_books(uint64_t read, uint64_t acknowledged, uint64_t queued)
{
    struct books books;
    queue_books(queue, &books);
    ck_assert(books_balance(&books));
    ck_assert_uint_eq(books.read.records, read);
    ck_assert_uint_eq(books.acknowledged.records, acknowledged);
    ck_assert_uint_eq(books.queued.records, queued);
}

// Ends the process without a close, as SIGKILL does.
static void crash(void)
{
    // Never freed: nothing may be written behind the crash.
    static struct queue *crashed[16];
    static size_t count;
    ck_assert_uint_lt(count, ARRAY_COUNT(crashed));
    crashed[count++] = queue;
    queue = NULL;
}

START_TEST(records_come_out_in_the_order_in_which_they_went_in)
{
    append(0, 10);
    append(10, 5);
    for (unsigned i = 0; i < 15; i++) {
        struct queued_record record = take(i);
        ck_assert_uint_eq(record.place.sequence, i + 1);
        settle(&record);
    }
    struct queued_record none;
    ck_assert_int_eq(queue_next(queue, &none), 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    ck_assert(queue_drained(queue));
    check_books(15, 15, 0);
}
END_TEST

START_TEST(what_is_not_settled_comes_again_after_a_close)
{
    append(0, 10);
    for (unsigned i = 0; i < 10; i++) {
        struct queued_record record = take(i);
        if (i % 2 == 0) {
            settle(&record);
        }
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    queue_close(queue);
    reopen();
    ck_assert_uint_eq(report.records_queued, 5);
    ck_assert_uint_eq(report.maybe_repeated, 0);
    check_books(10, 5, 5);
    for (unsigned i = 1; i < 10; i += 2) {
        struct queued_record record = take(i);
        settle(&record);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    check_books(10, 10, 0);
}
END_TEST

START_TEST(a_crash_loses_nothing_and_counts_what_was_offered)
{
    append(0, 10);
    struct queued_record records[6];
    for (unsigned i = 0; i < 6; i++) {
        records[i] = take(i);
    }
    ck_assert_int_eq(queue_submitted(queue, records[5].place.sequence), 0);
    settle(&records[0]);
    settle(&records[3]);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    append(10, 1);
    crash();
    reopen();
    ck_assert_uint_eq(report.maybe_repeated, 4);
    ck_assert_uint_eq(report.records_rewound, 0);
    ck_assert_uint_eq(report.segments_discarded, 0);
    check_books(11, 2, 9);
    static const unsigned left[] = {1, 2, 4, 5, 6, 7, 8, 9, 10};
    for (size_t i = 0; i < ARRAY_COUNT(left); i++) {
        take(left[i]);
    }
    append(11, 1);
    struct queued_record record = take(11);
    ck_assert_uint_eq(record.place.sequence, 12);
}
END_TEST

START_TEST(positions_come_back_with_the_data)
{
    append(0, 3);
    crash();
    reopen();
    size_t count;
    struct generation *generations = queue_generations(queue, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(generations[0].position, position);
    ck_assert_uint_eq(generations[0].tail.hash, 2);
    ck_assert_uint_eq(generations[0].inode, 7);
    ck_assert_str_eq(generations[0].path, "/var/log/app.log");
    ck_assert_uint_eq(queue_next_generation_id(queue), 2);
    free(generations);
}
END_TEST

static int note_newest(void *context, const char *name, enum file_kind kind)
{
    char *newest = context;
    if (kind == FILE_REGULAR && strstr(name, ".seg") != NULL && strcmp(name, newest) > 0) {
        snprintf(newest, PATH_MAX, "%s", name);
    }
    return 0;
}

static void cut_newest_segment(uint64_t bytes)
{
    char newest[PATH_MAX] = "";
    struct io *io = io_posix();
    ck_assert_int_eq(io->list(io, dir, note_newest, newest), 0);
    char *path = xasprintf("%s/%s", dir, newest);
    int fd = io->open(io, path, O_RDWR, 0);
    struct file_stat stat;
    ck_assert_int_eq(io->fstat(io, fd, &stat), 0);
    ck_assert_int_eq(io->ftruncate(io, fd, stat.size - bytes), 0);
    io->close(io, fd);
    free(path);
}

START_TEST(a_torn_last_block_is_discarded_with_its_position)
{
    append(0, 3);
    uint64_t before = position;
    append(3, 3);
    crash();
    cut_newest_segment(1);
    reopen();
    size_t count;
    struct generation *generations = queue_generations(queue, &count);
    ck_assert_uint_eq(generations[0].position, before);
    free(generations);
    check_books(3, 0, 3);
    for (unsigned i = 0; i < 3; i++) {
        take(i);
    }
    position = before;
    append(3, 3);
    take(3);
}
END_TEST

START_TEST(a_log_that_ends_before_the_acknowledgements_never_covers_new_records)
{
    append(0, 3);
    uint64_t before = position;
    append(3, 3);
    for (unsigned i = 0; i < 6; i++) {
        struct queued_record record = take(i);
        settle(&record);
    }
    ck_assert_int_eq(queue_submitted(queue, 6), 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    crash();
    cut_newest_segment(1);
    reopen();
    ck_assert_uint_eq(report.records_rewound, 3);
    check_books(3, 3, 0);
    position = before;
    append(3, 3);
    struct queued_record record = take(3);
    ck_assert_uint_eq(record.place.sequence, 7);
    check_books(6, 3, 3);
}
END_TEST

START_TEST(a_full_queue_refuses_and_takes_again_when_segments_go)
{
    queue_close(queue);
    config.max_size = 4 << 20;
    reopen();
    char *text = xmalloc(100000);
    memset(text, 'x', 100000);
    int error = 0;
    unsigned blocks = 0;
    for (; blocks < 1000 && error == 0; blocks++) {
        struct record_origin origin = {.generation = 1};
        ck_assert(
            queue_add_record(queue, origin, slice_of(text, 100000), slice_of(NULL, 0), 100000, 0));
        error = queue_append(queue);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    ck_assert_int_eq(error, E_FULL);
    ck_assert_uint_gt(blocks, 35);
    ck_assert_uint_lt(blocks, 45);
    for (unsigned i = 0; i < 20; i++) {
        struct queued_record record;
        ck_assert_int_eq(queue_next(queue, &record), 1);
        settle(&record);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    ck_assert_int_eq(queue_append(queue), 0);
    free(text);
}
END_TEST

// Until there is no room, in a queue that drops then.
static void fill_up(void)
{
    queue_close(queue);
    config.max_size = 4 << 20;
    config.when_full = WHEN_FULL_DROP_OLDEST;
    reopen();
    char *text = xmalloc(100000);
    memset(text, 'x', 100000);
    int error = 0;
    while (error == 0) {
        struct record_origin origin = {.generation = 1};
        ck_assert(
            queue_add_record(queue, origin, slice_of(text, 100000), slice_of(NULL, 0), 100000, 0));
        error = queue_append(queue);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    free(text);
}

START_TEST(drop_oldest_settles_the_oldest_segment_as_dropped)
{
    fill_up();
    struct queued_record record;
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
    }
    uint64_t last;
    ck_assert(queue_wants_drop(queue, &last));
    ck_assert_uint_lt(last, 8);
    ck_assert_int_eq(queue_drop_oldest(queue), (int64_t)last);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_uint_eq(record.place.sequence, 9);
    struct books books;
    queue_books(queue, &books);
    ck_assert(books_balance(&books));
    ck_assert_uint_eq(books.dropped.records, last);
}
END_TEST

START_TEST(what_was_taken_before_two_drops_does_not_come_again)
{
    fill_up();
    struct queued_record record;
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
    }
    ck_assert_int_gt(queue_drop_oldest(queue), 0);
    ck_assert_int_eq(queue_append(queue), E_FULL); // the segment is still there
    ck_assert_int_eq(queue_drop_oldest(queue), 0);
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_uint_eq(record.place.sequence, 9);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *tests = tcase_create("queue");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, records_come_out_in_the_order_in_which_they_went_in);
    tcase_add_test(tests, what_is_not_settled_comes_again_after_a_close);
    tcase_add_test(tests, a_crash_loses_nothing_and_counts_what_was_offered);
    tcase_add_test(tests, positions_come_back_with_the_data);
    tcase_add_test(tests, a_torn_last_block_is_discarded_with_its_position);
    tcase_add_test(tests, a_log_that_ends_before_the_acknowledgements_never_covers_new_records);
    tcase_add_test(tests, a_full_queue_refuses_and_takes_again_when_segments_go);
    tcase_add_test(tests, drop_oldest_settles_the_oldest_segment_as_dropped);
    tcase_add_test(tests, what_was_taken_before_two_drops_does_not_come_again);
    suite_add_tcase(suite, tests);
    return suite;
}
