#include <fcntl.h>
#include <stdlib.h>

#include "aws/credentials.h"
#include "aws/sts.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fake_transport.h"
#include "support/tempdir.h"
#include "support/test_main.h"

#define ARN         "arn:aws:iam::123456789012:role/logs"
#define ARN_ENCODED "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flogs"
#define STS         "https://sts.eu-west-1.amazonaws.com/"
#define FORM        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\n"
#define ANSWER(id, time)                                                              \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"      \
    "  <AssumeRoleResult>\n    <AssumedRoleUser><Arn>arn:x</Arn></AssumedRoleUser>\n" \
    "    <Credentials>\n      <AccessKeyId>" id "</AccessKeyId>\n"                    \
    "      <SecretAccessKey>s/+=</SecretAccessKey>\n"                                 \
    "      <SessionToken>t//==</SessionToken>\n"                                      \
    "      <Expiration>2026-11-22T" time "</Expiration>\n    </Credentials>\n"        \
    "  </AssumeRoleResult>\n</AssumeRoleResponse>\n"

enum { VARIABLES_MAX = 12, MINUTE_S = 60 };

static struct {
    const char *name;
    const char *value;
} variables[VARIABLES_MAX];

static void set(const char *name, const char *value)
{
    size_t i = 0;
    while (variables[i].name != NULL && strcmp(variables[i].name, name) != 0) {
        i++;
    }
    variables[i].name = name;
    variables[i].value = value;
}

static const char *environment(const char *name)
{
    for (size_t i = 0; variables[i].name != NULL; i++) {
        if (strcmp(variables[i].name, name) == 0) {
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
static char *config_file;
static char *token_file;

static void make_chain(const char *region)
{
    struct credentials_chain_options options = {.transport = &network.transport,
                                                .config = &config,
                                                .region = region,
                                                .store = store,
                                                .getenv = environment};
    credentials_chain_free(chain);
    chain = credentials_chain_create(&network.io, &options);
}

static void set_up(void)
{
    directory = tempdir_create();
    config_file = xasprintf("%s/config", directory);
    token_file = xasprintf("%s/token", directory);
    fake_transport_init(&network, io_posix());
    store = credentials_store_create();
    make_chain("eu-west-1");
    set("AWS_CONFIG_FILE", config_file);
    set("AWS_EC2_METADATA_DISABLED", "true");
}

static void tear_down(void)
{
    credentials_chain_free(chain);
    credentials_store_free(store);
    fake_transport_deinit(&network);
    tempdir_remove(directory);
    free(config_file);
    free(token_file);
}

static void write_file(const char *path, const char *text)
{
    struct io *io = io_posix();
    int fd = io->open(io, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, text, strlen(text), 0), 0);
    io->close(io, fd);
}

// Seconds until the next step.
static uint64_t step(void)
{
    return (credentials_chain_step(chain, network.now_ns) - network.now_ns) / NS_PER_S;
}

static void check_described(const char *part)
{
    char text[1024];
    credentials_store_describe(store, text, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

static void check_key(const char *id)
{
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), 0);
    ck_assert_str_eq(keys.access_key_id, id);
    ck_assert_str_eq(keys.secret_access_key, "s/+=");
    ck_assert_str_eq(keys.session_token, "t//==");
    credentials_deinit(&keys);
}

static void check_no_keys(const char *why)
{
    step();
    check_described(why);
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), E_UNAVAILABLE);
}

static void set_web_identity(void)
{
    write_file(token_file, "head.body.mark\n");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", token_file);
    set("AWS_ROLE_ARN", ARN);
}

START_TEST(a_pod_gets_its_role_by_a_token)
{
    set_web_identity();
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    uint64_t wait_s = step();
    const struct fake_sent *sent = fake_transport_sent(&network, 0);
    ck_assert_str_eq(sent->method, "POST");
    ck_assert_str_eq(sent->url, STS);
    ck_assert_str_eq(sent->headers, FORM);
    ck_assert_str_eq(sent->body,
                     "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" ARN_ENCODED
                     "&RoleSessionName=kintail&WebIdentityToken=head.body.mark");
    ck_assert(!sent->no_proxy);
    check_key("ONE");
    check_described("from the web identity of role " ARN);
    ck_assert_uint_le(wait_s / MINUTE_S, 45);
    ck_assert_uint_ge(wait_s / MINUTE_S, 44);
}
END_TEST

