#include "sandbox/faults.h"

#include "base/compiler.h"
#include "base/error.h"
#include "support/test_main.h"

static int set(struct faults *faults, const char *name, double value)
{
    return faults_set(faults, slice_of_text(name), value);
}

START_TEST(nothing_goes_wrong_at_first)
{
    struct faults faults;
    faults_init(&faults, 1);
    for (int i = 0; i < 100; i++) {
        struct fault_plan plan = faults_plan(&faults, 0, true);
        ck_assert_int_eq(plan.fault, FAULT_COUNT);
        ck_assert_uint_eq(plan.latency_ms, 0);
        ck_assert(!faults_strike(&faults, FAULT_THROTTLE));
    }
}
END_TEST

START_TEST(a_share_strikes_about_that_often)
{
    struct faults faults;
    faults_init(&faults, 1);
    ck_assert_int_eq(set(&faults, "throttle", 0.25), 0);
    unsigned struck = 0;
    for (int i = 0; i < 10000; i++) {
        struck += faults_strike(&faults, FAULT_THROTTLE);
    }
    ck_assert_uint_gt(struck, 2300);
    ck_assert_uint_lt(struck, 2700);
    ck_assert_uint_eq(faults.injected[FAULT_THROTTLE], struck);
}
END_TEST

START_TEST(a_seed_makes_it_repeatable)
{
    struct faults a;
    struct faults b;
    faults_init(&a, 9);
    faults_init(&b, 9);
    ck_assert_int_eq(set(&a, "error_500", 0.5) + set(&b, "error_500", 0.5), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(faults_plan(&a, 0, false).fault, faults_plan(&b, 0, false).fault);
    }
}
END_TEST

START_TEST(a_limit_ends_it)
{
    struct faults faults;
    faults_init(&faults, 1);
    ck_assert_int_eq(set(&faults, "truncate", 1), 0);
    ck_assert_int_eq(set(&faults, "limit", 3), 0);
    for (int i = 0; i < 10; i++) {
        enum fault expected = i < 3 ? FAULT_TRUNCATE : FAULT_COUNT;
        ck_assert_int_eq(faults_plan(&faults, 0, false).fault, expected);
    }
}
END_TEST

START_TEST(only_the_named_operations_are_struck)
{
    struct faults faults;
    faults_init(&faults, 1);
    ck_assert_int_eq(set(&faults, "error_503", 1), 0);
    faults.operations = 1 << 5;
    ck_assert_int_eq(faults_plan(&faults, 4, false).fault, FAULT_COUNT);
    ck_assert(!faults_plan(&faults, 4, false).records);
    ck_assert_int_eq(faults_plan(&faults, 5, false).fault, FAULT_ERROR_503);
}
END_TEST

START_TEST(values_out_of_range_are_refused)
{
    const struct {
        const char *name;
        double value;
        int error;
    } cases[] = {
        {"throttle", 1, 0},
        {"throttle", 1.01, E_RANGE},
        {"throttle", -0.1, E_RANGE},
        {"latency_ms", 5, 0},
        {"latency_ms", -1, E_RANGE},
        {"latency_ms", 1e12, E_RANGE},
        {"limit", -1, 0},
        {"limit", -2, E_RANGE},
        {"date_offset_s", -900, 0},
        {"clock_offset_s", 1e9, E_RANGE},
        {"nix", 1, E_NOT_FOUND},
        {"", 1, E_NOT_FOUND},
    };
    struct faults faults;
    faults_init(&faults, 1);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ck_assert_int_eq(set(&faults, cases[i].name, cases[i].value), cases[i].error);
    }
    double nan = 0;
    nan /= nan;
    ck_assert_int_eq(set(&faults, "throttle", nan), E_RANGE);
    ck_assert_int_eq(set(&faults, "latency_ms", nan), E_RANGE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("faults");
    TCase *tests = tcase_create("faults");
    tcase_add_test(tests, nothing_goes_wrong_at_first);
    tcase_add_test(tests, a_share_strikes_about_that_often);
    tcase_add_test(tests, a_seed_makes_it_repeatable);
    tcase_add_test(tests, a_limit_ends_it);
    tcase_add_test(tests, only_the_named_operations_are_struck);
    tcase_add_test(tests, values_out_of_range_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
