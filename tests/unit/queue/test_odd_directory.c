// Directories that no crash leaves: files under other names, blocks whose checksums hold although
// they do not belong there, files of newer versions.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define DIR "/state/web"

enum { RECORD_BYTES = 1000, BLOCK_RECORDS = 10, SEGMENTS_MAX = 32, PATH_BYTES = 80 };

static struct simdisk *disk;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;
static uint64_t appended;
static char segments[SEGMENTS_MAX][PATH_BYTES]; // oldest first
static size_t segment_count;

static int try_open(void)
{
    struct queue_options options = {.dir = DIR, .flow = "web", .config = &config, .stats = &stats};
    int error = queue_open(simdisk_io(disk), &options, &queue, &report);
    queue = error == 0 ? queue : NULL;
    return error;
}

static void reopen(void)
{
    ck_assert_int_eq(try_open(), 0);
}

static void note_file(void)
{
    struct generation generation = {.id = 1, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
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
    note_file();
}

static void teardown(void)
{
    queue_close(queue);
    queue = NULL;
    simdisk_free(disk);
}

static int append(void)
{
    static const uint8_t data[RECORD_BYTES];
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        struct record_origin origin = {.generation = 1, .offset = (appended + i) * RECORD_BYTES};
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   RECORD_BYTES, 0));
    }
    queue_set_position(queue, 1, (appended + BLOCK_RECORDS) * RECORD_BYTES,
                       (struct fingerprint){.length = 1});
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
        snprintf(segments[segment_count++], PATH_BYTES, DIR "/%s", name);
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void kill_process(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_restart(disk);
    struct io *io = simdisk_io(disk);
    segment_count = 0;
    ck_assert_int_eq(io->list(io, DIR, note_segment, NULL), 0);
    qsort(segments, segment_count, sizeof segments[0], compare_paths);
}

// Some sealed segments and an open one.
static void make_segments(void)
{
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(append(), 0);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    kill_process();
    ck_assert_uint_ge(segment_count, 4);
}

static uint64_t drain(void)
{
    uint64_t count = 0;
    struct queued_record record;
    while (queue_next(queue, &record) == 1) {
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
        count++;
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    return count;
}

static struct books books(void)
{
    struct books now;
    queue_books(queue, &now);
    ck_assert(books_balance(&now));
    return now;
}

// Writes into a file at its end, or over what is there.
static void write_at(const char *path, uint64_t offset, const void *data, size_t size)
{
    struct io *io = simdisk_io(disk);
    int fd = io->open(io, path, O_RDWR, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, data, size, offset), 0);
    ck_assert_int_eq(io->fdatasync(io, fd), 0);
    io->close(io, fd);
}

static void append_block_to(const char *path, struct block_header header, struct slice payload)
{
    uint8_t bytes[BLOCK_HEADER_BYTES + 256] = {0};
    ck_assert_uint_le(payload.size, 256);
    header.epoch = 1;
    header.payload_bytes = (uint32_t)payload.size;
    header.payload_crc = crc32c(0, payload.data, payload.size);
    block_header_encode(&header, bytes);
    memcpy(bytes + BLOCK_HEADER_BYTES, payload.data, payload.size);
    write_at(path, simdisk_size(disk, path), bytes, BLOCK_HEADER_BYTES + payload.size);
}

START_TEST(a_segment_under_another_name_is_set_aside)
{
    make_segments();
    struct io *io = simdisk_io(disk);
    char path[PATH_BYTES];
    snprintf(path, sizeof path, DIR "/%016llx-00000007.seg", 9ULL);
    ck_assert_int_eq(io->rename(io, segments[1], path), 0);
    snprintf(path, sizeof path, DIR "/%016llx-00000001.seg", 8ULL);
    ck_assert_int_eq(io->rename(io, segments[2], path), 0);
    reopen();
    ck_assert_uint_eq(report.segments_bad, 2);
    uint64_t count = drain();
    ck_assert_uint_lt(count, appended);
    ck_assert_uint_eq(books().damaged.records, appended - count);
}
END_TEST

START_TEST(no_more_damaged_segments_are_kept_than_eight)
{
    char path[PATH_BYTES];
    for (unsigned i = 1; i <= 12; i++) {
        snprintf(path, sizeof path, DIR "/%016x-00000001.seg", 0x100 + i);
        uint8_t bytes[8192] = {0};
        simdisk_write_file(disk, path, bytes, sizeof bytes);
    }
    kill_process();
    reopen();
    ck_assert_uint_eq(report.segments_bad, 12);
    unsigned kept = 0;
    for (unsigned i = 1; i <= 12; i++) {
        snprintf(path, sizeof path, DIR "/%016x-00000001.seg", 0x100 + i);
        ck_assert(!simdisk_exists(disk, path));
        snprintf(path, sizeof path, DIR "/%016x-00000001.seg.bad", 0x100 + i);
        kept += simdisk_exists(disk, path);
    }
    ck_assert_uint_eq(kept, 8);
}
END_TEST

