#include "record/convert.h"

#include "base/compiler.h"
#include "record/record.h"
#include "support/test_main.h"

struct fixture {
    struct pattern_stack *stack;
    struct converter *converter;
    struct members header;
    struct buf out;
    size_t replaced;
};

static struct fixture fixture_of(const struct converter_config *config)
{
    struct fixture fixture = {.stack = pattern_stack_create()};
    ck_assert_int_eq(converter_create(config, fixture.stack, &fixture.converter), 0);
    members_init(&fixture.header);
    buf_init(&fixture.out, 1 << 20);
    return fixture;
}

static void fixture_end(struct fixture *fixture)
{
    converter_free(fixture->converter);
    pattern_stack_free(fixture->stack);
    members_deinit(&fixture->header);
    buf_deinit(&fixture->out);
}

// The JSON that a line becomes, "no match" otherwise.
static const char *converted(struct fixture *fixture, const char *text)
{
    struct conversion conversion = {
        .text = slice_of_text(text),
        .header = fixture->header.count == 0 ? NULL : &fixture->header,
        .out = &fixture->out,
    };
    buf_clear(&fixture->out);
    bool done = fixture->converter->convert(fixture->converter, &conversion);
    fixture->replaced = conversion.replaced;
    return done ? buf_text(&fixture->out) : "no match";
}

// ---- presets ----

#define ORIGIN "123.45.67.89 - - [27/Oct/2000:09:27:09 -0400] "
#define ORIGIN_JSON                              \
    "{\"host\":\"123.45.67.89\",\"ident\":null," \
    "\"authuser\":null,\"datetime\":\"27/Oct/2000:09:27:09 -0400\","

static const struct {
    const char *line;
    const char *common;
    const char *combined;
} access_lines[] = {
    {ORIGIN "\"GET /j.html HTTP/1.0\" 200 10450 \"-\" \"Mozilla/4.6 [en]\"",
     ORIGIN_JSON "\"request\":\"GET /j.html HTTP/1.0\",\"response\":200,\"bytes\":10450}",
     ORIGIN_JSON "\"request\":\"GET /j.html HTTP/1.0\",\"response\":200,\"bytes\":10450,"
                 "\"referer\":null,\"agent\":\"Mozilla/4.6 [en]\"}"},
    {ORIGIN "\"GET /j.html HTTP/1.0\" 304 -",
     ORIGIN_JSON "\"request\":\"GET /j.html HTTP/1.0\",\"response\":304,\"bytes\":null}",
     "no match"},
    {ORIGIN "\"GET /j.html HTTP/1.0\" 200", "no match", "no match"},
    {ORIGIN "\"GET /j.html HTTP/1.0\" 200 1x", "no match", "no match"},
    {ORIGIN "\"GET /j.html HTTP/1.0 200 1", "no match", "no match"},
    {ORIGIN "\"GET /\\\"q\\\" \\\\\" 000 007 \"\" \"a\\\\\" \"more\" 0.1",
     ORIGIN_JSON "\"request\":\"GET /\\\\\\\"q\\\\\\\" \\\\\\\\\",\"response\":0,\"bytes\":7}",
     ORIGIN_JSON "\"request\":\"GET /\\\\\\\"q\\\\\\\" \\\\\\\\\",\"response\":0,\"bytes\":7,"
                 "\"referer\":\"\",\"agent\":\"a\\\\\\\\\"}"},
    {"2001:db8::1 id al ice [27/Oct/2000:09:27:09 -0400] \"-\" 408 0",
     "{\"host\":\"2001:db8::1\",\"ident\":\"id\",\"authuser\":\"al ice\","
     "\"datetime\":\"27/Oct/2000:09:27:09 -0400\",\"request\":null,\"response\":408,\"bytes\":0}",
     "no match"},
    {"", "no match", "no match"},
    {" - - [x] \"\" 1 1", "no match", "no match"},
    {"h - - [] \"\" 1 1", "no match", "no match"},
    {"h - - [x]", "no match", "no match"},
};

START_TEST(access_log_lines_become_objects)
{
    struct converter_config config = {.kind = CONVERTER_PRESET, .preset = (char[]){"common"}};
    struct fixture common = fixture_of(&config);
    ck_assert_str_eq(converted(&common, access_lines[_i].line), access_lines[_i].common);
    fixture_end(&common);
    config.preset = (char[]){"combined"};
    struct fixture combined = fixture_of(&config);
    ck_assert_str_eq(converted(&combined, access_lines[_i].line), access_lines[_i].combined);
    fixture_end(&combined);
}
END_TEST

