// The whole source on a real directory with real inotify.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io_posix.h"
#include "source/source.h"
#include "support/fault_io.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { ROOM = 256 * 1024, KNOWN_MAX = 256 };

// A source with an owner that stores nothing but what it was told.
struct world {
    char *dir;
    char *pattern;
    struct source_config config;
    char *files[4];
    char *exclude[4];
    struct stats stats;
    struct fault_io fault;
    struct source *source;
    struct generation known[KNOWN_MAX];
    size_t known_count;
    uint64_t next_id;
    uint64_t shift_ns; // the clock is ahead of the real one by so much
    struct buf text;   // everything that was read
    uint64_t skipped;
    uint64_t lost;
    bool lost_exactly;
    unsigned closed;
    bool fresh;
};

static void on_generation(void *context, const struct generation *generation)
{
    struct world *world = context;
    size_t i = 0;
    while (i < world->known_count && world->known[i].id != generation->id) {
        i++;
    }
    ck_assert_uint_lt(i, KNOWN_MAX);
    uint64_t position = generation->position;
    struct fingerprint tail = generation->tail;
    if (i == world->known_count) {
        world->known_count++;
    } else {
        free(world->known[i].path);
        position = world->known[i].position > position ? world->known[i].position : position;
        tail = position == generation->position ? tail : world->known[i].tail;
    }
    world->known[i] = *generation;
    world->known[i].path = xstrdup(generation->path);
    world->known[i].position = position;
    world->known[i].tail = tail;
    world->next_id = generation->id >= world->next_id ? generation->id + 1 : world->next_id;
}

static void on_skipped(void *context, const struct generation *generation, uint64_t bytes)
{
    struct world *world = context;
    (void)generation;
    world->skipped += bytes;
}

static void on_lost(void *context, const struct generation *generation, uint64_t bytes,
                    enum source_loss loss)
{
    struct world *world = context;
    (void)generation;
    world->lost += bytes;
    world->lost_exactly = loss == LOSS_EXACT;
}

static void on_closed(void *context, struct source_file *file)
{
    struct world *world = context;
    ck_assert_ptr_nonnull(source_file_user(file));
    world->closed++;
}

static void start(struct world *world)
{
    struct source_options options = {
        .config = &world->config,
        .known = world->known,
        .known_count = world->known_count,
        .same_boot = true,
        .fresh = world->fresh,
        .next_id = world->next_id,
        .events = {.context = world,
                   .generation = on_generation,
                   .skipped = on_skipped,
                   .lost = on_lost,
                   .closed = on_closed},
        .stats = &world->stats,
    };
    ck_assert_int_eq(source_open(&world->fault.io, &options, &world->source), 0);
    world->fresh = false;
}

static void stop(struct world *world)
{
    source_close(world->source);
    world->source = NULL;
}

static struct world *make_world(const char *pattern, enum start_at start_at)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->dir = tempdir_create();
    fault_io_init(&world->fault, io_posix());
    world->files[0] = xasprintf("%s/%s", world->dir, pattern);
    world->config = (struct source_config){
        .files = {.items = world->files, .count = 1},
        .exclude = {.items = world->exclude, .count = 0},
        .start_at = start_at,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = 100,
    };
    world->next_id = 1;
    world->fresh = true;
    buf_init(&world->text, SIZE_MAX);
    return world;
}

static void free_world(struct world *world)
{
    if (world->source != NULL) {
        stop(world);
    }
    for (size_t i = 0; i < world->known_count; i++) {
        free(world->known[i].path);
    }
    free(world->files[0]);
    free(world->exclude[0]);
    tempdir_remove(world->dir);
    fault_io_deinit(&world->fault);
    buf_deinit(&world->text);
    free(world);
}

static uint64_t now_of(const struct world *world)
{
    return io_posix()->monotonic_ns(io_posix()) + world->shift_ns;
}

