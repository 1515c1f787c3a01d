#include "sink/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/sink/sender_case.h"

// ---- refused records ----

// Refuses every record of the first call in turn with a code of its own.
static const char *const refusal_codes[] = {
    "ProvisionedThroughputExceededException",
    "InternalFailure",
    "SomethingNobodyHasSeen",
};

static bool refuse_two_of_three(struct world *at, const struct world_record *records, size_t count,
                                const struct world_call *call, struct world_answer *answer)
{
    if (call->order > 0) {
        return false;
    }
    answer->status = 200;
    snprintf(answer->content_type, sizeof answer->content_type, "application/json");
    buf_append_text(&answer->body, "{\"Records\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_text(&answer->body, i == 0 ? "" : ",");
        if (i % 3 == 0) {
            world_accept(at, &records[i], 1);
            buf_append_text(&answer->body, "{\"SequenceNumber\":\"1\",\"ShardId\":\"s\"}");
        } else {
            buf_appendf(&answer->body, "{\"ErrorCode\":\"%s\",\"ErrorMessage\":\"no\"}",
                        refusal_codes[i / 3 % 3]);
        }
    }
    buf_append_text(&answer->body, "]}");
    return true;
}

START_TEST(only_refused_records_are_sent_again)
{
    make(&(struct world_options){0});
    world->service = refuse_two_of_three;
    world_append(world, 500, 50, NULL);
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(stats_get(&world->stats, STAT_SINK_RECORDS_REFUSED), 333);
    ck_assert_uint_eq(stats_get(&world->stats, STAT_SINK_RECORDS_OFFERED), 833);
    ck_assert_uint_eq(books().maybe_repeated, 0);
}
END_TEST

START_TEST(a_throttled_shard_does_not_hold_up_random_keys)
{
    make(&(struct world_options){.shards = 4});
    world->slow_until_ns[2] = world->now_ns + 600 * NS_PER_S;
    uint64_t start_ns = world->now_ns;
    world_append(world, 20000, 100, NULL);
    run();
    ck_assert_uint_lt(world->now_ns - start_ns, 20 * NS_PER_S);
    world_check_all_accepted(world);
    // Once its range is known, keys are drawn around it.
    ck_assert_uint_lt(world->refused_by[2], 2000);
}
END_TEST

// 10,000 records, three in ten of which are refused each time; returns the seconds that it takes.
static uint64_t seconds_refusing(enum service service, const struct weather *weather,
                                 const char *key)
{
    make(&(struct world_options){.service = service, .shards = 4});
    world->weather = *weather;
    world->latency_ns = 20 * NS_PER_MS;
    uint64_t start_ns = world->now_ns;
    world_append(world, 10000, 100, key);
    run();
    world_check_all_accepted(world);
    return (world->now_ns - start_ns) / NS_PER_S;
}

START_TEST(records_that_fail_now_and_then_do_not_slow_a_stream)
{
    struct weather weather = {.record_failed = 300};
    ck_assert_uint_lt(seconds_refusing(SERVICE_KINESIS, &weather, NULL), 4);
}
END_TEST

START_TEST(records_that_are_throttled_now_and_then_do_not_slow_a_stream)
{
    struct weather weather = {.record_throttled = 300};
    ck_assert_uint_lt(seconds_refusing(SERVICE_KINESIS, &weather, NULL), 4);
}
END_TEST

START_TEST(records_that_are_throttled_now_and_then_do_not_slow_a_key)
{
    struct weather weather = {.record_throttled = 300};
    ck_assert_uint_lt(seconds_refusing(SERVICE_KINESIS, &weather, "a"), 8);
}
END_TEST

START_TEST(records_that_are_throttled_now_and_then_do_not_slow_a_delivery_stream)
{
    struct weather weather = {.record_throttled = 300};
    ck_assert_uint_lt(seconds_refusing(SERVICE_FIREHOSE, &weather, NULL), 4);
}
END_TEST

