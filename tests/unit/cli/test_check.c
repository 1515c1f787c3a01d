// The verbs that look at a configuration, with their output in files.
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io_posix.h"
#include "support/tempdir.h"
#include "support/test_main.h"

#define FLOW                                                                      \
    "region: eu-west-1\nflows:\n- name: web\n  files: [/a]\n  convert: [{regex: " \
    "'^(?<a>.) (?<b>.)$'}]\n  on_mismatch: drop\n  to: {kinesis: {stream: s}}\n"

enum { ARGUMENTS_MAX = 8 };

static char *dir;

static void setup(void)
{
    dir = tempdir_create();
}

static void teardown(void)
{
    tempdir_remove(dir);
}

static char *in_dir(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static char *write_text(const char *name, const char *text)
{
    char *path = in_dir(name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

// Runs a verb in this process, which Check has forked for the test.
static int run(int (*verb)(int argc, char **argv), const char *const *words)
{
    char *out = in_dir("out");
    char *err = in_dir("err");
    ck_assert_ptr_nonnull(freopen(out, "w", stdout));
    ck_assert_ptr_nonnull(freopen(err, "w", stderr));
    char *argv[ARGUMENTS_MAX] = {0};
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        argv[argc] = xstrdup(words[argc]); // getopt moves them about
    }
    int status = verb(argc, argv);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    free(out);
    free(err);
    return status;
}

static char *content(const char *name)
{
    char *path = in_dir(name);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io_posix(), path, 1 << 20, &data, &size), 0);
    free(path);
    return (char *)data;
}

static void expect(const char *name, const char *expected)
{
    char *text = content(name);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(check_says_that_all_is_well)
{
    char *path = write_text("a.yaml", FLOW);
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "--config", path, NULL}), EX_OK);
    char *expected = xasprintf("%s: no mistakes; 1 flow\n", path);
    expect("out", expected);
    expect("err", "");
    free(expected);
    free(path);
}
END_TEST

START_TEST(check_names_mistakes_and_exits_with_78)
{
    char *path = write_text("a.yaml", FLOW "  multiline: {start: '('}\n"
                                           "endpoints: {kinesis: 'localhost'}\n");
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "-c", path, NULL}), EX_CONFIG);
    char *text = content("err");
    ck_assert_ptr_nonnull(strstr(text, "/a.yaml:8:22: flows[0].multiline.start: "));
    ck_assert_ptr_nonnull(strstr(text, "/a.yaml:9:22: endpoints.kinesis: "));
    expect("out", "");
    free(text);
    free(path);
}
END_TEST

START_TEST(check_of_a_missing_file_exits_with_66)
{
    char *path = in_dir("none.yaml");
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "--config", path, NULL}),
                     EX_NOINPUT);
    char *expected = xasprintf("%s: cannot be read: No such file or directory\n", path);
    expect("err", expected);
    free(expected);
    free(path);
}
END_TEST

START_TEST(check_prints_what_is_in_effect_with_drop_ins)
{
    char *path = write_text("a.yaml", FLOW);
    char *conf_d = in_dir("conf.d");
    ck_assert_int_eq(io_mkdir_all(io_posix(), conf_d, 0700), 0);
    free(write_text("conf.d/b.yaml", "shutdown_timeout: 25s\n"));
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "-c", path, "--print", NULL}),
                     EX_OK);
    char *text = content("out");
    ck_assert_ptr_nonnull(strstr(text, "\nshutdown_timeout: 25s\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  - name: web\n"));
    free(text);
    free(conf_d);
    free(path);
}
END_TEST

START_TEST(check_prints_schema_and_reference_without_a_configuration)
{
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "--schema", NULL}), EX_OK);
    char *text = content("out");
    ck_assert_ptr_nonnull(strstr(text, "\"$schema\""));
    free(text);
}
END_TEST

START_TEST(check_refuses_a_file_that_is_no_option)
{
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "a.yaml", NULL}), EX_USAGE);
    expect("err", "kintail check: \"a.yaml\" is no option; a file is given by --config\n");
}
END_TEST

static void standard_input(const char *text)
{
    char *path = write_text("in", text);
    ck_assert_ptr_nonnull(freopen(path, "r", stdin));
    free(path);
}

