// What inotify does not tell, because its queue was full or its watches are used up: looking at
// everything finds what the lost events would have said.
#include "base/io.h"
#include "source/glob.h"
#include "source/tree.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG "/d/app.log"

// Fills the queue of events, so that what follows is lost.
static void fill_queue(struct source_world *world)
{
    for (unsigned i = 0; i < 10; i++) {
        source_world_append(world, i % 2 == 0 ? "/d/noise.1" : "/d/noise.2", "noise\n");
    }
}

static struct source_world *make_world(void)
{
    struct source_world *world = source_world_create("/d/*.log");
    simfs_set_queue_max(world->fs, 4);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 6);
    return world;
}

// At once: without the rescan, for which time would have to pass.
static void read_at_once(struct source_world *world)
{
    source_world_read(world);
    source_world_read(world);
}

START_TEST(growth_and_a_new_file_are_found_when_their_events_were_lost)
{
    struct source_world *world = make_world();
    fill_queue(world);
    source_world_write(world, LOG, 6, 7);
    source_world_write(world, "/d/new.log", 101, 102);
    read_at_once(world);
    source_world_check(world, 1, 7, 1);
    source_world_check(world, 101, 102, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_rotation_is_found_when_its_events_were_lost)
{
    struct source_world *world = make_world();
    fill_queue(world);
    source_world_write(world, LOG, 6, 7);
    simfs_rename(world->fs, LOG, "/d/app.1.log");
    source_world_write(world, LOG, 8, 9);
    read_at_once(world);
    source_world_check(world, 1, 9, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_truncation_is_found_when_its_events_were_lost)
{
    struct source_world *world = make_world();
    fill_queue(world);
    simfs_truncate(world->fs, LOG, 0);
    source_world_write(world, LOG, 6, 7);
    read_at_once(world);
    source_world_check(world, 1, 7, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_deletion_is_found_when_its_events_were_lost)
{
    struct source_world *world = make_world();
    fill_queue(world);
    simfs_unlink(world->fs, LOG);
    read_at_once(world);
    source_world_check_state(world, LOG, "departing: deleted");
    source_world_free(world);
}
END_TEST

START_TEST(a_directory_is_found_when_its_events_were_lost)
{
    struct source_world *world = source_world_create("/d/**/*.log");
    simfs_set_queue_max(world->fs, 4);
    source_world_read(world);
    fill_queue(world);
    simfs_mkdir(world->fs, "/d/sub");
    source_world_write(world, "/d/sub/a.log", 1, 2);
    read_at_once(world);
    source_world_check(world, 1, 2, 1);
    source_world_free(world);
}
END_TEST

START_TEST(each_overflow_is_counted_once_and_every_name_looked_at)
{
    struct source_world *world = source_world_create("/d/*.log");
    simfs_set_queue_max(world->fs, 4);
    source_world_append(world, "/d/a.log", "a\n");
    source_world_append(world, "/d/b.log", "b\n");
    struct glob *glob;
    ck_assert_int_eq(glob_create(&world->config.files, &world->config.exclude, &glob, NULL), 0);
    struct io *io = simfs_io(world->fs);
    struct tree *tree = tree_create(io, glob, 1000);
    tree_scan(tree);
    while (tree_take(tree) != NULL) {
    }
    ck_assert_uint_eq(tree_overflow_count(tree), 0);
    for (unsigned times = 1; times <= 3; times++) {
        fill_queue(world);
        tree_step(tree, io->monotonic_ns(io));
        ck_assert_uint_eq(tree_overflow_count(tree), times);
        unsigned looked_at = 0;
        while (tree_take(tree) != NULL) {
            looked_at++;
        }
        ck_assert_uint_eq(looked_at, 2);
    }
    tree_free(tree);
    glob_free(glob);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("events that were lost");
    TCase *tests = tcase_create("overflow");
    tcase_add_test(tests, growth_and_a_new_file_are_found_when_their_events_were_lost);
    tcase_add_test(tests, a_rotation_is_found_when_its_events_were_lost);
    tcase_add_test(tests, a_truncation_is_found_when_its_events_were_lost);
    tcase_add_test(tests, a_deletion_is_found_when_its_events_were_lost);
    tcase_add_test(tests, a_directory_is_found_when_its_events_were_lost);
    tcase_add_test(tests, each_overflow_is_counted_once_and_every_name_looked_at);
    suite_add_tcase(suite, tests);
    return suite;
}
