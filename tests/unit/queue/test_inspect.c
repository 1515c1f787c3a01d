#include "queue/inspect.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "queue/queue.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { SEGMENT_PAGE = 4096 };

static char *dir;
static struct buf out;

static void add(struct queue *queue, const char *text, uint64_t offset, uint16_t reason)
{
    struct record_origin origin = {.generation = 1, .offset = offset};
    ck_assert(queue_add_record(queue, origin, slice_of_text(text), slice_of(NULL, 0),
                               (uint32_t)strlen(text), reason));
}

// A queue with a good record that is settled and one that is not, closed.
static void setup(void)
{
    dir = tempdir_create();
    buf_init(&out, 1 << 20);
    struct queue_config config = {
        .max_size = 64 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};
    struct stats stats = {0};
    struct queue_options options = {.dir = dir, .flow = "web", .config = &config, .stats = &stats};
    struct queue *queue;
    struct queue_report report;
    ck_assert_int_eq(queue_open(io_posix(), &options, &queue, &report), 0);
    struct generation generation = {
        .id = 1, .inode = 7, .path = (char *)(uintptr_t) "/var/log/app.log"};
    queue_note_generation(queue, &generation);
    add(queue, "one", 0, 0);
    add(queue, "three", 3, 0);
    queue_set_position(queue, 1, 8, (struct fingerprint){0});
    ck_assert_int_eq(queue_append(queue), 0);
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    ck_assert_int_eq(queue_submitted(queue, record.place.sequence), 0);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    queue_close(queue);
}

static void teardown(void)
{
    buf_deinit(&out);
    tempdir_remove(dir);
}

static int note_segment(void *context, const char *name, enum file_kind kind)
{
    char **path = context;
    if (kind == FILE_REGULAR && strstr(name, ".seg") != NULL) {
        *path = xasprintf("%s/%s", dir, name);
    }
    return 0;
}

static char *segment_path(void)
{
    char *path = NULL;
    ck_assert_int_eq(io_posix()->list(io_posix(), dir, note_segment, &path), 0);
    ck_assert_ptr_nonnull(path);
    return path;
}

static void damage(off_t offset)
{
    char *path = segment_path();
    int fd = open(path, O_RDWR);
    uint8_t byte;
    ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
    free(path);
}

static void check_says(const char *text)
{
    ck_assert_msg(strstr(buf_text(&out), text) != NULL, "no \"%s\" in\n%s", text, buf_text(&out));
}

START_TEST(a_sound_queue_is_described)
{
    ck_assert_int_eq(queue_inspect(io_posix(), dir, &out), 0);
    check_says("2 records in 2 blocks, sealed");
    check_says("every record up to 1 is settled");
    check_says("read                      2 records                8 bytes");
    check_says("queued                    1 records                5 bytes");
    check_says("           8  \"/var/log/app.log\"  generation 1, inode 7, live");
}
END_TEST

START_TEST(a_damaged_block_is_named)
{
    damage(SEGMENT_PAGE + 8); // in the header of the first block
    ck_assert_int_eq(queue_inspect(io_posix(), dir, &out), E_CORRUPT);
    check_says("DAMAGED: 1 blocks");
}
END_TEST

START_TEST(a_damaged_header_is_named)
{
    damage(20);
    ck_assert_int_eq(queue_inspect(io_posix(), dir, &out), E_CORRUPT);
    check_says("DAMAGED: the header cannot be read: data is damaged");
}
END_TEST

START_TEST(a_lost_acknowledgement_file_is_named)
{
    char *path = xasprintf("%s/ack", dir);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    ck_assert_int_eq(queue_inspect(io_posix(), dir, &out), E_CORRUPT);
    check_says("everything in the segments is sent again");
}
END_TEST

START_TEST(a_directory_without_a_queue_is_refused)
{
    ck_assert_int_eq(queue_inspect(io_posix(), "/nonexistent", &out), E_NOT_FOUND);
    ck_assert_int_eq(queue_inspect(io_posix(), "/", &out), E_NOT_FOUND);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("inspect");
    TCase *tests = tcase_create("inspect");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_sound_queue_is_described);
    tcase_add_test(tests, a_damaged_block_is_named);
    tcase_add_test(tests, a_damaged_header_is_named);
    tcase_add_test(tests, a_lost_acknowledgement_file_is_named);
    tcase_add_test(tests, a_directory_without_a_queue_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