// Reads and confirms everything there is.
static void run(struct world *world)
{
    static uint8_t room[ROOM];
    for (int round = 0; round < 4; round++) {
        (void)source_step(world->source, now_of(world));
        struct source_file *file;
        while ((file = source_next(world->source, now_of(world))) != NULL) {
            source_file_set_user(file, world);
            int64_t count = source_read(world->source, file, room, ROOM, now_of(world));
            ck_assert_int_ge(count, 0);
            buf_append(&world->text, room, (size_t)count);
            const struct generation *generation = source_file_generation(file);
            uint64_t position = generation->position + (uint64_t)count;
            struct fingerprint tail = source_tail(world->source, file, position);
            for (size_t i = 0; i < world->known_count; i++) {
                if (world->known[i].id == generation->id) {
                    world->known[i].position = position;
                    world->known[i].tail = tail;
                }
            }
            source_confirm(world->source, file, position, tail);
        }
    }
}

static const char *text_of(struct world *world)
{
    return buf_text(&world->text);
}

static char *path_of(const struct world *world, const char *name)
{
    return xasprintf("%s/%s", world->dir, name);
}

static void put(const struct world *world, const char *name, int flags, const char *text)
{
    char *path = path_of(world, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    free(path);
}

static void append(const struct world *world, const char *name, const char *text)
{
    put(world, name, O_APPEND, text);
}

static void move(const struct world *world, const char *from, const char *to)
{
    char *old_path = path_of(world, from);
    char *new_path = path_of(world, to);
    ck_assert_int_eq(rename(old_path, new_path), 0);
    free(old_path);
    free(new_path);
}

static void erase(const struct world *world, const char *name)
{
    char *path = path_of(world, name);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

START_TEST(appended_bytes_are_read_once)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log", "two\n");
    run(world);
    append(world, "app.log", "three\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\n");
    free_world(world);
}
END_TEST

START_TEST(start_at_end_skips_what_is_there_but_keeps_an_unfinished_line)
{
    struct world *world = make_world("*.log", START_AT_END);
    append(world, "app.log", "one\ntwo\nthr");
    start(world);
    run(world);
    append(world, "app.log", "ee\n");
    append(world, "new.log", "four\n");
    run(world);
    ck_assert_str_eq(text_of(world), "three\nfour\n");
    ck_assert_uint_eq(world->skipped, 8);
    free_world(world);
}
END_TEST

START_TEST(rename_and_create_loses_no_line_of_either_file)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log", "two\n");
    move(world, "app.log", "app.log.1");
    append(world, "app.log", "four\n");
    append(world, "app.log.1", "three\n");
    run(world);
    append(world, "app.log", "five\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\nfour\nfive\n");
    free_world(world);
}
END_TEST

START_TEST(a_file_renamed_to_a_name_that_does_not_match_is_read_to_its_end)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    move(world, "app.log", "rotated");
    append(world, "app.log", "three\n");
    append(world, "rotated", "two\n");
    run(world);
    append(world, "rotated", "late\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\nlate\n");
    world->shift_ns += 61 * NS_PER_S;
    run(world);
    ck_assert_uint_eq(world->closed, 1);
    free_world(world);
}
END_TEST

static void look(struct world *world)
{
    (void)source_step(world->source, now_of(world));
}

START_TEST(rotations_that_were_watched_but_not_read_are_read_oldest_first)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    start(world);
    append(world, "app.log", "one\n");
    look(world);
    move(world, "app.log", "app.log.1");
    append(world, "app.log", "two\n");
    look(world); // the second waits for the first
    move(world, "app.log", "app.log.2");
    look(world); // nothing is there
    append(world, "app.log", "three\n");
    look(world);
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\n");
    free_world(world);
}
END_TEST

START_TEST(a_log_does_not_wait_for_what_start_at_passes_over)
{
    struct world *world = make_world("app.log*", START_AT_END);
    append(world, "app.log.2", "one\n");
    append(world, "app.log.1", "two\n");
    append(world, "app.log", "three\n");
    start(world);
    append(world, "app.log", "four\n");
    run(world);
    ck_assert_str_eq(text_of(world), "four\n");
    free_world(world);
}
END_TEST

