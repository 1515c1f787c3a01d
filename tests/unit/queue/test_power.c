// What a loss of power may have sent again, and what is told of it.
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "queue/queue.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { BLOCK_RECORDS = 20, RECORD_BYTES = 100, RUNS = 60 };

static struct simdisk *disk;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;
static uint64_t position;
static uint64_t syncer_next_ns;

static void ring_syncer(void *context)
{
    (void)context;
    syncer_next_ns = 0;
}

static void ignore_ring(void *context)
{
    (void)context;
}

static void reopen(void)
{
    struct queue_options options = {
        .dir = "/state/web", .flow = "web", .config = &config, .stats = &stats};
    ck_assert_int_eq(queue_open(simdisk_io(disk), &options, &queue, &report), 0);
    struct queue_bells bells = {
        .syncer = ring_syncer, .sender = ignore_ring, .collector = ignore_ring};
    queue_set_bells(queue, &bells);
    syncer_next_ns = TIME_NEVER;
}

static void make(uint64_t seed, enum sync_mode sync)
{
    disk = simdisk_create(seed);
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0700), 0);
    ck_assert_int_eq(io->sync_dir(io, "/"), 0);
    config = (struct queue_config){.max_size = 1 << 20,
                                   .sync = sync,
                                   .sync_interval_ms = 1000,
                                   .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    position = 0;
    reopen();
    ck_assert_uint_eq(report.unsure_since_ns, 0);
}

static void destroy(void)
{
    queue_close(queue);
    queue = NULL;
    simdisk_free(disk);
}

static int try_append(void)
{
    static const uint8_t data[RECORD_BYTES];
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        struct record_origin origin = {.generation = 1, .offset = position};
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   sizeof data, 0));
        position += sizeof data;
    }
    queue_set_position(queue, 1, position, (struct fingerprint){.length = 1, .hash = 2});
    return queue_append(queue);
}

static void append(void)
{
    ck_assert_int_eq(try_append(), 0);
}

static uint64_t now(void)
{
    return simdisk_io(disk)->monotonic_ns(simdisk_io(disk));
}

// What the syncer does at this time.
static void let_syncer_run(void)
{
    if (now() >= syncer_next_ns) {
        syncer_next_ns = TIME_NEVER;
        uint64_t next_ns = queue_sync_step(queue, now());
        syncer_next_ns = next_ns < syncer_next_ns ? next_ns : syncer_next_ns;
    }
}

static void offer(unsigned count, struct queued_record *out_records)
{
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(queue_next(queue, &out_records[i]), 1);
    }
    ck_assert_int_eq(queue_submitted(queue, out_records[count - 1].place.sequence), 0);
}

static void answer(unsigned count, const struct queued_record *records)
{
    for (unsigned i = 0; i < count; i++) {
        queue_settle(queue, &records[i].place, records[i].source_bytes, SETTLED_ACKNOWLEDGED);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
}

static void lose_power(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_lose_power(disk);
    reopen();
}

START_TEST(what_was_acknowledged_an_interval_ago_is_not_sent_again)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed, SYNC_INTERVAL);
        struct queued_record records[BLOCK_RECORDS];
        append();
        let_syncer_run();
        simdisk_advance_ns(disk, NS_PER_S);
        let_syncer_run();
        for (unsigned i = 0; i < 5; i++) {
            offer(2, records);
            answer(2, records);
        }
        let_syncer_run();
        ck_assert_uint_gt(syncer_next_ns, now());
        ck_assert_uint_le(syncer_next_ns, now() + NS_PER_S);
        simdisk_advance_ns(disk, NS_PER_S);
        let_syncer_run();
        offer(1, records);
        lose_power();
        ck_assert(!report.acks_lost);
        ck_assert_uint_eq(report.records_queued, BLOCK_RECORDS - 10);
        ck_assert_uint_le(report.maybe_repeated, 1);
        destroy();
    }
}
END_TEST