START_TEST(a_block_of_sources_that_does_not_add_up_is_told)
{
    ck_assert_int_eq(append(), 0);
    kill_process();
    append_block_to(segments[0],
                    (struct block_header){.kind = BLOCK_SOURCE, .first_sequence = appended + 1},
                    slice_of_text("no generation"));
    reopen();
    ck_assert(report.positions_lost);
    ck_assert_uint_eq(drain(), appended);
}
END_TEST

START_TEST(a_block_that_does_not_follow_ends_an_open_segment)
{
    static const struct block_header wrong[] = {
        {.kind = BLOCK_DATA, .first_sequence = 3},
        {.kind = BLOCK_FOOTER, .first_sequence = BLOCK_RECORDS + 1}, // in the middle
    };
    for (unsigned i = 0; i < 2; i++) {
        teardown();
        setup();
        ck_assert_int_eq(append(), 0);
        kill_process();
        append_block_to(segments[0], wrong[i], slice_of_text(""));
        append_block_to(segments[0],
                        (struct block_header){.kind = BLOCK_DEAD, .first_sequence = appended + 1},
                        slice_of_text("no end"));
        reopen();
        ck_assert_uint_eq(report.records_queued, appended);
        ck_assert_uint_eq(drain(), appended);
    }
}
END_TEST

START_TEST(a_footer_of_another_segment_seals_nothing)
{
    make_segments();
    append_block_to(segments[segment_count - 1],
                    (struct block_header){.kind = BLOCK_FOOTER, .first_sequence = appended + 100},
                    slice_of_text(""));
    uint8_t footer[BLOCK_HEADER_BYTES];
    struct block_header header = {
        .kind = BLOCK_FOOTER, .epoch = 9, .first_sequence = appended + 100};
    block_header_encode(&header, footer);
    write_at(segments[segment_count - 1],
             simdisk_size(disk, segments[segment_count - 1]) - sizeof footer, footer,
             sizeof footer);
    reopen();
    ck_assert_uint_eq(drain(), appended);
    ck_assert_uint_eq(books().damaged.records, 0);
}
END_TEST

START_TEST(what_lies_behind_blocks_that_are_missing_is_read_again)
{
    while (append() == 0) {
    } // two open segments
    kill_process();
    ck_assert_uint_eq(segment_count, 2);
    size_t block = BLOCK_HEADER_BYTES + RECORD_BYTES * BLOCK_RECORDS +
                   RECORD_HEADER_BYTES * BLOCK_RECORDS + RECORD_ORIGIN_BYTES + BLOCK_POSITION_BYTES;
    simdisk_cut(disk, segments[0], simdisk_size(disk, segments[0]) - block);
    reopen();
    ck_assert_uint_eq(report.segments_discarded, 1);
    uint64_t count = drain();
    size_t known_count;
    struct generation *known = queue_generations(queue, &known_count);
    ck_assert_uint_eq(known[0].position, count * RECORD_BYTES);
    free(known);
    ck_assert_uint_eq(books().read.records, count);
}
END_TEST

START_TEST(without_acknowledgements_what_was_given_back_was_settled)
{
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_int_eq(append(), 0);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    ck_assert_uint_eq(drain(), appended);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    ck_assert_int_eq(append(), 0);
    kill_process();
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->unlink(io, DIR "/ack"), 0);
    reopen();
    ck_assert_uint_eq(report.records_damaged, 0);
    struct books now = books();
    ck_assert_uint_gt(now.acknowledged.records, 0);
    ck_assert_uint_eq(now.acknowledged.records + now.queued.records, appended);
    ck_assert_uint_eq(drain(), now.queued.records);
}
END_TEST

