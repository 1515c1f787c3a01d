#include "sink/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "unit/sink/sender_case.h"

// ---- batching ----

START_TEST(records_are_sent_and_acknowledged)
{
    make(&(struct world_options){0});
    world_append(world, 1200, 100, NULL);
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(books().acknowledged.records, 1200);
    ck_assert_uint_eq(books().maybe_repeated, 0);
    ck_assert_uint_eq(world->call_count, 3);
    ck_assert_str_eq(last_error(), "");
}
END_TEST

START_TEST(a_partial_batch_waits_for_max_delay_and_not_longer)
{
    make(&(struct world_options){0});
    world_append(world, 1, 100, NULL);
    uint64_t start_ns = world->now_ns;
    uint64_t next_ns = world_step(world);
    ck_assert_uint_eq(next_ns, start_ns + NS_PER_S);
    ck_assert_uint_eq(world->call_count, 0);
    world->now_ns = next_ns - 1;
    ck_assert_uint_eq(world_step(world), next_ns);
    ck_assert_uint_eq(world->call_count, 0);
    world->now_ns = next_ns;
    world_step(world);
    ck_assert_uint_eq(world->call_count, 1);
}
END_TEST

START_TEST(draining_sends_a_partial_batch_at_once)
{
    make(&(struct world_options){0});
    world_append(world, 1, 100, NULL);
    world_step(world);
    sender_drain(world->sender);
    world_step(world);
    ck_assert_uint_eq(world->call_count, 1);
    ck_assert(!sender_idle(world->sender));
    run();
}
END_TEST

START_TEST(a_batch_is_filled_to_the_byte)
{
    make(&(struct world_options){.max_size = 1000});
    world_append(world, 5, 196, NULL); // 200 with its key
    uint64_t start_ns = world->now_ns;
    world_step(world);
    ck_assert_uint_eq(world->call_count, 1); // five of them are the 1000
    ck_assert_uint_eq(world->now_ns, start_ns);
    run();
    world_append(world, 5, 197, NULL);
    uint64_t before = world->call_count;
    world_step(world);
    ck_assert_uint_eq(world->call_count, before + 1); // four, and the fifth waits
    run();
    ck_assert_uint_eq(world->call_count, before + 2);
}
END_TEST

START_TEST(request_bodies_stay_within_memory)
{
    make(&(struct world_options){.max_size = 100000, .memory = 400000});
    world->latency_ns = NS_PER_S;
    world_append(world, 20000, 200, NULL);
    run();
    ck_assert_uint_le(world->body_bytes_most, 400000);
    ck_assert_uint_gt(world->in_flight_most, 1);
    world_check_all_accepted(world);
}
END_TEST

START_TEST(a_body_above_memory_goes_alone)
{
    make(&(struct world_options){.max_record_size = 10 << 20, .memory = 2 << 20});
    world_append(world, 3, 5 << 20, NULL);
    world_append(world, 1000, 100, NULL);
    run();
    world_check_all_accepted(world);
}
END_TEST

START_TEST(more_calls_are_in_flight_while_all_goes_well)
{
    make(&(struct world_options){.max_size = 2000});
    world->latency_ns = 100 * NS_PER_MS;
    world_append(world, 5000, 200, NULL);
    run();
    ck_assert_uint_eq(world->in_flight_most, 16);
}
END_TEST

// ---- sizes at the limits ----

static void append_sized(size_t size, const char *key)
{
    char *data = xmalloc(size);
    memset(data, 'x', size);
    world_append_raw(world, slice_of(data, size), slice_of_text(key), 0);
    free(data);
}

START_TEST(kinesis_records_at_their_limit_pass_and_above_it_are_set_aside)
{
    make(&(struct world_options){0});
    append_sized((1 << 20) - 2, "k");
    append_sized((1 << 20) - 1, "k");
    append_sized(1 << 20, "k");
    append_sized((1 << 20) - 1, "");
    append_sized(1 << 20, "");
    append_sized((1 << 20) + 1, "");
    run();
    ck_assert_uint_eq(books().acknowledged.records, 3);
    ck_assert_uint_eq(books().dead_lettered.records, 3);
}
END_TEST

