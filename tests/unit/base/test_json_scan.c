#include "base/json_scan.h"

#include "base/error.h"
#include "support/test_main.h"

START_TEST(valid_texts_are_valid)
{
    const char *texts[] = {
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "1e400",
        "-12.50E+7",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\n\\/\"",
        "\"\\ud800\"",
        "\"\x7f\xc3\xa9\"",
        "[]",
        "{}",
        "\t[ 1 ,\r\n[ ] , { } ]\n",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"a\":2}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        size_t offset = 99;
        ck_assert_msg(json_validate(slice_of_text(texts[i]), &offset) == 0, "%s at %zu", texts[i],
                      offset);
        ck_assert_uint_eq(offset, 99);
    }
}
END_TEST

START_TEST(the_first_offending_byte_is_named)
{
    const struct {
        const char *text;
        size_t offset;
    } cases[] = {
        {"", 0},         {"  ", 2},         {"nul", 3},       {"nulx", 3},        {"True", 0},
        {"01", 1},       {"-", 1},          {"+1", 0},        {"1.", 2},          {".5", 0},
        {"1e", 2},       {"1e+", 3},        {"0x1", 1},       {"NaN", 0},         {"-Infinity", 1},
        {"\"abc", 4},    {"\"a\nb\"", 2},   {"\"\\x\"", 2},   {"\"\\u12g4\"", 5}, {"'a'", 0},
        {"\"\xff\"", 1}, {"\"\xc3\"", 1},   {"\"\\", 2},      {"\"\\u12", 5},     {"1 2", 2},
        {"[1,]", 3},     {"[1 2]", 3},      {"[,1]", 1},      {"[1", 2},          {"[", 1},
        {"]", 0},        {"[1}", 2},        {"{\"a\":1]", 6}, {"{", 1},           {"{\"a\"}", 4},
        {"{\"a\":}", 5}, {"{\"a\":1,}", 7}, {"{a:1}", 1},     {"{\"a\" 1}", 5},   {"{1:2}", 1},
        {"[1]]", 3},     {"{\"a\":1}}", 7}, {"/**/1", 0},     {"[\v1]", 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t offset = 99;
        ck_assert_msg(json_validate(slice_of_text(cases[i].text), &offset) == E_SYNTAX, "%s",
                      cases[i].text);
        ck_assert_msg(offset == cases[i].offset, "%s at %zu", cases[i].text, offset);
        ck_assert_int_eq(json_validate(slice_of_text(cases[i].text), NULL), E_SYNTAX);
    }
    ck_assert_int_eq(json_validate(slice_of("\"\0\"", 3), NULL), E_SYNTAX);
    ck_assert_int_eq(json_validate(slice_of("\"\\\0\"", 4), NULL), E_SYNTAX);
    ck_assert_int_eq(json_validate(slice_of(NULL, 0), NULL), E_SYNTAX);
}
END_TEST

START_TEST(depth_has_a_limit_that_is_exact)
{
    struct buf text;
    buf_init(&text, 1000);
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        buf_clear(&text);
        for (int i = 0; i < depth; i++) {
            buf_append_text(&text, i % 3 == 0 ? "{\"\":" : "[");
        }
        buf_append_byte(&text, '1');
        for (int i = depth; i-- > 0;) {
            buf_append_byte(&text, i % 3 == 0 ? '}' : ']');
        }
        size_t offset = 0;
        int expected = depth <= JSON_DEPTH_MAX ? 0 : E_TOO_LARGE;
        ck_assert_int_eq(json_validate(buf_slice(&text), &offset), expected);
    }
    buf_deinit(&text);
}
END_TEST

START_TEST(compact_drops_white_space_and_nothing_else)
{
    struct buf out;
    buf_init(&out, 200);
    const char *text =
        " { \"a b\" : [ 1.0 , -0 ,\t1E+2 ,{}\n] , \"\\u0041\" : \" x \" ,\"a b\":0 }\r\n";
    ck_assert_int_eq(json_compact(slice_of_text(text), &out, NULL), 0);
    ck_assert_str_eq(buf_text(&out), "{\"a b\":[1.0,-0,1E+2,{}],\"\\u0041\":\" x \",\"a b\":0}");
    buf_clear(&out);
    ck_assert_int_eq(json_compact(slice_of(NULL, 0), &out, NULL), E_SYNTAX);
    ck_assert_uint_eq(out.size, 0);
    buf_deinit(&out);
}
END_TEST