START_TEST(a_generation_that_is_found_after_a_younger_one_is_read_before_it)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    start(world);
    append(world, "app.log", "one\n");
    look(world);
    move(world, "app.log", "app.log.1");
    look(world);
    append(world, "app.log", "two\n");
    move(world, "app.log.1", "app.log.2");
    move(world, "app.log", "app.log.1");
    append(world, "app.log", "three\n");
    look(world);
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\n");
    free_world(world);
}
END_TEST

START_TEST(a_deleted_file_is_read_to_its_end)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log", "two");
    erase(world, "app.log");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo");
    world->shift_ns += 61 * NS_PER_S;
    run(world);
    ck_assert_uint_eq(world->closed, 1);
    ck_assert_uint_eq(world->lost, 0);
    free_world(world);
}
END_TEST

START_TEST(a_deleted_file_that_is_cut_to_nothing_is_read_on)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    char *path = path_of(world, "app.log");
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    free(path);
    start(world);
    run(world);
    erase(world, "app.log");
    run(world);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    world->shift_ns += 61 * NS_PER_S;
    run(world);
    ck_assert_int_eq(write(fd, "two\n", 4), 4);
    world->shift_ns += 61 * NS_PER_S;
    run(world);
    close(fd);
    ck_assert_str_eq(text_of(world), "one\ntwo\n");
    free_world(world);
}
END_TEST

START_TEST(a_truncated_file_is_read_from_its_start)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\ntwo\n");
    start(world);
    run(world);
    put(world, "app.log", O_TRUNC, "new\n");
    run(world);
    put(world, "app.log", O_TRUNC, "4ew\n");
    run(world);
    put(world, "app.log", O_TRUNC, "grown past\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nnew\n4ew\ngrown past\n");
    free_world(world);
}
END_TEST

START_TEST(a_copy_of_a_truncated_file_goes_on_where_the_original_was)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "the first line of all\n");
    start(world);
    run(world);
    append(world, "app.log", "two\n");
    append(world, "app.log.1", "the first line of all\n");
    run(world);
    append(world, "app.log.1", "two\n");
    append(world, "app.log.1", "three\n");
    put(world, "app.log", O_TRUNC, "four\n");
    run(world);
    world->shift_ns += 20 * NS_PER_S;
    run(world);
    ck_assert_str_eq(text_of(world), "the first line of all\ntwo\nthree\nfour\n");
    ck_assert_uint_eq(world->lost, 0);
    free_world(world);
}
END_TEST

START_TEST(rotation_and_growth_while_stopped_are_found_at_the_start)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    stop(world);
    append(world, "app.log", "two\n");
    move(world, "app.log", "app.log.1");
    append(world, "app.log", "three\n");
    start(world);
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\n");
    free_world(world);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_at_the_start_is_not_taken_for_another)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct world *world = make_world("app.log", START_AT_BEGINNING);
        append(world, "app.log", "one\n");
        start(world);
        run(world);
        stop(world);
        append(world, "app.log", "two\n");
        fault_io_fail(&world->fault, "pread", nth, 1, -EIO);
        start(world);
        (void)source_step(world->source, now_of(world));
        fault_io_heal(&world->fault);
        run(world);
        ck_assert_str_eq(text_of(world), "one\ntwo\n");
        free_world(world);
    }
}
END_TEST

START_TEST(a_descriptor_that_is_not_needed_any_more_is_handed_on_to_everyone_who_waits)
{
    struct world *world = make_world("*.log", START_AT_BEGINNING);
    world->config.open_files_max = 2;
    static const char *const names[] = {"a.log", "b.log", "c.log", "d.log", "e.log", "f.log"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        append(world, names[i], names[i]);
    }
    start(world);
    run(world);
    append(world, "gone1.log", "1\n");
    append(world, "gone2.log", "2\n");
    run(world);
    erase(world, "gone1.log"); // both are open, and stay so for a while
    erase(world, "gone2.log");
    size_t before = world->text.size;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        append(world, names[i], "x\n");
    }
    run(world);
    ck_assert_uint_eq(world->text.size, before);
    world->shift_ns += 2 * NS_PER_S;
    run(world);
    ck_assert_uint_eq(world->text.size, before + 2 * ARRAY_COUNT(names));
    free_world(world);
}
END_TEST

