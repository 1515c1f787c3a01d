#include "aws/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fake_transport.h"
#include "support/fault_io.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { VARIABLES_MAX = 8 };

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

static char *home;
static struct fault_io disk;
static struct fake_transport network;
static struct credentials_config config;
static struct credentials_store *store;
static struct credentials_chain *chain;

static void set_up(void)
{
    home = tempdir_create();
    fault_io_init(&disk, io_posix());
    fake_transport_init(&network, io_posix());
    set("HOME", home);
    set("AWS_EC2_METADATA_DISABLED", "true");
    store = credentials_store_create();
    struct credentials_chain_options options = {
        .transport = &network.transport, .config = &config, .store = store, .getenv = environment};
    chain = credentials_chain_create(&disk.io, &options);
}

static void tear_down(void)
{
    credentials_chain_free(chain);
    credentials_store_free(store);
    fake_transport_deinit(&network);
    fault_io_deinit(&disk);
    tempdir_remove(home);
}

// Makes a file of the home directory, "/.aws/..." or another; returns its path, owned.
static char *write_file(const char *name, const char *text)
{
    struct io *io = io_posix();
    char *directory = xasprintf("%s/.aws", home);
    ck_assert_int_eq(io_mkdir_all(io, directory, 0700), 0);
    free(directory);
    char *path = xasprintf("%s%s", home, name);
    int fd = io->open(io, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, text, strlen(text), 0), 0);
    io->close(io, fd);
    return path;
}

static uint64_t step(void)
{
    return credentials_chain_step(chain, disk.io.monotonic_ns(&disk.io));
}

static void check_described(const char *part)
{
    char text[1024];
    credentials_store_describe(store, text, sizeof text);
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

static void check_keys(const char *id, const char *secret, const char *token, const char *where)
{
    step();
    check_described(where);
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), 0);
    ck_assert_str_eq(keys.access_key_id, id);
    ck_assert_str_eq(keys.secret_access_key, secret);
    ck_assert_pstr_eq(keys.session_token, token);
    ck_assert_uint_eq(keys.expires_s, 0);
    credentials_deinit(&keys);
}

static void check_no_keys(const char *why)
{
    step();
    check_described(why);
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), E_UNAVAILABLE);
}

START_TEST(the_configuration_comes_first)
{
    char id[] = "CONFIGURED";
    char secret[] = "s";
    config.access_key_id = id;
    config.secret_access_key = secret;
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    set("AWS_SECRET_ACCESS_KEY", "e");
    check_keys("CONFIGURED", "s", NULL, "from the configuration");
    ck_assert_uint_eq(step(), TIME_NEVER);
}
END_TEST

START_TEST(the_environment_comes_before_files)
{
    free(write_file("/.aws/credentials",
                    "[default]\naws_access_key_id=F\naws_secret_access_key=f\n"));
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    set("AWS_SECRET_ACCESS_KEY", "e");
    set("AWS_SESSION_TOKEN", "t");
    check_keys("ENVIRONMENT", "e", "t", "from the environment");
}
END_TEST

START_TEST(blank_variables_count_as_unset)
{
    free(write_file("/.aws/credentials",
                    "[default]\naws_access_key_id=F\naws_secret_access_key=f\n"));
    set("AWS_ACCESS_KEY_ID", "");
    set("AWS_SECRET_ACCESS_KEY", "");
    set("AWS_PROFILE", "");
    set("AWS_SHARED_CREDENTIALS_FILE", "");
    check_keys("F", "f", NULL, "from profile \"default\" in ");
}
END_TEST

START_TEST(half_a_pair_is_an_error_and_not_passed_over)
{
    free(write_file("/.aws/credentials",
                    "[default]\naws_access_key_id=F\naws_secret_access_key=f\n"));
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    check_no_keys("the environment has an access key id but no secret access key");
}
END_TEST

START_TEST(the_other_half_of_a_pair_is_an_error_too)
{
    set("AWS_SECRET_ACCESS_KEY", "e");
    check_no_keys("the environment has a secret access key but no access key id");
}
END_TEST

START_TEST(a_profile_of_the_configuration_outranks_keys_of_the_environment)
{
    char profile[] = "logs";
    config.profile = profile;
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    set("AWS_SECRET_ACCESS_KEY", "e");
    set("AWS_PROFILE", "other");
    free(write_file("/.aws/credentials",
                    "[logs]\naws_access_key_id=F\naws_secret_access_key=f\naws_session_token=t\n"));
    check_keys("F", "f", "t", "from profile \"logs\" in ");
}
END_TEST

START_TEST(the_credentials_file_wins_over_the_configuration_file)
{
    set("AWS_PROFILE", "logs");
    free(write_file("/.aws/credentials", "[logs]\naws_access_key_id=F\naws_secret_access_key=f\n"));
    free(write_file("/.aws/config",
                    "[profile logs]\naws_access_key_id=G\naws_secret_access_key=g\n"));
    check_keys("F", "f", NULL, "/.aws/credentials");
}
END_TEST