START_TEST(syncer_has_nothing_to_do_when_all_acknowledgements_are_on_disk)
{
    make(1, SYNC_INTERVAL);
    struct queued_record records[BLOCK_RECORDS];
    append();
    offer(2, records);
    answer(2, records);
    let_syncer_run();
    simdisk_advance_ns(disk, NS_PER_S);
    let_syncer_run();
    ck_assert_uint_eq(syncer_next_ns, TIME_NEVER);
    simdisk_fail_sync(disk, 1);
    ck_assert_uint_eq(queue_sync_step(queue, now()), TIME_NEVER);
    ck_assert(!queue_condemned(queue));
    destroy();
}
END_TEST

START_TEST(with_sync_always_all_that_may_be_repeated_is_counted)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed, SYNC_ALWAYS);
        struct queued_record records[BLOCK_RECORDS];
        append();
        let_syncer_run();
        offer(5, records);
        answer(3, records);
        offer(4, records);
        lose_power();
        ck_assert(!report.acks_lost);
        // The answers may be there or not.
        ck_assert_uint_ge(report.maybe_repeated, 6);
        ck_assert_uint_le(report.maybe_repeated, 9);
        ck_assert_uint_eq(report.records_queued, BLOCK_RECORDS - 9 + report.maybe_repeated);
        destroy();
    }
}
END_TEST

static int (*real_fdatasync)(struct io *io, int fd);
static bool rolls_over;

static void roll_over(uint64_t segments)
{
    struct queue_usage usage = {0};
    while (usage.segments < segments) {
        append();
        queue_usage(queue, &usage);
    }
}

// The collector goes on meanwhile, into another segment.
static int sync_while_rolling_over(struct io *io, int fd)
{
    if (rolls_over) {
        rolls_over = false;
        roll_over(4);
    }
    return real_fdatasync(io, fd);
}

START_TEST(a_segment_that_begins_during_a_sync_is_not_on_disk_before_its_name)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed, SYNC_ALWAYS);
        struct io *io = simdisk_io(disk);
        for (uint64_t segments = 2; segments <= 3; segments++) {
            roll_over(segments);
            (void)queue_sync_step(queue, now());
        }
        append();
        real_fdatasync = io->fdatasync;
        io->fdatasync = sync_while_rolling_over;
        rolls_over = true;
        (void)queue_sync_step(queue, now());
        ck_assert(!rolls_over);
        struct queue_usage usage;
        queue_usage(queue, &usage);
        ck_assert_uint_le(usage.durable_sequence, usage.last_sequence - BLOCK_RECORDS);
        lose_power();
        ck_assert_uint_ge(report.records_queued, usage.durable_sequence);
        destroy();
    }
}
END_TEST

START_TEST(a_sync_before_an_offer_that_fails_condemns_the_queue)
{
    make(1, SYNC_ALWAYS);
    append();
    let_syncer_run();
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    simdisk_fail_sync(disk, 1);
    ck_assert_int_eq(queue_submitted(queue, record.place.sequence), E_CONDEMNED);
    ck_assert(queue_condemned(queue));
    destroy();
}
END_TEST

START_TEST(after_a_loss_of_power_the_time_is_told_from_which_on_more_may_be_repeated)
{
    make(1, SYNC_OS);
    struct io *io = simdisk_io(disk);
    struct queued_record records[BLOCK_RECORDS];
    append();
    ck_assert_int_eq(queue_sync_now(queue), 0);
    simdisk_advance_ns(disk, NS_PER_S);
    offer(2, records);
    answer(1, records);
    uint64_t written_ns = io->real_ns(io);
    simdisk_advance_ns(disk, NS_PER_S);
    ck_assert(!queue_checkpoint(queue, now()));
    let_syncer_run();
    lose_power();
    ck_assert_uint_eq(report.unsure_since_ns, written_ns);
    ck_assert_uint_eq(report.maybe_repeated, 1);
    destroy();
}
END_TEST

