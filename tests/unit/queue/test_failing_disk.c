// A disk that fails, fills up or loses power at the worst moments of a queue.
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "queue/queue.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { BLOCK_RECORDS = 5, RECORD_BYTES = 3000 };

static struct simdisk *disk;
static struct fault_io fault;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;
static uint64_t position;
static unsigned collector_rings;

static void count_ring(void *context)
{
    (void)context;
    collector_rings++;
}

static void ignore_ring(void *context)
{
    (void)context;
}

static int try_open(void)
{
    struct queue_options options = {
        .dir = "/state/web", .flow = "web", .config = &config, .stats = &stats};
    int error = queue_open(&fault.io, &options, &queue, &report);
    if (error != 0) {
        queue = NULL;
        return error;
    }
    struct queue_bells bells = {
        .syncer = ignore_ring, .sender = ignore_ring, .collector = count_ring};
    queue_set_bells(queue, &bells);
    return 0;
}

static void make(uint64_t seed)
{
    disk = simdisk_create(seed);
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0700), 0);
    ck_assert_int_eq(io->sync_dir(io, "/"), 0);
    fault_io_init(&fault, io);
    config = (struct queue_config){.max_size = 256 << 10,
                                   .sync = SYNC_OS,
                                   .sync_interval_ms = 1000,
                                   .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    position = 0;
    collector_rings = 0;
    ck_assert_int_eq(try_open(), 0);
}

static void setup(void)
{
    make(1);
}

static void teardown(void)
{
    fault_io_heal(&fault);
    queue_close(queue);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static void fill_block(void)
{
    static uint8_t data[RECORD_BYTES];
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        struct record_origin origin = {.generation = 1, .offset = position};
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   sizeof data, 0));
        position += sizeof data;
    }
    queue_set_position(queue, 1, position, (struct fingerprint){.length = 1, .hash = 2});
}

static void note_file(void)
{
    struct generation generation = {
        .id = 1, .inode = 7, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
}

static void append(void)
{
    fill_block();
    ck_assert_int_eq(queue_append(queue), 0);
}

static void acknowledge(unsigned count)
{
    for (; count > 0; count--) {
        struct queued_record record;
        ck_assert_int_eq(queue_next(queue, &record), 1);
        ck_assert_int_eq(queue_submitted(queue, record.place.sequence), 0);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
}

static void kill_process(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_restart(disk);
}

static struct books books(void)
{
    struct books now;
    queue_books(queue, &now);
    ck_assert(books_balance(&now));
    return now;
}

START_TEST(segment_whose_file_stayed_after_a_failed_creation_can_be_created_again)
{
    fault_io_fail(&fault, "pwrite", 1, 1, -EROFS);
    fault_io_fail(&fault, "unlink", 1, 1, -EROFS);
    note_file();
    fill_block();
    ck_assert_int_eq(queue_append(queue), -EROFS);
    ck_assert_int_eq(queue_append(queue), 0);
}
END_TEST

START_TEST(seal_that_finds_no_room_does_not_wake_the_collector)
{
    note_file();
    append();
    append(); // in a second segment
    fill_block();
    ck_assert_int_eq(queue_append(queue), E_FULL); // at most one segment before is not sealed
    fault_io_fail(&fault, "pwrite", 1, UINT64_MAX, -ENOSPC);
    uint64_t now_ns = 1;
    ck_assert_uint_eq(queue_sync_step(queue, now_ns), now_ns + NS_PER_S);
    ck_assert_uint_eq(collector_rings, 0);
    fault_io_heal(&fault);
    (void)queue_sync_step(queue, now_ns);
    ck_assert_uint_eq(collector_rings, 1);
    ck_assert_int_eq(queue_append(queue), 0);
}
END_TEST

START_TEST(replaced_segment_that_cannot_be_removed_fails_the_open)
{
    note_file();
    append();
    kill_process();
    fault_io_fail(&fault, "unlink", 1, UINT64_MAX, -EDQUOT);
    ck_assert_int_eq(try_open(), -EDQUOT);
    fault_io_heal(&fault);
    ck_assert_int_eq(try_open(), 0);
    ck_assert_uint_eq(books().queued.records, BLOCK_RECORDS);
}
END_TEST

// One recovery dies in its `nth` change, then the machine loses power.
static void recover_after(uint64_t seed, uint64_t nth)
{
    make(seed);
    note_file();
    append();
    ck_assert_int_eq(queue_sync_now(queue), 0);
    append();
    acknowledge(BLOCK_RECORDS + 2);
    kill_process();
    simdisk_stop_after(disk, nth);
    (void)try_open();
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_lose_power(disk);
    ck_assert_int_eq(try_open(), 0);
    struct books now = books();
    ck_assert_msg(now.damaged.records == 0, "seed %llu, change %llu: %llu damaged",
                  (unsigned long long)seed, (unsigned long long)nth,
                  (unsigned long long)now.damaged.records);
    ck_assert_uint_eq(now.queued.bytes, now.queued.records * RECORD_BYTES);
    struct queued_record record;
    for (uint64_t i = 0; i < now.queued.records; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
    }
    ck_assert_int_eq(queue_next(queue, &record), 0);
    teardown();
}

START_TEST(recovery_that_dies_before_a_loss_of_power_damages_nothing)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        for (uint64_t nth = 1; nth <= 12; nth++) {
            recover_after(seed, nth);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("failing_disk");
    TCase *calls = tcase_create("calls");
    tcase_add_checked_fixture(calls, setup, teardown);
    tcase_add_test(calls, segment_whose_file_stayed_after_a_failed_creation_can_be_created_again);
    tcase_add_test(calls, seal_that_finds_no_room_does_not_wake_the_collector);
    tcase_add_test(calls, replaced_segment_that_cannot_be_removed_fails_the_open);
    suite_add_tcase(suite, calls);
    TCase *power = tcase_create("power");
    tcase_add_test(power, recovery_that_dies_before_a_loss_of_power_damages_nothing);
    suite_add_tcase(suite, power);
    return suite;
}
