// The rows of ARCHITECTURE.md's table (which bytes are new) that a start decides.
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG "/d/app.log"

START_TEST(after_a_reboot_the_same_inode_and_birth_on_another_device_are_the_same_generation)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, LOG, 1, 5);
    source_world_write(world, "/d/other.log", 101, 105);
    source_world_read_for_s(world, 6);
    source_world_reboot(world, 77);
    simfs_rename(world->fs, LOG, "/d/renamed"); // before the agent starts
    source_world_write(world, "/d/renamed", 6, 7);
    source_world_write(world, "/d/other.log", 106, 107);
    source_world_read(world); // at once: a copy of something would be judged first
    source_world_check(world, 1, 7, 1);
    source_world_check(world, 101, 107, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(after_a_reboot_without_births_the_same_inode_and_path_are_the_same_generation)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_births(world->fs, false);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 6);
    source_world_reboot(world, 77);
    source_world_write(world, LOG, 6, 7);
    source_world_read(world);
    source_world_check(world, 1, 7, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

START_TEST(
    after_a_reboot_without_births_the_same_inode_and_path_with_other_content_are_another_file)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_births(world->fs, false);
    simfs_set_reuse(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 6);
    source_world_reboot(world, 77);
    simfs_unlink(world->fs, LOG);
    source_world_write(world, LOG, 6, 20);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 20, 1);
    source_world_free(world);
}
END_TEST

// Three that had the inode one after the other are known: two that were cut, and the living one.
START_TEST(of_several_known_generations_with_one_inode_the_one_that_was_alive_last_goes_on)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_births(world->fs, _i == 0);
    source_world_write(world, LOG, 1, 20);
    source_world_read_for_s(world, 6);
    simfs_truncate(world->fs, LOG, 0);
    source_world_write(world, LOG, 21, 30);
    source_world_read_for_s(world, 6);
    simfs_truncate(world->fs, LOG, 0);
    source_world_write(world, LOG, 31, 35);
    source_world_read_for_s(world, 6);
    source_world_stop(world);
    source_world_write(world, LOG, 36, 60);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 60, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_free(world);
}
END_TEST

// Nothing that is known lives: each was deleted, and the next one was made in the same inode.
START_TEST(of_several_known_generations_with_one_inode_that_have_ended_the_youngest_goes_on)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_births(world->fs, false);
    simfs_set_reuse(world->fs, true);
    world->config.close_after_ms = 1000;
    for (unsigned i = 0; i < 3; i++) {
        source_world_write(world, LOG, i * 10 + 1, i * 10 + 10);
        simfs_link(world->fs, LOG, "/kept");
        source_world_read_for_s(world, 6);
        simfs_unlink(world->fs, LOG);
        source_world_read_for_s(world, 10);
        if (i < 2) {
            simfs_unlink(world->fs, "/kept");
        }
    }
    source_world_stop(world);
    simfs_link(world->fs, "/kept", LOG); // it comes back
    source_world_write(world, LOG, 31, 33);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 33, 1);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cases of a start");
    TCase *tests = tcase_create("rows");
    tcase_add_test(
        tests, after_a_reboot_the_same_inode_and_birth_on_another_device_are_the_same_generation);
    tcase_add_test(tests,
                   after_a_reboot_without_births_the_same_inode_and_path_are_the_same_generation);
    tcase_add_test(
        tests,
        after_a_reboot_without_births_the_same_inode_and_path_with_other_content_are_another_file);
    tcase_add_loop_test(
        tests, of_several_known_generations_with_one_inode_the_one_that_was_alive_last_goes_on, 0,
        2);
    tcase_add_test(
        tests, of_several_known_generations_with_one_inode_that_have_ended_the_youngest_goes_on);
    suite_add_tcase(suite, tests);
    return suite;
}
