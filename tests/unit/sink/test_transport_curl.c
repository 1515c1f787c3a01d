#include "sink/transport_curl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "support/rude_server.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { REQUESTS_MAX = 4, DEADLINE_S = 20, BODY_BYTES = 300000 };

static char *dir;
static char *ca_file;
static struct rude_server *server;
static struct transport *transport;
static char body[BODY_BYTES];

static void setup(void)
{
    dir = tempdir_create();
    ca_file = xasprintf("%s/ca.pem", dir);
    signal(SIGPIPE, SIG_IGN);
    memset(body, 'b', sizeof body);
    struct transport_options options = {.requests_max = REQUESTS_MAX};
    ck_assert_int_eq(transport_curl_create(&options, &transport), 0);
}

static void teardown(void)
{
    transport->free(transport);
    if (server != NULL) {
        rude_server_stop(server);
        server = NULL;
    }
    free(ca_file);
    tempdir_remove(dir);
}

static void serve(const enum rude_act *script, size_t count)
{
    server = rude_server_start(script, count, NULL);
}

static struct transport_request request_to(const char *url)
{
    return (struct transport_request){
        .method = "POST",
        .url = url,
        .headers = {{"Content-Type", "application/x-amz-json-1.1"}},
        .header_count = 1,
        .body = slice_of(body, sizeof body),
        .timeout_ms = 10000,
        .connect_timeout_ms = 5000,
        .answer_bytes_max = 1 << 20,
        .no_proxy = true,
    };
}

static struct transport_answer next_answer(void)
{
    struct transport_answer answer;
    time_t end = time(NULL) + DEADLINE_S;
    while (transport->collect(transport, &answer) == 0) {
        ck_assert_msg(time(NULL) < end, "no answer in time");
        transport->wait(transport, 1000);
    }
    return answer;
}

static struct transport_answer exchange(const struct transport_request *request)
{
    ck_assert_int_eq(transport->submit(transport, request), 0);
    return next_answer();
}

static struct transport_answer post(void)
{
    struct transport_request request = request_to(rude_server_url(server));
    return exchange(&request);
}

static void check_good(const struct transport_answer *answer)
{
    ck_assert_msg(answer->outcome == TRANSPORT_ANSWERED, "%s", answer->detail);
    ck_assert_int_eq(answer->status, 200);
    ck_assert(slice_equal_text(answer->body, "{\"ok\":1}"));
}

START_TEST(an_answer_comes_with_what_we_read_of_its_headers)
{
    serve(NULL, 0);
    struct transport_answer answer = post();
    check_good(&answer);
    ck_assert_str_eq(answer.content_type, "application/x-amz-json-1.1");
    ck_assert_str_eq(answer.date, "Sun, 06 Nov 1994 08:49:37 GMT");
    ck_assert_str_eq(answer.request_id, "r-1");
    ck_assert_str_eq(answer.error_type, "");
}
END_TEST

START_TEST(connections_are_used_again)
{
    serve(NULL, 0);
    for (unsigned i = 0; i < 5; i++) {
        struct transport_answer answer = post();
        check_good(&answer);
    }
    ck_assert_uint_eq(rude_server_requests(server), 5);
    ck_assert_uint_eq(rude_server_connections(server), 1);
}
END_TEST

START_TEST(only_our_headers_are_sent)
{
    serve(NULL, 0);
    struct transport_request request = request_to(rude_server_url(server));
    request.headers[1] = (struct transport_header){"Host", "kinesis.test"};
    request.headers[2] = (struct transport_header){"User-Agent", "kintail/1"};
    request.header_count = 3;
    struct transport_answer answer = exchange(&request);
    check_good(&answer);
    const char *headers = rude_server_last_headers(server);
    ck_assert(strstr(headers, "POST / HTTP/1.1\r\n") == headers);
    ck_assert_ptr_nonnull(strstr(headers, "\r\nHost: kinesis.test\r\n"));
    ck_assert_ptr_nonnull(strstr(headers, "\r\nContent-Length: 300000\r\n"));
    ck_assert_ptr_nonnull(strstr(headers, "\r\nUser-Agent: kintail/1\r\n"));
    ck_assert_ptr_null(strcasestr(headers, "Expect:"));
    ck_assert_ptr_null(strcasestr(headers, "x-www-form-urlencoded"));
}
END_TEST

START_TEST(get_and_an_empty_put_work)
{
    serve(NULL, 0);
    struct transport_request request = request_to(rude_server_url(server));
    request.header_count = 0;
    request.body = slice_of(NULL, 0);
    request.method = "GET";
    struct transport_answer answer = exchange(&request);
    check_good(&answer);
    ck_assert(strstr(rude_server_last_headers(server), "GET / ") != NULL);
    request.method = "PUT";
    answer = exchange(&request);
    check_good(&answer);
    ck_assert(strstr(rude_server_last_headers(server), "PUT / ") != NULL);
    ck_assert(strstr(rude_server_last_headers(server), "Content-Length: 0") != NULL);
}
END_TEST

