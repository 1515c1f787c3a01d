// The sender's side at its edges: gaps, places that are gone, disks that cannot be read.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define DIR "/state/web"

enum { MANY = 18000, TWICE_MANY = 2 * MANY }; // more than a window, in two blocks

static struct simdisk *disk;
static struct fault_io fault;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static uint64_t position;
static char segment_path[sizeof DIR + SEGMENT_NAME_MAX];

static void open_queue(void)
{
    struct queue_options options = {.dir = DIR, .flow = "web", .config = &config, .stats = &stats};
    struct queue_report report;
    ck_assert_int_eq(queue_open(&fault.io, &options, &queue, &report), 0);
}

static void setup(void)
{
    disk = simdisk_create(1);
    fault_io_init(&fault, simdisk_io(disk));
    ck_assert_int_eq(simdisk_io(disk)->mkdir(simdisk_io(disk), "/state", 0755), 0);
    config = (struct queue_config){
        .max_size = 64 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    position = 0;
    open_queue();
}

static void teardown(void)
{
    fault_io_heal(&fault);
    queue_close(queue);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static void append(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct record_origin origin = {.generation = 1, .offset = position};
        ck_assert(queue_add_record(queue, origin, slice_of_text("x"), slice_of(NULL, 0), 2, 0));
        position += 2;
    }
    ck_assert_int_eq(queue_append(queue), 0);
}

static int note_segment(void *context, const char *name, enum file_kind kind)
{
    uint64_t first_sequence;
    uint64_t epoch;
    (void)context;
    if (kind == FILE_REGULAR && segment_parse_name(name, &first_sequence, &epoch)) {
        snprintf(segment_path, sizeof segment_path, DIR "/%s", name);
    }
    return 0;
}

// Damages blocks of the only segment, the first one is 0; in their payload or in their header.
static void damage_blocks(unsigned first, unsigned count, bool header)
{
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->list(io, DIR, note_segment, NULL), 0);
    int fd = io->open(io, segment_path, 0, 0);
    uint64_t offset = SEGMENT_PAGE_BYTES;
    uint64_t limit = simdisk_size(disk, segment_path);
    struct buf payload;
    buf_init(&payload, 1 << 20);
    for (unsigned i = 0; i < first + count; i++) {
        struct block_header block;
        bool sound;
        ck_assert_int_eq(segment_read_block(io, fd, offset, limit, &block, &sound, &payload), 1);
        if (i >= first) {
            simdisk_flip(disk, segment_path, offset + (header ? 8 : BLOCK_HEADER_BYTES), 1);
        }
        offset += BLOCK_HEADER_BYTES + block.payload_bytes;
    }
    buf_deinit(&payload);
    io->close(io, fd);
}

static struct queued_record take(void)
{
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    return record;
}

static void check_nothing_comes(void)
{
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 0);
}

static void settle(const struct queued_record *record)
{
    queue_settle(queue, &record->place, record->source_bytes, SETTLED_ACKNOWLEDGED);
}

static struct books books(void)
{
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    struct books now;
    queue_books(queue, &now);
    ck_assert(books_balance(&now));
    return now;
}

START_TEST(no_more_comes_than_the_window_holds)
{
    append(MANY);
    append(MANY);
    struct queued_record first = take();
    for (unsigned i = 1; i < QUEUE_WINDOW; i++) {
        (void)take();
    }
    check_nothing_comes();
    settle(&first);
    ck_assert_uint_eq(take().place.sequence, QUEUE_WINDOW + 1);
    check_nothing_comes();
}
END_TEST

START_TEST(a_gap_beyond_the_window_waits_for_what_is_before_it)
{
    append(2);
    append(MANY);
    append(MANY);
    append(1);
    queue_close(queue);
    damage_blocks(1, 2, false);
    open_queue();
    struct queued_record first = take();
    struct queued_record second = take();
    check_nothing_comes();
    settle(&second);
    check_nothing_comes();
    settle(&first);
    struct queued_record last = take();
    ck_assert_uint_eq(last.place.sequence, 2 * MANY + 3);
    settle(&last);
    struct books now = books();
    ck_assert_uint_eq(now.damaged.records, TWICE_MANY);
    ck_assert_uint_eq(now.damaged.bytes, now.damaged.records * 2);
    ck_assert(queue_drained(queue));
}
END_TEST

