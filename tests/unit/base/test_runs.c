// The number of runs that KINTAIL_RUNS and KINTAIL_SEED ask property tests for.
#include <stdlib.h>

#include "support/runs.h"
#include "support/test_main.h"

// NULL: not set. Each test is a process of its own.
static struct runs wanted(const char *runs, const char *seed)
{
    static const char *const names[] = {"KINTAIL_RUNS", "KINTAIL_SEED"};
    const char *const values[] = {runs, seed};
    for (size_t i = 0; i < 2; i++) {
        if (values[i] == NULL) {
            ck_assert_int_eq(unsetenv(names[i]), 0); // NOLINT(concurrency-mt-unsafe)
        } else {
            ck_assert_int_eq(setenv(names[i], values[i], 1), 0); // NOLINT(concurrency-mt-unsafe)
        }
    }
    return runs_wanted(400);
}

static void check(const char *runs, const char *seed, uint64_t first, uint64_t count)
{
    struct runs got = wanted(runs, seed);
    ck_assert_uint_eq(got.first, first);
    ck_assert_uint_eq(got.end - got.first, count);
}

START_TEST(runs_are_a_number_or_a_share)
{
    check(NULL, NULL, 1, 400);
    check("7", NULL, 1, 7);
    check("10%", NULL, 1, 40);
    check("0", NULL, 1, 1);
    check("0%", NULL, 1, 1);
}
END_TEST

START_TEST(a_seed_is_run_alone_or_is_the_first)
{
    check(NULL, "88", 88, 1);
    check("25%", "88", 88, 100);
}
END_TEST

START_TEST(what_is_not_a_number_ends_the_program)
{
    (void)wanted("many", NULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("environment");
    tcase_add_test(tcase, runs_are_a_number_or_a_share);
    tcase_add_test(tcase, a_seed_is_run_alone_or_is_the_first);
    tcase_add_exit_test(tcase, what_is_not_a_number_ends_the_program, EXIT_FAILURE);
    suite_add_tcase(suite, tcase);
    return suite;
}
