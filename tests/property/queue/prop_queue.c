// Random programs of appends, takes, settlements and syncs, cut at any change by the death of the
// process, the loss of power or a failing disk: nothing that the queue took is lost, nothing comes
// altered or twice but what the books say, and it always goes on.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/queue_world.h"
#include "support/runs.h"
#include "support/test_main.h"

enum { RUNS_DEFAULT = 150, STEPS = 120 };

// ---- trouble ----

static void fail_a_call(struct world *world, uint64_t kind)
{
    static const char *const calls[] = {"pwrite",   "pread", "open",  "unlink",   "rename",
                                        "sync_dir", "list",  "fstat", "ftruncate"};
    static const int errors[] = {-EIO, -ENOSPC, -EINTR};
    world->faulty = true;
    if (kind == 0) {
        fault_io_shorten(&world->fault, FAULT_ANY, 1, UINT64_MAX,
                         1 + prng_below(&world->prng, 3000));
    } else {
        fault_io_fail(&world->fault, calls[prng_below(&world->prng, ARRAY_COUNT(calls))],
                      1 + prng_below(&world->prng, 3), 1 + prng_below(&world->prng, 3),
                      errors[prng_below(&world->prng, ARRAY_COUNT(errors))]);
    }
}

static void make_trouble(struct world *world)
{
    switch (prng_below(&world->prng, world->keeps_power ? 2 : 6)) {
    case 0:
    case 1:
        simdisk_stop_after(world->disk, 1 + prng_below(&world->prng, 12));
        break;
    case 2:
        world->faulty = true;
        simdisk_fail_sync(world->disk, 1 + (unsigned)prng_below(&world->prng, 3));
        break;
    case 3:
        world->faulty = true;
        simdisk_set_capacity(world->disk,
                             simdisk_used(world->disk) + prng_below(&world->prng, 65536));
        break;
    case 4:
        fail_a_call(world, prng_below(&world->prng, 2));
        break;
    default:
        simdisk_drop_caches(world->disk);
    }
}

static void end_trouble(struct world *world)
{
    fault_io_heal(&world->fault);
    simdisk_set_capacity(world->disk, UINT64_MAX);
    simdisk_fail_sync(world->disk, 0);
    world->faulty = false;
}

// ---- programs ----

static unsigned some(struct world *world, unsigned most)
{
    return 1 + (unsigned)prng_below(&world->prng, most);
}

static void step(struct world *world)
{
    switch (prng_below(&world->prng, 12)) {
    case 0:
    case 1:
        queue_world_read(world, some(world, 20));
        break;
    case 2:
    case 3:
        (void)queue_world_append(world);
        break;
    case 4:
    case 5:
        (void)queue_world_take(world, some(world, 60));
        break;
    case 6:
        (void)queue_world_submit(world);
        break;
    case 7:
        (void)queue_world_answer(world, some(world, 100));
        break;
    case 8:
        (void)queue_world_persist(world);
        break;
    case 9:
        (void)queue_world_sync(world, prng_below(&world->prng, 4) == 0);
        break;
    case 10:
        (void)queue_world_repeat(world);
        break;
    default:
        (void)queue_world_drop(world);
    }
}

static enum ending any_ending(struct world *world)
{
    uint64_t choice = prng_below(&world->prng, world->keeps_power ? 3 : 4);
    return choice == 0 ? ENDED_CLOSED : choice < 3 ? ENDED_KILLED : ENDED_POWER;
}

static void run_program(uint64_t seed)
{
    struct world *world = queue_world_create(seed);
    world->keeps_power = seed % 3 == 0;
    uint64_t calm = 2 + prng_below(&world->prng, 30);
    for (unsigned i = 0; i < STEPS; i++) {
        if (prng_below(&world->prng, calm) == 0) {
            make_trouble(world);
        } else if (world->faulty && prng_below(&world->prng, 8) == 0) {
            end_trouble(world);
        }
        step(world);
        enum ending ending;
        if (queue_world_ended(world, &ending)) {
            queue_world_reopen(world, ending);
        } else if (prng_below(&world->prng, 20) == 0) {
            queue_world_reopen(world, any_ending(world));
        }
        queue_world_check(world);
    }
    queue_world_finish(world);
    queue_world_free(world);
}

START_TEST(whatever_happens_nothing_is_lost_and_repeats_are_told)
{
    struct runs runs = runs_wanted(RUNS_DEFAULT);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
        run_program(seed);
    }
    fprintf(stderr, "\r");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_property");
    TCase *tests = tcase_create("queue_property");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, whatever_happens_nothing_is_lost_and_repeats_are_told);
    suite_add_tcase(suite, tests);
    return suite;
}
