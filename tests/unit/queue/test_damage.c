// Directories that something has damaged: the queue opens, gives what is whole, counts what is not.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/prng.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { RECORD_BYTES = 1000, BLOCK_RECORDS = 10, SEGMENTS_MAX = 32, ACK_SLOTS = 4 };

static struct simdisk *disk;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;
static uint64_t appended;
static char segments[SEGMENTS_MAX][SEGMENT_NAME_MAX + 16]; // paths, oldest first
static size_t segment_count;

static int try_open(void)
{
    struct queue_options options = {
        .dir = "/state/web", .flow = "web", .config = &config, .stats = &stats};
    return queue_open(simdisk_io(disk), &options, &queue, &report);
}

static void reopen(void)
{
    int error = try_open();
    ck_assert_msg(error == 0, "%s", error_text(error));
}

static void setup(void)
{
    disk = simdisk_create(1);
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0755), 0);
    config = (struct queue_config){
        .max_size = 256 << 10, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    appended = 0;
    reopen();
    struct generation generation = {.id = 1, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
}

static void teardown(void)
{
    queue_close(queue);
    simdisk_free(disk);
}

static void crash(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_restart(disk);
}

static void fill(char *text, uint64_t number)
{
    memset(text, 'x', RECORD_BYTES);
    int length = snprintf(text, RECORD_BYTES, "%llu", (unsigned long long)number);
    text[length] = ' ';
}

static int append_block(void)
{
    char text[RECORD_BYTES];
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        fill(text, appended + i);
        struct record_origin origin = {.generation = 1, .offset = (appended + i) * RECORD_BYTES};
        ck_assert(queue_add_record(queue, origin, slice_of(text, sizeof text), slice_of(NULL, 0),
                                   RECORD_BYTES, 0));
    }
    queue_set_position(queue, 1, (appended + BLOCK_RECORDS) * RECORD_BYTES,
                       (struct fingerprint){.length = 1, .hash = appended});
    int error = queue_append(queue);
    appended += error == 0 ? BLOCK_RECORDS : 0;
    return error;
}

