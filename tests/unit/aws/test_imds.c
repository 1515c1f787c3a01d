#include "aws/credentials.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fake_transport.h"
#include "support/test_main.h"

#define BASE      "http://169.254.169.254"
#define ROLES     BASE "/latest/meta-data/iam/security-credentials/"
#define TTL       "x-aws-ec2-metadata-token-ttl-seconds: 21600\n"
#define WITH(tok) "x-aws-ec2-metadata-token: " tok "\n"

// The clock starts at 10:00.
#define KEYS_UNTIL(id, time)                                                         \
    "{\"Code\":\"Success\",\"LastUpdated\":\"2026-11-22T09:00:00Z\",\"Type\":\"AWS-" \
    "HMAC\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"secret\",\"Token\":"    \
    "\"session\",\"Expiration\":\"2026-11-22T" time "\"}"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, EARLY_S = 15 * MINUTE_S, JITTER_S = 60 };
enum { FIVE_MINUTES_S = 5 * MINUTE_S, SIX_HOURS_S = 6 * HOUR_S };

static const char *imds_disabled;
static const char *imds_endpoint;
static const char *imds_mode;

static const char *environment(const char *name)
{
    if (strcmp(name, "AWS_EC2_METADATA_DISABLED") == 0) {
        return imds_disabled;
    }
    if (strcmp(name, "AWS_EC2_METADATA_SERVICE_ENDPOINT") == 0) {
        return imds_endpoint;
    }
    return strcmp(name, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == 0 ? imds_mode : NULL;
}

static struct fake_transport network;
static struct credentials_config config;
static struct credentials_store *store;
static struct credentials_chain *chain;

static void set_up(void)
{
    fake_transport_init(&network, io_posix());
    store = credentials_store_create();
    struct credentials_chain_options options = {
        .transport = &network.transport, .config = &config, .store = store, .getenv = environment};
    chain = credentials_chain_create(&network.io, &options);
}

static void tear_down(void)
{
    credentials_chain_free(chain);
    credentials_store_free(store);
    fake_transport_deinit(&network);
}

// Seconds until the next step that the chain asks for.
static uint64_t step(void)
{
    uint64_t next_ns = credentials_chain_step(chain, network.now_ns);
    ck_assert_uint_ge(next_ns, network.now_ns);
    return next_ns == TIME_NEVER ? TIME_NEVER : (next_ns - network.now_ns) / NS_PER_S;
}

static void check_sent(unsigned index, const char *method, const char *url, const char *headers)
{
    const struct fake_sent *sent = fake_transport_sent(&network, index);
    ck_assert_str_eq(sent->method, method);
    ck_assert_str_eq(sent->url, url);
    ck_assert_str_eq(sent->headers, headers);
    ck_assert(sent->no_proxy);
    ck_assert_uint_eq(sent->timeout_ms, 1000);
}

static void check_key(const char *id)
{
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), 0);
    ck_assert_str_eq(keys.access_key_id, id);
    ck_assert_str_eq(keys.secret_access_key, "secret");
    ck_assert_str_eq(keys.session_token, "session");
    credentials_deinit(&keys);
}

static void check_no_keys(void)
{
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), E_UNAVAILABLE);
}

