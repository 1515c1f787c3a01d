// Limits of space: a queue may be made to wait, but never for ever, and never grows without end.
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "queue/queue.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { RECORD_BYTES = 10000, FLOWS = 2, HEADER_BYTES = 4096, ROUNDS = 100 };

struct flow {
    struct queue *queue;
    uint64_t position;
    uint64_t appended;
    uint64_t taken;
};

static const uint64_t segment_bytes = HEADER_BYTES + 2 * RECORD_BYTES; // at the least

static struct simdisk *disk;
static struct fault_io fault;
static struct queue_config config;
static struct stats stats;
static struct flow flows[FLOWS];
static uint64_t total_max;
static uint64_t min_free;

static bool has_room(void *context)
{
    (void)context;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < FLOWS; i++) {
        bytes += flows[i].queue == NULL ? 0 : queue_size(flows[i].queue);
    }
    return bytes < total_max;
}

static void open_flow(unsigned index)
{
    static const char *const names[FLOWS] = {"web", "db"};
    static const char *const dirs[FLOWS] = {"/state/web", "/state/db"};
    struct queue_options options = {.dir = dirs[index],
                                    .flow = names[index],
                                    .config = &config,
                                    .stats = &stats,
                                    .min_free = min_free,
                                    .has_room = has_room};
    struct queue_report report;
    ck_assert_int_eq(queue_open(&fault.io, &options, &flows[index].queue, &report), 0);
}

static void setup(void)
{
    disk = simdisk_create(1);
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0700), 0);
    fault_io_init(&fault, io);
    config = (struct queue_config){
        .max_size = 8 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    memset(flows, 0, sizeof flows);
    total_max = UINT64_MAX;
    min_free = 0;
    for (unsigned i = 0; i < FLOWS; i++) {
        open_flow(i);
    }
}

static void teardown(void)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        queue_close(flows[i].queue);
    }
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static int append(struct flow *flow)
{
    static const uint8_t data[RECORD_BYTES];
    if (queue_block_empty(flow->queue)) {
        struct record_origin origin = {.generation = 1, .offset = flow->position};
        ck_assert(queue_add_record(flow->queue, origin, slice_of(data, sizeof data),
                                   slice_of(NULL, 0), sizeof data, 0));
        flow->position += sizeof data;
    }
    int error = queue_append(flow->queue);
    flow->appended += error == 0 ? 1 : 0;
    return error;
}

static void append_while_there_is_room(struct flow *flow)
{
    int error = 0;
    while (error == 0) {
        (void)queue_sync_step(flow->queue, UINT64_MAX / 2);
        error = append(flow);
        ck_assert_uint_lt(flow->appended, 10000);
    }
    ck_assert_int_eq(error, E_FULL);
}

// Takes everything, and drops what is to be dropped.
static void settle_all(struct flow *flow)
{
    struct queued_record record;
    while (queue_next(flow->queue, &record) == 1) {
        queue_settle(flow->queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
        flow->taken++;
    }
    ck_assert_int_eq(queue_persist_acks(flow->queue), 0);
    (void)queue_sync_step(flow->queue, UINT64_MAX / 2);
}

static uint64_t size_of_all(void)
{
    return queue_size(flows[0].queue) + queue_size(flows[1].queue);
}

START_TEST(a_total_limit_below_a_segment_never_blocks_for_ever)
{
    append_while_there_is_room(&flows[0]);
    settle_all(&flows[0]);
    total_max = 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = 0; k < FLOWS; k++) {
            ck_assert_int_eq(append(&flows[k]), 0);
            (void)queue_sync_step(flows[k].queue, UINT64_MAX / 2);
            ck_assert_int_eq(append(&flows[k]), E_FULL);
            settle_all(&flows[k]);
        }
        ck_assert_uint_le(size_of_all(), 2 * segment_bytes * FLOWS);
    }
    ck_assert_uint_eq(flows[1].taken, flows[1].appended);
}
END_TEST

