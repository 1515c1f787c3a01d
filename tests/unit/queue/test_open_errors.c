// A disk that cannot tell what it holds: an opening fails, or it says what one on a sound disk
// says. What it could not read is never given up.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/reason.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { RECORD_BYTES = 1000, BLOCK_RECORDS = 10, SEGMENTS_MAX = 32 };

static struct simdisk *disk;
static struct fault_io fault;
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
    int error = queue_open(&fault.io, &options, &queue, &report);
    queue = error == 0 ? queue : NULL;
    return error;
}

static void use_disk(struct simdisk *used)
{
    disk = used;
    fault_io_init(&fault, simdisk_io(disk));
}

static void forget_disk(void)
{
    queue_close(queue);
    queue = NULL;
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static void setup(void)
{
    use_disk(simdisk_create(1));
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0755), 0);
    config = (struct queue_config){
        .max_size = 256 << 10, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    appended = 0;
    ck_assert_int_eq(try_open(), 0);
    struct generation generation = {.id = 1, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
}

static void kill_process(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_restart(disk);
}

static int try_append(void)
{
    static const uint8_t data[RECORD_BYTES];
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        struct record_origin origin = {.generation = 1, .offset = (appended + i) * RECORD_BYTES};
        uint16_t reason = i == 3 ? REASON_OVER_LONG : REASON_NONE;
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   RECORD_BYTES, reason));
    }
    queue_set_position(queue, 1, (appended + BLOCK_RECORDS) * RECORD_BYTES,
                       (struct fingerprint){.length = 1, .hash = appended});
    int error = queue_append(queue);
    appended += error == 0 ? BLOCK_RECORDS : 0;
    return error;
}

