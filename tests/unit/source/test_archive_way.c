// An archive on the way to its position, among others, and what the source says of it meanwhile.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "support/gzip_bytes.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define ARCHIVE "/d/a.log.gz"

enum {
    LONG_LINE = 16 * 1024,
    LONG_LINES = 700, // more content than one step goes through
};

static struct source_world *make_world(void)
{
    struct source_world *world = source_world_create("/d/*");
    world->config.compressed = true;
    return world;
}

// Lines that are `pad` bytes longer than others, as one member of an archive.
static void compress_lines(struct buf *out_archive, unsigned from, unsigned to, size_t pad)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    char *dots = xmalloc(pad + 1);
    memset(dots, '.', pad);
    dots[pad] = '\0';
    for (unsigned id = from; id <= to; id++) {
        buf_appendf(&text, "L%05u %s;\n", id, dots);
    }
    free(dots);
    gzip_bytes(out_archive, buf_slice(&text));
    buf_deinit(&text);
}

static void put_archive(struct source_world *world, const char *path, unsigned from, unsigned to,
                        size_t pad)
{
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    compress_lines(&archive, from, to, pad);
    simfs_append(world->fs, path, archive.data, archive.size);
    buf_deinit(&archive);
}

static void read_some(struct source_world *world, unsigned line)
{
    for (int i = 0; i < 100000 && owner_times_read(world->owner, line) == 0; i++) {
        owner_step(world->owner);
        (void)owner_read_some(world->owner, 4096);
    }
    source_world_check(world, line, line, 1);
}

START_TEST(a_long_way_to_the_position_is_gone_in_steps)
{
    struct source_world *world = make_world();
    put_archive(world, ARCHIVE, 1, LONG_LINES, LONG_LINE);
    read_some(world, LONG_LINES - 20);
    source_world_stop(world);
    owner_step(world->owner);
    ck_assert(!owner_read_some(world->owner, 4096)); // it is on its way
    source_world_read_for_s(world, 10);
    source_world_check(world, 1, LONG_LINES, 1);
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_that_is_deleted_while_it_is_read_is_read_to_its_end)
{
    struct source_world *world = make_world();
    put_archive(world, ARCHIVE, 1, 40, LONG_LINE);
    read_some(world, 10);
    simfs_unlink(world->fs, ARCHIVE);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 40, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(archives_take_turns_and_say_so)
{
    struct source_world *world = make_world();
    put_archive(world, "/d/a.gz", 1, 40, LONG_LINE);
    source_world_pass_s(world, 10);
    put_archive(world, "/d/b.gz", 101, 140, LONG_LINE);
    read_some(world, 10);
    source_world_check_state(world, "/d/a.gz", "reading");
    source_world_check_state(world, "/d/b.gz", "waiting for its turn among compressed files");
    source_world_check(world, 101, 140, 0);
    source_world_read_for_s(world, 80);
    source_world_check(world, 1, 40, 1);
    source_world_check(world, 101, 140, 1);
    source_world_check_state(world, "/d/a.gz", "done: read to its end for good");
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_that_is_written_anew_while_nobody_reads_is_read_anew)
{
    struct source_world *world = make_world();
    put_archive(world, ARCHIVE, 1, 40, LONG_LINE);
    read_some(world, 10);
    source_world_stop(world);
    simfs_truncate(world->fs, ARCHIVE, 0);
    put_archive(world, ARCHIVE, 101, _i == 0 ? 140 : 105, LONG_LINE);
    source_world_read_for_s(world, 20);
    source_world_check(world, 101, 105, 1);
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_that_ends_early_says_so_when_it_is_done)
{
    struct source_world *world = make_world();
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    compress_lines(&archive, 1, 40, 100);
    simfs_append(world->fs, ARCHIVE, archive.data, archive.size - 20);
    source_world_read_for_s(world, 90);
    source_world_check_state(world, ARCHIVE, "done: it ends early");
    buf_deinit(&archive);
    source_world_free(world);
}
END_TEST

START_TEST(a_damaged_archive_says_so_when_it_is_done)
{
    struct source_world *world = make_world();
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    compress_lines(&archive, 1, 40, 100);
    archive.data[archive.size - 6] ^= 0xff; // the checksum
    simfs_append(world->fs, ARCHIVE, archive.data, archive.size);
    source_world_read_for_s(world, 90);
    source_world_check(world, 1, 40, 1);
    source_world_check_state(world, ARCHIVE, "done: damaged, the rest cannot be read");
    buf_deinit(&archive);
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_of_more_than_is_read_says_so)
{
    struct source_world *world = make_world();
    world->config.compressed_max_size = 20u * (uint64_t)LONG_LINE;
    put_archive(world, ARCHIVE, 1, 40, LONG_LINE);
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 19, 1);
    source_world_check(world, 21, 40, 0);
    source_world_check_state(world, ARCHIVE, "not read further: more than compressed_max_size");
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_beside_its_original_says_so)
{
    struct source_world *world = make_world();
    source_world_write(world, "/d/app.log", 1, 50);
    owner_step(world->owner);
    ck_assert(owner_read_some(world->owner, 100));
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, simfs_content(world->fs, "/d/app.log"));
    simfs_append(world->fs, "/d/app.log.gz", archive.data, archive.size);
    for (int i = 0; i < 10; i++) {
        owner_step(world->owner);
        source_world_pass_s(world, 2);
    }
    source_world_check_state(world, "/d/app.log.gz",
                             "held: the compressed copy of a file that is there");
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 50, 1);
    buf_deinit(&archive);
    source_world_free(world);
}
END_TEST