START_TEST(a_gap_beyond_the_window_at_the_end_of_a_segment_waits_too)
{
    append(2);
    append(MANY);
    append(MANY);
    queue_close(queue);
    damage_blocks(1, 2, true);
    open_queue();
    struct queued_record first = take();
    struct queued_record second = take();
    check_nothing_comes();
    settle(&first);
    settle(&second);
    check_nothing_comes();
    ck_assert_uint_eq(books().damaged.records, TWICE_MANY);
    ck_assert(queue_drained(queue));
    append(1);
    ck_assert_uint_eq(take().place.sequence, 2 * MANY + 3);
}
END_TEST

START_TEST(a_disk_that_cannot_be_read_is_tried_again)
{
    append(2);
    append(3);
    struct queued_record record;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        fault_io_fail(&fault, "pread", nth, 1, -EIO); // of the header, of the payload
        ck_assert_int_eq(queue_next(queue, &record), -EIO);
        fault_io_heal(&fault);
    }
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(take().place.sequence, i + 1);
    }
    check_nothing_comes();
}
END_TEST

START_TEST(a_disk_that_cannot_be_read_behind_damage_is_tried_again)
{
    append(2);
    append(3);
    append(4);
    queue_close(queue);
    damage_blocks(1, 1, true);
    open_queue();
    struct queued_record record = take();
    settle(&record);
    record = take();
    settle(&record);
    fault_io_fail(&fault, "pread", 2, 1, -EIO); // the search for the next block
    ck_assert_int_eq(queue_next(queue, &record), -EIO);
    fault_io_heal(&fault);
    for (unsigned i = 0; i < 4; i++) {
        record = take();
        ck_assert_uint_eq(record.place.sequence, 6 + i);
        settle(&record);
    }
    ck_assert_uint_eq(books().damaged.records, 3);
}
END_TEST

START_TEST(a_place_gives_its_record_again_or_says_why_not)
{
    append(2);
    append(1);
    struct queued_record record = take();
    struct queued_record second = take();
    struct queued_record again;
    ck_assert_int_eq(queue_reread(queue, &second.place, &again), 0);
    ck_assert(slice_equal_text(again.data, "x"));
    ck_assert_uint_eq(again.place.sequence, 2);
    struct record_place place = record.place;
    place.segment = 99;
    ck_assert_int_eq(queue_reread(queue, &place, &again), E_NOT_FOUND);
    place = record.place;
    place.block_offset = 1 << 30;
    ck_assert_int_eq(queue_reread(queue, &place, &again), E_NOT_FOUND);
    place = record.place;
    place.block_offset++;
    ck_assert_int_eq(queue_reread(queue, &place, &again), E_CORRUPT);
    place = record.place;
    place.data_offset = 1 << 20;
    ck_assert_int_eq(queue_reread(queue, &place, &again), E_CORRUPT);
    place = second.place;
    place.data_offset++;
    ck_assert_int_eq(queue_reread(queue, &place, &again), E_CORRUPT);
}
END_TEST

START_TEST(a_rest_keeps_no_block_and_loses_no_place)
{
    append(1);
    struct queued_record record;
    struct queued_record again;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_int_eq(queue_next(queue, &again), 0);
    queue_rest(queue);
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), 0);
    damage_blocks(0, 1, false);
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), 0);
    queue_rest(queue);
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), E_CORRUPT);
    append(1);
    ck_assert_int_eq(queue_next(queue, &again), 1);
    ck_assert_uint_eq(again.place.sequence, record.place.sequence + 1);
}
END_TEST

