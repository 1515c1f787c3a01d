// The names of a tree when inotify has nothing left.
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
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

static struct world *make_world(void)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->io = *io_posix();
    world->dir = tempdir_create();
    world->pattern = xasprintf("%s/*.log", world->dir);
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
static void expect_polling_until_it_works(struct world *world, unsigned degradation)
{
    scan(world);
    ck_assert_uint_eq(tree_degraded(world->tree), degradation);
    ck_assert_uint_eq(tree_polled_count(world->tree), 1);
    (void)wake(world);
    create(world, "b.log");
    ck_assert_uint_eq(wake(world), 2);
    ck_assert_uint_eq(tree_polled_count(world->tree), 2);
    world->io = *io_posix();
    (void)wake(world);
    (void)wake(world);
    ck_assert_uint_eq(tree_polled_count(world->tree), 0);
    create(world, "c.log");
    tree_step(world->tree, world->now_ns); // nothing but events
    ck_assert_ptr_nonnull(tree_take(world->tree));
    ck_assert_uint_eq(tree_name_count(world->tree), 3);
}

START_TEST(names_are_polled_while_there_are_no_watches)
{
    struct world *world = make_world();
    create(world, "a.log");
    world->io.notify_add = no_watches;
    expect_polling_until_it_works(world, TREE_NO_WATCHES);
    free_world(world);
}
END_TEST

START_TEST(names_are_polled_while_there_is_no_instance)
{
    struct world *world = make_world();
    create(world, "a.log");
    world->io.notify_open = no_instances;
    expect_polling_until_it_works(world, TREE_NO_INSTANCES);
    free_world(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tree");
    TCase *exhausted = tcase_create("exhausted");
    tcase_add_test(exhausted, names_are_polled_while_there_are_no_watches);
    tcase_add_test(exhausted, names_are_polled_while_there_is_no_instance);
    suite_add_tcase(suite, exhausted);
    return suite;
}