START_TEST(a_queue_that_is_opened_above_the_total_limit_goes_on)
{
    ck_assert_int_eq(append(&flows[0]), 0);
    settle_all(&flows[0]);
    simdisk_stop(disk);
    for (unsigned i = 0; i < FLOWS; i++) {
        queue_close(flows[i].queue);
        flows[i].queue = NULL;
    }
    simdisk_restart(disk);
    total_max = 1;
    open_flow(0); // an empty segment replaces its tail
    open_flow(1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(append(&flows[0]), 0);
        ck_assert_int_eq(append(&flows[0]), E_FULL);
        settle_all(&flows[0]);
    }
}
END_TEST

START_TEST(a_flow_that_cannot_send_leaves_the_others_a_block_at_a_time)
{
    total_max = 1 << 20;
    append_while_there_is_room(&flows[0]);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)append(&flows[1]);
        settle_all(&flows[1]);
    }
    ck_assert_uint_ge(flows[1].taken, ROUNDS / 2);
    ck_assert_uint_lt(size_of_all(), total_max + 2 * segment_bytes * FLOWS);
}
END_TEST

START_TEST(many_files_make_no_queue_too_small)
{
    config.max_size = 64 << 10;
    queue_close(flows[0].queue);
    open_flow(0);
    for (unsigned id = 1; id <= 1000; id++) {
        struct generation generation = {
            .id = id, .inode = id, .path = (char *)(uintptr_t) "/var/log/with/a/long/name.log"};
        queue_note_generation(flows[0].queue, &generation);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(append(&flows[0]), 0);
        settle_all(&flows[0]);
    }
    ck_assert_uint_gt(queue_size(flows[0].queue), config.max_size); // the snapshot alone is larger
}
END_TEST

START_TEST(the_total_limit_makes_a_flow_drop_its_oldest_where_that_is_its_policy)
{
    teardown();
    setup();
    for (unsigned i = 0; i < FLOWS; i++) {
        queue_close(flows[i].queue);
        config.when_full = WHEN_FULL_DROP_OLDEST;
        open_flow(i);
    }
    total_max = 100000;
    uint64_t dropped = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (append(&flows[0]) == E_FULL) {
            int64_t count = queue_drop_oldest(flows[0].queue);
            dropped += count > 0 ? (uint64_t)count : 0;
            ck_assert_int_eq(queue_persist_acks(flows[0].queue), 0);
        }
        (void)queue_sync_step(flows[0].queue, UINT64_MAX / 2);
    }
    ck_assert_uint_ge(flows[0].appended, ROUNDS / 3);
    ck_assert_uint_gt(dropped, 0);
    ck_assert_uint_le(size_of_all(), total_max + 2 * segment_bytes);
    uint64_t left = flows[0].appended - dropped;
    settle_all(&flows[0]);
    ck_assert_uint_eq(flows[0].taken, left);
}
END_TEST

static void reopen_with_min_free(uint64_t bytes)
{
    min_free = bytes;
    queue_close(flows[0].queue);
    open_flow(0);
}

START_TEST(space_is_left_on_the_disk)
{
    reopen_with_min_free(100000);
    ck_assert_int_eq(append(&flows[0]), 0);
    simdisk_set_capacity(disk, simdisk_used(disk) + 100000);
    ck_assert_int_eq(append(&flows[0]), E_MIN_FREE);
    ck_assert_int_eq(append(&flows[0]), E_MIN_FREE);
    simdisk_set_capacity(disk, UINT64_MAX);
    ck_assert_int_eq(append(&flows[0]), 0);
    fault_io_fail(&fault, "free_bytes", 1, 1, -EIO); // not known: as if there were enough
    ck_assert_int_eq(append(&flows[0]), 0);
}
END_TEST