START_TEST(compact_into_a_small_buffer_overflows)
{
    struct buf out;
    buf_init(&out, 5);
    ck_assert_int_eq(json_compact(slice_of_text("[1, 2, 3]"), &out, NULL), 0);
    ck_assert(out.overflow);
    buf_deinit(&out);
}
END_TEST

START_TEST(kinds_are_told_by_the_first_byte)
{
    ck_assert_int_eq(json_kind_of(slice_of_text(" {}")), JSON_OBJECT);
    ck_assert_int_eq(json_kind_of(slice_of_text("[]")), JSON_ARRAY);
    ck_assert_int_eq(json_kind_of(slice_of_text("\"\"")), JSON_STRING);
    ck_assert_int_eq(json_kind_of(slice_of_text("-1")), JSON_NUMBER);
    ck_assert_int_eq(json_kind_of(slice_of_text("true")), JSON_TRUE);
    ck_assert_int_eq(json_kind_of(slice_of_text("false")), JSON_FALSE);
    ck_assert_int_eq(json_kind_of(slice_of_text("null")), JSON_NULL);
}
END_TEST

START_TEST(walk_hands_out_members_as_written)
{
    struct json_walk walk;
    json_walk_init(&walk, slice_of_text(" { \"a\" : [ 1 , 2 ] , \"b\\n\":1.50,\"a\" : \"x\" } "));
    ck_assert_int_eq(walk.kind, JSON_OBJECT);
    ck_assert(json_walk_next(&walk));
    ck_assert(slice_equal_text(walk.name, "a"));
    ck_assert(slice_equal_text(walk.value, "[ 1 , 2 ]"));
    ck_assert(json_walk_next(&walk));
    ck_assert(slice_equal_text(walk.name, "b\\n"));
    ck_assert(slice_equal_text(walk.value, "1.50"));
    ck_assert(json_walk_next(&walk));
    ck_assert(slice_equal_text(walk.name, "a"));
    ck_assert(slice_equal_text(walk.value, "\"x\""));
    ck_assert(!json_walk_next(&walk));
    ck_assert(!json_walk_next(&walk));
    ck_assert_int_eq(walk.error, 0);
}
END_TEST

START_TEST(walk_over_nothing_ends_at_once)
{
    const char *texts[] = {"[]", "{}", " [ ] ", "{ }\n"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct json_walk walk;
        json_walk_init(&walk, slice_of_text(texts[i]));
        ck_assert(!json_walk_next(&walk));
        ck_assert_int_eq(walk.error, 0);
    }
}
END_TEST