START_TEST(directories_that_appear_later_are_read)
{
    struct world *world = make_world("a/*/c.log", START_AT_BEGINNING);
    start(world);
    run(world);
    char *a = path_of(world, "a");
    char *b = path_of(world, "a/b");
    ck_assert_int_eq(mkdir(a, 0755), 0);
    world->shift_ns += 2 * NS_PER_S;
    run(world);
    ck_assert_int_eq(mkdir(b, 0755), 0);
    append(world, "a/b/c.log", "one\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\n");
    free(a);
    free(b);
    free_world(world);
}
END_TEST

START_TEST(a_file_under_two_names_is_read_once)
{
    struct world *world = make_world("*.log", START_AT_BEGINNING);
    append(world, "a.log", "one\n");
    char *a = path_of(world, "a.log");
    char *b = path_of(world, "b.log");
    ck_assert_int_eq(link(a, b), 0);
    start(world);
    run(world);
    erase(world, "a.log");
    append(world, "b.log", "two\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\n");
    ck_assert_uint_eq(world->known_count, 1);
    free(a);
    free(b);
    free_world(world);
}
END_TEST

START_TEST(a_file_that_is_the_beginning_of_an_intact_one_is_held_then_a_file_of_its_own)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "one\ntwo\n");
    start(world);
    run(world);
    append(world, "app.log.1", "one\n");
    run(world);
    world->shift_ns += 9 * NS_PER_S;
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\n");
    world->shift_ns += 2 * NS_PER_S;
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\none\n");
    free_world(world);
}
END_TEST

START_TEST(a_copy_of_what_was_read_is_not_read_when_the_original_is_cut_behind_it)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log.1", "one\n");
    run(world);
    append(world, "app.log", "two\n");
    run(world);
    put(world, "app.log", O_TRUNC, "three\n");
    run(world);
    world->shift_ns += 20 * NS_PER_S;
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nthree\n");
    free_world(world);
}
END_TEST

START_TEST(a_file_that_is_longer_than_an_intact_one_which_was_read_is_a_file_of_its_own)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log.1", "one\ntwo\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\none\ntwo\n");
    free_world(world);
}
END_TEST

START_TEST(a_file_that_is_born_after_the_original_was_deleted_is_a_file_of_its_own)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    erase(world, "app.log");
    if (_i >= 1) {
        run(world); // it is seen, but not proven yet
    }
    if (_i == 2) {
        world->shift_ns += 61 * NS_PER_S;
        run(world);
        ck_assert_uint_eq(world->closed, 1);
    }
    append(world, "app.log", "one\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\none\n");
    free_world(world);
}
END_TEST

START_TEST(what_is_written_when_the_end_was_told_is_read_though_the_file_is_deleted)
{
    struct world *world = make_world("app.log*", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    move(world, "app.log", "app.log.1");
    run(world);
    world->shift_ns += 61 * NS_PER_S;
    (void)source_step(world->source, now_of(world));
    struct source_file *file = source_next(world->source, now_of(world));
    ck_assert_ptr_nonnull(file);
    ck_assert(source_file_ended(file));
    append(world, "app.log.1", "late\n");
    erase(world, "app.log.1");
    run(world);
    ck_assert_str_eq(text_of(world), "one\nlate\n");
    world->shift_ns += 61 * NS_PER_S;
    run(world);
    ck_assert_uint_eq(world->closed, 2);
    ck_assert_uint_eq(world->lost, 0);
    free_world(world);
}
END_TEST

static void cut(const struct world *world, const char *name, const char *rest)
{
    char *path = path_of(world, name);
    ck_assert_int_eq(truncate(path, (off_t)strlen(rest)), 0);
    free(path);
}

START_TEST(a_log_that_was_looked_at_and_is_cut_before_it_is_read_is_lost_and_begins_anew)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    start(world);
    append(world, "app.log", "one\nthree\n");
    (void)source_step(world->source, now_of(world));
    cut(world, "app.log", "one\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\n");
    world->shift_ns += 20 * NS_PER_S;
    run(world);
    ck_assert_uint_eq(world->lost, strlen("one\nthree\n"));
    ck_assert(world->lost_exactly);
    free_world(world);
}
END_TEST