START_TEST(what_is_settled_is_given_back_although_the_disk_lacks_space)
{
    reopen_with_min_free(100000);
    while (flows[0].appended < 50) {
        ck_assert_int_eq(append(&flows[0]), 0);
    }
    settle_all(&flows[0]);
    uint64_t before = queue_size(flows[0].queue);
    simdisk_set_capacity(disk, simdisk_used(disk) + 90000);
    ck_assert_int_eq(append(&flows[0]), E_MIN_FREE); // its segment was closed
    (void)queue_sync_step(flows[0].queue, UINT64_MAX / 2);
    settle_all(&flows[0]); // the sender leaves it
    ck_assert_uint_lt(queue_size(flows[0].queue), before / 10);
    ck_assert_int_eq(append(&flows[0]), 0);
}
END_TEST

START_TEST(a_lack_of_space_drops_the_only_segment_where_that_is_the_policy)
{
    config.when_full = WHEN_FULL_DROP_OLDEST;
    reopen_with_min_free(100000);
    while (flows[0].appended < 20) {
        ck_assert_int_eq(append(&flows[0]), 0);
    }
    simdisk_set_capacity(disk, simdisk_used(disk) + 90000);
    ck_assert_int_eq(append(&flows[0]), E_MIN_FREE);
    (void)queue_sync_step(flows[0].queue, UINT64_MAX / 2);
    ck_assert_int_eq(append(&flows[0]), E_MIN_FREE);
    uint64_t last;
    ck_assert(queue_wants_drop(flows[0].queue, &last));
    ck_assert_int_eq(queue_drop_oldest(flows[0].queue), 20);
    ck_assert_int_eq(queue_persist_acks(flows[0].queue), 0);
    (void)queue_sync_step(flows[0].queue, UINT64_MAX / 2);
    ck_assert_int_eq(append(&flows[0]), 0);
}
END_TEST

START_TEST(a_full_disk_is_tried_again_with_a_segment_that_can_be_given_back)
{
    static const int errors[] = {-ENOSPC, -EDQUOT};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(append(&flows[i]), 0);
        settle_all(&flows[i]);
        fault_io_fail(&fault, "pwrite", 1, 1, errors[i]);
        ck_assert_int_eq(append(&flows[i]), errors[i]);
        ck_assert_int_eq(append(&flows[i]), 0); // in a new segment
        (void)queue_sync_step(flows[i].queue, UINT64_MAX / 2);
        settle_all(&flows[i]);
        struct queue_usage usage;
        queue_usage(flows[i].queue, &usage);
        ck_assert_uint_eq(usage.segments, 1);
    }
}
END_TEST

START_TEST(a_block_is_full_some_time)
{
    static const uint8_t data[RECORD_BYTES];
    struct queue *queue = flows[0].queue;
    ck_assert(queue_block_empty(queue));
    ck_assert_int_eq(queue_append(queue), 0); // of nothing
    unsigned count = 0;
    struct record_origin origin = {.generation = 1};
    while (queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                            sizeof data, 0)) {
        count++;
    }
    ck_assert(queue_block_full(queue));
    ck_assert_uint_eq(count, 27); // 256 KiB
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert(queue_block_empty(queue) && !queue_block_full(queue));
}
END_TEST

START_TEST(much_that_is_not_synced_is_synced_before_its_time)
{
    config.max_size = 1 << 30;
    reopen_with_min_free(0);
    uint64_t now_ns = simdisk_io(disk)->monotonic_ns(simdisk_io(disk));
    (void)queue_sync_step(flows[0].queue, now_ns);
    uint64_t syncs = stats_get(&stats, STAT_QUEUE_SYNCS);
    while (flows[0].appended < 1000) {
        ck_assert_int_eq(append(&flows[0]), 0);
        (void)queue_sync_step(flows[0].queue, now_ns);
    }
    ck_assert_uint_eq(stats_get(&stats, STAT_QUEUE_SYNCS), syncs + 1); // the directory's
    while (flows[0].appended < 3000) {
        ck_assert_int_eq(append(&flows[0]), 0);
        (void)queue_sync_step(flows[0].queue, now_ns);
    }
    ck_assert_uint_eq(stats_get(&stats, STAT_QUEUE_SYNCS), syncs + 2);
}
END_TEST