static void check_described(const char *part)
{
    char text[1024];
    credentials_store_describe(store, text, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

static void script_keys(const char *token, const char *document)
{
    if (token != NULL) {
        fake_transport_answer(&network, 200, token);
    }
    fake_transport_answer(&network, 200, "web-role\n");
    fake_transport_answer(&network, 200, document);
}

START_TEST(keys_come_by_a_token_and_a_role)
{
    script_keys("tok", KEYS_UNTIL("ONE", "16:00:00Z"));
    uint64_t wait_s = step();
    ck_assert_uint_eq(network.sent_count, 3);
    check_sent(0, "PUT", BASE "/latest/api/token", TTL);
    check_sent(1, "GET", ROLES, WITH("tok"));
    check_sent(2, "GET", ROLES "web-role", WITH("tok"));
    check_key("ONE");
    check_described("role web-role");
    ck_assert_uint_le(wait_s, SIX_HOURS_S - EARLY_S);
    ck_assert_uint_ge(wait_s, SIX_HOURS_S - EARLY_S - JITTER_S);
}
END_TEST

START_TEST(nothing_is_asked_before_it_is_time)
{
    script_keys("tok", KEYS_UNTIL("ONE", "16:00:00Z"));
    fake_transport_pass(&network, step() - 1);
    step();
    ck_assert_uint_eq(network.sent_count, 3);
}
END_TEST

START_TEST(keys_are_refreshed_before_they_expire_with_the_same_token)
{
    script_keys("tok", KEYS_UNTIL("ONE", "11:00:00Z"));
    fake_transport_pass(&network, step() + 1);
    script_keys(NULL, KEYS_UNTIL("TWO", "17:00:00Z"));
    step();
    check_sent(3, "GET", ROLES, WITH("tok"));
    check_key("TWO");
}
END_TEST

START_TEST(a_token_is_renewed_before_its_end)
{
    script_keys("tok", KEYS_UNTIL("ONE", "16:30:00Z"));
    fake_transport_pass(&network, step() + 1);
    script_keys("next", KEYS_UNTIL("TWO", "22:00:00Z"));
    step();
    check_sent(3, "PUT", BASE "/latest/api/token", TTL);
    check_sent(4, "GET", ROLES, WITH("next"));
    check_key("TWO");
}
END_TEST

START_TEST(a_token_that_is_refused_is_renewed_once)
{
    fake_transport_answer(&network, 200, "old");
    fake_transport_answer(&network, 401, "");
    script_keys("new", KEYS_UNTIL("ONE", "16:00:00Z"));
    step();
    check_sent(2, "PUT", BASE "/latest/api/token", TTL);
    check_sent(3, "GET", ROLES, WITH("new"));
    check_key("ONE");
}
END_TEST

START_TEST(a_service_that_refuses_every_token_is_left_alone_for_a_while)
{
    fake_transport_answer(&network, 200, "old");
    fake_transport_answer(&network, 401, "");
    fake_transport_answer(&network, 200, "new");
    fake_transport_answer(&network, 401, "");
    ck_assert_uint_eq(step(), 1);
    ck_assert_uint_eq(network.sent_count, 4);
    check_no_keys();
    check_described("status 401");
}
END_TEST

START_TEST(a_silent_service_is_asked_three_times_and_then_ever_more_rarely)
{
    static const uint64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    for (size_t i = 0; i < ARRAY_COUNT(waits_s); i++) {
        for (unsigned j = 0; j < 3; j++) {
            fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 1000);
        }
        uint64_t before_ns = network.now_ns;
        ck_assert_uint_eq(step(), waits_s[i]);
        ck_assert_uint_eq(network.now_ns - before_ns, 3 * NS_PER_S);
        fake_transport_pass(&network, waits_s[i]);
    }
    check_no_keys();
    check_described("gives no answer: the script says so");
}
END_TEST

static void stop_while_waiting(struct transport *transport, uint64_t timeout_ms)
{
    (void)transport;
    (void)timeout_ms;
    credentials_chain_stop(chain);
}

START_TEST(a_stop_does_not_wait_for_an_answer)
{
    fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 1000);
    network.transport.wait = stop_while_waiting;
    uint64_t before_ns = network.now_ns;
    step();
    ck_assert_uint_eq(network.now_ns, before_ns);
    ck_assert_uint_eq(network.sent_count, 1);
    check_no_keys();
}
END_TEST

START_TEST(nothing_is_asked_after_a_stop)
{
    credentials_chain_stop(chain);
    step();
    ck_assert_uint_eq(network.sent_count, 0);
}
END_TEST

START_TEST(an_error_of_the_service_is_tried_again_at_once)
{
    fake_transport_answer(&network, 500, "");
    fake_transport_answer(&network, 503, "");
    script_keys("tok", KEYS_UNTIL("ONE", "16:00:00Z"));
    step();
    check_key("ONE");
}
END_TEST

START_TEST(old_keys_stay_in_use_while_the_service_is_away)
{
    script_keys("tok", KEYS_UNTIL("ONE", "11:00:00Z"));
    fake_transport_pass(&network, step() + 1);
    ck_assert_uint_eq(step(), 1);
    check_key("ONE");
    check_described("the old keys stay in use");
    fake_transport_pass(&network, 1);
    ck_assert_uint_eq(step(), 2);
    fake_transport_pass(&network, 2);
    script_keys(NULL, KEYS_UNTIL("TWO", "17:00:00Z"));
    step();
    check_key("TWO");
    check_described("from role web-role");
}
END_TEST

START_TEST(keys_that_have_expired_are_used_and_asked_for_again_in_minutes)
{
    script_keys("tok", KEYS_UNTIL("ONE", "09:00:00Z"));
    uint64_t wait_s = step();
    check_key("ONE");
    ck_assert_uint_ge(wait_s, FIVE_MINUTES_S - JITTER_S);
    ck_assert_uint_le(wait_s, FIVE_MINUTES_S);
}
END_TEST

START_TEST(keys_of_a_far_future_are_looked_at_again_within_a_day)
{
    fake_transport_answer(&network, 200, "tok");
    fake_transport_answer(&network, 200, "r");
    fake_transport_answer(&network, 200,
                          "{\"AccessKeyId\":\"ONE\",\"SecretAccessKey\":\"secret\","
                          "\"Token\":\"session\",\"Expiration\":\"9999-12-31T23:59:59Z\"}");
    uint64_t wait_s = step();
    check_key("ONE");
    ck_assert_uint_ge(wait_s, DAY_S - JITTER_S);
    ck_assert_uint_le(wait_s, DAY_S);
}
END_TEST

