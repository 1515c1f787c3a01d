// What `kintail queue` says of queues in every state, and of disks that fail.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/reason.h"
#include "queue/inspect.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define DIR "/state/web"

enum { RECORD_BYTES = 1000, BLOCK_RECORDS = 10 };

static struct simdisk *disk;
static struct fault_io fault;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct buf out;
static uint64_t position;
static char first_path[sizeof DIR + SEGMENT_NAME_MAX];
static char last_path[sizeof DIR + SEGMENT_NAME_MAX];

static void open_queue(void)
{
    struct queue_options options = {.dir = DIR, .flow = "web", .config = &config, .stats = &stats};
    struct queue_report report;
    ck_assert_int_eq(queue_open(&fault.io, &options, &queue, &report), 0);
}

static void note(uint64_t id, enum generation_state state)
{
    char path[32];
    snprintf(path, sizeof path, "/log/%llu", (unsigned long long)id);
    struct generation generation = {.id = id, .inode = 7, .state = state, .path = path};
    queue_note_generation(queue, &generation);
}

static void append(void)
{
    static const uint8_t data[RECORD_BYTES] = {'x'};
    for (unsigned i = 0; i < BLOCK_RECORDS; i++) {
        struct record_origin origin = {.generation = 1, .offset = position};
        struct slice key = i % 2 == 0 ? slice_of_text("key") : slice_of(NULL, 0);
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), key, RECORD_BYTES,
                                   REASON_OVER_LONG));
        position += RECORD_BYTES;
    }
    queue_set_position(queue, 1, position, (struct fingerprint){.length = 1, .hash = 2});
    ck_assert_int_eq(queue_append(queue), 0);
}

static int note_segment(void *context, const char *name, enum file_kind kind)
{
    uint64_t first_sequence;
    uint64_t epoch;
    (void)context;
    if (kind != FILE_REGULAR || !segment_parse_name(name, &first_sequence, &epoch)) {
        return 0;
    }
    char path[sizeof first_path];
    snprintf(path, sizeof path, DIR "/%s", name);
    if (first_path[0] == '\0' || strcmp(path, first_path) < 0) {
        memcpy(first_path, path, sizeof path);
    }
    if (strcmp(path, last_path) > 0) {
        memcpy(last_path, path, sizeof path);
    }
    return 0;
}

static void kill_process(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    queue = NULL;
    simdisk_restart(disk);
    ck_assert_int_eq(simdisk_io(disk)->list(simdisk_io(disk), DIR, note_segment, NULL), 0);
}