// A step takes note of a change of a file that is open; its size shows itself when it is read.
START_TEST(an_end_that_is_cut_off_before_its_size_was_looked_at_is_not_known)
{
    struct world *world = make_world("app.log", START_AT_BEGINNING);
    append(world, "app.log", "one\n");
    start(world);
    run(world);
    append(world, "app.log", "two\nthree\n");
    (void)source_step(world->source, now_of(world));
    cut(world, "app.log", "one\ntwo\n");
    run(world);
    append(world, "app.log", "four\n");
    run(world);
    ck_assert_str_eq(text_of(world), "one\ntwo\nfour\n");
    ck_assert_uint_eq(world->lost, 0);
    free_world(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source");
    TCase *reading = tcase_create("reading");
    tcase_add_test(reading, appended_bytes_are_read_once);
    tcase_add_test(reading, start_at_end_skips_what_is_there_but_keeps_an_unfinished_line);
    tcase_add_test(reading, rename_and_create_loses_no_line_of_either_file);
    tcase_add_test(reading, a_file_renamed_to_a_name_that_does_not_match_is_read_to_its_end);
    tcase_add_test(reading, rotations_that_were_watched_but_not_read_are_read_oldest_first);
    tcase_add_test(reading, a_log_does_not_wait_for_what_start_at_passes_over);
    tcase_add_test(reading, a_generation_that_is_found_after_a_younger_one_is_read_before_it);
    tcase_add_test(reading, a_deleted_file_is_read_to_its_end);
    tcase_add_test(reading, a_deleted_file_that_is_cut_to_nothing_is_read_on);
    tcase_add_test(reading, a_truncated_file_is_read_from_its_start);
    tcase_add_test(reading, a_copy_of_a_truncated_file_goes_on_where_the_original_was);
    tcase_add_test(reading, rotation_and_growth_while_stopped_are_found_at_the_start);
    tcase_add_test(reading, a_file_that_cannot_be_read_at_the_start_is_not_taken_for_another);
    tcase_add_test(reading,
                   a_descriptor_that_is_not_needed_any_more_is_handed_on_to_everyone_who_waits);
    tcase_add_test(reading, directories_that_appear_later_are_read);
    tcase_add_test(reading,
                   a_log_that_was_looked_at_and_is_cut_before_it_is_read_is_lost_and_begins_anew);
    tcase_add_test(reading, an_end_that_is_cut_off_before_its_size_was_looked_at_is_not_known);
    tcase_add_test(reading,
                   what_is_written_when_the_end_was_told_is_read_though_the_file_is_deleted);
    suite_add_tcase(suite, reading);
    TCase *cases = tcase_create("cases of identity");
    tcase_add_test(cases, a_file_under_two_names_is_read_once);
    tcase_add_test(cases,
                   a_file_that_is_the_beginning_of_an_intact_one_is_held_then_a_file_of_its_own);
    tcase_add_test(cases, a_copy_of_what_was_read_is_not_read_when_the_original_is_cut_behind_it);
    tcase_add_test(cases,
                   a_file_that_is_longer_than_an_intact_one_which_was_read_is_a_file_of_its_own);
    tcase_add_loop_test(
        cases, a_file_that_is_born_after_the_original_was_deleted_is_a_file_of_its_own, 0, 3);
    suite_add_tcase(suite, cases);
    return suite;
}
