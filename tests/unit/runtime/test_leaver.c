// Looking at a file that is to go, and letting it go.
#include "runtime/leaver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io_posix.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static char *dir;
static struct io *io;
static struct leaver leaver;
static struct generation generation;

static char *path_of(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text)
{
    char *path = path_of(name);
    int fd = io->open(io, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    ck_assert_int_ge(fd, 0);
    struct file_stat stat;
    ck_assert_int_eq(io->fstat(io, fd, &stat), 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, text, strlen(text), stat.size), 0);
    io->close(io, fd);
    free(path);
}

static bool exists(const char *name)
{
    char *path = path_of(name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void rename_file(const char *from, const char *to)
{
    char *old_path = path_of(from);
    char *new_path = path_of(to);
    ck_assert_int_eq(io->rename(io, old_path, new_path), 0);
    free(old_path);
    free(new_path);
}

// The file app.log.1, which was app.log, with ten bytes, all of them read.
static void setup(void)
{
    io = io_posix();
    dir = tempdir_create();
    write_file("app.log.1", "one\ntwo 2\n");
    struct file_stat stat;
    char *first = path_of("app.log");
    generation = (struct generation){.id = 1,
                                     .position = 10,
                                     .head = fingerprint_of(slice_of_text("one\ntwo 2\n")),
                                     .tail = fingerprint_of(slice_of_text("two 2\n")),
                                     .state = GENERATION_ENDED,
                                     .first_name = generation_name(first) & GENERATION_NAME_MAX,
                                     .path = path_of("app.log.1")};
    free(first);
    ck_assert_int_eq(io->stat(io, generation.path, false, &stat), 0);
    generation.device = stat.device;
    generation.inode = stat.inode;
    generation.birth_ns = stat.birth_ns;
    leaver = (struct leaver){.generation = 1};
}

static void teardown(void)
{
    leaver_deinit(&leaver);
    free(generation.path);
    tempdir_remove(dir);
}

static enum leaver_look look(void)
{
    enum leaver_look seen;
    ck_assert_int_eq(leaver_look_at(io, &leaver, &generation, 1, &seen), 0);
    return seen;
}

static const char *why_not(void)
{
    const char *why;
    ck_assert_int_eq(leaver_may_go(io, &leaver, &generation, false, &why), 0);
    return why;
}

START_TEST(it_is_rotated_when_it_has_another_name_than_at_first)
{
    ck_assert(leaver_is_rotated(&generation));
    generation.first_name = generation_name(generation.path) & GENERATION_NAME_MAX;
    ck_assert(!leaver_is_rotated(&generation));
}
END_TEST

START_TEST(a_file_that_stays_as_it_is_may_go_and_is_deleted)
{
    ck_assert_int_eq(look(), LEAVER_CHANGED);
    ck_assert_int_eq(look(), LEAVER_SAME);
    ck_assert_ptr_null(why_not());
    ck_assert_int_eq(leaver_delete(io, &leaver), 0);
    ck_assert(!exists("app.log.1"));
    ck_assert_int_eq(look(), LEAVER_GONE);
}
END_TEST

START_TEST(what_was_appended_is_seen_before_and_after_the_last_look)
{
    (void)look();
    write_file("app.log.1", "three\n");
    ck_assert_ptr_nonnull(why_not());
    ck_assert_int_eq(leaver_delete(io, &leaver), -ESTALE);
    ck_assert(exists("app.log.1"));
    ck_assert_int_eq(look(), LEAVER_CHANGED);
}
END_TEST

START_TEST(another_file_in_its_place_gets_its_name_back)
{
    (void)look();
    rename_file("app.log.1", "app.log.2");
    write_file("app.log.1", "not read\n");
    ck_assert_int_eq(leaver_delete(io, &leaver), -ESTALE);
    ck_assert(exists("app.log.1") && exists("app.log.2"));
    char *moved_to;
    char *target = path_of("shipped");
    ck_assert_int_eq(io->mkdir(io, target, 0755), 0);
    ck_assert_int_eq(leaver_move(io, &leaver, target, &moved_to), -ESTALE);
    ck_assert(exists("app.log.1") && exists("app.log.2") && !exists("shipped/app.log.1"));
    ck_assert_int_eq(look(), LEAVER_GONE);
    free(target);
}
END_TEST

START_TEST(other_content_of_the_same_size_and_time_does_not_go)
{
    (void)look();
    generation.tail.hash++;
    ck_assert_str_eq(why_not(), "its content is not what was read");
}
END_TEST

START_TEST(a_file_that_somebody_writes_to_does_not_go)
{
    (void)look();
    int writer = io->open(io, generation.path, O_WRONLY, 0);
    ck_assert_int_ge(writer, 0);
    ck_assert_str_eq(why_not(), "a process has it open for writing");
    io->close(io, writer);
    ck_assert_ptr_null(why_not());
}
END_TEST

START_TEST(a_deletion_that_was_interrupted_is_found_and_ended)
{
    (void)look();
    char *hidden = xasprintf(".kintail-shipped-%llx", (unsigned long long)generation.inode);
    rename_file("app.log.1", hidden);
    ck_assert_int_eq(look(), LEAVER_CHANGED);
    ck_assert_int_eq(look(), LEAVER_SAME);
    ck_assert_int_eq(leaver_delete(io, &leaver), 0);
    ck_assert(!exists(hidden));
    free(hidden);
}
END_TEST

START_TEST(a_name_that_is_taken_gets_a_number)
{
    char *target = path_of("shipped");
    char *moved_to;
    ck_assert_int_eq(io->mkdir(io, target, 0755), 0);
    write_file("shipped/app.log.1", "an older one\n");
    (void)look();
    ck_assert_int_eq(leaver_move(io, &leaver, target, &moved_to), 0);
    ck_assert_str_eq(moved_to + strlen(dir), "/shipped/app.log.1-1");
    ck_assert(exists("shipped/app.log.1") && exists("shipped/app.log.1-1"));
    free(moved_to);
    free(target);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("runtime_leaver");
    TCase *tests = tcase_create("leaver");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_is_rotated_when_it_has_another_name_than_at_first);
    tcase_add_test(tests, a_file_that_stays_as_it_is_may_go_and_is_deleted);
    tcase_add_test(tests, what_was_appended_is_seen_before_and_after_the_last_look);
    tcase_add_test(tests, another_file_in_its_place_gets_its_name_back);
    tcase_add_test(tests, other_content_of_the_same_size_and_time_does_not_go);
    tcase_add_test(tests, a_file_that_somebody_writes_to_does_not_go);
    tcase_add_test(tests, a_deletion_that_was_interrupted_is_found_and_ended);
    tcase_add_test(tests, a_name_that_is_taken_gets_a_number);
    suite_add_tcase(suite, tests);
    return suite;
}
