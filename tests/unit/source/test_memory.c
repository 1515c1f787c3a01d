// What a file costs that nobody writes to, in bytes of the heap.
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io_posix.h"
#include "source/source.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum {
    FILES = 4000,
    FILE_BYTES_MAX = 430,
};

static struct generation known[FILES];
static size_t known_count;

static void on_generation(void *context, const struct generation *generation)
{
    (void)context;
    ck_assert_uint_le(generation->id, FILES);
    struct generation *place = &known[generation->id - 1];
    known_count += place->path == NULL ? 1 : 0;
    free(place->path);
    *place = *generation;
    place->path = xstrdup(generation->path);
}

static void on_closed(void *context, struct source_file *file)
{
    (void)context;
    (void)file;
}

// 0 with a malloc that does not tell.
static size_t heap_bytes(void)
{
#ifdef __GLIBC__
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static void make_files(const char *dir)
{
    for (int i = 0; i < FILES; i++) {
        char *path = xasprintf("%s/application-%06d.log", dir, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_gt(dprintf(fd, "line %09d of a log that is quiet most of the time\n", i), 0);
        ck_assert_int_eq(close(fd), 0);
        free(path);
    }
}

static struct source *open_source(const struct source_config *config, struct stats *stats)
{
    struct source_options options = {
        .config = config,
        .known = known,
        .known_count = known_count,
        .same_boot = true,
        .next_id = known_count + 1,
        .events = {.generation = on_generation, .closed = on_closed},
        .stats = stats,
    };
    struct source *source;
    ck_assert_int_eq(source_open(io_posix(), &options, &source), 0);
    return source;
}

static void read_all(struct source *source)
{
    uint8_t room[4096];
    struct source_file *file;
    uint64_t now_ns = io_posix()->monotonic_ns(io_posix());
    do {
        (void)source_step(source, now_ns);
        while ((file = source_next(source, now_ns)) != NULL) {
            int64_t count = source_read(source, file, room, sizeof room, now_ns);
            ck_assert_int_ge(count, 0);
            struct generation *place = &known[source_file_generation(file)->id - 1];
            place->position += (uint64_t)count;
            place->tail = source_tail(source, file, place->position);
            source_confirm(source, file, place->position, place->tail);
        }
    } while (!source_caught_up(source, now_ns));
}

START_TEST(an_idle_file_costs_little_memory)
{
    char *dir = tempdir_create();
    char *pattern = xasprintf("%s/*.log", dir);
    make_files(dir);
    struct stats stats = {0};
    struct source_config config = {
        .files = {.items = &pattern, .count = 1},
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = 100,
    };
    struct source *source = open_source(&config, &stats);
    read_all(source);
    ck_assert_uint_eq(known_count, FILES);
    source_close(source);

    size_t before = heap_bytes();
    source = open_source(&config, &stats);
    read_all(source);
    size_t after = heap_bytes();
    ck_assert_uint_eq(known_count, FILES);
    ck_assert_uint_le((after - before) / FILES, FILE_BYTES_MAX);

    source_close(source);
    for (size_t i = 0; i < known_count; i++) {
        free(known[i].path);
    }
    free(pattern);
    tempdir_remove(dir);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, an_idle_file_costs_little_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
