// start_at: end, and what `run --once` asks: whether everything is read.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/stats.h"
#include "support/gzip_bytes.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG "/d/app.log"

enum { PAGE = 4096, SEARCHED = 64 * 1024 };

struct told {
    uint64_t position;
    uint64_t skipped;
    unsigned times;
};

static void on_generation(void *context, const struct generation *generation)
{
    struct told *told = context;
    told->position = generation->position;
}

static void on_skipped(void *context, const struct generation *generation, uint64_t bytes)
{
    struct told *told = context;
    (void)generation;
    told->skipped += bytes;
    told->times++;
}

static void on_lost(void *context, const struct generation *generation, uint64_t bytes,
                    enum source_loss loss)
{
    (void)context;
    (void)generation;
    (void)bytes;
    (void)loss;
    ck_abort_msg("nothing is lost");
}

static void on_closed(void *context, struct source_file *file)
{
    (void)context;
    (void)file;
}

// What a new flow with start_at: end makes of the files that are there.
static struct told start_at_end(struct source_world *world)
{
    struct told told = {0};
    struct stats stats = {0};
    world->config.start_at = START_AT_END;
    struct source_options options = {
        .config = &world->config,
        .same_boot = true,
        .fresh = true,
        .next_id = 1,
        .events = {.context = &told,
                   .generation = on_generation,
                   .skipped = on_skipped,
                   .lost = on_lost,
                   .closed = on_closed},
        .stats = &stats,
    };
    struct source *source;
    struct io *io = &world->fault.io;
    ck_assert_int_eq(source_open(io, &options, &source), 0);
    (void)source_step(source, io->monotonic_ns(io));
    source_close(source);
    return told;
}

static void append_many(struct source_world *world, char byte, size_t size)
{
    char *text = xmalloc(size + 1);
    memset(text, byte, size);
    text[size] = '\0';
    source_world_append(world, LOG, text);
    free(text);
}

static const size_t UNFINISHED[] = {0, 1, PAGE - 1, PAGE, PAGE + 1, 12288, SEARCHED - 1};

START_TEST(the_line_that_is_not_finished_is_kept_however_many_pages_it_has)
{
    struct source_world *world = source_world_create(LOG);
    append_many(world, 'a', 100);
    source_world_append(world, LOG, "\n");
    append_many(world, 'b', UNFINISHED[_i]);
    struct told told = start_at_end(world);
    ck_assert_uint_eq(told.position, 101);
    ck_assert_uint_eq(told.skipped, 101);
    source_world_free(world);
}
END_TEST

static const size_t ONE_LINE[] = {1, PAGE, 20481, SEARCHED};

START_TEST(a_file_of_one_line_that_is_not_finished_is_read_from_its_start)
{
    struct source_world *world = source_world_create(LOG);
    append_many(world, 'b', ONE_LINE[_i]);
    struct told told = start_at_end(world);
    ck_assert_uint_eq(told.position, 0);
    ck_assert_uint_eq(told.times, 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_line_whose_start_is_too_far_back_is_passed_over)
{
    struct source_world *world = source_world_create(LOG);
    source_world_append(world, LOG, "\n");
    size_t size = SEARCHED + (size_t)_i * PAGE;
    append_many(world, 'b', size);
    struct told told = start_at_end(world);
    ck_assert_uint_eq(told.position, 1 + size);
    ck_assert_uint_eq(told.skipped, told.position);
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_is_passed_over_as_a_whole)
{
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, slice_of_text("one\ntwo\nthr"));
    simfs_append(world->fs, "/d/a.gz", archive.data, archive.size);
    struct told told = start_at_end(world);
    ck_assert_uint_eq(told.skipped, archive.size);
    ck_assert_uint_eq(told.times, 1);
    buf_deinit(&archive);
    source_world_free(world);
}
END_TEST

// ---- caught up ----

static bool caught_up(struct source_world *world)
{
    struct io *io = simfs_io(world->fs);
    return source_caught_up(owner_source(world->owner), io->monotonic_ns(io));
}

START_TEST(it_is_caught_up_when_everything_that_is_there_was_read)
{
    struct source_world *world = source_world_create("/d/*");
    owner_step(world->owner);
    ck_assert(caught_up(world));
    source_world_write(world, LOG, 1, 5);
    ck_assert(!caught_up(world)); // it looks for itself
    ck_assert(!caught_up(world));
    source_world_read(world);
    ck_assert(caught_up(world));
    source_world_write(world, "/d/new", 11, 15);
    ck_assert(!caught_up(world));
    source_world_read(world);
    source_world_check(world, 11, 15, 1);
    ck_assert(caught_up(world));
    source_world_free(world);
}
END_TEST

START_TEST(it_is_not_caught_up_while_a_file_is_held_or_waits_for_a_copy)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    simfs_copy_bytes(world->fs, LOG, "/d/copy", 0, (size_t)simfs_size(world->fs, LOG));
    source_world_read(world);
    ck_assert(!caught_up(world));
    source_world_write(world, LOG, 6, 6);
    source_world_read(world);
    simfs_truncate(world->fs, LOG, 0);
    source_world_read_for_s(world, 3);
    ck_assert(caught_up(world));
    source_world_check(world, 1, 6, 1);
    source_world_free(world);
}
END_TEST

START_TEST(it_is_not_caught_up_while_an_archive_is_not_read)
{
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    owner_step(world->owner);
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, slice_of_text("L00001 text;\n"));
    simfs_append(world->fs, "/d/a.gz", archive.data, archive.size);
    ck_assert(!caught_up(world));
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 1, 1);
    ck_assert(caught_up(world));
    buf_deinit(&archive);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("start and end");
    TCase *start = tcase_create("start_at: end");
    tcase_add_loop_test(start, the_line_that_is_not_finished_is_kept_however_many_pages_it_has, 0,
                        ARRAY_COUNT(UNFINISHED));
    tcase_add_loop_test(start, a_file_of_one_line_that_is_not_finished_is_read_from_its_start, 0,
                        ARRAY_COUNT(ONE_LINE));
    tcase_add_loop_test(start, a_line_whose_start_is_too_far_back_is_passed_over, 0, 3);
    tcase_add_test(start, an_archive_is_passed_over_as_a_whole);
    suite_add_tcase(suite, start);
    TCase *end = tcase_create("caught up");
    tcase_add_test(end, it_is_caught_up_when_everything_that_is_there_was_read);
    tcase_add_test(end, it_is_not_caught_up_while_a_file_is_held_or_waits_for_a_copy);
    tcase_add_test(end, it_is_not_caught_up_while_an_archive_is_not_read);
    suite_add_tcase(suite, end);
    return suite;
}