START_TEST(firehose_records_at_their_limit_pass_and_above_it_are_set_aside)
{
    make(&(struct world_options){.service = SERVICE_FIREHOSE, .max_size = 4 << 20});
    append_sized(1023999, "");
    append_sized(1024000, "");
    append_sized(1024001, "");
    for (unsigned i = 0; i < 5; i++) {
        append_sized(1 << 20, ""); // too large as well
        append_sized(1024000, "");
    }
    run();
    ck_assert_uint_eq(books().acknowledged.records, 7);
    ck_assert_uint_eq(books().dead_lettered.records, 6);
}
END_TEST

START_TEST(keys_are_cut_to_what_the_service_takes)
{
    make(&(struct world_options){0});
    char key[600];
    memset(key, 'k', sizeof key);
    world_append_raw(world, slice_of_text("0:"), slice_of(key, 256), 0);
    world_append_raw(world, slice_of_text("1:"), slice_of(key, 257), 0);
    world_append_raw(world, slice_of_text("2:"), slice_of_text("ab\xff\xfe"), 0);
    world_append_raw(world, slice_of_text("3:"), slice_of_text("\xff"), 0);
    run();
    ck_assert_uint_eq(books().acknowledged.records, 4);
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

// ---- encodings ----

static bool only_json(struct world *at, const struct world_record *records, size_t count,
                      const struct world_call *call, struct world_answer *answer)
{
    (void)at;
    (void)records;
    (void)count;
    if (!call->cbor) {
        return false;
    }
    answer->status = 404;
    buf_append_text(&answer->body, "<UnknownOperationException/>\n");
    return true;
}

START_TEST(an_endpoint_without_cbor_gets_json_from_then_on)
{
    make(&(struct world_options){.max_size = 5000});
    world->service = only_json;
    world_append(world, 500, 50, "key");
    run();
    world_check_all_accepted(world);
    uint64_t before = world->call_count;
    world_append(world, 90, 50, "key");
    run();
    ck_assert_uint_eq(world->call_count, before + 1);
    ck_assert_uint_eq(books().maybe_repeated, 0);
}
END_TEST

START_TEST(cbor_by_configuration_stays_cbor)
{
    make(&(struct world_options){.wire = WIRE_CBOR});
    world->service = only_json;
    world_append(world, 10, 50, "key");
    ck_assert(!world_run(world, 60 * NS_PER_S));
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        ck_assert(!world->calls[i].used || world->calls[i].cbor);
    }
}
END_TEST

// ---- credentials and clocks ----

START_TEST(without_credentials_nothing_is_sent_and_it_says_so)
{
    make(&(struct world_options){.no_credentials = true});
    world_append(world, 10, 50, NULL);
    ck_assert(!world_run(world, 60 * NS_PER_S));
    ck_assert_uint_eq(world->call_count, 0);
    ck_assert_ptr_nonnull(strstr(last_error(), "no credentials"));
    world_give_credentials(world);
    uint64_t start_ns = world->now_ns;
    run();
    ck_assert_uint_lt(world->now_ns - start_ns, 2 * NS_PER_S);
    world_check_all_accepted(world);
}
END_TEST

START_TEST(refused_credentials_are_asked_for_again)
{
    const char *error[] = {"ExpiredTokenException", "The security token is expired"};
    make(&(struct world_options){0});
    world->service = refuse_all;
    world->service_context = error;
    world_append(world, 10, 50, NULL);
    ck_assert(!world_run(world, 5 * NS_PER_S));
    ck_assert_ptr_nonnull(strstr(last_error(), "credentials are refused"));
    world->service_context = NULL;
    run();
    world_check_all_accepted(world);
}
END_TEST

