// The files that are made of the table of settings are the ones in the tree, and every sample
// loads.
#include "unit/config/loading.h"

// The top of the source tree, which this file is in.
static char *in_tree(const char *name)
{
    const char *here = strstr(__FILE__, "/tests/unit/config/");
    ck_assert_ptr_nonnull(here);
    return xasprintf("%.*s/%s", (int)(here - __FILE__), __FILE__, name);
}

static void expect_file(const char *name, void (*print)(struct buf *out))
{
    struct buf text;
    buf_init(&text, 1 << 20);
    print(&text);
    char *path = in_tree(name);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io_posix(), path, 1 << 20, &data, &size), 0);
    ck_assert_msg(slice_equal(buf_slice(&text), slice_of(data, size)),
                  "%s is out of date; make it again with \"kintail check --schema\" or "
                  "\"kintail check --reference\"",
                  name);
    free(data);
    free(path);
    buf_deinit(&text);
}

START_TEST(the_schema_in_the_tree_is_current)
{
    expect_file("config/kintail.schema.json", config_print_schema);
}
END_TEST

START_TEST(the_reference_in_the_tree_is_current)
{
    expect_file("docs/configuration.md", config_print_reference);
}
END_TEST

static const char *const samples[] = {
    "config/kintail.yaml",
    "config/examples/csv.yaml",
    "config/examples/encodings.yaml",
    "config/examples/java-multiline.yaml",
    "config/examples/json-to-firehose.yaml",
    "config/examples/many-flows.yaml",
    "config/examples/nginx-to-kinesis.yaml",
    "config/examples/sandbox.yaml",
    "config/examples/stack-traces.yaml",
};

START_TEST(every_sample_loads)
{
    struct config *config = NULL;
    char *path = in_tree(samples[_i]);
    struct config_source source = {.path = path, .getenv = environment_with_region};
    int error = config_load(io_posix(), &source, &config, &report);
    ck_assert_msg(error == 0, "%s", buf_text(&report));
    config_free(config);
    free(path);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("generated");
    TCase *tcase = tcase_create("generated");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_schema_in_the_tree_is_current);
    tcase_add_test(tcase, the_reference_in_the_tree_is_current);
    tcase_add_loop_test(tcase, every_sample_loads, 0, (int)ARRAY_COUNT(samples));
    suite_add_tcase(suite, tcase);
    return suite;
}