START_TEST(the_token_of_a_pod_is_read_each_time)
{
    set_web_identity();
    set("AWS_ROLE_SESSION_NAME", "pod@1");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    fake_transport_pass(&network, step() + 1);
    write_file(token_file, "next");
    fake_transport_answer(&network, 200, ANSWER("TWO", "12:00:00Z"));
    step();
    ck_assert_ptr_nonnull(strstr(fake_transport_sent(&network, 1)->body,
                                 "&RoleSessionName=pod%401&WebIdentityToken=next"));
    check_key("TWO");
}
END_TEST

START_TEST(a_token_without_a_role_is_an_error)
{
    set_web_identity();
    set("AWS_ROLE_ARN", "");
    check_no_keys("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
}
END_TEST

START_TEST(a_token_file_that_is_missing_is_named)
{
    set_web_identity();
    set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token");
    check_no_keys("cannot read /nonexistent/token: ");
}
END_TEST

START_TEST(an_empty_token_file_is_an_error)
{
    set_web_identity();
    write_file(token_file, "\n");
    check_no_keys("/token holds no token");
}
END_TEST

START_TEST(a_role_needs_a_region)
{
    set_web_identity();
    make_chain(NULL);
    check_no_keys("a role needs a region");
}
END_TEST

START_TEST(the_environment_can_name_the_service)
{
    set_web_identity();
    set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:5000/sts");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    ck_assert_str_eq(fake_transport_sent(&network, 0)->url, "http://127.0.0.1:5000/sts/");
}
END_TEST

START_TEST(a_service_that_is_no_url_is_an_error)
{
    set_web_identity();
    set("AWS_ENDPOINT_URL_STS", "sts");
    check_no_keys("AWS_ENDPOINT_URL_STS: a URL starts with");
}
END_TEST

// The signature is the one that botocore makes of the same request.
START_TEST(a_profile_assumes_a_role_with_the_keys_of_another)
{
    set("AWS_PROFILE", "logs");
    write_file(config_file, "[profile logs]\nrole_arn = " ARN "\nsource_profile = base\n"
                            "external_id = a b\nrole_session_name = me\nduration_seconds = 900\n"
                            "[profile base]\naws_access_key_id = AKID\n"
                            "aws_secret_access_key = secret\naws_session_token = tok\n");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    const struct fake_sent *sent = fake_transport_sent(&network, 0);
    ck_assert_str_eq(sent->body, "Action=AssumeRole&Version=2011-06-15&RoleArn=" ARN_ENCODED
                                 "&RoleSessionName=me&DurationSeconds=900&ExternalId=a%20b");
    ck_assert_str_eq(
        sent->headers,
        "Host: sts.eu-west-1.amazonaws.com\n" FORM "X-Amz-Date: 20261122T100000Z\n"
        "X-Amz-Security-Token: tok\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-west-1/sts/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        "Signature=0651f39e76f1c93c4f176ca066d523bb78df2576a25077cd89f0e3eff78df7ef\n");
    check_key("ONE");
    check_described("from profile \"logs\" with role " ARN);
}
END_TEST

START_TEST(a_profile_can_be_its_own_source)
{
    write_file(config_file, "[default]\nrole_arn = " ARN "\nsource_profile = default\n"
                            "aws_access_key_id = AKID\naws_secret_access_key = secret\n");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    check_key("ONE");
}
END_TEST

START_TEST(a_profile_assumes_a_role_with_a_token)
{
    char *text =
        xasprintf("[default]\nrole_arn = " ARN "\nweb_identity_token_file = %s\n", token_file);
    write_file(config_file, text);
    free(text);
    write_file(token_file, "tok");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    ck_assert_ptr_nonnull(strstr(fake_transport_sent(&network, 0)->body, "&WebIdentityToken=tok"));
    check_key("ONE");
}
END_TEST

START_TEST(a_role_can_build_on_the_environment)
{
    char profile[] = "logs";
    config.profile = profile;
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    set("AWS_SECRET_ACCESS_KEY", "e");
    write_file(config_file,
               "[profile logs]\nrole_arn = " ARN "\ncredential_source = Environment\n");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    ck_assert_ptr_nonnull(
        strstr(fake_transport_sent(&network, 0)->headers, "Credential=ENVIRONMENT/"));
    check_key("ONE");
}
END_TEST

START_TEST(a_role_can_build_on_the_instance)
{
    set("AWS_EC2_METADATA_DISABLED", NULL);
    write_file(config_file,
               "[default]\nrole_arn = " ARN "\ncredential_source = Ec2InstanceMetadata\n");
    fake_transport_answer(&network, 200, "tok");
    fake_transport_answer(&network, 200, "web-role");
    fake_transport_answer(&network, 200,
                          "{\"AccessKeyId\":\"INSTANCE\",\"SecretAccessKey\":\"secret\"}");
    fake_transport_answer(&network, 200, ANSWER("ONE", "11:00:00Z"));
    step();
    ck_assert_ptr_nonnull(
        strstr(fake_transport_sent(&network, 3)->headers, "Credential=INSTANCE/"));
    check_key("ONE");
}
END_TEST

START_TEST(profiles_that_cannot_be_followed_say_why)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "it needs one of source_profile, credential_source"},
        {"source_profile = a\ncredential_source = Environment\n", "it needs one of"},
        {"credential_source = Elsewhere\n", "it needs one of"},
        {"credential_source = Environment\n", "credential_source Environment, which is not set up"},
        {"credential_source = EcsContainer\n", "which is not set up here"},
        {"credential_source = Ec2InstanceMetadata\n", "which is not set up here"},
        {"source_profile = nobody\n", "source_profile \"nobody\", which has no keys"},
        {"source_profile = other\n", "source_profile \"other\", which is a role itself"},
        {"source_profile = half\n", "profile \"half\" in "},
        {"mfa_serial = arn\nsource_profile = a\n", "uses mfa_serial"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char *text = xasprintf("[profile other]\nrole_arn = x\n[profile half]\naws_access_key_id = "
                               "A\n[default]\nrole_arn = " ARN "\n%s",
                               cases[i].text);
        write_file(config_file, text);
        free(text);
        check_no_keys(cases[i].said);
        fake_transport_pass(&network, MINUTE_S);
    }
    ck_assert_uint_eq(network.sent_count, 0);
}
END_TEST

