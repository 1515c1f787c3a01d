// A hole is passed over, not read.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/source_world.h"
#include "support/test_main.h"

enum { HOLE = 3 << 20, CHUNK = 4096 };

static struct source_world *world;
static struct source *source;
static struct source_file *file;
static uint8_t room[CHUNK];

static int64_t read_chunk(void)
{
    return source_read(source, file, room, sizeof room, 0);
}

// The first chunk of the hole is read.
static void setup(void)
{
    world = source_world_create("/d/*");
    uint8_t *hole = xcalloc(1, HOLE);
    simfs_append(world->fs, "/d/app.log", hole, HOLE);
    free(hole);
    source_world_write(world, "/d/app.log", 1, 3);
    owner_step(world->owner);
    source = owner_source(world->owner);
    file = source_next(source, 0);
    ck_assert_int_eq(read_chunk(), CHUNK);
}

static void teardown(void)
{
    source_world_free(world);
}

START_TEST(what_is_not_stored_of_a_hole_is_passed_over)
{
    ck_assert_uint_eq(source_pass_hole(source, file), HOLE - CHUNK);
    ck_assert_uint_eq(source_pass_hole(source, file), 0);
    static const uint8_t zeros[TAIL_BYTES_MAX];
    ck_assert(fingerprint_equal(source_tail(source, file, HOLE),
                                fingerprint_of(slice_of(zeros, sizeof zeros))));
    int64_t count = read_chunk();
    ck_assert_int_gt(count, 0);
    struct slice text = slice_of(room, (size_t)count);
    ck_assert(slice_starts_with(text, slice_of_text("L00001 ")));
    uint64_t end = HOLE + (uint64_t)count;
    source_confirm(source, file, end, source_tail(source, file, end));
    ck_assert_int_eq(read_chunk(), 0);
    ck_assert_uint_eq(source_file_generation(file)->position, end);
}
END_TEST

START_TEST(a_hole_of_a_log_that_was_cut_is_not_passed_over)
{
    simfs_truncate(world->fs, "/d/app.log", 0);
    ck_assert_uint_eq(source_pass_hole(source, file), 0);
    uint8_t *text = xmalloc(HOLE);
    memset(text, 'x', CHUNK);
    memset(text + CHUNK, 0, HOLE - CHUNK);
    simfs_append(world->fs, "/d/app.log", text, HOLE);
    free(text);
    ck_assert_uint_eq(source_pass_hole(source, file), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("hole");
    TCase *tests = tcase_create("hole");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_not_stored_of_a_hole_is_passed_over);
    tcase_add_test(tests, a_hole_of_a_log_that_was_cut_is_not_passed_over);
    suite_add_tcase(suite, tests);
    return suite;
}