// ---- regex ----

START_TEST(named_groups_become_members_in_the_order_of_the_pattern)
{
    struct converter_config config = {
        .kind = CONVERTER_REGEX,
        .pattern = (char[]){"^(?<zeta>\\w+) (?:x=(?<alpha>\\d+) )?(?<mid>.*)$"},
    };
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, "a x=1 \"q\"\t"),
                     "{\"zeta\":\"a\",\"alpha\":\"1\",\"mid\":\"\\\"q\\\"\\t\"}");
    ck_assert_str_eq(converted(&fixture, "a "), "{\"zeta\":\"a\",\"alpha\":null,\"mid\":\"\"}");
    ck_assert_str_eq(converted(&fixture, "-"), "no match");
    ck_assert_str_eq(converted(&fixture, ""), "no match");
    fixture_end(&fixture);
}
END_TEST

START_TEST(groups_of_one_name_are_one_member)
{
    struct converter_config config = {
        .kind = CONVERTER_REGEX,
        .pattern = (char[]){"(?J)^(?:a(?<n>\\d)|b(?<n>\\d))$"},
    };
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, "b2"), "{\"n\":\"2\"}");
    fixture_end(&fixture);
}
END_TEST

START_TEST(bytes_that_are_not_utf8_match_and_are_replaced)
{
    struct converter_config config = {
        .kind = CONVERTER_REGEX,
        .pattern = (char[]){"^(?<a>.*) (?<b>.*)$"},
    };
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, "caf\xe9 caf\xc3\xa9"),
                     "{\"a\":\"caf\xef\xbf\xbd\",\"b\":\"caf\xc3\xa9\"}");
    ck_assert_uint_eq(fixture.replaced, 1);
    fixture_end(&fixture);
}
END_TEST

START_TEST(catastrophic_pattern_counts_as_no_match)
{
    struct converter_config config = {
        .kind = CONVERTER_REGEX,
        .pattern = (char[]){"^(?<a>(x+x+)+)y$"},
    };
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
                     "no match");
    ck_assert_str_eq(converted(&fixture, "xxy"), "{\"a\":\"xx\"}");
    fixture_end(&fixture);
}
END_TEST

START_TEST(deep_recursion_counts_as_no_match)
{
    struct converter_config config = {
        .kind = CONVERTER_REGEX,
        .pattern = (char[]){"^(?<a>\\((?:[^()]|(?&a))*\\))$"},
    };
    struct fixture fixture = fixture_of(&config);
    static char deep[200001];
    memset(deep, '(', 100000);
    memset(deep + 100000, ')', 100000);
    ck_assert_str_eq(converted(&fixture, deep), "no match");
    ck_assert_str_eq(converted(&fixture, "(())"), "{\"a\":\"(())\"}");
    fixture_end(&fixture);
}
END_TEST

START_TEST(patterns_are_checked_with_the_place_of_the_mistake)
{
    char why[300];
    ck_assert(record_check_regex("^(?<a>x)$", true, why, sizeof why));
    ck_assert(record_check_regex("^x$", false, why, sizeof why));
    ck_assert(!record_check_regex("^x(", false, why, sizeof why));
    ck_assert_str_eq(why, "missing closing parenthesis at offset 3 of \"^x(\"");
    ck_assert(!record_check_regex("^(x)$", true, why, sizeof why));
    ck_assert_str_eq(why, "no named group in \"^(x)$\"; write (?<name>...) around each part that "
                          "is to become a field");
}
END_TEST

// ---- csv ----

static char *three_names[] = {(char[]){"a"}, (char[]){"b"}, (char[]){"c"}};

static const struct {
    char delimiter;
    const char *line;
    const char *expected;
} csv_lines[] = {
    {',', "1,2,3", "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}"},
    {',', " 1,, ", "{\"a\":\" 1\",\"b\":\"\",\"c\":\" \"}"},
    {',', ",,", "{\"a\":\"\",\"b\":\"\",\"c\":\"\"}"},
    {',', "1", "{\"a\":\"1\",\"b\":null,\"c\":null}"},
    {',', "1,", "{\"a\":\"1\",\"b\":\"\",\"c\":null}"},
    {',', "1,2,3,4", "no match"},
    {',', "1,2,3,", "no match"},
    {',', "", "no match"},
    {',', "\"1,\"\"x\"\"\",\"\",3", "{\"a\":\"1,\\\"x\\\"\",\"b\":\"\",\"c\":\"3\"}"},
    {',', "\"1\n2\",2,\"3\"", "{\"a\":\"1\\n2\",\"b\":\"2\",\"c\":\"3\"}"},
    {',', "\"\"\"\",2,3", "{\"a\":\"\\\"\",\"b\":\"2\",\"c\":\"3\"}"},
    {',', "\"1,2,3", "no match"},
    {',', "\"1\"x,2,3", "no match"},
    {',', "1\"x\",2,3", "{\"a\":\"1\\\"x\\\"\",\"b\":\"2\",\"c\":\"3\"}"},
    {'\t', "1,\t2\t3", "{\"a\":\"1,\",\"b\":\"2\",\"c\":\"3\"}"},
};

