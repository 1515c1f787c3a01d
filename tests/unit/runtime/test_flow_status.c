#include "runtime/flow_status.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "support/test_main.h"

static struct flow_config flow;
static struct stats stats;
static struct flow_rates rates;
static struct flow_snapshot snapshot;

static void setup(void)
{
    flow = (struct flow_config){.name = (char *)(uintptr_t) "web"};
    flow.to.service = SERVICE_FIREHOSE;
    flow.to.stream = (char *)(uintptr_t) "audit";
    stats = (struct stats){0};
    rates = (struct flow_rates){0};
    snapshot =
        (struct flow_snapshot){.flow = &flow, .stats = &stats, .rates = &rates, .running = true};
}

// The written status, parsed; freed by the caller.
static json_t *written(void)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    flow_status_write(&snapshot, &out);
    json_error_t error;
    json_t *document = json_loadb((const char *)out.data, out.size, 0, &error);
    ck_assert_msg(document != NULL, "%s in %s", error.text, buf_text(&out));
    buf_deinit(&out);
    return document;
}

static const char *text_of(json_t *document, const char *name)
{
    return json_string_value(json_object_get(document, name));
}

START_TEST(an_idle_flow_is_described)
{
    json_t *document = written();
    ck_assert_str_eq(text_of(document, "name"), "web");
    ck_assert_str_eq(text_of(document, "service"), "firehose");
    ck_assert_str_eq(text_of(document, "stream"), "audit");
    ck_assert_str_eq(text_of(document, "state"), "running");
    ck_assert(json_is_null(json_object_get(document, "last_error")));
    ck_assert(json_is_null(json_object_get(document, "files")));
    ck_assert(json_is_true(json_object_get(json_object_get(document, "books"), "balanced")));
    json_decref(document);
}
END_TEST

START_TEST(the_state_says_what_is_wrong)
{
    snapshot.stalled_ns = 11 * NS_PER_S;
    json_t *document = written();
    ck_assert_str_eq(text_of(document, "state"), "stalled");
    json_decref(document);
    snapshot.running = false;
    strcpy(snapshot.error, "said \"no\"");
    snapshot.error_real_ns = 5 * NS_PER_S;
    document = written();
    ck_assert_str_eq(text_of(document, "state"), "failed");
    json_t *error = json_object_get(document, "last_error");
    ck_assert_str_eq(text_of(error, "text"), "said \"no\"");
    ck_assert_int_eq(json_integer_value(json_object_get(error, "time")), 5);
    json_decref(document);
}
END_TEST

static json_t *reasons_of(json_t *document, const char *method, int directories, int polled)
{
    json_t *watching = json_object_get(document, "watching");
    ck_assert_str_eq(text_of(watching, "method"), method);
    ck_assert_int_eq(json_integer_value(json_object_get(watching, "directories")), directories);
    ck_assert_int_eq(json_integer_value(json_object_get(watching, "directories_polled")), polled);
    return json_object_get(watching, "polling_because");
}

START_TEST(the_ways_of_watching_are_named)
{
    stats_set(&stats, STAT_SOURCE_DIRS_WATCHED, 5);
    json_t *document = written();
    ck_assert_uint_eq(json_array_size(reasons_of(document, "inotify", 5, 0)), 0);
    json_decref(document);
    stats_set(&stats, STAT_SOURCE_DIRS_NO_WATCH, 3);
    stats_set(&stats, STAT_SOURCE_DIRS_NETWORK, 1);
    document = written();
    json_t *reasons = reasons_of(document, "polling", 9, 4);
    ck_assert_uint_eq(json_array_size(reasons), 2);
    ck_assert_str_eq(json_string_value(json_array_get(reasons, 0)),
                     "no inotify watches are left (fs.inotify.max_user_watches)");
    ck_assert_str_eq(json_string_value(json_array_get(reasons, 1)),
                     "inotify tells nothing of a network filesystem");
    json_decref(document);
}
END_TEST

START_TEST(books_that_do_not_balance_are_reported)
{
    snapshot.books.read = (struct tally){.records = 2, .bytes = 20};
    snapshot.books.acknowledged = (struct tally){.records = 1, .bytes = 20};
    json_t *document = written();
    ck_assert(json_is_false(json_object_get(json_object_get(document, "books"), "balanced")));
    json_decref(document);
}
END_TEST

START_TEST(lag_is_the_age_of_the_oldest_record_and_all_bytes_before_the_service)
{
    snapshot.now_real_ns = 100 * NS_PER_S;
    snapshot.usage.oldest_ns = 97 * NS_PER_S + 500 * NS_PER_MS;
    snapshot.books.queued.bytes = 7;
    stats_set(&stats, STAT_SOURCE_LAG_BYTES, 5);
    json_t *document = written();
    json_t *lag = json_object_get(document, "lag");
    ck_assert_int_eq(json_integer_value(json_object_get(lag, "bytes")), 12);
    ck_assert_double_eq(json_number_value(json_object_get(lag, "seconds")), 2.5);
    json_decref(document);
    snapshot.usage.oldest_ns = 101 * NS_PER_S; // the clock was set back
    document = written();
    lag = json_object_get(document, "lag");
    ck_assert_double_eq(json_number_value(json_object_get(lag, "seconds")), 0);
    json_decref(document);
}
END_TEST

START_TEST(rates_are_taken_over_whole_intervals)
{
    struct books books = {.read = {.records = 10, .bytes = 1000}};
    flow_rates_sample(&rates, &books, 1 * NS_PER_S);
    books.read = (struct tally){.records = 20, .bytes = 6000};
    books.acknowledged.records = 5;
    flow_rates_sample(&rates, &books, 2 * NS_PER_S); // too early
    ck_assert_double_eq(rates.read_bytes_per_s, 0);
    flow_rates_sample(&rates, &books, 6 * NS_PER_S);
    ck_assert_double_eq(rates.read_bytes_per_s, 1000);
    ck_assert_double_eq(rates.read_records_per_s, 2);
    ck_assert_double_eq(rates.acknowledged_records_per_s, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("flow_status");
    TCase *tests = tcase_create("flow_status");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, an_idle_flow_is_described);
    tcase_add_test(tests, the_state_says_what_is_wrong);
    tcase_add_test(tests, the_ways_of_watching_are_named);
    tcase_add_test(tests, books_that_do_not_balance_are_reported);
    tcase_add_test(tests, lag_is_the_age_of_the_oldest_record_and_all_bytes_before_the_service);
    tcase_add_test(tests, rates_are_taken_over_whole_intervals);
    suite_add_tcase(suite, tests);
    return suite;
}