static void append_block(void)
{
    ck_assert_int_eq(try_append(), 0);
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

// Settles up to `most` records, the ones to be set aside as dead letters; returns how many.
static uint64_t settle(uint64_t most)
{
    uint64_t count = 0;
    struct queued_record record;
    int result = 1;
    while (count < most && (result = queue_next(queue, &record)) == 1) {
        enum settlement settlement = SETTLED_ACKNOWLEDGED;
        if (record.reason != REASON_NONE) {
            ck_assert_int_eq(queue_write_dead_letter(queue, &record, record.reason, NULL), 0);
            settlement = SETTLED_DEAD_LETTERED;
        }
        queue_settle(queue, &record.place, record.source_bytes, settlement);
        count++;
    }
    ck_assert_int_ge(result, 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    return count;
}

// Copies a file under another name.
static void copy_file(const char *from, const char *to)
{
    struct io *io = simdisk_io(disk);
    size_t size = simdisk_size(disk, from);
    uint8_t *bytes = xmalloc(size);
    int fd = io->open(io, from, O_RDONLY, 0);
    ck_assert_int_eq(io_pread_all(io, fd, bytes, size, 0), (int64_t)size);
    io->close(io, fd);
    simdisk_write_file(disk, to, bytes, size);
    free(bytes);
}

// Everything that a recovery can meet: sealed segments, one of them with a damaged block, one
// without a header, an unsealed tail of two, one that was replaced, dead letters whose
// settlement is not written, harm, and a file that another recovery was writing.
static void make_a_mess(void)
{
    append_block();
    append_block();
    ck_assert_uint_eq(settle(5), 5);
    kill_process();
    list_segments();
    char replaced[sizeof segments[0]];
    snprintf(replaced, sizeof replaced, "%s", segments[0]);
    copy_file(replaced, "/kept");
    ck_assert_int_eq(try_open(), 0);
    for (unsigned i = 0; i < 8; i++) {
        append_block();
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    ck_assert_uint_eq(settle(25), 25);
    struct queued_record letter;
    do {
        ck_assert_int_eq(queue_next(queue, &letter), 1);
    } while (letter.reason == REASON_NONE);
    ck_assert_int_eq(queue_write_dead_letter(queue, &letter, letter.reason, "why"), 0);
    while (try_append() == 0) {
    } // until one more would make a third segment that is not sealed
    kill_process();
    list_segments();
    ck_assert_uint_ge(segment_count, 5);
    simdisk_flip(disk, segments[2], (size_t)SEGMENT_PAGE_BYTES * 3, 0x10);
    simdisk_flip(disk, segments[3], 100, 0x10);
    copy_file("/kept", replaced);
    simdisk_write_file(disk, "/state/web/0000000000000001-00000009.seg.tmp", "x", 1);
}

struct outcome {
    uint64_t settled;
    struct books books;
};

enum trouble { NO_TROUBLE, FAILS, FINDS_NO_ROOM, DIES, LOSES_POWER, TROUBLES };

// An opening with trouble in its `nth` call or change. Returns whether there were so many.
static bool open_with(enum trouble trouble, uint64_t nth)
{
    if (trouble == DIES || trouble == LOSES_POWER) {
        simdisk_stop_after(disk, nth);
    } else if (trouble != NO_TROUBLE) {
        fault_io_fail(&fault, FAULT_ANY, nth, 1, trouble == FAILS ? -EIO : -ENOSPC);
    }
    int error = try_open();
    bool struck = fault_io_struck(&fault) > 0 || simdisk_stopped(disk);
    fault_io_heal(&fault);
    if (simdisk_stopped(disk)) {
        queue_close(queue);
        queue = NULL;
        error = -EIO;
    }
    if (error != 0) {
        ck_assert_uint_eq(simdisk_open_count(disk), 0);
    }
    if (trouble == LOSES_POWER && error != 0) {
        simdisk_lose_power(disk);
    } else if (error != 0) {
        simdisk_restart(disk);
    }
    simdisk_stop_after(disk, 0);
    return struck;
}

// What the queue on the disk comes to.
static struct outcome outcome_of(const struct simdisk *mess, enum trouble trouble, uint64_t nth,
                                 bool *out_struck)
{
    use_disk(simdisk_copy(mess, nth));
    *out_struck = open_with(trouble, nth);
    int error = queue == NULL ? try_open() : 0;
    ck_assert_msg(error == 0, "trouble %d at %llu: %s", trouble, (unsigned long long)nth,
                  error_text(error));
    struct outcome outcome = {.settled = settle(UINT64_MAX)};
    queue_books(queue, &outcome.books);
    ck_assert(books_balance(&outcome.books));
    forget_disk();
    return outcome;
}

static void check_every_call(enum trouble trouble)
{
    struct simdisk *mess = disk;
    fault_io_deinit(&fault);
    bool struck;
    struct outcome expected = outcome_of(mess, NO_TROUBLE, 0, &struck);
    ck_assert_uint_gt(expected.books.damaged.records, 0);
    ck_assert_uint_eq(expected.books.read.records, appended);
    uint64_t nth = 0;
    do {
        struct outcome outcome = outcome_of(mess, trouble, ++nth, &struck);
        ck_assert_msg(outcome.settled == expected.settled,
                      "trouble %d at %llu: %llu records, not %llu", trouble,
                      (unsigned long long)nth, (unsigned long long)outcome.settled,
                      (unsigned long long)expected.settled);
        ck_assert_uint_eq(outcome.books.acknowledged.records, expected.books.acknowledged.records);
        ck_assert_uint_eq(outcome.books.damaged.records, expected.books.damaged.records);
        ck_assert_uint_eq(outcome.books.damaged.bytes, expected.books.damaged.bytes);
    } while (struck);
    ck_assert_uint_gt(nth, 5);
    use_disk(mess);
}

START_TEST(opening_that_fails_or_dies_at_any_point_gives_nothing_up)
{
    make_a_mess();
    check_every_call((enum trouble)_i);
}
END_TEST

START_TEST(the_same_of_a_queue_that_was_closed)
{
    for (unsigned i = 0; i < 5; i++) {
        append_block();
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    queue_close(queue);
    queue = NULL;
    list_segments();
    simdisk_flip(disk, segments[1], (size_t)SEGMENT_PAGE_BYTES * 2 + 8, 0x10);
    check_every_call((enum trouble)_i);
}
END_TEST

static bool was_set_aside(const char *path)
{
    char *bad = xasprintf("%s.bad", path);
    bool is_there = simdisk_exists(disk, bad);
    free(bad);
    return is_there;
}

START_TEST(without_room_for_a_copy_what_tells_that_the_tail_follows_stays)
{
    for (unsigned i = 0; i < 8; i++) {
        append_block();
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    while (try_append() == 0) {
    }
    kill_process();
    list_segments();
    size_t sealed = segment_count - 3;
    simdisk_flip(disk, segments[sealed], 100, 0x10);            // has a footer
    uint8_t *torn = xcalloc(1, (size_t)SEGMENT_PAGE_BYTES * 3); // has none
    static const char torn_path[] = "/state/web/00000000000000ff-00000001.seg";
    simdisk_write_file(disk, torn_path, torn, (size_t)SEGMENT_PAGE_BYTES * 3);
    free(torn);
    for (unsigned i = 0; i < 3; i++) {
        simdisk_set_capacity(disk, i < 2 ? 0 : UINT64_MAX);
        ck_assert_int_eq(try_open(), 0);
        ck_assert_uint_eq(report.segments_discarded, 0);
        ck_assert_uint_eq(report.segments_bad, i == 0 ? 2 : 1);
        ck_assert(was_set_aside(torn_path));
        ck_assert(was_set_aside(segments[sealed]) == (i == 2));
        kill_process();
    }
    ck_assert_int_eq(try_open(), 0);
    uint64_t settled = settle(UINT64_MAX);
    struct books books;
    queue_books(queue, &books);
    ck_assert_uint_eq(books.read.records, appended);
    ck_assert_uint_eq(books.damaged.records, appended - settled);
    ck_assert_uint_le(books.damaged.records, 30);
}
END_TEST

START_TEST(the_last_note_of_the_files_that_can_be_read_stays)
{
    do {
        append_block();
        (void)queue_sync_step(queue, UINT64_MAX / 2);
        list_segments();
    } while (segment_count < 3);
    kill_process();
    simdisk_flip(disk, segments[2], SEGMENT_PAGE_BYTES + 100, 0x10);
    simdisk_set_capacity(disk, 0); // for a copy of the tail
    ck_assert_int_eq(try_open(), 0);
    simdisk_set_capacity(disk, UINT64_MAX);
    ck_assert_uint_eq(settle(UINT64_MAX), appended);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    kill_process();
    ck_assert_int_eq(try_open(), 0);
    ck_assert(!report.positions_lost);
    size_t count;
    struct generation *known = queue_generations(queue, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(known[0].position, appended * RECORD_BYTES);
    free(known);
    append_block();
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    list_segments();
    ck_assert_uint_eq(segment_count, 1); // which has another
}
END_TEST

START_TEST(a_tail_that_failed_to_be_synced_is_written_again_before_it_counts_as_synced)
{
    ck_assert_int_eq(fault.io.sync_dir(&fault.io, "/"), 0);
    append_block();
    simdisk_fail_sync(disk, 1);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    ck_assert(queue_condemned(queue));
    queue_close(queue);
    queue = NULL;
    fault_io_fail(&fault, "pwrite", 3, 2, -ENOSPC); // of a copy, and over itself
    ck_assert_int_eq(try_open(), 0);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    fault_io_heal(&fault);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    append_block(); // behind it, so its positions count
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_lose_power(disk);
    ck_assert_int_eq(try_open(), 0);
    ck_assert_uint_eq(report.records_damaged, 0);
    ck_assert_uint_eq(report.records_queued, appended);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_open_errors");
    TCase *tests = tcase_create("queue_open_errors");
    tcase_add_checked_fixture(tests, setup, forget_disk);
    tcase_add_loop_test(tests, opening_that_fails_or_dies_at_any_point_gives_nothing_up, FAILS,
                        TROUBLES);
    tcase_add_loop_test(tests, the_same_of_a_queue_that_was_closed, FAILS, TROUBLES);
    tcase_add_test(tests, without_room_for_a_copy_what_tells_that_the_tail_follows_stays);
    tcase_add_test(tests, the_last_note_of_the_files_that_can_be_read_stays);
    tcase_add_test(tests,
                   a_tail_that_failed_to_be_synced_is_written_again_before_it_counts_as_synced);
    suite_add_tcase(suite, tests);
    return suite;
}