// Two dead letters, a sealed segment or two, and an open one.
static void setup(void)
{
    disk = simdisk_create(1);
    fault_io_init(&fault, simdisk_io(disk));
    ck_assert_int_eq(simdisk_io(disk)->mkdir(simdisk_io(disk), "/state", 0755), 0);
    config = (struct queue_config){
        .max_size = 256 << 10, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    position = 0;
    first_path[0] = '\0';
    last_path[0] = '\0';
    buf_init(&out, 1 << 20);
    open_queue();
    note(1, GENERATION_LIVE);
    note(2, GENERATION_ENDED);
    note(3, GENERATION_DELETED);
    for (unsigned i = 0; i < 7; i++) {
        append();
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    struct queued_record record;
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
        ck_assert_int_eq(
            queue_write_dead_letter(queue, &record, record.reason, i == 0 ? "said so" : NULL), 0);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_DEAD_LETTERED);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    kill_process();
}

static void teardown(void)
{
    queue_close(queue);
    queue = NULL;
    buf_deinit(&out);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static int inspect(void)
{
    buf_clear(&out);
    return queue_inspect(&fault.io, DIR, &out);
}

static void check_says(const char *text)
{
    ck_assert_msg(strstr(buf_text(&out), text) != NULL, "no \"%s\" in\n%s", text, buf_text(&out));
}

START_TEST(a_queue_in_use_is_described)
{
    ck_assert_int_eq(inspect(), 0);
    check_says("sealed, made ");
    check_says("open, made ");
    check_says("generation 1, inode 7, live\n");
    check_says("generation 2, inode 7, read to its end\n");
    check_says("generation 3, inode 7, deleted\n");
    check_says("dead letters              2 records             2000 bytes");
    check_says(
        ": \"said so\"\n    from \"/log/1\" at 0, 1000 bytes; record 1-1, partition key \"key\"");
    check_says("from \"/log/1\" at 1000, 1000 bytes; record 1-2\n");
}
END_TEST

START_TEST(a_block_that_is_being_written_is_no_damage)
{
    simdisk_cut(disk, last_path, simdisk_size(disk, last_path) - 100);
    ck_assert_int_eq(inspect(), 0);
    check_says(" bytes behind the last whole block");
}
END_TEST

START_TEST(what_was_set_aside_is_named)
{
    simdisk_write_file(disk, DIR "/0000000000000001-00000001.seg.bad", "x", 1);
    simdisk_write_file(disk, DIR "/.bad", "x", 1); // of somebody else
    ck_assert_int_eq(inspect(), 0);
    check_says("0000000000000001-00000001.seg.bad  set aside: its records could not be read");
}
END_TEST

START_TEST(a_damaged_snapshot_is_named)
{
    simdisk_flip(disk, last_path, SEGMENT_PAGE_BYTES + 20, 1);
    ck_assert_int_eq(inspect(), E_CORRUPT);
    check_says("DAMAGED: the snapshot of positions cannot be read: data is damaged; ");
}
END_TEST

START_TEST(damage_up_to_the_end_of_a_sealed_segment_is_named)
{
    for (size_t offset = SEGMENT_PAGE_BYTES; offset + 240 < simdisk_size(disk, first_path);
         offset += 40) {
        simdisk_flip(disk, first_path, offset, 1);
    }
    ck_assert_int_eq(inspect(), E_CORRUPT);
    check_says("0 records in 0 blocks, sealed, DAMAGED: 1 blocks");
}
END_TEST

START_TEST(damage_in_a_payload_costs_that_block)
{
    simdisk_flip(disk, first_path, (size_t)SEGMENT_PAGE_BYTES * 3, 1);
    ck_assert_int_eq(inspect(), E_CORRUPT);
    check_says("DAMAGED: 1 blocks");
}
END_TEST

START_TEST(a_queue_without_segments_is_described)
{
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state/new", 0700), 0);
    ck_assert_int_eq(queue_inspect(&fault.io, "/state/new", &out), E_NOT_FOUND);
    simdisk_write_file(disk, "/state/new/x.seg.bad", "x", 1);
    ck_assert_int_eq(queue_inspect(&fault.io, "/state/new", &out), 0);
    check_says("everything in the segments is sent again");
    ck_assert_int_eq(queue_inspect(&fault.io, DIR "/ack", &out), E_NOT_FOUND);
}
END_TEST

START_TEST(a_segment_that_is_given_back_meanwhile_is_left_out)
{
    fault_io_fail(&fault, "open", 2, 1, -ENOENT); // the first is that of the acknowledgements
    ck_assert_int_eq(inspect(), 0);
}
END_TEST

START_TEST(an_error_of_the_disk_is_told)
{
    unsigned told = 0;
    bool struck = true;
    for (uint64_t nth = 1; struck; nth++) {
        uint64_t before = fault_io_struck(&fault);
        fault_io_fail(&fault, FAULT_ANY, nth, 1, -EIO);
        int error = inspect();
        struck = fault_io_struck(&fault) > before;
        fault_io_heal(&fault);
        ck_assert_uint_eq(simdisk_open_count(disk), 0);
        ck_assert_msg(!struck || error == -EIO || error == E_CORRUPT, "call %llu: %s",
                      (unsigned long long)nth, error_text(error));
        told += error != 0 ? 1 : 0;
    }
    ck_assert_uint_gt(told, 20);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("inspect_states");
    TCase *tests = tcase_create("inspect_states");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_queue_in_use_is_described);
    tcase_add_test(tests, a_block_that_is_being_written_is_no_damage);
    tcase_add_test(tests, what_was_set_aside_is_named);
    tcase_add_test(tests, a_damaged_snapshot_is_named);
    tcase_add_test(tests, damage_up_to_the_end_of_a_sealed_segment_is_named);
    tcase_add_test(tests, damage_in_a_payload_costs_that_block);
    tcase_add_test(tests, a_queue_without_segments_is_described);
    tcase_add_test(tests, a_segment_that_is_given_back_meanwhile_is_left_out);
    tcase_add_test(tests, an_error_of_the_disk_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}