static int note_segment(void *context, const char *name, enum file_kind kind)
{
    (void)context;
    uint64_t first_sequence;
    uint64_t epoch;
    if (kind == FILE_REGULAR && segment_parse_name(name, &first_sequence, &epoch)) {
        ck_assert_uint_lt(segment_count, SEGMENTS_MAX);
        snprintf(segments[segment_count++], sizeof segments[0], "/state/web/%s", name);
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_segments(void)
{
    struct io *io = simdisk_io(disk);
    segment_count = 0;
    ck_assert_int_eq(io->list(io, "/state/web", note_segment, NULL), 0);
    qsort(segments, segment_count, sizeof segments[0], compare_paths);
}

// Six segments of 20 or 30 records, all but the last one sealed, and a dead process.
static void make_segments(void)
{
    for (unsigned i = 0; i < 16; i++) {
        ck_assert_int_eq(append_block(), 0);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    list_segments();
    ck_assert_uint_ge(segment_count, 5);
    crash();
}

// Takes and settles all that comes; returns how many.
static uint64_t drain(void)
{
    uint64_t count = 0;
    struct queued_record record;
    int result;
    while ((result = queue_next(queue, &record)) == 1) {
        char text[RECORD_BYTES];
        fill(text, record.origin.offset / RECORD_BYTES);
        ck_assert_msg(slice_equal(record.data, slice_of(text, sizeof text)), "altered");
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
        count++;
    }
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    return count;
}

static struct books books_now(void)
{
    struct books books;
    queue_books(queue, &books);
    ck_assert(books_balance(&books));
    return books;
}

static void check_all_accounted(uint64_t acknowledged)
{
    struct books books = books_now();
    ck_assert_uint_eq(books.read.records, appended);
    ck_assert_uint_eq(books.acknowledged.records, acknowledged);
    ck_assert_uint_eq(books.damaged.records, appended - acknowledged);
    ck_assert_uint_eq(books.damaged.bytes, (appended - acknowledged) * RECORD_BYTES);
    ck_assert_uint_eq(books.queued.records, 0);
    ck_assert_uint_eq(books.queued.bytes, 0);
    ck_assert(queue_drained(queue));
}

START_TEST(a_block_that_only_counts_is_no_damage)
{
    ck_assert_int_eq(queue_append(queue), 0);
    crash();
    config.max_size = 64 << 20; // one segment for all of it
    reopen();
    queue_add_lost(queue, 1, 5, true);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert_int_eq(append_block(), 0);
    crash();
    reopen();
    ck_assert_uint_eq(books_now().lost_bytes, 5);
    ck_assert_uint_eq(drain(), BLOCK_RECORDS);
}
END_TEST

START_TEST(a_damaged_record_takes_its_block_with_it_and_no_more)
{
    make_segments();
    simdisk_flip(disk, segments[1], (size_t)SEGMENT_PAGE_BYTES * 3, 0x10);
    reopen();
    ck_assert_uint_eq(drain(), appended - BLOCK_RECORDS);
    check_all_accounted(appended - BLOCK_RECORDS);
}
END_TEST

START_TEST(a_damaged_segment_is_kept_for_inspection_when_it_is_settled)
{
    make_segments();
    simdisk_flip(disk, segments[0], (size_t)SEGMENT_PAGE_BYTES * 3, 0x10);
    reopen();
    (void)drain();
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    char *bad = xasprintf("%s.bad", segments[0]);
    ck_assert(simdisk_exists(disk, bad));
    ck_assert(!simdisk_exists(disk, segments[0]));
    ck_assert(!simdisk_exists(disk, segments[1]));
    free(bad);
}
END_TEST

START_TEST(a_damaged_block_header_takes_what_lies_before_the_next_one)
{
    make_segments();
    // The first block of all is of the generation, the second has records.
    simdisk_flip(disk, segments[1], (size_t)SEGMENT_PAGE_BYTES * 2, 0x10);
    reopen();
    uint64_t count = drain();
    ck_assert_uint_eq(count, appended - BLOCK_RECORDS);
    check_all_accounted(count);
}
END_TEST

START_TEST(a_sealed_segment_without_a_header_is_set_aside_and_the_log_goes_on)
{
    make_segments();
    simdisk_flip(disk, segments[1], 100, 0x10);
    reopen();
    ck_assert_uint_eq(report.segments_bad, 1);
    uint64_t count = drain();
    ck_assert_uint_lt(count, appended);
    ck_assert_uint_ge(count, appended - 30);
    check_all_accounted(count);
    char *bad = xasprintf("%s.bad", segments[1]);
    ck_assert(simdisk_exists(disk, bad));
    free(bad);
}
END_TEST

START_TEST(the_last_sealed_segment_may_be_set_aside_too)
{
    make_segments();
    simdisk_flip(disk, segments[segment_count - 2], 100, 0x10);
    reopen();
    ck_assert_uint_eq(report.segments_bad, 1);
    ck_assert_uint_eq(report.segments_discarded, 0);
    uint64_t count = drain();
    ck_assert_uint_lt(count, appended);
    check_all_accounted(count);
}
END_TEST

START_TEST(what_recovery_makes_does_not_have_the_name_of_what_is_set_aside)
{
    static const uint8_t garbage[3 * SEGMENT_PAGE_BYTES];
    ck_assert_int_eq(append_block(), 0);
    ck_assert_uint_eq(drain(), BLOCK_RECORDS);
    crash();
    char name[SEGMENT_NAME_MAX];
    segment_name(BLOCK_RECORDS + 1, 2, name); // the next sequence, the next epoch
    char *path = xasprintf("/state/web/%s", name);
    simdisk_write_file(disk, path, garbage, sizeof garbage);
    reopen();
    ck_assert_uint_eq(report.segments_bad, 1);
    ck_assert_int_eq(append_block(), 0);
    crash();
    reopen();
    ck_assert_uint_eq(report.records_queued, BLOCK_RECORDS);
    ck_assert_uint_eq(drain(), BLOCK_RECORDS);
    free(path);
}
END_TEST

START_TEST(a_missing_segment_is_counted_as_damaged)
{
    make_segments();
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->unlink(io, segments[2]), 0);
    reopen();
    uint64_t count = drain();
    ck_assert_uint_lt(count, appended);
    check_all_accounted(count);
}
END_TEST

START_TEST(a_missing_first_segment_is_counted_as_damaged)
{
    make_segments();
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->unlink(io, segments[0]), 0);
    reopen();
    ck_assert_uint_gt(report.records_damaged, 0);
    uint64_t count = drain();
    ck_assert_uint_eq(count, appended - report.records_damaged);
    check_all_accounted(count);
}
END_TEST

START_TEST(a_sealed_segment_that_was_cut_loses_no_more_than_its_end)
{
    make_segments();
    simdisk_cut(disk, segments[2], (size_t)SEGMENT_PAGE_BYTES * 2 + 100);
    reopen();
    ck_assert_uint_eq(report.segments_discarded, 0);
    uint64_t count = drain();
    ck_assert_uint_ge(count, appended - 30);
    check_all_accounted(count);
}
END_TEST

static void settle_some(uint64_t count)
{
    struct queued_record record;
    for (uint64_t i = 0; i < count; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
        ck_assert_int_eq(queue_persist_acks(queue), 0);
    }
}

static void damage_ack_slot(unsigned slot)
{
    simdisk_flip(disk, "/state/web/ack", (size_t)slot * 8192 + 40, 1);
}

START_TEST(a_footer_that_was_cut_short_takes_nothing_behind_it)
{
    make_segments();
    const char *path = segments[segment_count - 2];
    simdisk_cut(disk, path, simdisk_size(disk, path) - BLOCK_HEADER_BYTES / 2);
    reopen();
    ck_assert_uint_eq(report.segments_discarded, 0);
    ck_assert_uint_eq(report.records_queued, appended);
    ck_assert_uint_eq(drain(), appended);
}
END_TEST

START_TEST(a_lost_note_of_a_file_is_found_in_the_next_segment)
{
    ck_assert_int_eq(append_block(), 0);
    ck_assert_int_eq(append_block(), 0);
    list_segments();
    ck_assert_uint_eq(segment_count, 1);
    size_t size = simdisk_size(disk, segments[0]);
    struct generation generation = {.id = 2, .path = (char *)(uintptr_t) "/var/log/other.log"};
    queue_note_generation(queue, &generation);
    ck_assert_int_eq(queue_append(queue), 0);
    queue_set_position(queue, 2, 77, (struct fingerprint){0});
    ck_assert_int_eq(append_block(), 0);
    list_segments();
    ck_assert_uint_eq(segment_count, 2);
    crash();
    simdisk_cut(disk, segments[0], size); // it was not synced
    reopen();
    ck_assert_uint_eq(report.records_queued, appended);
    size_t count;
    struct generation *known = queue_generations(queue, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(known[1].id, 2);
    ck_assert_uint_eq(known[1].position, 77);
    free(known);
}
END_TEST

START_TEST(with_one_ack_slot_damaged_the_one_before_it_counts)
{
    ck_assert_int_eq(append_block(), 0);
    settle_some(5);
    crash();
    struct simdisk *whole = disk;
    uint64_t more = 0;
    for (unsigned slot = 0; slot < ACK_SLOTS; slot++) {
        disk = simdisk_copy(whole, 1);
        damage_ack_slot(slot);
        reopen();
        ck_assert(!report.acks_lost);
        ck_assert_uint_ge(report.records_queued, 5);
        more += report.records_queued - 5;
        (void)books_now();
        crash();
        simdisk_free(disk);
    }
    ck_assert_uint_eq(more, 1);
    disk = whole;
    reopen();
}
END_TEST

START_TEST(with_all_ack_slots_damaged_everything_comes_again)
{
    ck_assert_int_eq(append_block(), 0);
    settle_some(5);
    crash();
    for (unsigned slot = 0; slot < ACK_SLOTS; slot++) {
        damage_ack_slot(slot);
    }
    reopen();
    ck_assert(report.acks_lost);
    ck_assert_uint_eq(report.records_queued, 10);
    ck_assert_uint_eq(drain(), 10);
    check_all_accounted(10);
}
END_TEST

START_TEST(foreign_files_stay_and_copies_that_were_not_finished_go)
{
    make_segments();
    simdisk_write_file(disk, "/state/web/notes.txt", "hello", 5);
    simdisk_write_file(disk, "/state/web/zz.seg", "hello", 5);
    simdisk_write_file(disk, "/state/web/0000000000000001-00000009.seg.tmp", "hello", 5);
    reopen();
    ck_assert_uint_eq(report.segments_bad, 0);
    ck_assert_uint_eq(drain(), appended);
    ck_assert(simdisk_exists(disk, "/state/web/notes.txt"));
    ck_assert(simdisk_exists(disk, "/state/web/zz.seg"));
    ck_assert(!simdisk_exists(disk, "/state/web/0000000000000001-00000009.seg.tmp"));
}
END_TEST

// Makes the checksum of a segment's header right again.
static void set_header_version(const char *path, uint32_t version)
{
    struct io *io = simdisk_io(disk);
    uint8_t page[SEGMENT_PAGE_BYTES];
    int fd = io->open(io, path, 2, 0);
    ck_assert_int_eq(io_pread_all(io, fd, page, sizeof page, 0), SEGMENT_PAGE_BYTES);
    store_u32(page + 4, version);
    store_u32(page + 8, 0);
    store_u32(page + 8, crc32c(0, page, sizeof page));
    ck_assert_int_eq(io_pwrite_all(io, fd, page, sizeof page, 0), 0);
    io->close(io, fd);
}

START_TEST(a_segment_of_a_newer_version_is_refused_and_nothing_is_touched)
{
    make_segments();
    set_header_version(segments[2], 2);
    uint64_t used = simdisk_used(disk);
    ck_assert_int_eq(try_open(), E_VERSION);
    ck_assert_str_eq(error_text(E_VERSION), "a newer kintail wrote it; run that version");
    ck_assert_uint_eq(simdisk_used(disk), used);
    set_header_version(segments[2], 1);
    reopen();
    ck_assert_uint_eq(drain(), appended);
}
END_TEST

START_TEST(the_directory_of_another_flow_is_refused)
{
    make_segments();
    struct queue_options options = {
        .dir = "/state/web", .flow = "db", .config = &config, .stats = &stats};
    struct queue *other;
    ck_assert_int_eq(queue_open(simdisk_io(disk), &options, &other, &report), E_CONFIG);
    reopen();
}
END_TEST

// A few random bytes of any of the files.
static void damage_something(struct prng *prng)
{
    list_segments();
    unsigned flips = 1 + (unsigned)prng_below(prng, 4);
    for (unsigned i = 0; i < flips; i++) {
        uint64_t which = prng_below(prng, segment_count + 1);
        const char *path = which == segment_count ? "/state/web/ack" : segments[which];
        size_t size = simdisk_size(disk, path);
        if (size > 0 && prng_below(prng, 6) == 0) {
            simdisk_cut(disk, path, (size_t)prng_below(prng, size));
        } else if (size > 0) {
            simdisk_flip(disk, path, (size_t)prng_below(prng, size),
                         (uint8_t)(1 + prng_below(prng, 255)));
        }
    }
}

START_TEST(whatever_is_damaged_the_queue_opens_and_takes_more)
{
    make_segments();
    struct simdisk *whole = disk;
    uint64_t whole_appended = appended;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng = prng_of_seed(seed);
        appended = whole_appended;
        disk = simdisk_copy(whole, seed);
        damage_something(&prng);
        reopen();
        (void)books_now();
        crash();
        reopen();
        ck_assert_uint_eq(report.segments_discarded, 0);
        ck_assert_uint_eq(report.segments_bad, 0);
        (void)drain();
        ck_assert_uint_eq(books_now().queued.records, 0);
        ck_assert_msg(queue_drained(queue), "seed %llu", (unsigned long long)seed);
        ck_assert_int_eq(append_block(), 0);
        ck_assert_uint_eq(drain(), BLOCK_RECORDS);
        crash();
        simdisk_free(disk);
    }
    disk = whole;
    reopen();
}
END_TEST

START_TEST(with_sync_always_a_segment_that_is_not_synced_is_waited_for)
{
    queue_close(queue);
    config.sync = SYNC_ALWAYS;
    reopen();
    list_segments();
    size_t before = segment_count;
    while (segment_count < before + 2) {
        ck_assert_int_eq(append_block(), 0);
        list_segments();
    }
    ck_assert_uint_eq(drain(), 0);
    ck_assert_uint_eq(books_now().damaged.records, 0);
    (void)queue_sync_step(queue, 1);
    ck_assert_uint_eq(drain(), appended);
}
END_TEST

START_TEST(an_offer_does_not_write_that_a_dead_letter_is_settled_before_it_is_on_disk)
{
    ck_assert_int_eq(append_block(), 0);
    ck_assert_int_eq(queue_sync_now(queue), 0);
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 1, ""), 0);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_DEAD_LETTERED);
    simdisk_fail_sync(disk, 1);
    ck_assert_int_eq(queue_submitted(queue, 5), E_CONDEMNED);
    ck_assert(queue_condemned(queue));
    queue_close(queue);
    reopen();
    ck_assert_uint_eq(report.records_queued, BLOCK_RECORDS);
}
END_TEST

