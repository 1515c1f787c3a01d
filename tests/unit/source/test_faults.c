// One call of the filesystem fails: nothing is lost, nothing is read twice, and everything is read
// once it works again. Every call of a story fails in turn.
#include <errno.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/gzip_bytes.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG     "/d/app.log"
#define ROTATED "/d/app.log.1"

enum { LAST_LINE = 60 };

enum way {
    WATCHED,
    POLLED,
    AWAY, // the source is stopped while things happen
};

static const struct {
    enum way way;
    int error;
} FAULTS[] = {
    {WATCHED, -EIO}, {WATCHED, -EMFILE}, {WATCHED, -EACCES},
    {POLLED, -EIO},  {AWAY, -EIO},       {AWAY, -EMFILE},
};

// A source that cannot be opened at all is not what is asked here, so it is open before.
static void begin(struct source_world *world, enum way way)
{
    simfs_set_network(world->fs, way == POLLED);
    source_world_write(world, LOG, 1, 20);
    source_world_read(world);
    owner_expect_faults(world->owner);
}

static void rotate(struct source_world *world)
{
    source_world_write(world, LOG, 21, 25);
    simfs_rename(world->fs, LOG, ROTATED);
    source_world_write(world, LOG, 26, 30);
    source_world_write(world, ROTATED, 31, 32);
}

static void cut_behind_copy(struct source_world *world)
{
    simfs_copy_bytes(world->fs, LOG, "/d/copy", 0, (size_t)simfs_size(world->fs, LOG));
    if (owner_is_running(world->owner)) {
        source_world_read(world); // the copy is held
    }
    simfs_truncate(world->fs, LOG, 0);
    source_world_write(world, LOG, 33, 40);
}

static void compress_rotated(struct source_world *world)
{
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, simfs_content(world->fs, ROTATED));
    simfs_append(world->fs, "/d/app.log.1.gz", archive.data, archive.size);
    simfs_unlink(world->fs, ROTATED);
    buf_deinit(&archive);
}

static void link_and_nest(struct source_world *world)
{
    simfs_mkdir(world->fs, "/d/sub");
    source_world_write(world, "/d/sub/app.log", 41, 45);
    source_world_write(world, "/elsewhere", 46, 50);
    simfs_symlink(world->fs, "/elsewhere", "/d/link");
    simfs_unlink(world->fs, LOG);
    source_world_write(world, LOG, 51, LAST_LINE);
}

static void tell_story(struct source_world *world, enum way way)
{
    static void (*const happens[])(struct source_world * world) = {rotate, cut_behind_copy,
                                                                   compress_rotated, link_and_nest};
    for (size_t i = 0; i < ARRAY_COUNT(happens); i++) {
        if (way == AWAY) {
            source_world_stop(world);
        }
        happens[i](world);
        source_world_read_for_s(world, 2);
    }
}

// Returns how many calls there were. `nth` 0: none fails.
static uint64_t run(enum way way, uint64_t nth, int error)
{
    struct source_world *world = source_world_create("/d/**");
    world->config.compressed = true;
    begin(world, way);
    uint64_t before = fault_io_calls(&world->fault, FAULT_ANY);
    if (nth > 0) {
        fault_io_fail(&world->fault, FAULT_ANY, nth, 1, error);
    }
    tell_story(world, way);
    uint64_t calls = fault_io_calls(&world->fault, FAULT_ANY) - before;
    fault_io_heal(&world->fault);
    source_world_read_for_s(world, 16);
    const char *failure = owner_failure(world->owner);
    ck_assert_msg(failure == NULL, "call %u: %s", (unsigned)nth, failure);
    for (unsigned id = 1; id <= LAST_LINE; id++) {
        unsigned times = owner_times_read(world->owner, id);
        ck_assert_msg(times == 1, "call %u: line %u was read %u times", (unsigned)nth, id, times);
    }
    source_world_free(world);
    return calls;
}

START_TEST(a_call_that_fails_once_costs_no_line)
{
    enum way way = FAULTS[_i].way;
    uint64_t calls = run(way, 0, 0);
    ck_assert_uint_gt(calls, 100);
    for (uint64_t nth = 1; nth <= calls; nth++) {
        run(way, nth, FAULTS[_i].error);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("faults of a source");
    TCase *tests = tcase_create("each call");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_call_that_fails_once_costs_no_line, 0, ARRAY_COUNT(FAULTS));
    suite_add_tcase(suite, tests);
    return suite;
}
