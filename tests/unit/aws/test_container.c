#include <fcntl.h>
#include <stdlib.h>

#include "aws/credentials.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fake_transport.h"
#include "support/tempdir.h"
#include "support/test_main.h"

#define KEYS(id)                                                                            \
    "{\"RoleArn\":\"arn:aws:iam::1:role/r\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\"" \
    ":\"secret\",\"Token\":\"session\",\"Expiration\":\"2026-11-22T16:00:00Z\"}"

static const char *relative_uri;
static const char *full_uri;
static const char *token;
static const char *token_file;

static const char *environment(const char *name)
{
    const struct {
        const char *name;
        const char *value;
    } variables[] = {
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", relative_uri},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", full_uri},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN", token},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file},
        {"AWS_EC2_METADATA_DISABLED", "true"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        if (strcmp(name, variables[i].name) == 0) {
            return variables[i].value;
        }
    }
    return NULL;
}

static struct fake_transport network;
static struct credentials_config config;
static struct credentials_store *store;
static struct credentials_chain *chain;
static char *directory;

static void set_up(void)
{
    directory = tempdir_create();
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
    tempdir_remove(directory);
}

static void write_token(const char *path, const char *text)
{
    struct io *io = io_posix();
    int fd = io->open(io, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, text, strlen(text), 0), 0);
    io->close(io, fd);
}

static uint64_t step(void)
{
    return credentials_chain_step(chain, network.now_ns);
}

static void check_described(const char *part)
{
    char text[1024];
    credentials_store_describe(store, text, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

static void check_no_keys(const char *why)
{
    step();
    check_described(why);
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), E_UNAVAILABLE);
}

static void check_asked(const char *url, const char *headers, bool no_proxy)
{
    fake_transport_answer(&network, 200, KEYS("ONE"));
    step();
    const struct fake_sent *sent = fake_transport_sent(&network, 0);
    ck_assert_str_eq(sent->method, "GET");
    ck_assert_str_eq(sent->url, url);
    ck_assert_str_eq(sent->headers, headers);
    ck_assert(sent->no_proxy == no_proxy);
    ck_assert_uint_eq(sent->timeout_ms, 2000);
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), 0);
    ck_assert_str_eq(keys.access_key_id, "ONE");
    ck_assert_str_eq(keys.secret_access_key, "secret");
    ck_assert_str_eq(keys.session_token, "session");
    ck_assert_uint_gt(keys.expires_s, 0);
    credentials_deinit(&keys);
    check_described("from the container's credentials service");
}

START_TEST(a_relative_address_is_one_of_the_platform)
{
    relative_uri = "/v2/credentials/1?id=2";
    full_uri = "http://127.0.0.1:1/not-asked";
    check_asked("http://169.254.170.2/v2/credentials/1?id=2", "", true);
}
END_TEST

START_TEST(a_full_address_is_asked_with_its_token)
{
    full_uri = "http://169.254.170.23/v1/credentials";
    token = "Basic abc";
    check_asked(full_uri, "Authorization: Basic abc\n", true);
}
END_TEST

START_TEST(another_machine_is_asked_with_tls_and_through_a_proxy)
{
    full_uri = "https://keys.example.com/v1";
    check_asked(full_uri, "", false);
}
END_TEST

START_TEST(another_machine_is_not_asked_without_tls)
{
    static const char *const urls[] = {"http://keys.example.com/v1",
                                       "http://127.0.0.1.example.com/", "http://169.254.170.24/",
                                       "http://localhost.example.com/", "http://[fd00:ec2::24]/"};
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        full_uri = urls[i];
        check_no_keys("names another machine and must be https://");
        fake_transport_pass(&network, 60);
    }
    ck_assert_uint_eq(network.sent_count, 0);
}
END_TEST

START_TEST(near_addresses_need_no_tls)
{
    static const char *const urls[] = {"http://127.1.2.3:80/k", "http://localhost/k",
                                       "http://[::1]:8080/k", "http://[fd00:ec2::23]/v1"};
    for (unsigned i = 0; i < ARRAY_COUNT(urls); i++) {
        full_uri = urls[i];
        fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 0);
        fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 0);
        fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 0);
        check_no_keys("the container's credentials service gives no answer");
        ck_assert_str_eq(fake_transport_sent(&network, 3 * i)->url, urls[i]);
        fake_transport_pass(&network, 60);
    }
}
END_TEST

START_TEST(an_address_that_is_none_is_an_error)
{
    full_uri = "http://localhost:x@keys.example.com/";
    check_no_keys("the address of the container's credentials is not usable: ");
    ck_assert_uint_eq(network.sent_count, 0);
}
END_TEST

START_TEST(the_token_file_outranks_the_token_and_is_read_each_time)
{
    char *path = xasprintf("%s/token", directory);
    full_uri = "http://169.254.170.23/v1/credentials";
    token = "not-sent";
    token_file = path;
    write_token(path, "first\n");
    check_asked(full_uri, "Authorization: first\n", true);
    write_token(path, "second");
    fake_transport_answer(&network, 200, KEYS("TWO"));
    credentials_store_refused(store, 1);
    fake_transport_pass(&network, 60);
    step();
    ck_assert_str_eq(fake_transport_sent(&network, 1)->headers, "Authorization: second\n");
    free(path);
}
END_TEST

START_TEST(a_token_file_that_is_missing_is_named)
{
    full_uri = "http://169.254.170.23/v1/credentials";
    token_file = "/nonexistent/token";
    check_no_keys("cannot read /nonexistent/token: ");
}
END_TEST

START_TEST(a_token_cannot_smuggle_in_a_header)
{
    full_uri = "http://169.254.170.23/v1/credentials";
    token = "abc\r\nX-Evil: 1";
    check_no_keys("holds a character that no token has");
    ck_assert_uint_eq(network.sent_count, 0);
}
END_TEST

START_TEST(an_answer_without_keys_says_its_status)
{
    full_uri = "http://169.254.170.23/v1/credentials";
    fake_transport_answer(&network, 403, "{\"code\":\"AccessDenied\"}");
    check_no_keys("the container's credentials service answers 403");
}
END_TEST

START_TEST(keys_that_no_header_can_carry_are_refused)
{
    full_uri = "http://169.254.170.23/v1/credentials";
    fake_transport_answer(&network, 200, KEYS("A\\r\\nX-Evil: 1"));
    check_no_keys("the access key id from the container's credentials service holds a space");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("container");
    TCase *tests = tcase_create("container");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_relative_address_is_one_of_the_platform);
    tcase_add_test(tests, a_full_address_is_asked_with_its_token);
    tcase_add_test(tests, another_machine_is_asked_with_tls_and_through_a_proxy);
    tcase_add_test(tests, another_machine_is_not_asked_without_tls);
    tcase_add_test(tests, near_addresses_need_no_tls);
    tcase_add_test(tests, an_address_that_is_none_is_an_error);
    tcase_add_test(tests, the_token_file_outranks_the_token_and_is_read_each_time);
    tcase_add_test(tests, a_token_file_that_is_missing_is_named);
    tcase_add_test(tests, a_token_cannot_smuggle_in_a_header);
    tcase_add_test(tests, an_answer_without_keys_says_its_status);
    tcase_add_test(tests, keys_that_no_header_can_carry_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