// ---- each call fails once ----

static const int ERRORS[] = {-EIO, -EMFILE, -EACCES};

static uint64_t read_with_fault(uint64_t nth, int error)
{
    struct source_world *world = make_world();
    owner_expect_faults(world->owner);
    put_archive(world, "/d/a.gz", 1, 30, 700);
    read_some(world, 10);
    source_world_stop(world);
    uint64_t before = fault_io_calls(&world->fault, FAULT_ANY);
    if (nth > 0) {
        fault_io_fail(&world->fault, FAULT_ANY, nth, 1, error);
    }
    put_archive(world, "/d/b.gz", 101, 130, 700);
    source_world_read_for_s(world, 2);
    struct buf more;
    buf_init(&more, SIZE_MAX);
    compress_lines(&more, 31, 40, 700);
    simfs_append(world->fs, "/d/a.gz", more.data, more.size);
    buf_deinit(&more);
    source_world_read_for_s(world, 2);
    uint64_t calls = fault_io_calls(&world->fault, FAULT_ANY) - before;
    fault_io_heal(&world->fault);
    source_world_read_for_s(world, 10);
    const char *failure = owner_failure(world->owner);
    ck_assert_msg(failure == NULL, "call %u: %s", (unsigned)nth, failure);
    for (unsigned id = 1; id <= 130; id += id == 40 ? 61 : 1) {
        unsigned times = owner_times_read(world->owner, id);
        ck_assert_msg(times == 1, "call %u: line %u was read %u times", (unsigned)nth, id, times);
    }
    source_world_free(world);
    return calls;
}

START_TEST(a_call_that_fails_once_costs_no_line_of_an_archive)
{
    uint64_t calls = read_with_fault(0, 0);
    ck_assert_uint_gt(calls, 30);
    for (uint64_t nth = 1; nth <= calls; nth++) {
        read_with_fault(nth, ERRORS[_i]);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("archives on their way");
    TCase *way = tcase_create("way");
    tcase_add_test(way, a_long_way_to_the_position_is_gone_in_steps);
    tcase_add_test(way, an_archive_that_is_deleted_while_it_is_read_is_read_to_its_end);
    tcase_add_loop_test(way, an_archive_that_is_written_anew_while_nobody_reads_is_read_anew, 0, 2);
    tcase_add_loop_test(way, a_call_that_fails_once_costs_no_line_of_an_archive, 0,
                        ARRAY_COUNT(ERRORS));
    suite_add_tcase(suite, way);
    TCase *states = tcase_create("states");
    tcase_add_test(states, archives_take_turns_and_say_so);
    tcase_add_test(states, an_archive_that_ends_early_says_so_when_it_is_done);
    tcase_add_test(states, a_damaged_archive_says_so_when_it_is_done);
    tcase_add_test(states, an_archive_of_more_than_is_read_says_so);
    tcase_add_test(states, an_archive_beside_its_original_says_so);
    suite_add_tcase(suite, states);
    return suite;
}