START_TEST(the_configuration_file_can_hold_keys)
{
    set("AWS_PROFILE", "logs");
    free(write_file("/.aws/config",
                    "[profile logs]\naws_access_key_id=G\naws_secret_access_key=g\n"));
    check_keys("G", "g", NULL, "/.aws/config");
}
END_TEST

START_TEST(the_environment_can_name_the_files)
{
    char *path = write_file("/elsewhere", "[default]\naws_access_key_id=E\n"
                                          "aws_secret_access_key=e\n");
    set("AWS_SHARED_CREDENTIALS_FILE", path);
    set("HOME", NULL);
    check_keys("E", "e", NULL, "/elsewhere");
    free(path);
}
END_TEST

START_TEST(half_a_pair_in_a_profile_is_an_error)
{
    free(write_file("/.aws/credentials", "[default]\naws_access_key_id=F\n"));
    check_no_keys("has only one of aws_access_key_id and aws_secret_access_key");
}
END_TEST

START_TEST(a_named_profile_must_be_there)
{
    set("AWS_PROFILE", "logs");
    free(write_file("/.aws/credentials", "[default]\naws_access_key_id=F\n"
                                         "aws_secret_access_key=f\n"));
    check_no_keys("profile \"logs\" is in neither of the shared files");
}
END_TEST

START_TEST(a_named_profile_must_have_keys)
{
    set("AWS_PROFILE", "logs");
    free(write_file("/.aws/config", "[profile logs]\nregion = eu-west-1\n"));
    check_no_keys("profile \"logs\" has no keys");
}
END_TEST

START_TEST(a_default_profile_without_keys_lets_the_chain_go_on)
{
    free(write_file("/.aws/config", "[default]\nregion = eu-west-1\n"));
    check_no_keys("no keys in the configuration, the environment or the shared files");
}
END_TEST

START_TEST(a_role_is_not_passed_over_for_keys_that_stand_beside_it)
{
    free(write_file("/.aws/config", "[default]\nrole_arn = arn:aws:iam::1:role/r\n"));
    free(write_file("/.aws/credentials", "[default]\naws_access_key_id=F\n"
                                         "aws_secret_access_key=f\n"));
    check_no_keys("profile \"default\" has a role_arn; it needs one of source_profile");
}
END_TEST

START_TEST(keys_come_before_a_process)
{
    free(write_file("/.aws/config", "[default]\ncredential_process = /bin/false\n"));
    check_no_keys("uses credential_process");
    free(write_file("/.aws/credentials", "[default]\naws_access_key_id=F\n"
                                         "aws_secret_access_key=f\n"));
    struct credentials_chain_options options = {
        .transport = &network.transport, .config = &config, .store = store, .getenv = environment};
    credentials_chain_free(chain);
    chain = credentials_chain_create(&disk.io, &options);
    check_keys("F", "f", NULL, "/.aws/credentials");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    free(write_file("/.aws/credentials", "[default]\n"));
    fault_io_fail(&disk, "pread", 1, 1, -EIO);
    check_no_keys("/.aws/credentials: ");
    check_described("cannot read ");
}
END_TEST

START_TEST(a_home_that_may_not_be_entered_is_as_good_as_none)
{
    fault_io_fail(&disk, "open", 1, 2, -EACCES);
    check_no_keys("no keys in the configuration");
}
END_TEST

START_TEST(a_file_that_somebody_named_must_be_readable)
{
    set("AWS_SHARED_CREDENTIALS_FILE", "/locked");
    fault_io_fail(&disk, "open", 1, 1, -EACCES);
    check_no_keys("cannot read /locked: ");
}
END_TEST

START_TEST(a_home_must_be_readable_for_a_profile_that_somebody_named)
{
    set("AWS_PROFILE", "logs");
    fault_io_fail(&disk, "open", 1, 1, -EACCES);
    check_no_keys("/.aws/credentials: ");
}
END_TEST

START_TEST(keys_with_white_space_are_refused)
{
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT\n");
    set("AWS_SECRET_ACCESS_KEY", "e");
    check_no_keys("the access key id from the environment holds a space");
    set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
    set("AWS_SECRET_ACCESS_KEY", "e e");
    struct credentials_chain_options options = {
        .transport = &network.transport, .config = &config, .store = store, .getenv = environment};
    credentials_chain_free(chain);
    chain = credentials_chain_create(&disk.io, &options);
    check_no_keys("the secret access key from the environment holds a space");
}
END_TEST

START_TEST(a_huge_file_is_refused)
{
    enum { SIZE = 2 << 20 };
    char *text = xcalloc(SIZE, 1);
    memset(text, '#', SIZE - 1);
    free(write_file("/.aws/credentials", text));
    free(text);
    check_no_keys("larger than its limit");
}
END_TEST