START_TEST(try_prints_what_would_be_shipped)
{
    char *path = write_text("a.yaml", FLOW);
    standard_input("x y\nno\nz w\n");
    ck_assert_int_eq(run(verb_try, (const char *[]){"try", "-c", path, "--flow", "web", NULL}),
                     EX_OK);
    expect("out", "{\"a\":\"x\",\"b\":\"y\"}\n{\"a\":\"z\",\"b\":\"w\"}\n");
    char *notes = content("err");
    ck_assert_ptr_nonnull(strstr(notes, "record 2 at byte 4: "));
    free(notes);
    free(path);
}
END_TEST

START_TEST(try_takes_the_only_flow_when_none_is_named)
{
    char *path = write_text("a.yaml", FLOW);
    standard_input("x y\n");
    ck_assert_int_eq(run(verb_try, (const char *[]){"try", "-c", path, NULL}), EX_OK);
    expect("out", "{\"a\":\"x\",\"b\":\"y\"}\n");
    free(path);
}
END_TEST

START_TEST(try_lists_the_flows_when_there_is_no_such_one)
{
    char *path = write_text("a.yaml", FLOW);
    ck_assert_int_eq(run(verb_try, (const char *[]){"try", "-c", path, "-f", "wbe", NULL}),
                     EX_USAGE);
    expect("err", "kintail try: there is no flow \"wbe\"; there are: web\n");
    free(path);
}
END_TEST

static const char *const samples[] = {
    "config/kintail.yaml",
    "config/examples/csv.yaml",
    "config/examples/java-multiline.yaml",
    "config/examples/json-to-firehose.yaml",
    "config/examples/many-flows.yaml",
    "config/examples/nginx-to-kinesis.yaml",
    "config/examples/sandbox.yaml",
};

START_TEST(every_sample_passes_with_its_patterns_and_urls)
{
    const char *here = strstr(__FILE__, "/tests/unit/cli/");
    ck_assert_ptr_nonnull(here);
    char *path = xasprintf("%.*s/%s", (int)(here - __FILE__), __FILE__, samples[_i]);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs
    ck_assert_int_eq(setenv("AWS_REGION", "eu-west-1", 1), 0);
    ck_assert_int_eq(run(verb_check, (const char *[]){"check", "-c", path, NULL}), EX_OK);
    free(path);
}
END_TEST

START_TEST(the_java_sample_makes_one_record_of_a_stack_trace)
{
    const char *here = strstr(__FILE__, "/tests/unit/cli/");
    ck_assert_ptr_nonnull(here);
    char *path =
        xasprintf("%.*s/config/examples/java-multiline.yaml", (int)(here - __FILE__), __FILE__);
    standard_input("2026-11-22 10:00:00,123 ERROR [r-1] com.shop.Cart - failed\n"
                   "java.lang.IllegalStateException: no\n"
                   "\tat com.shop.Cart.add(Cart.java:12)\n"
                   "2026-11-22 10:00:01,000 INFO [r-2] com.shop.Cart - fine\n");
    ck_assert_int_eq(run(verb_try, (const char *[]){"try", "-c", path, NULL}), EX_OK);
    expect("out", "{\"time\":\"2026-11-22 10:00:00,123\",\"level\":\"ERROR\",\"request\":\"r-1\","
                  "\"logger\":\"com.shop.Cart\",\"message\":\"failed\\n"
                  "java.lang.IllegalStateException: no\\n\\tat com.shop.Cart.add(Cart.java:12)\"}\n"
                  "{\"time\":\"2026-11-22 10:00:01,000\",\"level\":\"INFO\",\"request\":\"r-2\","
                  "\"logger\":\"com.shop.Cart\",\"message\":\"fine\"}\n");
    free(path);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("check");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, check_says_that_all_is_well);
    tcase_add_test(tcase, check_names_mistakes_and_exits_with_78);
    tcase_add_test(tcase, check_of_a_missing_file_exits_with_66);
    tcase_add_test(tcase, check_prints_what_is_in_effect_with_drop_ins);
    tcase_add_test(tcase, check_prints_schema_and_reference_without_a_configuration);
    tcase_add_test(tcase, check_refuses_a_file_that_is_no_option);
    tcase_add_test(tcase, try_prints_what_would_be_shipped);
    tcase_add_test(tcase, try_takes_the_only_flow_when_none_is_named);
    tcase_add_test(tcase, try_lists_the_flows_when_there_is_no_such_one);
    tcase_add_loop_test(tcase, every_sample_passes_with_its_patterns_and_urls, 0,
                        (int)ARRAY_COUNT(samples));
    tcase_add_test(tcase, the_java_sample_makes_one_record_of_a_stack_trace);
    suite_add_tcase(suite, tcase);
    return suite;
}
