#include "sink/pace.h"

#include "support/test_main.h"

static struct prng prng;
static struct pace pace;

static void setup(void)
{
    prng = prng_of_seed(7);
    pace_init(&pace, PACE_IN_FLIGHT_MAX);
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
        pace_accepted(&pace, &prng, 0);
    }
    ck_assert_uint_eq(pace_limit(&pace), before + 1);
    for (unsigned i = 0; i < 1000; i++) {
        pace_accepted(&pace, &prng, 0);
    }
    ck_assert_uint_eq(pace_limit(&pace), 16);
}
END_TEST

START_TEST(no_more_calls_are_allowed_than_the_flow_wants)
{
    for (unsigned most = 1; most <= 6; most++) {
        pace_init(&pace, most);
        for (unsigned i = 0; i < 100; i++) {
            ck_assert_uint_le(pace_limit(&pace), most);
            pace_accepted(&pace, &prng, 0);
        }
        ck_assert_uint_eq(pace_limit(&pace), most);
    }
}
END_TEST

START_TEST(a_failure_halves_them_and_lets_one_try)
{
    for (unsigned i = 0; i < 1000; i++) {
        pace_accepted(&pace, &prng, 0);
    }
    pace_failed(&pace, &prng, 50, 100);
    ck_assert_uint_eq(pace_limit(&pace), 1);
    ck_assert_uint_gt(pace.resume_ns, 100);
    ck_assert_uint_le(pace.resume_ns, 100 + 100 * NS_PER_MS);
    pace_accepted(&pace, &prng, 0);
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

START_TEST(a_gap_grows_while_little_is_accepted_and_closes_when_all_is)
{
    uint64_t now_ns = 0;
    for (unsigned i = 0; i < 40; i++) {
        now_ns += 100 * NS_PER_S;
        uint64_t before = pace.gap_ns;
        pace_throttled(&pace, &prng, 100, 400, now_ns - 1, now_ns);
        ck_assert_uint_ge(pace.gap_ns, before);
        ck_assert_uint_ge(pace.resume_ns, now_ns + pace.gap_ns / 2);
        ck_assert_uint_le(pace.resume_ns, now_ns + pace.gap_ns / 2 * 3);
    }
    ck_assert_uint_eq(pace_limit(&pace), 1);
    ck_assert_uint_ge(pace.gap_ns, 20 * NS_PER_S);
    ck_assert_uint_le(pace.gap_ns, 30 * NS_PER_S);
    pace_throttled(&pace, &prng, 300, 200, now_ns, now_ns);
    ck_assert_uint_ge(pace.gap_ns, 20 * NS_PER_S);
    for (unsigned i = 0; i < 100; i++) {
        pace_accepted(&pace, &prng, now_ns);
    }
    ck_assert_uint_eq(pace.gap_ns, 0);
    ck_assert_uint_gt(pace_limit(&pace), 1);
}
END_TEST

START_TEST(calls_that_were_throttled_together_count_once)
{
    for (unsigned i = 0; i < 16; i++) {
        pace_throttled(&pace, &prng, 100, 400, 50, 100 + i);
    }
    ck_assert_uint_eq(pace_limit(&pace), 2);
    pace_throttled(&pace, &prng, 100, 400, 200, 300);
    ck_assert_uint_eq(pace_limit(&pace), 1);
}
END_TEST

START_TEST(a_partly_accepted_call_shows_that_the_endpoint_is_back)
{
    for (uint64_t i = 1; i < 8; i++) {
        pace_failed(&pace, &prng, i * 10, i * 10 + 5);
    }
    uint64_t now_ns = 100 * NS_PER_S;
    pace_throttled(&pace, &prng, 300, 200, now_ns - 1, now_ns);
    ck_assert_uint_eq(pace.failures, 0);
    ck_assert_uint_le(pace.resume_ns, now_ns + BACKOFF_MIN_NS);
}
END_TEST

// ---- an endpoint with a limit, and always more to send ----

enum { CALL_RECORDS = 500, ROUND_TRIP_MS = 20, SIMULATED_S = 30 };

struct endpoint {
    double rate; // records a second
    double tokens;
    double refused_share; // of the records, for no reason
    size_t offered;
    size_t accepted;
};

struct call {
    uint64_t submitted_ns;
    unsigned answer_ms; // 0: none in flight
};

static void answer_call(struct endpoint *endpoint, uint64_t submitted_ns, uint64_t now_ns)
{
    size_t accepted = 0;
    for (unsigned i = 0; i < CALL_RECORDS; i++) {
        bool luck = (double)prng_below(&prng, 1000) >= endpoint->refused_share * 1000;
        if (luck && endpoint->tokens >= 1) {
            endpoint->tokens -= 1;
            accepted++;
        }
    }
    endpoint->offered += CALL_RECORDS;
    endpoint->accepted += accepted;
    if (accepted == CALL_RECORDS) {
        pace_accepted(&pace, &prng, now_ns);
    } else if (accepted == 0) {
        pace_failed(&pace, &prng, submitted_ns, now_ns);
    } else {
        pace_throttled(&pace, &prng, accepted, CALL_RECORDS - accepted, submitted_ns, now_ns);
    }
}

static unsigned collect_calls(struct endpoint *endpoint, struct call *calls, unsigned ms)
{
    unsigned in_flight = 0;
    for (unsigned i = 0; i < PACE_IN_FLIGHT_MAX; i++) {
        if (calls[i].answer_ms == ms) {
            calls[i].answer_ms = 0;
            answer_call(endpoint, calls[i].submitted_ns, ms * NS_PER_MS);
        }
        in_flight += calls[i].answer_ms > 0;
    }
    return in_flight;
}

// Uses it for SIMULATED_S seconds, a millisecond a step; calls are submitted 2 ms apart.
static struct endpoint use_endpoint(double rate, double refused_share)
{
    struct endpoint endpoint = {.rate = rate, .tokens = rate, .refused_share = refused_share};
    struct call calls[PACE_IN_FLIGHT_MAX] = {0};
    for (unsigned ms = 1; ms < SIMULATED_S * 1000; ms++) {
        double more = endpoint.tokens + rate / 1000;
        endpoint.tokens = more > rate ? rate : more;
        unsigned in_flight = collect_calls(&endpoint, calls, ms);
        if (ms % 2 == 0 && in_flight < pace_limit(&pace) && ms * NS_PER_MS >= pace.resume_ns) {
            unsigned at = 0;
            while (calls[at].answer_ms > 0) {
                at++;
            }
            calls[at] = (struct call){ms * NS_PER_MS, ms + ROUND_TRIP_MS};
        }
    }
    return endpoint;
}

static void check_usage(double rate, double refused_share, double least, double most_offered)
{
    pace_init(&pace, PACE_IN_FLIGHT_MAX);
    struct endpoint endpoint = use_endpoint(rate, refused_share);
    ck_assert_msg((double)endpoint.accepted >= least * rate * SIMULATED_S,
                  "%.0f/s: %zu accepted of %zu", rate, endpoint.accepted, endpoint.offered);
    ck_assert_msg((double)endpoint.offered <= most_offered * (double)endpoint.accepted,
                  "%.0f/s: %zu accepted of %zu", rate, endpoint.accepted, endpoint.offered);
}

START_TEST(an_endpoint_is_used_up_to_its_limit)
{
    static const double rates[] = {500, 2000, 5000, 20000, 200000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        check_usage(rates[i], 0, 0.9, 1.8);
    }
}
END_TEST

START_TEST(an_endpoint_that_refuses_three_in_ten_is_used_near_its_limit)
{
    static const double rates[] = {500, 2000, 5000, 15000, 40000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        check_usage(rates[i], 0.3, 0.9, 2);
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
    tcase_add_test(tests, no_more_calls_are_allowed_than_the_flow_wants);
    tcase_add_test(tests, a_failure_halves_them_and_lets_one_try);
    tcase_add_test(tests, calls_that_were_under_way_together_fail_once);
    tcase_add_test(tests, the_limit_never_falls_below_one);
    tcase_add_test(tests, what_a_person_must_mend_waits_for_seconds);
    tcase_add_test(tests, a_gap_grows_while_little_is_accepted_and_closes_when_all_is);
    tcase_add_test(tests, calls_that_were_throttled_together_count_once);
    tcase_add_test(tests, a_partly_accepted_call_shows_that_the_endpoint_is_back);
    tcase_add_test(tests, an_endpoint_is_used_up_to_its_limit);
    tcase_add_test(tests, an_endpoint_that_refuses_three_in_ten_is_used_near_its_limit);
    suite_add_tcase(suite, tests);
    return suite;
}