START_TEST(that_nothing_is_accepted_is_said_until_something_is)
{
    make(&(struct world_options){.shards = 1});
    world->weather.record_failed = 1000;
    world_append(world, 1000, 50, NULL);
    ck_assert(!world_run(world, 10 * NS_PER_S));
    ck_assert(strstr(last_error(), "no record is accepted: InternalFailure") != NULL);
    world->weather.record_failed = 0;
    run();
    ck_assert_str_eq(last_error(), "");
}
END_TEST

START_TEST(a_throttled_call_now_and_then_is_not_an_error)
{
    make(&(struct world_options){.shards = 1});
    world->slow_until_ns[0] = world->now_ns + 50 * NS_PER_MS;
    world_append(world, 500, 50, NULL);
    ck_assert(!world_run(world, 10 * NS_PER_MS));
    ck_assert_str_eq(last_error(), "");
    run();
}
END_TEST

static const char *key_of_shard(unsigned shard)
{
    static char key[16];
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        if (world_shard_of(world, slice_of_text(key)) == shard) {
            return key;
        }
    }
}

START_TEST(keyed_records_wait_for_their_throttled_shard_while_others_pass)
{
    make(&(struct world_options){.shards = 4});
    world->slow_until_ns[0] = world->now_ns + 120 * NS_PER_S;
    for (unsigned i = 0; i < 50; i++) {
        world_append(world, 20, 50, key_of_shard(0));
        world_append(world, 20, 50, key_of_shard(1));
    }
    ck_assert(!world_run(world, 30 * NS_PER_S));
    for (unsigned i = 0; i < world->appended; i++) {
        ck_assert_uint_eq(world->accepted[i], i / 20 % 2);
    }
    uint64_t refused = world->refused_by[0];
    ck_assert(!world_run(world, 60 * NS_PER_S));
    // A minute of throttling costs a few small bursts, not a storm.
    ck_assert_uint_lt(world->refused_by[0] - refused, 200);
    run();
    world_check_all_accepted(world);
}
END_TEST

START_TEST(keyed_records_run_ahead_as_far_as_the_window)
{
    make(&(struct world_options){.shards = 2});
    world->slow_until_ns[0] = world->now_ns + 300 * NS_PER_S;
    world_append(world, 1, 10, key_of_shard(0));
    world_append(world, 39000, 10, key_of_shard(1));
    ck_assert(!world_run(world, 200 * NS_PER_S));
    unsigned accepted = 0;
    for (unsigned i = 0; i < world->appended; i++) {
        accepted += world->accepted[i];
    }
    ck_assert_uint_ge(accepted, QUEUE_WINDOW - 2);
    ck_assert_uint_le(accepted, QUEUE_WINDOW);
    run();
    world_check_all_accepted(world);
}
END_TEST

// ---- calls refused as a whole ----

static bool poison_by_index(struct world *at, const struct world_record *records, size_t count,
                            const struct world_call *call, struct world_answer *answer)
{
    (void)at;
    for (size_t i = 0; i < count; i++) {
        if (memmem(records[i].data.data, records[i].data.size, "poison", 6) != NULL) {
            char message[200];
            snprintf(message, sizeof message,
                     "1 validation error detected: Value at 'records.%zu.member.data' failed to "
                     "satisfy constraint: Member must have length less than or equal to 1048576.",
                     i + 1);
            world_error(call, 400, "ValidationException", message, answer);
            return true;
        }
    }
    return false;
}

static bool poison_without_index(struct world *at, const struct world_record *records, size_t count,
                                 const struct world_call *call, struct world_answer *answer)
{
    struct world_answer named = {0};
    buf_init(&named.body, 1000);
    bool poisoned = poison_by_index(at, records, count, call, &named);
    buf_deinit(&named.body);
    if (poisoned) {
        world_error(call, 400, "InvalidArgumentException", "something is not right", answer);
    }
    return poisoned;
}

static bool poison_too_large(struct world *at, const struct world_record *records, size_t count,
                             const struct world_call *call, struct world_answer *answer)
{
    bool poisoned = poison_without_index(at, records, count, call, answer);
    buf_clear(&answer->body);
    if (poisoned) {
        answer->status = 413;
    }
    return poisoned;
}