START_TEST(a_place_whose_block_is_damaged_later_says_so)
{
    append(2);
    struct queued_record record = take();
    for (unsigned i = 0; i < 6; i++) {
        append(1); // pushes the first block out of the memory of the sender
    }
    for (unsigned i = 0; i < 7; i++) {
        (void)take();
    }
    damage_blocks(0, 1, false);
    struct queued_record again;
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), E_CORRUPT);
    fault_io_fail(&fault, "pread", 1, 1, -EIO);
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), -EIO);
}
END_TEST

START_TEST(a_letter_that_cannot_be_made_durable_condemns_the_queue)
{
    config.dead_letter_max_size = 64 << 10;
    queue_close(queue);
    open_queue();
    static const uint8_t data[7000];
    for (unsigned i = 0; i < 3; i++) {
        struct record_origin origin = {.generation = 1, .offset = position};
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   sizeof data, 0));
        position += sizeof data;
    }
    ck_assert_int_eq(queue_append(queue), 0);
    struct queued_record record = take();
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 2, NULL), 0);
    record = take();
    fault_io_fail(&fault, "fdatasync", 1, 1, -EIO);
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 2, NULL), E_CONDEMNED);
    ck_assert(queue_condemned(queue));
}
END_TEST

START_TEST(a_letter_of_a_record_that_was_read_again_finds_its_origin)
{
    append(3);
    struct queued_record record;
    for (unsigned i = 0; i < 3; i++) {
        record = take();
    }
    struct queued_record again;
    ck_assert_int_eq(queue_reread(queue, &record.place, &again), 0);
    ck_assert_uint_eq(again.origin.generation, 0);
    ck_assert_int_eq(queue_write_dead_letter(queue, &again, 2, "why"), 0);
    again.place.data_offset += 1; // no record begins there
    ck_assert_int_eq(queue_write_dead_letter(queue, &again, 2, "why"), 0);
}
END_TEST

START_TEST(nothing_is_dropped_unasked)
{
    append(1);
    uint64_t last;
    ck_assert(!queue_wants_drop(queue, &last));
    ck_assert_int_eq(queue_drop_oldest(queue), E_NOT_FOUND);
}
END_TEST

START_TEST(the_age_of_the_queue_is_not_told_when_it_cannot_be_read)
{
    append(1);
    append(1);
    struct queue_usage usage;
    queue_usage(queue, &usage);
    ck_assert_uint_ne(usage.oldest_ns, 0);
    struct queued_record record = take();
    settle(&record);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    queue_usage(queue, &usage);
    ck_assert_uint_ne(usage.oldest_ns, 0);
    fault_io_fail(&fault, "pread", 1, 1, -EIO);
    queue_usage(queue, &usage);
    ck_assert_uint_eq(usage.oldest_ns, 0);
    damage_blocks(1, 1, true);
    queue_usage(queue, &usage);
    ck_assert_uint_eq(usage.oldest_ns, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("take");
    TCase *tests = tcase_create("take");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, no_more_comes_than_the_window_holds);
    tcase_add_test(tests, a_gap_beyond_the_window_waits_for_what_is_before_it);
    tcase_add_test(tests, a_gap_beyond_the_window_at_the_end_of_a_segment_waits_too);
    tcase_add_test(tests, a_disk_that_cannot_be_read_is_tried_again);
    tcase_add_test(tests, a_disk_that_cannot_be_read_behind_damage_is_tried_again);
    tcase_add_test(tests, a_place_gives_its_record_again_or_says_why_not);
    tcase_add_test(tests, a_rest_keeps_no_block_and_loses_no_place);
    tcase_add_test(tests, a_place_whose_block_is_damaged_later_says_so);
    tcase_add_test(tests, a_letter_that_cannot_be_made_durable_condemns_the_queue);
    tcase_add_test(tests, a_letter_of_a_record_that_was_read_again_finds_its_origin);
    tcase_add_test(tests, nothing_is_dropped_unasked);
    tcase_add_test(tests, the_age_of_the_queue_is_not_told_when_it_cannot_be_read);
    suite_add_tcase(suite, tests);
    return suite;
}