// 20150830T123600Z is the time at which the world starts; the service tells it in its Date.
static bool strict_about_time(struct world *at, const struct world_record *records, size_t count,
                              const struct world_call *call, struct world_answer *answer)
{
    (void)at;
    (void)records;
    (void)count;
    if (strncmp(call->date, "20150830T12", 11) == 0) {
        return false;
    }
    world_error(call, 400, "InvalidSignatureException",
                "Signature expired: a is now earlier than b (c - 5 min.)", answer);
    snprintf(answer->date, sizeof answer->date, "Sun, 30 Aug 2015 12:52:40 GMT");
    return true;
}

START_TEST(a_wrong_clock_is_found_out_at_once)
{
    make(&(struct world_options){0});
    world->service = strict_about_time;
    world->clock_error_s = -3600;
    world_append(world, 10, 50, NULL);
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(world->call_count, 2);
    world->clock_error_s = 0;
    world_append(world, 10, 50, NULL);
    run();
    world_check_all_accepted(world);
}
END_TEST

// ---- lost answers ----

START_TEST(records_whose_answer_was_lost_are_counted_when_they_are_sent_again)
{
    make(&(struct world_options){0});
    world->weather.lost_answer = 1000;
    world_append(world, 100, 50, NULL);
    ck_assert(!world_run(world, NS_PER_S + 30 * NS_PER_MS));
    ck_assert_uint_eq(books().maybe_repeated, 0);
    world->weather.lost_answer = 0;
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(books().maybe_repeated, 100);
}
END_TEST

START_TEST(records_that_were_never_sent_are_not_counted_as_repeated)
{
    make(&(struct world_options){0});
    world->weather.not_sent = 1000;
    world_append(world, 100, 50, NULL);
    ck_assert(!world_run(world, 10 * NS_PER_S));
    world->weather.not_sent = 0;
    run();
    ck_assert_uint_eq(books().maybe_repeated, 0);
    world_check_all_accepted(world);
}
END_TEST

START_TEST(a_finishing_sender_takes_answers_and_submits_nothing)
{
    make(&(struct world_options){0});
    world_append(world, 5000, 50, NULL);
    world_step(world);
    unsigned in_flight = sender_in_flight(world->sender);
    ck_assert_uint_gt(in_flight, 0);
    sender_finish(world->sender);
    world->now_ns += 60 * NS_PER_S;
    world_step(world);
    ck_assert_uint_eq(sender_in_flight(world->sender), 0);
    ck_assert_uint_eq(world->call_count, in_flight);
    struct books books;
    queue_books(world->queue, &books);
    ck_assert_uint_eq(books.acknowledged.records, in_flight * 500ULL);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sender");
    TCase *tests = tcase_create("sender");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, records_are_sent_and_acknowledged);
    tcase_add_test(tests, a_partial_batch_waits_for_max_delay_and_not_longer);
    tcase_add_test(tests, draining_sends_a_partial_batch_at_once);
    tcase_add_test(tests, a_batch_is_filled_to_the_byte);
    tcase_add_test(tests, request_bodies_stay_within_memory);
    tcase_add_test(tests, a_body_above_memory_goes_alone);
    tcase_add_test(tests, more_calls_are_in_flight_while_all_goes_well);
    tcase_add_test(tests, kinesis_records_at_their_limit_pass_and_above_it_are_set_aside);
    tcase_add_test(tests, firehose_records_at_their_limit_pass_and_above_it_are_set_aside);
    tcase_add_test(tests, keys_are_cut_to_what_the_service_takes);
    tcase_add_test(tests, an_endpoint_without_cbor_gets_json_from_then_on);
    tcase_add_test(tests, cbor_by_configuration_stays_cbor);
    tcase_add_test(tests, without_credentials_nothing_is_sent_and_it_says_so);
    tcase_add_test(tests, refused_credentials_are_asked_for_again);
    tcase_add_test(tests, a_wrong_clock_is_found_out_at_once);
    tcase_add_test(tests, records_whose_answer_was_lost_are_counted_when_they_are_sent_again);
    tcase_add_test(tests, records_that_were_never_sent_are_not_counted_as_repeated);
    tcase_add_test(tests, a_finishing_sender_takes_answers_and_submits_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