START_TEST(walk_stops_at_bad_text_with_an_error)
{
    const struct {
        const char *text;
        unsigned elements;
    } cases[] = {
        {"", 0},        {"1", 0},         {"[", 0},          {"{", 0},     {"[1", 1},
        {"[1,", 1},     {"[1,]", 1},      {"[1 2]", 1},      {"[]x", 0},   {"[1]x", 1},
        {"{\"a\"}", 0}, {"{\"a\":}", 0},  {"{\"a\":1,}", 1}, {"{a:1}", 0}, {"[[1}]", 0},
        {"[1}", 1},     {"{\"a\":1]", 1}, {"[,1]", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct json_walk walk;
        json_walk_init(&walk, slice_of_text(cases[i].text));
        unsigned elements = 0;
        while (json_walk_next(&walk)) {
            elements++;
        }
        ck_assert_msg(walk.error == E_SYNTAX, "%s", cases[i].text);
        ck_assert_msg(elements == cases[i].elements, "%s: %u", cases[i].text, elements);
        ck_assert(!json_walk_next(&walk));
        ck_assert_int_eq(walk.error, E_SYNTAX);
    }
}
END_TEST

static void check_find(const char *object, const char *path, const char *expected)
{
    struct slice value = slice_of_text("untouched");
    int error = json_find(slice_of_text(object), slice_of_text(path), &value);
    if (expected == NULL) {
        ck_assert_msg(error == E_NOT_FOUND, "%s in %s: %s", path, object, error_text(error));
        ck_assert(slice_equal_text(value, "untouched"));
    } else {
        ck_assert_msg(error == 0, "%s in %s: %s", path, object, error_text(error));
        ck_assert_msg(slice_equal_text(value, expected), "%s in %s: %.*s", path, object,
                      (int)value.size, (const char *)value.data);
    }
}

START_TEST(find_follows_a_dotted_path)
{
    check_find("{\"a\":1,\"b\":2}", "b", "2");
    check_find("{\"user\":{\"id\":\"x\",\"idx\":1}}", "user.id", "\"x\"");
    check_find("{\"user\":{\"id\":\"x\"}}", "user", "{\"id\":\"x\"}");
    check_find("{\"a\":1,\"a\":2}", "a", "2");
    check_find("{\"\\u0061\\ud83d\\ude00\":1}", "a\xf0\x9f\x98\x80", "1");
    check_find("{\"a\":{\"b\":1},\"a.b\":2}", "a.b", "2");
    check_find("{\"a.b\":{\"c\":2},\"a\":{\"b\":1}}", "a.b.c", "2");
}
END_TEST

START_TEST(find_says_what_is_not_there)
{
    check_find("{}", "a", NULL);
    check_find("{\"ab\":1}", "a", NULL);
    check_find("{\"a\":1}", "ab", NULL);
    check_find("{\"a\":1}", "a.b", NULL);
    check_find("{\"a\":[1]}", "a.0", NULL);
    check_find("{\"a\":{}}", "a.", NULL);
    check_find("{\"\":1}", "", NULL);
    check_find("[1]", "a", NULL);
    struct slice value;
    ck_assert_int_eq(json_find(slice_of_text("{\"a\":1,}"), slice_of_text("a"), &value), E_SYNTAX);
    ck_assert_int_eq(json_find(slice_of_text("1"), slice_of_text("a"), &value), E_SYNTAX);
}
END_TEST

static void check_unescape(const char *raw, const char *expected, size_t size)
{
    struct buf out;
    buf_init(&out, 100);
    ck_assert_int_eq(json_unescape(slice_of_text(raw), &out), 0);
    ck_assert_uint_eq(out.size, size);
    ck_assert_mem_eq(buf_text(&out), expected, size);
    buf_deinit(&out);
}

START_TEST(unescape_resolves_every_escape)
{
    check_unescape("\"\"", "", 0);
    check_unescape("\"plain\"", "plain", 5);
    check_unescape("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    check_unescape("\"a\\u0000b\"", "a\0b", 3);
    check_unescape("\"\\u00E9\\u20ac\"", "\xc3\xa9\xe2\x82\xac", 5);
    check_unescape("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4);
}
END_TEST

START_TEST(surrogate_pairs_reach_from_the_first_to_the_last_code_point)
{
    check_unescape("\"\\ud800\\udc00\"", "\xf0\x90\x80\x80", 4);
    check_unescape("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4);
    check_unescape("\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80", 6);
}
END_TEST

START_TEST(a_lone_surrogate_becomes_a_replacement_character)
{
    check_unescape("\"\\ud83d\"", "\xef\xbf\xbd", 3);
    check_unescape("\"\\ude00\"", "\xef\xbf\xbd", 3);
    check_unescape("\"\\ud83dx\"", "\xef\xbf\xbdx", 4);
    check_unescape("\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4);
    check_unescape("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
}
END_TEST

START_TEST(unescape_takes_nothing_but_a_string)
{
    const char *bad[] = {"",       "\"",     "abc",     "\"a",       "1",
                         "\"a\"b", " \"a\"", "\"\\x\"", "\"\\u12\"", "\"\xff\""};
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_msg(json_unescape(slice_of_text(bad[i]), &out) == E_SYNTAX, "%s", bad[i]);
    }
    ck_assert_uint_eq(out.size, 0);
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("json_scan");
    TCase *tests = tcase_create("json_scan");
    tcase_add_test(tests, valid_texts_are_valid);
    tcase_add_test(tests, the_first_offending_byte_is_named);
    tcase_add_test(tests, depth_has_a_limit_that_is_exact);
    tcase_add_test(tests, compact_drops_white_space_and_nothing_else);
    tcase_add_test(tests, compact_into_a_small_buffer_overflows);
    tcase_add_test(tests, kinds_are_told_by_the_first_byte);
    tcase_add_test(tests, walk_hands_out_members_as_written);
    tcase_add_test(tests, walk_over_nothing_ends_at_once);
    tcase_add_test(tests, walk_stops_at_bad_text_with_an_error);
    tcase_add_test(tests, find_follows_a_dotted_path);
    tcase_add_test(tests, find_says_what_is_not_there);
    tcase_add_test(tests, unescape_resolves_every_escape);
    tcase_add_test(tests, surrogate_pairs_reach_from_the_first_to_the_last_code_point);
    tcase_add_test(tests, a_lone_surrogate_becomes_a_replacement_character);
    tcase_add_test(tests, unescape_takes_nothing_but_a_string);
    suite_add_tcase(suite, tests);
    return suite;
}
