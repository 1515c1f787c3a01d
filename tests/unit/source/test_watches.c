// What is watched, and how changes are found where nothing can be watched.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/source_world.h"
#include "support/test_main.h"

#define LOG "/d/app.log"

enum { DIRS = 40 }; // more than a table of directories holds at first

START_TEST(a_link_to_a_file_elsewhere_tells_of_its_growth_at_once)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, "/target", 1, 2);
    simfs_symlink(world->fs, "/target", "/d/link");
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 2, 1);
    source_world_write(world, "/target", 3, 4);
    source_world_read(world);
    source_world_check(world, 1, 4, 1);
    source_world_free(world);
}
END_TEST

START_TEST(two_links_to_one_file_are_one_file_until_the_last_one_goes)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, "/target", 1, 2);
    simfs_symlink(world->fs, "/target", "/d/link.1");
    simfs_symlink(world->fs, "/target", "/d/link.2");
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 2, 1);
    simfs_unlink(world->fs, _i == 0 ? "/d/link.1" : "/d/link.2");
    source_world_read(world);
    source_world_write(world, "/target", 3, 4);
    source_world_read(world);
    source_world_check(world, 1, 4, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_link_whose_target_is_made_anew_leads_to_the_new_file)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, "/target", 1, 2);
    simfs_symlink(world->fs, "/target", "/d/link");
    source_world_read_for_s(world, 3);
    simfs_unlink(world->fs, "/target");
    source_world_write(world, "/target", 3, 4);
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 4, 1);
    source_world_write(world, "/target", 5, 6);
    source_world_read(world);
    source_world_check(world, 5, 6, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_directory_under_two_paths_is_one_directory)
{
    struct source_world *world = source_world_create("/{d,other}/*.log");
    simfs_symlink(world->fs, "/d", "/other");
    source_world_write(world, LOG, 1, 2);
    source_world_read_for_s(world, 3);
    source_world_write(world, LOG, 3, 4);
    source_world_read(world);
    source_world_check(world, 1, 4, 1);
    simfs_unlink(world->fs, "/other");
    source_world_read_for_s(world, 5);
    source_world_write(world, LOG, 5, 6);
    source_world_read(world);
    source_world_check(world, 1, 6, 1);
    source_world_free(world);
}
END_TEST

static void each_dir(struct source_world *world, const char *rest,
                     void (*change)(struct source_world *world, const char *path, unsigned id),
                     unsigned first)
{
    for (unsigned i = 0; i < DIRS; i++) {
        char path[64];
        snprintf(path, sizeof path, "/d/%u%s", i, rest);
        change(world, path, first + i);
    }
}

static void make_dir(struct source_world *world, const char *path, unsigned id)
{
    (void)id;
    simfs_mkdir(world->fs, path);
}

static void write_line(struct source_world *world, const char *path, unsigned id)
{
    source_world_write(world, path, id, id);
}

static void rename_away(struct source_world *world, const char *path, unsigned id)
{
    char to[64];
    snprintf(to, sizeof to, "/away/%u", id);
    simfs_rename(world->fs, path, to);
}

START_TEST(directories_that_go_and_come_again_are_read_again)
{
    struct source_world *world = source_world_create("/d/**/*.log");
    simfs_mkdir(world->fs, "/away");
    unsigned line = 1;
    for (int round = 0; round < 3; round++) {
        each_dir(world, "", make_dir, 0);
        each_dir(world, "/sub", make_dir, 0);
        each_dir(world, "/sub/a.log", write_line, line);
        source_world_read_for_s(world, 2);
        source_world_check(world, line, line + DIRS - 1, 1);
        line += DIRS;
        each_dir(world, "", rename_away, line);
        source_world_read_for_s(world, 3);
    }
    simfs_mkdir(world->fs, "/d/last");
    source_world_write(world, "/d/last/a.log", line, line);
    source_world_read_for_s(world, 3);
    source_world_check(world, line, line, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_link_to_a_directory_above_it_is_not_entered)
{
    struct source_world *world = source_world_create("/d/**/*.log");
    simfs_mkdir(world->fs, "/d/sub");
    simfs_symlink(world->fs, "/d", "/d/sub/up");
    source_world_write(world, LOG, 1, 2);
    source_world_write(world, "/d/sub/a.log", 11, 12);
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 2, 1);
    source_world_check(world, 11, 12, 1);
    ck_assert_ptr_null(owner_state_of(world->owner, "/d/sub/up/app.log"));
    ck_assert_ptr_null(owner_state_of(world->owner, "/d/sub/up/sub/a.log"));
    source_world_free(world);
}
END_TEST

