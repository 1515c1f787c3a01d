// Where files are found that went under no matching name while the agent was not running.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG  "/d/app.log"
#define LINK "/d/pod.log"

static void make_dir(struct source_world *world, const char *path)
{
    simfs_mkdir(world->fs, path);
}

// The agent has read five lines of a log under LINK, which leads to `real`.
static struct source_world *behind_a_link(const char *real)
{
    struct source_world *world = source_world_create("/d/*.log");
    make_dir(world, "/t");
    source_world_write(world, real, 1, 5);
    simfs_symlink(world->fs, real, LINK);
    source_world_read(world);
    source_world_stop(world);
    return world;
}

START_TEST(a_log_behind_a_symbolic_link_is_found_beside_where_the_link_leads)
{
    struct source_world *world = behind_a_link("/t/0.log");
    source_world_write(world, "/t/0.log", 6, 8);
    simfs_rename(world->fs, "/t/0.log", "/t/0.log.2026");
    source_world_write(world, "/t/0.log", 11, 15);
    source_world_read_for_s(world, 5);
    source_world_write(world, "/t/0.log.2026", 9, 10); // its writer has not noticed
    source_world_read_for_s(world, 65);
    source_world_check(world, 1, 15, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    source_world_read_for_s(world, 65);
    ck_assert(!simfs_is_open(world->fs, "/t/0.log.2026"));
    source_world_free(world);
}
END_TEST

START_TEST(a_link_that_leads_elsewhere_now_has_left_its_log_where_it_was)
{
    struct source_world *world = behind_a_link("/t/a");
    source_world_write(world, "/t/a", 6, 8);
    source_world_write(world, "/t/b", 11, 12);
    simfs_unlink(world->fs, LINK);
    simfs_symlink(world->fs, "/t/b", LINK);
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 8, 1);
    source_world_check(world, 11, 12, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_directory_link_that_leads_elsewhere_now_has_left_its_log_where_it_was)
{
    static const char *const REST[] = {"", "/log", "/var/log"};
    const char *rest = REST[_i];
    char *pattern = xasprintf("/d/current%s/*.log", rest);
    struct source_world *world = source_world_create(pattern);
    const char *const dirs[] = {"/d/r", "/d/r/1", "/d/r/2"};
    for (size_t i = 0; i < ARRAY_COUNT(dirs); i++) {
        make_dir(world, dirs[i]);
    }
    for (const char *slash = rest; *slash != '\0';) {
        const char *next = strchr(slash + 1, '/');
        slash = next == NULL ? slash + strlen(slash) : next;
        for (int i = 1; i <= 2; i++) {
            char *dir = xasprintf("/d/r/%d%.*s", i, (int)(slash - rest), rest);
            make_dir(world, dir);
            free(dir);
        }
    }
    simfs_symlink(world->fs, "/d/r/1", "/d/current");
    char *old = xasprintf("/d/r/1%s/app.log", rest);
    char *new = xasprintf("/d/r/2%s/app.log", rest);
    source_world_write(world, old, 1, 5);
    source_world_read(world);
    source_world_stop(world);
    source_world_write(world, old, 6, 8);
    simfs_unlink(world->fs, "/d/current");
    simfs_symlink(world->fs, "/d/r/2", "/d/current");
    source_world_write(world, new, 9, 12);
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 12, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free(old);
    free(new);
    free(pattern);
    source_world_free(world);
}
END_TEST

START_TEST(a_log_that_was_put_aside_is_found_below_and_beside_its_directory)
{
    static const char *const dirs[] = {"/d/old", "/old", "/d"};
    struct source_world *world = source_world_create(LOG);
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    source_world_stop(world);
    source_world_write(world, LOG, 6, 8);
    if (_i < 2) {
        make_dir(world, dirs[_i]);
    }
    char *aside = xasprintf("%s/app.log.1", dirs[_i]);
    simfs_rename(world->fs, LOG, aside);
    source_world_write(world, LOG, 9, 12);
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 12, 1);
    // Stopped while its end is not proven yet, it goes on from where it is now.
    source_world_stop(world);
    source_world_write(world, aside, 13, 14);
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 14, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free(aside);
    source_world_free(world);
}
END_TEST

START_TEST(what_has_taken_its_inode_elsewhere_is_not_read)
{
    struct source_world *world = source_world_create(LOG);
    simfs_set_births(world->fs, false);
    make_dir(world, "/d/old");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    source_world_stop(world);
    simfs_rename(world->fs, LOG, "/d/old/other");
    simfs_truncate(world->fs, "/d/old/other", 0);
    source_world_write(world, "/d/old/other", 101, 120);
    source_world_read_for_s(world, 70);
    source_world_check(world, 1, 5, 1);
    source_world_check(world, 101, 120, 0);
    ck_assert(!simfs_is_open(world->fs, "/d/old/other"));
    source_world_free(world);
}
END_TEST

START_TEST(a_log_that_is_not_matched_any_more_is_left_where_it_was_read_to)
{
    struct source_world *world = source_world_create("/d/*.log");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    source_world_stop(world);
    source_world_write(world, LOG, 6, 7);
    char *excluded[] = {xstrdup("app.log")};
    world->config.exclude = (struct string_list){.items = excluded, .count = 1};
    source_world_read_for_s(world, 5);
    source_world_write(world, LOG, 8, 9);
    source_world_read_for_s(world, 5);
    source_world_check(world, 6, 9, 0);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    // Also not when it is stopped and started again, or renamed.
    source_world_stop(world);
    if (_i == 1) {
        simfs_rename(world->fs, LOG, "/d/app.log.1");
        simfs_rename(world->fs, "/d/app.log.1", LOG);
    }
    source_world_read_for_s(world, 5);
    source_world_check(world, 6, 9, 0);
    // Whoever takes the pattern back has nothing twice.
    source_world_stop(world);
    world->config.exclude.count = 0;
    source_world_read_for_s(world, 5);
    source_world_check(world, 1, 9, 1);
    free(excluded[0]);
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("search");
    TCase *tcase = tcase_create("after a start");
    tcase_add_test(tcase, a_log_behind_a_symbolic_link_is_found_beside_where_the_link_leads);
    tcase_add_test(tcase, a_link_that_leads_elsewhere_now_has_left_its_log_where_it_was);
    tcase_add_loop_test(
        tcase, a_directory_link_that_leads_elsewhere_now_has_left_its_log_where_it_was, 0, 3);
    tcase_add_loop_test(tcase, a_log_that_was_put_aside_is_found_below_and_beside_its_directory, 0,
                        3);
    tcase_add_test(tcase, what_has_taken_its_inode_elsewhere_is_not_read);
    tcase_add_loop_test(tcase, a_log_that_is_not_matched_any_more_is_left_where_it_was_read_to, 0,
                        2);
    suite_add_tcase(suite, tcase);
    return suite;
}