START_TEST(separated_values_become_objects)
{
    struct converter_config config = {
        .kind = CONVERTER_CSV,
        .delimiter = csv_lines[_i].delimiter,
        .names = {three_names, 3},
    };
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, csv_lines[_i].line), csv_lines[_i].expected);
    fixture_end(&fixture);
}
END_TEST

START_TEST(header_line_names_the_fields)
{
    struct converter_config config = {.kind = CONVERTER_CSV, .delimiter = ',', .header = true};
    struct fixture fixture = fixture_of(&config);
    ck_assert_str_eq(converted(&fixture, "1,2,3"), "no match");
    ck_assert(csv_read_header(slice_of_text("x,\"y \"\"z\"\"\",,x"), ',', &fixture.header));
    ck_assert_str_eq(converted(&fixture, "1,2,3,4"),
                     "{\"x\":\"1\",\"y \\\"z\\\"\":\"2\",\"column3\":\"3\",\"x\":\"4\"}");
    ck_assert(!csv_read_header(slice_of_text("x,\"y"), ',', &fixture.header));
    ck_assert_uint_eq(fixture.header.count, 0);
    ck_assert(!csv_read_header(slice_of_text(""), ',', &fixture.header));
    fixture_end(&fixture);
}
END_TEST

// ---- json ----

static const struct {
    const char *line;
    const char *all;
    const char *kept; // id, user.name
} json_lines[] = {
    {" { \"id\" : 1e400 , \"user\" : { \"name\":\"\\u00e9 \" , \"x\":[ 1 ] } } ",
     "{\"id\":1e400,\"user\":{\"name\":\"\\u00e9 \",\"x\":[1]}}",
     "{\"id\":1e400,\"user.name\":\"\\u00e9 \"}"},
    {"{\"user\":1,\"id\":0.10}", "{\"user\":1,\"id\":0.10}", "{\"id\":0.10}"},
    {"{\"other\":{}}", "{\"other\":{}}", "{}"},
    {"[1, 2]", "[1,2]", "no match"},
    {"{\"id\":1", "no match", "no match"},
    {"{\"id\":1}}", "no match", "no match"},
    {"{\"id\":1,\"z\":01}", "no match", "no match"},
    {"{\"id\":\"\xff\"}", "no match", "no match"},
    {"", "no match", "no match"},
};

START_TEST(json_is_validated_compacted_and_kept)
{
    char *keep[] = {(char[]){"id"}, (char[]){"user.name"}};
    struct converter_config config = {.kind = CONVERTER_JSON};
    struct fixture all = fixture_of(&config);
    ck_assert_str_eq(converted(&all, json_lines[_i].line), json_lines[_i].all);
    fixture_end(&all);
    config.keep = (struct string_list){keep, 2};
    struct fixture kept = fixture_of(&config);
    ck_assert_str_eq(converted(&kept, json_lines[_i].line), json_lines[_i].kept);
    fixture_end(&kept);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("convert");
    TCase *tests = tcase_create("convert");
    tcase_add_loop_test(tests, access_log_lines_become_objects, 0, ARRAY_COUNT(access_lines));
    tcase_add_test(tests, named_groups_become_members_in_the_order_of_the_pattern);
    tcase_add_test(tests, groups_of_one_name_are_one_member);
    tcase_add_test(tests, bytes_that_are_not_utf8_match_and_are_replaced);
    tcase_add_test(tests, catastrophic_pattern_counts_as_no_match);
    tcase_add_test(tests, deep_recursion_counts_as_no_match);
    tcase_add_test(tests, patterns_are_checked_with_the_place_of_the_mistake);
    tcase_add_loop_test(tests, separated_values_become_objects, 0, ARRAY_COUNT(csv_lines));
    tcase_add_test(tests, header_line_names_the_fields);
    tcase_add_loop_test(tests, json_is_validated_compacted_and_kept, 0, ARRAY_COUNT(json_lines));
    suite_add_tcase(suite, tests);
    return suite;
}
