// The names of a tree when inotify has nothing left, and its directories.
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io_posix.h"
#include "source/tree.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static int no_watches(struct io *io, int fd, const char *path, uint32_t mask)
{
    (void)io;
    (void)fd;
    (void)path;
    (void)mask;
    return -ENOSPC;
}

static int no_instances(struct io *io)
{
    (void)io;
    return -EMFILE;
}

struct world {
    struct io io;
    char *dir;
    char *pattern;
    struct glob *glob;
    struct tree *tree;
    uint64_t now_ns;
};

static struct world *make_world(const char *pattern)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->io = *io_posix();
    world->dir = tempdir_create();
    world->pattern = xasprintf("%s/%s", world->dir, pattern);
    struct string_list files = {.items = &world->pattern, .count = 1};
    struct string_list exclude = {0};
    ck_assert_int_eq(glob_create(&files, &exclude, &world->glob, NULL), 0);
    return world;
}

static void free_world(struct world *world)
{
    tree_free(world->tree);
    glob_free(world->glob);
    tempdir_remove(world->dir);
    free(world->pattern);
    free(world);
}

static void create(const struct world *world, const char *name)
{
    char *path = xasprintf("%s/%s", world->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    close(fd);
    free(path);
}

static void scan(struct world *world)
{
    world->tree = tree_create(&world->io, world->glob, 1000);
    tree_scan(world->tree);
}

// One wake-up of the rescan. Returns how many names are to be looked at.
static unsigned wake(struct world *world)
{
    world->now_ns += 2 * NS_PER_S;
    tree_step(world->tree, world->now_ns);
    unsigned count = 0;
    while (tree_take(world->tree) != NULL) {
        count++;
    }
    return count;
}

// Polls the files of a directory until what was missing is there again.
static void expect_polling_until_it_works(struct world *world, enum tree_blindness blindness)
{
    scan(world);
    ck_assert_uint_eq(tree_dir_count(world->tree, blindness), 1);
    ck_assert_uint_eq(tree_dir_count(world->tree, TREE_SEES), 0);
    ck_assert_uint_eq(tree_polled_count(world->tree), 1);
    (void)wake(world);
    create(world, "b.log");
    ck_assert_uint_eq(wake(world), 2);
    ck_assert_uint_eq(tree_polled_count(world->tree), 2);
    world->io = *io_posix();
    (void)wake(world);
    (void)wake(world);
    ck_assert_uint_eq(tree_polled_count(world->tree), 0);
    ck_assert_uint_eq(tree_dir_count(world->tree, blindness), 0);
    ck_assert_uint_eq(tree_dir_count(world->tree, TREE_SEES), 1);
    create(world, "c.log");
    tree_step(world->tree, world->now_ns); // nothing but events
    ck_assert_ptr_nonnull(tree_take(world->tree));
    ck_assert_uint_eq(tree_name_count(world->tree), 3);
}

START_TEST(names_are_polled_while_there_are_no_watches)
{
    struct world *world = make_world("*.log");
    create(world, "a.log");
    world->io.notify_add = no_watches;
    expect_polling_until_it_works(world, TREE_NO_WATCHES);
    free_world(world);
}
END_TEST

START_TEST(a_large_directory_that_changes_all_the_time_is_not_listed_each_time)
{
    enum { NAMES = 6000 };
    struct world *world = make_world("*.log");
    for (unsigned i = 0; i < NAMES; i++) {
        char *name = xasprintf("%u.log", i);
        create(world, name);
        free(name);
    }
    scan(world);
    while (tree_take(world->tree) != NULL) {
    }
    create(world, "new.log");
    ck_assert_uint_le(wake(world), TREE_STATS_PER_WAKE + 1); // 2 s after the last time
    ck_assert_uint_eq(tree_name_count(world->tree), NAMES + 1);
    ck_assert_uint_ge(wake(world), NAMES);
    free_world(world);
}
END_TEST

START_TEST(names_are_polled_while_there_is_no_instance)
{
    struct world *world = make_world("*.log");
    create(world, "a.log");
    world->io.notify_open = no_instances;
    expect_polling_until_it_works(world, TREE_NO_INSTANCES);
    free_world(world);
}
END_TEST

static void make_dir(const struct world *world, const char *name)
{
    char *path = xasprintf("%s/%s", world->dir, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    free(path);
}

START_TEST(a_file_is_found_at_any_depth)
{
    enum { DEPTH = 300 };
    struct world *world = make_world("**/*.log");
    struct buf path;
    buf_init(&path, PATH_MAX);
    for (int depth = 0; depth < DEPTH; depth++) {
        buf_append_text(&path, depth == 0 ? "d" : "/d");
        make_dir(world, buf_text(&path));
    }
    buf_append_text(&path, "/a.log");
    create(world, buf_text(&path));
    scan(world);
    ck_assert_uint_eq(tree_name_count(world->tree), 1);
    buf_deinit(&path);
    free_world(world);
}
END_TEST

START_TEST(a_directory_that_is_moved_away_goes_with_what_is_below_it)
{
    struct world *world = make_world("in/**/*.log");
    make_dir(world, "in");
    make_dir(world, "in/a");
    make_dir(world, "in/a/b");
    make_dir(world, "in/a/b/c");
    scan(world);
    char *from = xasprintf("%s/in/a", world->dir);
    char *to = xasprintf("%s/away", world->dir);
    ck_assert_int_eq(rename(from, to), 0);
    (void)wake(world);
    ck_assert_int_eq(rename(to, from), 0);
    create(world, "in/a/b/c/a.log");
    (void)wake(world);
    ck_assert_uint_eq(tree_name_count(world->tree), 1);
    free(from);
    free(to);
    free_world(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tree");
    TCase *exhausted = tcase_create("exhausted");
    tcase_add_test(exhausted, names_are_polled_while_there_are_no_watches);
    tcase_add_test(exhausted, names_are_polled_while_there_is_no_instance);
    tcase_add_test(exhausted, a_large_directory_that_changes_all_the_time_is_not_listed_each_time);
    suite_add_tcase(suite, exhausted);
    TCase *directories = tcase_create("directories");
    tcase_add_test(directories, a_file_is_found_at_any_depth);
    tcase_add_test(directories, a_directory_that_is_moved_away_goes_with_what_is_below_it);
    suite_add_tcase(suite, directories);
    return suite;
}