START_TEST(a_refusal_asks_for_new_keys_within_seconds_but_not_for_ever_more)
{
    script_keys("tok", KEYS_UNTIL("ONE", "16:00:00Z"));
    step();
    fake_transport_pass(&network, 100);
    credentials_store_refused(store, 1);
    script_keys(NULL, KEYS_UNTIL("TWO", "16:00:00Z"));
    step();
    check_key("TWO");
    credentials_store_refused(store, 1); // of the keys before
    ck_assert_uint_gt(step(), HOUR_S);
    credentials_store_refused(store, 2);
    ck_assert_uint_eq(step(), 2);
    ck_assert_uint_eq(network.sent_count, 5);
}
END_TEST

START_TEST(an_instance_without_a_role_says_so)
{
    fake_transport_answer(&network, 200, "tok");
    fake_transport_answer(&network, 404, "<html>");
    step();
    check_no_keys();
    check_described("names no role (status 404)");
}
END_TEST

START_TEST(documents_without_usable_keys_are_told_apart)
{
    static const struct {
        const char *document;
        const char *said;
    } cases[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"no trust\"}",
         "AssumeRoleUnauthorizedAccess: no trust"},
        {"{\"Code\":\"Success\"}", "no AccessKeyId"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":7}", "no SecretAccessKey"},
        {KEYS_UNTIL("A", "tomorrow"), "an Expiration that is no time"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        script_keys(i == 0 ? "tok" : NULL, cases[i].document);
        fake_transport_pass(&network, step());
        check_no_keys();
        check_described(cases[i].said);
    }
}
END_TEST

START_TEST(tokens_and_role_names_cannot_smuggle_anything_into_a_request)
{
    fake_transport_answer(&network, 200, "tok\r\nX-Evil: 1");
    fake_transport_pass(&network, step());
    check_described("gives no token");
    fake_transport_answer(&network, 200, "tok");
    fake_transport_answer(&network, 200, "a role");
    step();
    check_described("names no role");
    check_no_keys();
}
END_TEST

START_TEST(the_service_can_be_switched_off)
{
    imds_disabled = "True";
    step();
    ck_assert_uint_eq(network.sent_count, 0);
    check_no_keys();
    check_described("no keys in the configuration, the environment or the shared files");
}
END_TEST

static void check_asked(const char *url)
{
    step();
    ck_assert_str_eq(fake_transport_sent(&network, 0)->url, url);
}

START_TEST(the_configured_address_comes_first)
{
    char address[] = "http://127.0.0.1:1338/";
    config.imds_endpoint = address;
    imds_endpoint = "http://127.0.0.1:1339";
    check_asked("http://127.0.0.1:1338/latest/api/token");
}
END_TEST

START_TEST(the_environment_can_name_an_address)
{
    imds_endpoint = "http://127.0.0.1:1339";
    imds_mode = "IPv6";
    check_asked("http://127.0.0.1:1339/latest/api/token");
}
END_TEST

START_TEST(the_environment_can_ask_for_ipv6)
{
    imds_endpoint = "";
    imds_mode = "ipv6";
    check_asked("http://[fd00:ec2::254]/latest/api/token");
}
END_TEST

START_TEST(an_address_that_is_none_is_named)
{
    imds_endpoint = "somewhere";
    fake_transport_refuse(&network, E_RANGE);
    step();
    ck_assert_uint_eq(network.sent_count, 1);
    check_described("somewhere/latest/api/token: this is no URL");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("imds");
    TCase *tests = tcase_create("imds");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, keys_come_by_a_token_and_a_role);
    tcase_add_test(tests, nothing_is_asked_before_it_is_time);
    tcase_add_test(tests, keys_are_refreshed_before_they_expire_with_the_same_token);
    tcase_add_test(tests, a_token_is_renewed_before_its_end);
    tcase_add_test(tests, a_token_that_is_refused_is_renewed_once);
    tcase_add_test(tests, a_service_that_refuses_every_token_is_left_alone_for_a_while);
    tcase_add_test(tests, a_silent_service_is_asked_three_times_and_then_ever_more_rarely);
    tcase_add_test(tests, a_stop_does_not_wait_for_an_answer);
    tcase_add_test(tests, nothing_is_asked_after_a_stop);
    tcase_add_test(tests, an_error_of_the_service_is_tried_again_at_once);
    tcase_add_test(tests, old_keys_stay_in_use_while_the_service_is_away);
    tcase_add_test(tests, keys_that_have_expired_are_used_and_asked_for_again_in_minutes);
    tcase_add_test(tests, keys_of_a_far_future_are_looked_at_again_within_a_day);
    tcase_add_test(tests, a_refusal_asks_for_new_keys_within_seconds_but_not_for_ever_more);
    tcase_add_test(tests, an_instance_without_a_role_says_so);
    tcase_add_test(tests, documents_without_usable_keys_are_told_apart);
    tcase_add_test(tests, tokens_and_role_names_cannot_smuggle_anything_into_a_request);
    tcase_add_test(tests, the_service_can_be_switched_off);
    tcase_add_test(tests, the_configured_address_comes_first);
    tcase_add_test(tests, the_environment_can_name_an_address);
    tcase_add_test(tests, the_environment_can_ask_for_ipv6);
    tcase_add_test(tests, an_address_that_is_none_is_named);
    suite_add_tcase(suite, tests);
    return suite;
}