// The first request makes the connection a used one; libcurl by itself would send the second body
// again on a new connection and report one success.
START_TEST(a_body_is_sent_once_when_a_used_connection_dies_before_the_answer)
{
    static const enum rude_act script[] = {RUDE_ANSWER, RUDE_CLOSE};
    serve(script, 2);
    struct transport_answer answer = post();
    check_good(&answer);
    answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_NO_ANSWER);
    ck_assert_uint_eq(rude_server_requests(server), 2);
    answer = post();
    check_good(&answer);
    ck_assert_uint_eq(rude_server_requests(server), 3);
}
END_TEST

START_TEST(a_body_is_sent_once_when_a_used_connection_is_reset_before_the_answer)
{
    static const enum rude_act script[] = {RUDE_ANSWER, RUDE_RESET};
    serve(script, 2);
    struct transport_answer answer = post();
    check_good(&answer);
    answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_NO_ANSWER);
    ck_assert_uint_eq(rude_server_requests(server), 2);
}
END_TEST

static enum transport_outcome outcome_of_act(enum rude_act act)
{
    const enum rude_act script[] = {act};
    serve(script, 1);
    struct transport_answer answer = post();
    ck_assert_int_eq(answer.outcome == TRANSPORT_ANSWERED, answer.detail[0] == '\0');
    ck_assert_uint_eq(rude_server_requests(server), 1);
    return answer.outcome;
}

START_TEST(an_answer_that_comes_twice_is_not_that_of_the_next_request)
{
    static const enum rude_act script[] = {RUDE_TWICE};
    serve(script, ARRAY_COUNT(script));
    for (unsigned i = 0; i < 3; i++) {
        struct transport_answer answer = post();
        check_good(&answer);
    }
    ck_assert_uint_eq(rude_server_requests(server), 3);
    ck_assert_uint_eq(rude_server_connections(server), 2);
}
END_TEST

START_TEST(a_close_without_an_answer_is_no_answer)
{
    ck_assert_int_eq(outcome_of_act(RUDE_CLOSE), TRANSPORT_NO_ANSWER);
}
END_TEST

START_TEST(a_reset_without_an_answer_is_no_answer)
{
    ck_assert_int_eq(outcome_of_act(RUDE_RESET), TRANSPORT_NO_ANSWER);
}
END_TEST

START_TEST(a_reset_amid_the_body_is_no_answer)
{
    ck_assert_int_eq(outcome_of_act(RUDE_RESET_EARLY), TRANSPORT_NO_ANSWER);
}
END_TEST

// On a busy machine the time may be over before the server has seen the request.
START_TEST(silence_is_no_answer_when_the_time_is_over)
{
    static const enum rude_act script[] = {RUDE_SILENT};
    struct transport_answer answer;
    for (unsigned timeout_ms = 100;; timeout_ms *= 2) {
        serve(script, 1);
        struct transport_request request = request_to(rude_server_url(server));
        request.timeout_ms = timeout_ms;
        answer = exchange(&request);
        if (rude_server_requests(server) == 1) {
            break;
        }
        rude_server_stop(server);
    }
    ck_assert_int_eq(answer.outcome, TRANSPORT_NO_ANSWER);
    ck_assert_str_ne(answer.detail, "");
}
END_TEST

START_TEST(a_truncated_answer_is_a_bad_answer)
{
    ck_assert_int_eq(outcome_of_act(RUDE_TRUNCATE), TRANSPORT_BAD_ANSWER);
}
END_TEST

static void check_bad_answer(enum rude_act act, const char *detail)
{
    const enum rude_act script[] = {act};
    serve(script, 1);
    struct transport_answer answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_BAD_ANSWER);
    ck_assert_str_eq(answer.detail, detail);
}

START_TEST(an_answer_above_its_limit_is_a_bad_answer)
{
    check_bad_answer(RUDE_HUGE, "it is larger than any answer of the service, 1048576 bytes");
}
END_TEST

START_TEST(endless_headers_are_a_bad_answer)
{
    check_bad_answer(RUDE_ENDLESS_HEADERS, "its headers are larger than 65536 bytes");
}
END_TEST

START_TEST(one_endless_header_is_a_bad_answer)
{
    check_bad_answer(RUDE_ENDLESS_HEADER, "its headers are larger than 65536 bytes");
}
END_TEST