// A slot whose checksum holds: everything up to `frontier` is settled, and one more behind it.
static void write_ack(uint32_t version, uint64_t frontier)
{
    uint8_t bytes[4224] = {'K', 'A', 'C', 'K', (uint8_t)version};
    store_u32(bytes + 12, version == 1 ? 32768 : sizeof bytes);
    store_u64(bytes + 16, 100);
    store_u64(bytes + 24, 1);
    store_u64(bytes + 32, frontier);
    store_u64(bytes + 40, frontier + 9);
    uint64_t settled = (frontier + 5) % 32768;
    bytes[128 + settled / 8] |= (uint8_t)(1U << settled % 8);
    store_u32(bytes + 8, crc32c(0, bytes, sizeof bytes));
    simdisk_write_file(disk, DIR "/ack", bytes, sizeof bytes);
}

START_TEST(acknowledgements_far_ahead_of_the_log_are_believed_at_once)
{
    ck_assert_int_eq(append(), 0);
    kill_process();
    write_ack(1, UINT64_C(1) << 60);
    reopen();
    ck_assert_uint_eq(report.records_queued, 0);
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 0);
    ck_assert_int_eq(append(), 0);
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_uint_eq(record.place.sequence, (UINT64_C(1) << 60) + 10);
}
END_TEST

START_TEST(acknowledgements_of_a_newer_version_are_refused_and_nothing_is_touched)
{
    make_segments();
    simdisk_flip(disk, segments[1], 100, 1);
    write_ack(3, 7);
    uint64_t used = simdisk_used(disk);
    ck_assert_int_eq(try_open(), E_VERSION);
    ck_assert_uint_eq(simdisk_used(disk), used);
    for (size_t i = 0; i < segment_count; i++) {
        ck_assert(simdisk_exists(disk, segments[i]));
    }
}
END_TEST

static void write_harm(uint32_t version, uint32_t count, size_t size)
{
    uint8_t bytes[24 + 64] = {'H', 'A', 'R', 'M'};
    store_u32(bytes + 4, version);
    store_u32(bytes + 12, count);
    store_u64(bytes + 24, 1);
    store_u64(bytes + 24 + 8, 5);
    store_u64(bytes + 24 + 32, 77); // a generation that nobody knows
    store_u32(bytes + 8, crc32c(0, bytes, size));
    simdisk_write_file(disk, DIR "/harm", bytes, size);
}

START_TEST(a_file_of_harm_is_read_or_refused_by_its_version)
{
    struct queue_shipping shipping;
    ck_assert_int_eq(append(), 0);
    kill_process();
    write_harm(1, 2, 88);
    reopen();
    ck_assert(queue_shipping(queue, 1, &shipping));
    ck_assert_uint_eq(shipping.dropped, 5);
    ck_assert(!queue_shipping(queue, 77, &shipping));
    kill_process();
    write_harm(2, 2, 88);
    uint64_t used = simdisk_used(disk);
    ck_assert_int_eq(try_open(), E_VERSION);
    ck_assert_uint_eq(simdisk_used(disk), used);
}
END_TEST

START_TEST(a_file_of_harm_that_does_not_add_up_counts_against_everything)
{
    static const struct {
        uint32_t count;
        size_t size;
    } wrong[] = {{1, 88}, {2, 56}, {0, 8}, {3, 88}};
    ck_assert_int_eq(append(), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kill_process();
        write_harm(1, wrong[i].count, wrong[i].size);
        reopen();
        struct queue_shipping shipping;
        ck_assert(queue_shipping(queue, 1, &shipping));
        ck_assert(shipping.damaged);
    }
    kill_process();
    size_t huge = 17 << 20;
    uint8_t *zeros = xcalloc(1, huge);
    simdisk_write_file(disk, DIR "/harm", zeros, huge);
    free(zeros);
    reopen();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("odd_directory");
    TCase *tests = tcase_create("odd_directory");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_segment_under_another_name_is_set_aside);
    tcase_add_test(tests, no_more_damaged_segments_are_kept_than_eight);
    tcase_add_test(tests, a_block_of_sources_that_does_not_add_up_is_told);
    tcase_add_test(tests, a_block_that_does_not_follow_ends_an_open_segment);
    tcase_add_test(tests, a_footer_of_another_segment_seals_nothing);
    tcase_add_test(tests, what_lies_behind_blocks_that_are_missing_is_read_again);
    tcase_add_test(tests, without_acknowledgements_what_was_given_back_was_settled);
    tcase_add_test(tests, acknowledgements_far_ahead_of_the_log_are_believed_at_once);
    tcase_add_test(tests, acknowledgements_of_a_newer_version_are_refused_and_nothing_is_touched);
    tcase_add_test(tests, a_file_of_harm_is_read_or_refused_by_its_version);
    tcase_add_test(tests, a_file_of_harm_that_does_not_add_up_counts_against_everything);
    suite_add_tcase(suite, tests);
    return suite;
}