START_TEST(a_checkpoint_is_reached_although_the_clock_stands_still)
{
    make(1, SYNC_OS);
    append();
    uint64_t asked_ns = now();
    ck_assert(!queue_checkpoint(queue, asked_ns));
    let_syncer_run();
    ck_assert(!queue_checkpoint(queue, asked_ns));
    ck_assert_uint_eq(syncer_next_ns, asked_ns + 1);
    simdisk_advance_ns(disk, 1);
    let_syncer_run();
    ck_assert(queue_checkpoint(queue, asked_ns));
    ck_assert_uint_eq(syncer_next_ns, TIME_NEVER);
    destroy();
}
END_TEST

START_TEST(after_a_crash_or_a_close_all_that_may_be_repeated_is_counted)
{
    make(1, SYNC_INTERVAL);
    struct queued_record records[BLOCK_RECORDS];
    append();
    offer(2, records);
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_restart(disk);
    reopen();
    ck_assert_uint_eq(report.unsure_since_ns, 0);
    ck_assert_uint_eq(report.maybe_repeated, 2);
    offer(2, records);
    answer(1, records);
    queue_close(queue);
    simdisk_lose_power(disk);
    reopen();
    ck_assert_uint_eq(report.unsure_since_ns, 0);
    ck_assert_uint_eq(report.maybe_repeated, 1);
    lose_power(); // of a queue that was opened after the close
    ck_assert_uint_ne(report.unsure_since_ns, 0);
    destroy();
}
END_TEST

static int64_t (*real_pwrite)(struct io *io, int fd, const void *data, size_t size,
                              uint64_t offset);

static int64_t write_no_block(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    return offset > 0 ? -ENOSPC : real_pwrite(io, fd, data, size, offset);
}

// A segment without a record gives way to another that begins with the same number.
static void append_to_second_segment(void)
{
    struct io *io = simdisk_io(disk);
    real_pwrite = io->pwrite;
    io->pwrite = write_no_block;
    ck_assert_int_eq(try_append(), -ENOSPC);
    io->pwrite = real_pwrite;
    append(); // the block is larger now than what is left of the segment
}

START_TEST(no_number_is_given_twice_within_an_epoch_whatever_the_power_takes)
{
    unsigned losses = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed, SYNC_OS);
        queue_close(queue);
        config.max_size = 64 << 10;
        reopen();
        append_to_second_segment();
        struct queued_record before;
        struct queued_record record;
        ck_assert_int_eq(queue_next(queue, &before), 1);
        lose_power();
        if (report.records_queued == 0) {
            losses++;
            append();
            ck_assert_int_eq(queue_next(queue, &record), 1);
            ck_assert(record.place.sequence > before.place.sequence || record.epoch > before.epoch);
        }
        destroy();
    }
    ck_assert_uint_gt(losses, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_power");
    TCase *tests = tcase_create("queue_power");
    tcase_add_test(tests, what_was_acknowledged_an_interval_ago_is_not_sent_again);
    tcase_add_test(tests, syncer_has_nothing_to_do_when_all_acknowledgements_are_on_disk);
    tcase_add_test(tests, with_sync_always_all_that_may_be_repeated_is_counted);
    tcase_add_test(tests, a_segment_that_begins_during_a_sync_is_not_on_disk_before_its_name);
    tcase_add_test(tests, a_sync_before_an_offer_that_fails_condemns_the_queue);
    tcase_add_test(tests,
                   after_a_loss_of_power_the_time_is_told_from_which_on_more_may_be_repeated);
    tcase_add_test(tests, a_checkpoint_is_reached_although_the_clock_stands_still);
    tcase_add_test(tests, after_a_crash_or_a_close_all_that_may_be_repeated_is_counted);
    tcase_add_test(tests, no_number_is_given_twice_within_an_epoch_whatever_the_power_takes);
    suite_add_tcase(suite, tests);
    return suite;
}