static void check_poison(world_service_fn *service)
{
    make(&(struct world_options){0});
    world->service = service;
    world_append(world, 333, 50, NULL);
    world_append_raw(world, slice_of_text("poison"), slice_of_text("key"), 0);
    world_append(world, 200, 50, NULL);
    world_append_raw(world, slice_of_text("another poison"), slice_of(NULL, 0), 0);
    world_append(world, 700, 50, NULL);
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(books().dead_lettered.records, 2);
    ck_assert_uint_eq(books().acknowledged.records, 1233);
    ck_assert_uint_eq(books().maybe_repeated, 0);
}

START_TEST(a_record_that_the_refusal_names_is_set_aside)
{
    check_poison(poison_by_index);
    ck_assert_uint_le(world->call_count, 6);
}
END_TEST

START_TEST(a_record_that_no_refusal_names_is_found_by_halving)
{
    check_poison(poison_without_index);
}
END_TEST

START_TEST(a_record_that_is_answered_413_is_found_by_halving)
{
    check_poison(poison_too_large);
}
END_TEST

static bool refuse_all(struct world *at, const struct world_record *records, size_t count,
                       const struct world_call *call, struct world_answer *answer)
{
    (void)records;
    (void)count;
    const char *const *error = at->service_context;
    if (error == NULL) {
        return false;
    }
    world_error(call, 400, error[0], error[1], answer);
    return true;
}

static void check_waits(const char *code, const char *message, unsigned calls_max)
{
    const char *error[] = {code, message};
    make(&(struct world_options){0});
    world->service = refuse_all;
    world->service_context = error;
    world_append(world, 1000, 50, NULL);
    ck_assert(!world_run(world, 600 * NS_PER_S));
    ck_assert_uint_eq(books().dead_lettered.records, 0);
    ck_assert_uint_le(world->call_count, calls_max);
    ck_assert_ptr_nonnull(strstr(last_error(), code));
    world->service_context = NULL;
    run();
    world_check_all_accepted(world);
    ck_assert_str_eq(last_error(), "");
}

START_TEST(records_wait_for_a_stream_that_is_missing)
{
    check_waits("ResourceNotFoundException", "Stream demo under account 1 not found.", 120);
}
END_TEST

START_TEST(records_wait_for_permission)
{
    check_waits("AccessDeniedException", "User: u is not authorized to perform", 120);
}
END_TEST

START_TEST(records_wait_when_every_call_is_refused_without_a_reason)
{
    check_waits("InvalidArgumentException", "something is not right", 10000);
}
END_TEST

START_TEST(calls_are_few_while_the_service_fails)
{
    check_waits("InternalFailure", "", 150);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sender_refusals");
    TCase *tests = tcase_create("sender_refusals");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, only_refused_records_are_sent_again);
    tcase_add_test(tests, a_throttled_shard_does_not_hold_up_random_keys);
    tcase_add_test(tests, records_that_fail_now_and_then_do_not_slow_a_stream);
    tcase_add_test(tests, records_that_are_throttled_now_and_then_do_not_slow_a_stream);
    tcase_add_test(tests, records_that_are_throttled_now_and_then_do_not_slow_a_key);
    tcase_add_test(tests, records_that_are_throttled_now_and_then_do_not_slow_a_delivery_stream);
    tcase_add_test(tests, that_nothing_is_accepted_is_said_until_something_is);
    tcase_add_test(tests, a_throttled_call_now_and_then_is_not_an_error);
    tcase_add_test(tests, keyed_records_wait_for_their_throttled_shard_while_others_pass);
    tcase_add_test(tests, keyed_records_run_ahead_as_far_as_the_window);
    tcase_add_test(tests, a_record_that_the_refusal_names_is_set_aside);
    tcase_add_test(tests, a_record_that_no_refusal_names_is_found_by_halving);
    tcase_add_test(tests, a_record_that_is_answered_413_is_found_by_halving);
    tcase_add_test(tests, records_wait_for_a_stream_that_is_missing);
    tcase_add_test(tests, records_wait_for_permission);
    tcase_add_test(tests, records_wait_when_every_call_is_refused_without_a_reason);
    tcase_add_test(tests, calls_are_few_while_the_service_fails);
    suite_add_tcase(suite, tests);
    return suite;
}