START_TEST(what_is_excluded_is_not_entered_however_it_comes)
{
    struct source_world *world = source_world_create("/d/**/*.log");
    char old[] = "/d/old";
    char *excluded[] = {old};
    world->config.exclude = (struct string_list){.items = excluded, .count = 1};
    simfs_mkdir(world->fs, "/d/old");
    source_world_write(world, "/d/old/a.log", 1, 2);
    source_world_read_for_s(world, 3);
    simfs_rename(world->fs, "/d/old", "/d/new");
    simfs_mkdir(world->fs, "/d/old");
    source_world_write(world, "/d/old/b.log", 3, 4);
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 2, 1);
    source_world_check(world, 3, 4, 0);
    source_world_free(world);
}
END_TEST

// Without watches or an instance everything is polled; with them again it is watched.
static void expect_polling(struct source_world *world)
{
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    source_world_check_state(world, LOG, "at end, polled");
    source_world_write(world, LOG, 6, 7);
    source_world_read_for_s(world, 3);
    source_world_check(world, 1, 7, 1);
}

static void expect_watching(struct source_world *world)
{
    source_world_read_for_s(world, 5);
    source_world_check_state(world, LOG, "at end");
    char *state = owner_state_of(world->owner, LOG);
    ck_assert_str_eq(state, "at end");
    free(state);
    source_world_write(world, LOG, 8, 9);
    source_world_read(world); // at once
    source_world_check(world, 8, 9, 1);
    source_world_free(world);
}

START_TEST(without_watches_files_are_polled_until_there_are_some)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_watches_max(world->fs, 0);
    expect_polling(world);
    simfs_set_watches_max(world->fs, 100);
    expect_watching(world);
}
END_TEST

START_TEST(without_an_instance_files_are_polled_until_there_is_one)
{
    struct source_world *world = source_world_create("/d/*");
    fault_io_fail(&world->fault, "notify_open", 1, 1000, -EMFILE);
    expect_polling(world);
    fault_io_heal(&world->fault);
    expect_watching(world);
}
END_TEST

START_TEST(a_directory_that_may_not_be_watched_is_polled)
{
    struct source_world *world = source_world_create("/d/*");
    fault_io_fail(&world->fault, "notify_add", 1, 1000, -EACCES);
    expect_polling(world);
    source_world_free(world);
}
END_TEST

START_TEST(a_directory_that_may_not_be_listed_says_so_until_it_may)
{
    struct source_world *world = source_world_create("/d/*");
    source_world_write(world, LOG, 1, 2);
    fault_io_fail(&world->fault, "list", 1, 1000, _i == 0 ? -EACCES : -EPERM);
    source_world_read(world);
    source_world_check_state(world, "/d", "not read: permission denied");
    fault_io_heal(&world->fault);
    source_world_read_for_s(world, 5);
    ck_assert_ptr_null(owner_state_of(world->owner, "/d"));
    source_world_check(world, 1, 2, 1);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("watches");
    TCase *links = tcase_create("links");
    tcase_add_test(links, a_link_to_a_file_elsewhere_tells_of_its_growth_at_once);
    tcase_add_loop_test(links, two_links_to_one_file_are_one_file_until_the_last_one_goes, 0, 2);
    tcase_add_test(links, a_link_whose_target_is_made_anew_leads_to_the_new_file);
    tcase_add_test(links, a_directory_under_two_paths_is_one_directory);
    suite_add_tcase(suite, links);
    TCase *dirs = tcase_create("directories");
    tcase_add_test(dirs, directories_that_go_and_come_again_are_read_again);
    tcase_add_loop_test(dirs, a_directory_that_may_not_be_listed_says_so_until_it_may, 0, 2);
    tcase_add_test(dirs, a_link_to_a_directory_above_it_is_not_entered);
    tcase_add_test(dirs, what_is_excluded_is_not_entered_however_it_comes);
    suite_add_tcase(suite, dirs);
    TCase *blind = tcase_create("without inotify");
    tcase_add_test(blind, without_watches_files_are_polled_until_there_are_some);
    tcase_add_test(blind, without_an_instance_files_are_polled_until_there_is_one);
    tcase_add_test(blind, a_directory_that_may_not_be_watched_is_polled);
    suite_add_tcase(suite, blind);
    return suite;
}