START_TEST(what_is_lost_is_summed_up)
{
    struct queue *queue = flows[0].queue;
    for (unsigned i = 0; i < 2; i++) {
        queue_add_lost(queue, 1, 2, true);
        queue_add_lost(queue, 1, 3, false);
        queue_add_lost(queue, 1, 5, true);
        queue_add_lost(queue, 2, 7, true);
        queue_set_position(queue, 1, 10, (struct fingerprint){0});
        queue_add_lost(queue, 1, 11, false);
        ck_assert_int_eq(queue_append(queue), 0);
    }
    struct books books;
    queue_books(queue, &books);
    ck_assert_uint_eq(books.lost_bytes, 28);
    ck_assert_uint_eq(books.lost_bytes_at_least, 28);
}
END_TEST

START_TEST(a_queue_that_is_condemned_takes_nothing_and_syncs_nothing)
{
    struct queue *queue = flows[0].queue;
    ck_assert_int_eq(append(&flows[0]), 0);
    fault_io_fail(&fault, "fdatasync", 1, 1, -EIO);
    ck_assert_int_eq(queue_sync_now(queue), E_CONDEMNED);
    uint64_t syncs = fault_io_calls(&fault, "fdatasync");
    ck_assert_int_eq(append(&flows[0]), E_CONDEMNED);
    ck_assert_int_eq(queue_sync_now(queue), E_CONDEMNED);
    (void)queue_checkpoint(queue, 1);
    ck_assert_uint_eq(queue_sync_step(queue, UINT64_MAX / 2), TIME_NEVER);
    queue_close(queue);
    ck_assert_uint_eq(fault_io_calls(&fault, "fdatasync"), syncs);
    open_flow(0);
    ck_assert_int_eq(append(&flows[0]), 0);
}
END_TEST

START_TEST(a_sync_of_the_acknowledgements_that_fails_condemns_the_queue)
{
    for (unsigned k = 0; k < 2; k++) {
        struct queue *queue = flows[k].queue;
        ck_assert_int_eq(append(&flows[k]), 0);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
        struct queued_record record;
        ck_assert_int_eq(queue_next(queue, &record), 1);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
        ck_assert_int_eq(queue_persist_acks(queue), 0);
        if (k == 1) {
            (void)queue_checkpoint(queue, 1);
        }
        fault_io_fail(&fault, "fdatasync", 1, 1, -EIO);
        ck_assert_uint_eq(queue_sync_step(queue, UINT64_MAX / 2), TIME_NEVER);
        ck_assert(queue_condemned(queue));
        ck_assert(k == 0 || !queue_checkpoint(queue, 1));
        fault_io_heal(&fault);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_room");
    TCase *tests = tcase_create("queue_room");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_total_limit_below_a_segment_never_blocks_for_ever);
    tcase_add_test(tests, a_queue_that_is_opened_above_the_total_limit_goes_on);
    tcase_add_test(tests, a_flow_that_cannot_send_leaves_the_others_a_block_at_a_time);
    tcase_add_test(tests, many_files_make_no_queue_too_small);
    tcase_add_test(tests, the_total_limit_makes_a_flow_drop_its_oldest_where_that_is_its_policy);
    tcase_add_test(tests, space_is_left_on_the_disk);
    tcase_add_test(tests, what_is_settled_is_given_back_although_the_disk_lacks_space);
    tcase_add_test(tests, a_lack_of_space_drops_the_only_segment_where_that_is_the_policy);
    tcase_add_test(tests, a_full_disk_is_tried_again_with_a_segment_that_can_be_given_back);
    tcase_add_test(tests, a_block_is_full_some_time);
    tcase_add_test(tests, much_that_is_not_synced_is_synced_before_its_time);
    tcase_add_test(tests, what_is_lost_is_summed_up);
    tcase_add_test(tests, a_queue_that_is_condemned_takes_nothing_and_syncs_nothing);
    tcase_add_test(tests, a_sync_of_the_acknowledgements_that_fails_condemns_the_queue);
    suite_add_tcase(suite, tests);
    return suite;
}
