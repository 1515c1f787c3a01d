// The table of generations: what it costs, and paths that share directories.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "queue/positions.h"
#include "support/test_main.h"

enum {
    FILES = 16000, // just below a capacity of the table
    FILES_A_DIRECTORY = 500,
    FILE_BYTES_MAX = 170, // of 600 for everything; the rest is the source's, and malloc's
};

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

static void note(struct positions *positions, uint64_t id, const char *path)
{
    struct generation generation = {.id = id, .inode = id, .path = xstrdup(path)};
    positions_note(positions, &generation);
    free(generation.path);
}

static void check_path(const struct positions *positions, uint64_t id, const char *expected)
{
    char *path = positions_path(positions, positions_find(positions, id));
    ck_assert_str_eq(path, expected);
    free(path);
}

START_TEST(an_idle_file_costs_little_memory)
{
    struct positions positions = {0};
    size_t before = heap_bytes();
    for (unsigned i = 0; i < FILES; i++) {
        char *path = xasprintf("/var/log/applications/of-many-users/group-%04u/app-%06u.log",
                               i / FILES_A_DIRECTORY, i);
        note(&positions, i + 1, path);
        free(path);
    }
    ck_assert_uint_le((heap_bytes() - before) / FILES, FILE_BYTES_MAX);
    positions_deinit(&positions);
}
END_TEST

START_TEST(paths_come_back_as_they_were_noted)
{
    const char *paths[] = {"/var/log/a.log", "/var/log/b.log", "/top.log",
                           "bare.log",       "/var/log/",      ""};
    struct positions positions = {0};
    for (unsigned i = 0; i < ARRAY_COUNT(paths); i++) {
        note(&positions, i + 1, paths[i]);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(paths); i++) {
        check_path(&positions, i + 1, paths[i]);
    }
    ck_assert_uint_eq(positions.dirs.count, 3);
    positions_deinit(&positions);
}
END_TEST

START_TEST(a_directory_is_kept_as_long_as_a_path_leads_through_it)
{
    struct positions positions = {0};
    note(&positions, 1, "/a/x.log");
    note(&positions, 2, "/a/y.log");
    note(&positions, 1, "/b/x.log");
    ck_assert_uint_eq(positions.dirs.count, 2);
    check_path(&positions, 1, "/b/x.log");
    check_path(&positions, 2, "/a/y.log");
    struct generation gone = {.id = 2, .state = GENERATION_FORGET};
    positions_note(&positions, &gone);
    ck_assert_uint_eq(positions.dirs.count, 1);
    check_path(&positions, 1, "/b/x.log");
    positions_deinit(&positions);
}
END_TEST

static void encode(uint64_t id, enum generation_state state, struct buf *out)
{
    char path[] = "/var/log/app.log";
    struct generation generation = {.id = id, .state = state, .path = path};
    generation_encode(&generation, NULL, out);
}

START_TEST(many_that_are_forgotten_at_once_take_no_time)
{
    enum { MANY = 60000 };
    struct positions positions = {0};
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX);
    for (unsigned i = 0; i < MANY; i++) {
        encode(i + 1, GENERATION_LIVE, &bytes);
    }
    ck_assert_int_eq(positions_decode(&positions, buf_slice(&bytes)), 0);
    buf_clear(&bytes);
    for (unsigned i = 0; i < MANY; i += 2) {
        encode(i + 1, GENERATION_FORGET, &bytes);
    }
    encode(3, GENERATION_LIVE, &bytes); // as no source does, but a file may say
    clock_t start = clock();
    ck_assert_int_eq(positions_decode(&positions, buf_slice(&bytes)), 0);
    ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 2);
    ck_assert_uint_eq(positions.count, MANY / 2 + 1);
    ck_assert_ptr_null(positions_find(&positions, 1));
    for (unsigned i = 1; i < MANY; i += 2) {
        ck_assert_uint_eq(positions_find(&positions, i + 1)->id, i + 1);
    }
    check_path(&positions, 3, "/var/log/app.log");
    check_path(&positions, MANY, "/var/log/app.log");
    buf_deinit(&bytes);
    positions_deinit(&positions);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("positions");
    TCase *tests = tcase_create("positions");
    tcase_add_test(tests, an_idle_file_costs_little_memory);
    tcase_add_test(tests, paths_come_back_as_they_were_noted);
    tcase_add_test(tests, a_directory_is_kept_as_long_as_a_path_leads_through_it);
    tcase_add_test(tests, many_that_are_forgotten_at_once_take_no_time);
    suite_add_tcase(suite, tests);
    return suite;
}
