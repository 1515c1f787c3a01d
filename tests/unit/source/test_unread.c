// What is in a file whose descriptor is held is read, or counted as lost, whatever became of its
// names and of copies of it.
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG  "/d/app.log"
#define COPY "/d/app.log.1"

static struct source_world *make_world(void)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, LOG, 1, 60);
    source_world_read_for_s(world, 6);
    return world;
}

static void copy(struct source_world *world)
{
    simfs_copy_bytes(world->fs, LOG, COPY, 0, (size_t)simfs_size(world->fs, LOG));
}

START_TEST(a_log_that_is_copied_cut_and_deleted_at_once_is_read_to_its_end)
{
    struct source_world *world = make_world();
    source_world_write(world, LOG, 61, 70);
    copy(world);
    if (_i % 2 == 0) {
        simfs_truncate(world->fs, LOG, 0);
    }
    source_world_write(world, LOG, 81, 82);
    simfs_unlink(world->fs, LOG);
    if (_i >= 2) {
        source_world_write(world, LOG, 91, 99);
    }
    source_world_read_for_s(world, 90);
    source_world_check(world, 1, 70, 1);
    source_world_check(world, 81, 82, 1);
    source_world_check(world, 91, 99, _i >= 2 ? 1 : 0);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(a_log_that_is_deleted_while_its_copy_is_held_is_read_to_its_end)
{
    struct source_world *world = make_world();
    copy(world);
    source_world_read(world);
    if (_i % 2 == 0) {
        simfs_truncate(world->fs, LOG, 0);
    }
    source_world_write(world, LOG, 81, 82);
    simfs_unlink(world->fs, LOG);
    source_world_read_for_s(world, 90);
    source_world_check(world, 1, 60, 1);
    source_world_check(world, 81, 82, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("unread");
    TCase *tests = tcase_create("held descriptors");
    tcase_add_loop_test(tests, a_log_that_is_copied_cut_and_deleted_at_once_is_read_to_its_end, 0,
                        4);
    tcase_add_loop_test(tests, a_log_that_is_deleted_while_its_copy_is_held_is_read_to_its_end, 0,
                        2);
    suite_add_tcase(suite, tests);
    return suite;
}