START_TEST(a_repeat_that_was_counted_before_an_offer_survives_the_process)
{
    ck_assert_int_eq(append_block(), 0);
    ck_assert_int_eq(queue_submitted(queue, 5), 0);
    queue_count_repeated(queue, 3);
    ck_assert_int_eq(queue_submitted(queue, 5), 0);
    crash();
    reopen();
    ck_assert_uint_eq(report.maybe_repeated, 5);
    ck_assert_uint_eq(books_now().maybe_repeated, 8);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_damage");
    TCase *tests = tcase_create("queue_damage");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_block_that_only_counts_is_no_damage);
    tcase_add_test(tests, a_damaged_record_takes_its_block_with_it_and_no_more);
    tcase_add_test(tests, a_damaged_segment_is_kept_for_inspection_when_it_is_settled);
    tcase_add_test(tests, a_damaged_block_header_takes_what_lies_before_the_next_one);
    tcase_add_test(tests, a_sealed_segment_without_a_header_is_set_aside_and_the_log_goes_on);
    tcase_add_test(tests, the_last_sealed_segment_may_be_set_aside_too);
    tcase_add_test(tests, what_recovery_makes_does_not_have_the_name_of_what_is_set_aside);
    tcase_add_test(tests, a_missing_segment_is_counted_as_damaged);
    tcase_add_test(tests, a_missing_first_segment_is_counted_as_damaged);
    tcase_add_test(tests, a_sealed_segment_that_was_cut_loses_no_more_than_its_end);
    tcase_add_test(tests, a_footer_that_was_cut_short_takes_nothing_behind_it);
    tcase_add_test(tests, a_lost_note_of_a_file_is_found_in_the_next_segment);
    tcase_add_test(tests, with_one_ack_slot_damaged_the_one_before_it_counts);
    tcase_add_test(tests, with_all_ack_slots_damaged_everything_comes_again);
    tcase_add_test(tests, foreign_files_stay_and_copies_that_were_not_finished_go);
    tcase_add_test(tests, a_segment_of_a_newer_version_is_refused_and_nothing_is_touched);
    tcase_add_test(tests, the_directory_of_another_flow_is_refused);
    tcase_add_test(tests, whatever_is_damaged_the_queue_opens_and_takes_more);
    tcase_add_test(tests, with_sync_always_a_segment_that_is_not_synced_is_waited_for);
    tcase_add_test(tests,
                   an_offer_does_not_write_that_a_dead_letter_is_settled_before_it_is_on_disk);
    tcase_add_test(tests, a_repeat_that_was_counted_before_an_offer_survives_the_process);
    suite_add_tcase(suite, tests);
    return suite;
}