START_TEST(another_protocol_is_a_bad_answer)
{
    ck_assert_int_eq(outcome_of_act(RUDE_NOT_HTTP), TRANSPORT_BAD_ANSWER);
}
END_TEST

START_TEST(a_chunked_answer_and_an_interim_one_are_read)
{
    static const enum rude_act script[] = {RUDE_CHUNKED, RUDE_CONTINUE};
    serve(script, 2);
    struct transport_answer answer = post();
    check_good(&answer);
    answer = post();
    check_good(&answer);
    ck_assert_str_eq(answer.request_id, "r-1");
}
END_TEST

START_TEST(an_error_answer_is_an_answer)
{
    static const enum rude_act script[] = {RUDE_ERROR};
    serve(script, 1);
    struct transport_answer answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_ANSWERED);
    ck_assert_int_eq(answer.status, 400);
    ck_assert_str_eq(answer.error_type, "SomeException:");
}
END_TEST

START_TEST(an_answer_before_the_body_is_read_is_an_answer)
{
    static const enum rude_act script[] = {RUDE_EARLY_413};
    serve(script, 1);
    struct transport_answer answer = post();
    ck_assert_msg(answer.outcome == TRANSPORT_ANSWERED, "%s", answer.detail);
    ck_assert_int_eq(answer.status, 413);
}
END_TEST

START_TEST(redirects_are_not_followed)
{
    static const enum rude_act script[] = {RUDE_REDIRECT};
    serve(script, 1);
    struct transport_answer answer = post();
    ck_assert_int_eq(answer.status, 302);
    ck_assert_uint_eq(rude_server_requests(server), 1);
}
END_TEST

START_TEST(a_refused_connection_is_not_sent)
{
    struct transport_request request = request_to("http://127.0.0.1:1");
    struct transport_answer answer = exchange(&request);
    ck_assert_int_eq(answer.outcome, TRANSPORT_NOT_SENT);
    ck_assert_str_ne(answer.detail, "");
}
END_TEST

START_TEST(a_name_that_does_not_resolve_is_not_sent)
{
    struct transport_request request = request_to("http://empty..label"); // asks no name server
    struct transport_answer answer = exchange(&request);
    ck_assert_int_eq(answer.outcome, TRANSPORT_NOT_SENT);
}
END_TEST

START_TEST(other_protocols_and_bad_urls_are_refused)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct transport_request request = request_to(urls[i]);
        if (transport->submit(transport, &request) == 0) {
            struct transport_answer answer = next_answer();
            ck_assert_int_eq(answer.outcome, TRANSPORT_NOT_SENT);
        }
    }
}
END_TEST

START_TEST(a_line_break_in_a_header_is_refused)
{
    struct transport_request request = request_to("http://127.0.0.1:1");
    request.headers[0].value = "a\r\nX-Evil: 1";
    ck_assert_int_eq(transport->submit(transport, &request), E_RANGE);
}
END_TEST

START_TEST(more_requests_than_allowed_are_refused_until_one_is_collected)
{
    serve(NULL, 0);
    struct transport_request request = request_to(rude_server_url(server));
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        request.context = &body[i];
        ck_assert_int_eq(transport->submit(transport, &request), 0);
    }
    ck_assert_int_eq(transport->submit(transport, &request), E_FULL);
    bool seen[REQUESTS_MAX] = {false};
    for (unsigned i = 0; i < REQUESTS_MAX; i++) {
        struct transport_answer answer = next_answer();
        check_good(&answer);
        seen[(char *)answer.context - body] = true;
    }
    ck_assert(seen[0] && seen[1] && seen[2] && seen[3]);
    struct transport_answer answer = exchange(&request);
    check_good(&answer);
}
END_TEST

START_TEST(a_certificate_of_a_given_authority_is_trusted)
{
    server = rude_server_start(NULL, 0, ca_file);
    struct transport_options options = {.requests_max = 1, .ca_file = ca_file};
    transport->free(transport);
    ck_assert_int_eq(transport_curl_create(&options, &transport), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct transport_answer answer = post();
        check_good(&answer);
    }
    ck_assert_uint_eq(rude_server_connections(server), 1);
}
END_TEST

START_TEST(a_certificate_of_an_unknown_authority_is_not_sent)
{
    server = rude_server_start(NULL, 0, ca_file);
    struct transport_answer answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_NOT_SENT);
    ck_assert_uint_eq(rude_server_requests(server), 0);
}
END_TEST

