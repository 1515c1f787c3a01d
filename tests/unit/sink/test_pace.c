#include "sink/pace.h"

#include "support/test_main.h"

static struct prng prng;
static struct pace pace;

static void setup(void)
{
    prng = prng_of_seed(7);
    pace_init(&pace);
}

START_TEST(a_pause_doubles_up_to_its_maximum)
{
    uint64_t most = 100 * NS_PER_MS;
    for (unsigned failures = 1; failures < 70; failures++) {
        uint64_t longest = 0;
        for (unsigned i = 0; i < 200; i++) {
            uint64_t pause = backoff_ns(&prng, failures);
            ck_assert_uint_ge(pause, 1);
            ck_assert_uint_le(pause, most);
            longest = pause > longest ? pause : longest;
        }
        ck_assert_uint_gt(longest, most / 10 * 9);
        most = most * 2 > 20 * NS_PER_S ? 20 * NS_PER_S : most * 2;
    }
}
END_TEST

START_TEST(more_calls_are_allowed_while_all_is_accepted)
{
    unsigned before = pace_limit(&pace);
    for (unsigned i = 0; i < before; i++) {
        ck_assert_uint_eq(pace_limit(&pace), before);
        pace_accepted(&pace);
    }
    ck_assert_uint_eq(pace_limit(&pace), before + 1);
    for (unsigned i = 0; i < 1000; i++) {
        pace_accepted(&pace);
    }
    ck_assert_uint_eq(pace_limit(&pace), 16);
}
END_TEST

START_TEST(a_failure_halves_them_and_lets_one_try)
{
    for (unsigned i = 0; i < 1000; i++) {
        pace_accepted(&pace);
    }
    pace_failed(&pace, &prng, 50, 100);
    ck_assert_uint_eq(pace_limit(&pace), 1);
    ck_assert_uint_gt(pace.resume_ns, 100);
    ck_assert_uint_le(pace.resume_ns, 100 + 100 * NS_PER_MS);
    pace_accepted(&pace);
    ck_assert_uint_eq(pace_limit(&pace), 8);
}
END_TEST

START_TEST(calls_that_were_under_way_together_fail_once)
{
    for (unsigned i = 0; i < 16; i++) {
        pace_failed(&pace, &prng, 50, 100 + i);
    }
    ck_assert_uint_eq(pace.failures, 1);
    pace_failed(&pace, &prng, 200, 300);
    ck_assert_uint_eq(pace.failures, 2);
}
END_TEST

START_TEST(the_limit_never_falls_below_one)
{
    for (uint64_t i = 1; i < 100; i++) {
        pace_failed(&pace, &prng, i * 10, i * 10 + 5);
    }
    pace_answered(&pace);
    ck_assert_uint_eq(pace_limit(&pace), 1);
}
END_TEST

START_TEST(what_a_person_must_mend_waits_for_seconds)
{
    for (uint64_t i = 1; i < 50; i++) {
        pace_wait(&pace, &prng, i * 100, i * 100 + 50);
        ck_assert_uint_ge(pace.resume_ns, i * 100 + 50 + NS_PER_S);
        ck_assert_uint_le(pace.resume_ns, i * 100 + 50 + 21 * NS_PER_S);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pace");
    TCase *tests = tcase_create("pace");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_pause_doubles_up_to_its_maximum);
    tcase_add_test(tests, more_calls_are_allowed_while_all_is_accepted);
    tcase_add_test(tests, a_failure_halves_them_and_lets_one_try);
    tcase_add_test(tests, calls_that_were_under_way_together_fail_once);
    tcase_add_test(tests, the_limit_never_falls_below_one);
    tcase_add_test(tests, what_a_person_must_mend_waits_for_seconds);
    suite_add_tcase(suite, tests);
    return suite;
}
