#include "runtime/state_lock.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/tempdir.h"
#include "support/test_main.h"

START_TEST(a_second_holder_is_refused_and_told_who_holds_it)
{
    char *dir = tempdir_create();
    char *state_dir = xasprintf("%s/a/b", dir);
    pid_t holder = 0;
    int fd = state_lock_take(io_posix(), state_dir, &holder);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(state_lock_take(io_posix(), state_dir, &holder), E_LOCKED);
    ck_assert_int_eq(holder, getpid());
    close(fd);
    fd = state_lock_take(io_posix(), state_dir, &holder);
    ck_assert_int_ge(fd, 0);
    close(fd);
    free(state_dir);
    tempdir_remove(dir);
}
END_TEST

START_TEST(a_directory_that_cannot_be_made_is_an_error)
{
    pid_t holder = 0;
    ck_assert_int_lt(state_lock_take(io_posix(), "/dev/null/state", &holder), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("state_lock");
    TCase *tests = tcase_create("state_lock");
    tcase_add_test(tests, a_second_holder_is_refused_and_told_who_holds_it);
    tcase_add_test(tests, a_directory_that_cannot_be_made_is_an_error);
    suite_add_tcase(suite, tests);
    return suite;
}