START_TEST(a_certificate_for_another_name_is_not_sent)
{
    server = rude_server_start(NULL, 0, ca_file);
    struct transport_options options = {.requests_max = 1, .ca_file = ca_file};
    transport->free(transport);
    ck_assert_int_eq(transport_curl_create(&options, &transport), 0);
    const char *port = strrchr(rude_server_url(server), ':');
    char *url = xasprintf("https://localhost%s", port);
    struct transport_request request = request_to(url);
    struct transport_answer answer = exchange(&request);
    ck_assert_int_eq(answer.outcome, TRANSPORT_NOT_SENT);
    free(url);
}
END_TEST

START_TEST(a_body_is_sent_once_over_tls_too)
{
    static const enum rude_act script[] = {RUDE_ANSWER, RUDE_CLOSE};
    server = rude_server_start(script, 2, ca_file);
    struct trust *trust;
    ck_assert_int_eq(trust_create(ca_file, &trust), 0);
    struct transport_options options = {.requests_max = 1, .trust = trust};
    transport->free(transport);
    ck_assert_int_eq(transport_curl_create(&options, &transport), 0);
    trust_free(trust);
    struct transport_answer answer = post();
    check_good(&answer);
    answer = post();
    ck_assert_int_eq(answer.outcome, TRANSPORT_NO_ANSWER);
    ck_assert_uint_eq(rude_server_requests(server), 2);
}
END_TEST

START_TEST(an_authority_file_that_is_missing_or_empty_is_an_error)
{
    struct trust *trust;
    ck_assert_int_eq(trust_create(ca_file, &trust), -ENOENT);
    FILE *file = fopen(ca_file, "w");
    fputs("no certificate\n", file);
    fclose(file);
    ck_assert_int_eq(trust_create(ca_file, &trust), E_SYNTAX);
}
END_TEST

START_TEST(transfers_under_way_end_with_the_transport)
{
    static const enum rude_act script[] = {RUDE_SILENT, RUDE_SILENT};
    serve(script, 2);
    struct transport_request request = request_to(rude_server_url(server));
    ck_assert_int_eq(transport->submit(transport, &request), 0);
    struct transport_answer answer;
    ck_assert_int_eq(transport->collect(transport, &answer), 0);
}
END_TEST

static void add_outcomes(TCase *tests)
{
    tcase_add_test(tests, an_answer_that_comes_twice_is_not_that_of_the_next_request);
    tcase_add_test(tests, a_close_without_an_answer_is_no_answer);
    tcase_add_test(tests, a_reset_without_an_answer_is_no_answer);
    tcase_add_test(tests, a_reset_amid_the_body_is_no_answer);
    tcase_add_test(tests, silence_is_no_answer_when_the_time_is_over);
    tcase_add_test(tests, a_truncated_answer_is_a_bad_answer);
    tcase_add_test(tests, an_answer_above_its_limit_is_a_bad_answer);
    tcase_add_test(tests, endless_headers_are_a_bad_answer);
    tcase_add_test(tests, one_endless_header_is_a_bad_answer);
    tcase_add_test(tests, another_protocol_is_a_bad_answer);
    tcase_add_test(tests, a_refused_connection_is_not_sent);
    tcase_add_test(tests, a_name_that_does_not_resolve_is_not_sent);
    tcase_add_test(tests, other_protocols_and_bad_urls_are_refused);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("transport_curl");
    TCase *tests = tcase_create("transport_curl");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_answer_comes_with_what_we_read_of_its_headers);
    tcase_add_test(tests, connections_are_used_again);
    tcase_add_test(tests, only_our_headers_are_sent);
    tcase_add_test(tests, get_and_an_empty_put_work);
    tcase_add_test(tests, a_body_is_sent_once_when_a_used_connection_dies_before_the_answer);
    tcase_add_test(tests, a_body_is_sent_once_when_a_used_connection_is_reset_before_the_answer);
    add_outcomes(tests);
    tcase_add_test(tests, a_chunked_answer_and_an_interim_one_are_read);
    tcase_add_test(tests, an_error_answer_is_an_answer);
    tcase_add_test(tests, an_answer_before_the_body_is_read_is_an_answer);
    tcase_add_test(tests, redirects_are_not_followed);
    tcase_add_test(tests, a_line_break_in_a_header_is_refused);
    tcase_add_test(tests, more_requests_than_allowed_are_refused_until_one_is_collected);
    tcase_add_test(tests, a_certificate_of_a_given_authority_is_trusted);
    tcase_add_test(tests, a_certificate_of_an_unknown_authority_is_not_sent);
    tcase_add_test(tests, a_certificate_for_another_name_is_not_sent);
    tcase_add_test(tests, a_body_is_sent_once_over_tls_too);
    tcase_add_test(tests, an_authority_file_that_is_missing_or_empty_is_an_error);
    tcase_add_test(tests, transfers_under_way_end_with_the_transport);
    suite_add_tcase(suite, tests);
    return suite;
}
