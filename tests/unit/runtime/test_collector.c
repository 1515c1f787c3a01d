#include "runtime/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fault_io.h"
#include "support/gzip_bytes.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static char *dir;
static char *state_dir;
static char *log_path;
static struct flow_config flow;
static struct stats stats;
static struct queue *queue;
static struct collector *collector;

static void open_queue(void)
{
    struct queue_options options = {
        .dir = state_dir, .flow = flow.name, .config = &flow.queue, .stats = &stats};
    struct queue_report report;
    int error = queue_open(io_posix(), &options, &queue, &report);
    ck_assert_msg(error == 0, "%s", error_text(error));
}

static void setup(void)
{
    static char name[] = "web";
    static char newline[] = "\n";
    dir = tempdir_create();
    state_dir = xasprintf("%s/state", dir);
    log_path = xasprintf("%s/app.log", dir);
    stats = (struct stats){0};
    flow = (struct flow_config){
        .name = name,
        .source = {.files = {.items = &log_path, .count = 1},
                   .start_at = START_AT_BEGINNING,
                   .poll_interval_ms = 1000,
                   .close_after_ms = 60000,
                   .open_files_max = 10},
        .record = {.lines = {.max_line = 1 << 20}, .record_end = newline},
        .queue = {.max_size = 256 << 10, .sync = SYNC_OS, .dead_letter_max_size = 1 << 20},
        .to = {.service = SERVICE_KINESIS, .max_record_size = 1 << 20},
    };
    open_queue();
    collector = NULL;
}

static void teardown(void)
{
    collector_free(collector);
    queue_close(queue);
    free(log_path);
    free(state_dir);
    tempdir_remove(dir);
}

static void open_collector(void)
{
    struct collector_options options = {
        .flow = &flow, .queue = queue, .same_boot = true, .stats = &stats};
    int error = collector_create(io_posix(), &options, &collector);
    ck_assert_msg(error == 0, "%s", error_text(error));
}

static uint64_t now(void)
{
    return io_posix()->monotonic_ns(io_posix());
}

static void step(void)
{
    uint64_t next_ns;
    ck_assert_int_eq(collector_step(collector, now(), &next_ns), 0);
}

static void append_to(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
    close(fd);
}

static void write_log(const char *text)
{
    append_to(log_path, slice_of_text(text));
}

static void let_syncer_run(void)
{
    (void)queue_sync_step(queue, now());
}

// Appends records until the queue takes no more.
static void fill_queue(void)
{
    static uint8_t data[16 << 10];
    int error = 0;
    for (unsigned i = 0; i < 100 && error == 0; i++) {
        struct record_origin origin = {.generation = 1};
        ck_assert(queue_add_record(queue, origin, slice_of(data, sizeof data), slice_of(NULL, 0),
                                   sizeof data, 0));
        let_syncer_run();
        error = queue_append(queue);
    }
    ck_assert_int_eq(error, E_FULL);
}

// Settles what the queue holds. Returns how often the wanted record was among it.
static unsigned take_all(const char *wanted)
{
    unsigned found = 0;
    struct queued_record record;
    while (queue_next(queue, &record) == 1) {
        found += slice_equal_text(record.data, wanted);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    return found;
}

START_TEST(collector_starts_although_the_queue_is_full)
{
    open_collector();
    collector_free(collector);
    collector = NULL;
    fill_queue();
    queue_close(queue);
    write_log("a line\n");
    open_queue();
    fill_queue(); // what recovery gave back
    open_collector();
    step();
    ck_assert_uint_eq(take_all("a line\n"), 0);
    let_syncer_run();
    step();
    let_syncer_run();
    step();
    step();
    ck_assert_uint_eq(take_all("a line\n"), 1);
}
END_TEST

START_TEST(nothing_is_read_before_the_positions_to_start_from_are_on_disk)
{
    fill_queue();
    queue_close(queue);
    write_log("from before\n");
    flow.source.start_at = START_AT_END;
    open_queue();
    fill_queue();
    open_collector();
    ck_assert_uint_eq(take_all("from before\n"), 0);
    let_syncer_run();
    step(); // the positions have room now
    write_log("a line\n");
    step();
    step();
    ck_assert_uint_eq(take_all("a line\n"), 0);
    let_syncer_run();
    step();
    step();
    ck_assert_uint_eq(take_all("a line\n"), 1);
}
END_TEST

START_TEST(a_line_is_not_parted_because_its_rest_cannot_be_read)
{
    struct fault_io fault;
    fault_io_init(&fault, io_posix());
    flow.record.lines.partial_line_timeout_ms = 2000;
    struct collector_options options = {
        .flow = &flow, .queue = queue, .same_boot = true, .stats = &stats};
    ck_assert_int_eq(collector_create(&fault.io, &options, &collector), 0);
    write_log("a line in ");
    step();
    write_log("two parts\n");
    fault_io_fail(&fault, "pread", 1, 2, -ENOMEM);
    uint64_t later_ns = now() + 3 * NS_PER_S;
    for (unsigned i = 0; i < 40; i++) {
        uint64_t next_ns;
        ck_assert_int_eq(collector_step(collector, later_ns, &next_ns), 0);
        later_ns += 100 * NS_PER_MS;
    }
    ck_assert_uint_gt(fault_io_struck(&fault), 0);
    ck_assert_uint_eq(take_all("a line in two parts\n"), 1);
    collector_free(collector);
    collector = NULL;
    fault_io_deinit(&fault);
}
END_TEST

static void compress_and_cut_log(const char *archive_path)
{
    uint8_t *content;
    size_t size;
    ck_assert_int_eq(io_read_file(io_posix(), log_path, 1 << 20, &content, &size), 0);
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, slice_of(content, size));
    append_to(archive_path, buf_slice(&archive));
    buf_deinit(&archive);
    free(content);
    ck_assert_int_eq(truncate(log_path, 0), 0);
}

START_TEST(a_line_is_not_parted_because_its_rest_is_in_an_archive_by_now)
{
    char *archive_path = xasprintf("%s.1.gz", log_path);
    char *both[] = {log_path, archive_path};
    flow.source.files = (struct string_list){.items = both, .count = 2};
    flow.source.compressed = true;
    flow.source.compressed_max_size = 1 << 20;
    flow.record.lines.partial_line_timeout_ms = 2000;
    open_collector();
    write_log("a line in ");
    step();
    write_log("two parts\n");
    compress_and_cut_log(archive_path);
    uint64_t later_ns = now() + 3 * NS_PER_S; // the agent stood still
    for (unsigned i = 0; i < 40; i++) {
        uint64_t next_ns;
        ck_assert_int_eq(collector_step(collector, later_ns, &next_ns), 0);
        later_ns += 100 * NS_PER_MS;
    }
    ck_assert_uint_eq(take_all("a line in two parts\n"), 1);
    free(archive_path);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("collector");
    TCase *tests = tcase_create("collector");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, collector_starts_although_the_queue_is_full);
    tcase_add_test(tests, nothing_is_read_before_the_positions_to_start_from_are_on_disk);
    tcase_add_test(tests, a_line_is_not_parted_because_its_rest_cannot_be_read);
    tcase_add_test(tests, a_line_is_not_parted_because_its_rest_is_in_an_archive_by_now);
    suite_add_tcase(suite, tests);
    return suite;
}
