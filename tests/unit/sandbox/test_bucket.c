#include "sandbox/bucket.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "sandbox/limits.h"
#include "support/test_main.h"

START_TEST(a_full_bucket_gives_its_capacity_and_then_its_rate)
{
    struct bucket bucket = bucket_of(1000, 1000, 5 * NS_PER_S);
    unsigned taken = 0;
    while (bucket_try(&bucket, 1, 5 * NS_PER_S)) {
        taken++;
    }
    ck_assert_uint_eq(taken, 1000);
    taken = 0;
    while (bucket_try(&bucket, 1, 5 * NS_PER_S + 250 * NS_PER_MS)) {
        taken++;
    }
    ck_assert_uint_eq(taken, 250);
}
END_TEST

START_TEST(it_never_holds_more_than_its_capacity)
{
    struct bucket bucket = bucket_of(10, 5, 0);
    bucket_fill(&bucket, 3600 * NS_PER_S);
    unsigned taken = 0;
    while (bucket_try(&bucket, 1, 3600 * NS_PER_S)) {
        taken++;
    }
    ck_assert_uint_eq(taken, 5);
}
END_TEST

START_TEST(what_is_larger_than_the_bucket_passes_when_it_is_full)
{
    struct bucket bucket = bucket_of(100, 100, 0);
    ck_assert(bucket_try(&bucket, 1000, 0));
    // The debt of 900 and one full bucket take ten seconds.
    ck_assert(!bucket_try(&bucket, 1000, 10 * NS_PER_S - 10 * NS_PER_MS));
    ck_assert(bucket_try(&bucket, 1000, 10 * NS_PER_S));
}
END_TEST

START_TEST(a_debt_is_paid_before_anything_passes)
{
    struct bucket bucket = bucket_of(2, 2, 0);
    bucket_take(&bucket, 10);
    ck_assert(!bucket_admits(&bucket, 0));
    bucket_fill(&bucket, 3 * NS_PER_S);
    ck_assert(!bucket_admits(&bucket, 0));
    bucket_fill(&bucket, 4 * NS_PER_S);
    ck_assert(bucket_admits(&bucket, 0));
}
END_TEST

START_TEST(a_lower_rate_holds_at_once)
{
    struct bucket bucket = bucket_of(1000, 1000, 0);
    bucket_set_rate(&bucket, 5, 5, NS_PER_S);
    unsigned taken = 0;
    while (bucket_try(&bucket, 1, NS_PER_S)) {
        taken++;
    }
    ck_assert_uint_eq(taken, 5);
}
END_TEST

START_TEST(time_that_goes_backwards_gives_nothing)
{
    struct bucket bucket = bucket_of(1, 1, 10 * NS_PER_S);
    ck_assert(bucket_try(&bucket, 1, 10 * NS_PER_S));
    ck_assert(!bucket_try(&bucket, 1, 5 * NS_PER_S));
}
END_TEST

START_TEST(limits_are_switched_off_by_name)
{
    struct limits limits = limits_all();
    ck_assert(limits_switch_off(&limits, slice_of_text("write,size")));
    ck_assert(!limits.on[LIMIT_WRITE] && !limits.on[LIMIT_SIZE] && limits.on[LIMIT_READ]);
    const char *wrong[] = {"", "nix", "write,", ",write", "writ"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ck_assert(!limits_switch_off(&limits, slice_of_text(wrong[i])));
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("bucket");
    TCase *tests = tcase_create("bucket");
    tcase_add_test(tests, a_full_bucket_gives_its_capacity_and_then_its_rate);
    tcase_add_test(tests, it_never_holds_more_than_its_capacity);
    tcase_add_test(tests, what_is_larger_than_the_bucket_passes_when_it_is_full);
    tcase_add_test(tests, a_debt_is_paid_before_anything_passes);
    tcase_add_test(tests, a_lower_rate_holds_at_once);
    tcase_add_test(tests, time_that_goes_backwards_gives_nothing);
    tcase_add_test(tests, limits_are_switched_off_by_name);
    suite_add_tcase(suite, tests);
    return suite;
}