START_TEST(a_refusal_of_the_role_is_told)
{
    set_web_identity();
    fake_transport_answer(
        &network, 403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized "
        "to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>");
    check_no_keys("the role is refused (status 403): AccessDenied: Not authorized to perform sts:");
}
END_TEST

START_TEST(answers_without_whole_keys_are_told_apart)
{
    static const struct {
        const char *answer;
        int status;
        const char *said;
    } cases[] = {
        {"", 200, "no whole keys"},
        {"<Credentials>", 200, "no whole keys"},
        {"<Credentials><AccessKeyId>A</AccessKeyId></Credentials>", 200, "no whole keys"},
        {ANSWER("A&amp;B", "11:00:00Z"), 200, "no whole keys"},
        {ANSWER("A<B/>", "11:00:00Z"), 200, "no whole keys"},
        {ANSWER("A B", "11:00:00Z"), 200, "no whole keys"},
        {ANSWER("A", "tomorrow"), 200, "an Expiration that is no time"},
        {"", 404, "the role is refused (status 404): "},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct credentials_lookup lookup = {0};
        ck_assert_int_ne(sts_parse_answer(slice_of_text(cases[i].answer), cases[i].status, &lookup),
                         0);
        ck_assert_msg(strstr(lookup.why, cases[i].said) != NULL, "%s", lookup.why);
        ck_assert_ptr_null(lookup.keys.access_key_id);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("roles");
    TCase *tests = tcase_create("roles");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_pod_gets_its_role_by_a_token);
    tcase_add_test(tests, the_token_of_a_pod_is_read_each_time);
    tcase_add_test(tests, a_token_without_a_role_is_an_error);
    tcase_add_test(tests, a_token_file_that_is_missing_is_named);
    tcase_add_test(tests, an_empty_token_file_is_an_error);
    tcase_add_test(tests, a_role_needs_a_region);
    tcase_add_test(tests, the_environment_can_name_the_service);
    tcase_add_test(tests, a_service_that_is_no_url_is_an_error);
    tcase_add_test(tests, a_profile_assumes_a_role_with_the_keys_of_another);
    tcase_add_test(tests, a_profile_can_be_its_own_source);
    tcase_add_test(tests, a_profile_assumes_a_role_with_a_token);
    tcase_add_test(tests, a_role_can_build_on_the_environment);
    tcase_add_test(tests, a_role_can_build_on_the_instance);
    tcase_add_test(tests, profiles_that_cannot_be_followed_say_why);
    tcase_add_test(tests, a_refusal_of_the_role_is_told);
    tcase_add_test(tests, answers_without_whole_keys_are_told_apart);
    suite_add_tcase(suite, tests);
    return suite;
}