START_TEST(times_are_read_or_refused)
{
    static const struct {
        const char *text;
        int error;
        uint64_t seconds;
    } cases[] = {
        {"2026-11-22T10:00:00Z", 0, 1795341600},
        {"2026-11-22T10:00:00.999Z", 0, 1795341600},
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1969-12-31T23:59:59Z", E_RANGE, 0},
        {"2026-11-22T10:00:00", E_SYNTAX, 0},
        {"2026-11-22T10:00:00+01:00", E_SYNTAX, 0},
        {"2026-13-22T10:00:00Z", E_SYNTAX, 0},
        {"2026-11-22", E_SYNTAX, 0},
        {"", E_SYNTAX, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t seconds = 0;
        ck_assert_int_eq(credentials_parse_time(cases[i].text, &seconds), cases[i].error);
        ck_assert_uint_eq(seconds, cases[i].seconds);
    }
}
END_TEST

static void count_ring(void *context)
{
    unsigned *rings = context;
    (*rings)++;
}

START_TEST(new_keys_answer_a_refusal_of_the_old_ones)
{
    struct credentials keys = {.access_key_id = xstrdup("A"), .secret_access_key = xstrdup("a")};
    credentials_store_set(store, &keys, "a test");
    credentials_store_refused(store, 1);
    keys = (struct credentials){.access_key_id = xstrdup("B"), .secret_access_key = xstrdup("b")};
    credentials_store_set(store, &keys, "a test");
    ck_assert(!credentials_store_take_refusal(store));
}
END_TEST

START_TEST(the_bell_rings_once_for_keys_that_are_in_use)
{
    unsigned rings = 0;
    credentials_store_set_bell(store, count_ring, &rings);
    struct credentials keys = {.access_key_id = xstrdup("A"), .secret_access_key = xstrdup("a")};
    credentials_store_set(store, &keys, "a test");
    ck_assert_ptr_null(keys.access_key_id);
    credentials_store_refused(store, 0);
    ck_assert_uint_eq(rings, 0);
    credentials_store_refused(store, 1);
    credentials_store_refused(store, 1);
    ck_assert_uint_eq(rings, 1);
    ck_assert(credentials_store_take_refusal(store));
    ck_assert(!credentials_store_take_refusal(store));
}
END_TEST

enum { READERS = 3, ROUNDS = 2000 };

// Every copy is of one version: id and secret name the same round.
static void *read_keys(void *context)
{
    (void)context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct credentials keys;
        if (credentials_store_get(store, &keys) == 0) {
            ck_assert_str_eq(keys.access_key_id, keys.secret_access_key);
            credentials_store_refused(store, keys.version);
            credentials_deinit(&keys);
        }
        char text[64];
        credentials_store_describe(store, text, sizeof text);
    }
    return NULL;
}

START_TEST(threads_read_whole_keys_while_they_change)
{
    pthread_t threads[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_keys, NULL), 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct credentials keys = {.access_key_id = xasprintf("round %u", i),
                                   .secret_access_key = xasprintf("round %u", i)};
        credentials_store_set(store, &keys, "a test");
        credentials_store_take_refusal(store);
    }
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct credentials keys;
    ck_assert_int_eq(credentials_store_get(store, &keys), 0);
    ck_assert_uint_eq(keys.version, ROUNDS);
    credentials_deinit(&keys);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("credentials");
    TCase *tests = tcase_create("credentials");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_configuration_comes_first);
    tcase_add_test(tests, the_environment_comes_before_files);
    tcase_add_test(tests, blank_variables_count_as_unset);
    tcase_add_test(tests, half_a_pair_is_an_error_and_not_passed_over);
    tcase_add_test(tests, the_other_half_of_a_pair_is_an_error_too);
    tcase_add_test(tests, a_profile_of_the_configuration_outranks_keys_of_the_environment);
    tcase_add_test(tests, the_credentials_file_wins_over_the_configuration_file);
    tcase_add_test(tests, the_configuration_file_can_hold_keys);
    tcase_add_test(tests, the_environment_can_name_the_files);
    tcase_add_test(tests, half_a_pair_in_a_profile_is_an_error);
    tcase_add_test(tests, a_named_profile_must_be_there);
    tcase_add_test(tests, a_named_profile_must_have_keys);
    tcase_add_test(tests, a_default_profile_without_keys_lets_the_chain_go_on);
    tcase_add_test(tests, a_role_is_not_passed_over_for_keys_that_stand_beside_it);
    tcase_add_test(tests, keys_come_before_a_process);
    tcase_add_test(tests, a_file_that_cannot_be_read_is_named);
    tcase_add_test(tests, a_home_that_may_not_be_entered_is_as_good_as_none);
    tcase_add_test(tests, a_file_that_somebody_named_must_be_readable);
    tcase_add_test(tests, a_home_must_be_readable_for_a_profile_that_somebody_named);
    tcase_add_test(tests, keys_with_white_space_are_refused);
    tcase_add_test(tests, a_huge_file_is_refused);
    tcase_add_test(tests, times_are_read_or_refused);
    tcase_add_test(tests, new_keys_answer_a_refusal_of_the_old_ones);
    tcase_add_test(tests, the_bell_rings_once_for_keys_that_are_in_use);
    tcase_add_test(tests, threads_read_whole_keys_while_they_change);
    suite_add_tcase(suite, tests);
    return suite;
}
