#include "sandbox/validate.h"

#include "base/compiler.h"
#include "support/test_main.h"

static const char *const colours[] = {"RED", "GREEN", NULL};
static const struct member inner[] = {
    {.name = "Mode", .kind = MEMBER_STRING, .required = true, .values = colours},
    {0},
};
static const struct member members[] = {
    {.name = "StreamName",
     .kind = MEMBER_STRING,
     .required = true,
     .min = 1,
     .max = 5,
     .pattern = PATTERN_NAME},
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = 10},
    {.name = "Details", .kind = MEMBER_MAP, .members = inner},
    {.name = "Timestamp", .kind = MEMBER_TIME},
    {.name = "Flag", .kind = MEMBER_BOOLEAN},
    {.name = "Tags", .kind = MEMBER_LIST},
    {0},
};

static void check(const char *text, const char *expected)
{
    json_t *document = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(document);
    struct buf message;
    buf_init(&message, 1000);
    ck_assert_msg(validate_types(document, members, &message), "%s", text);
    struct violations violations;
    violations_init(&violations);
    validate(document, members, &violations);
    if (expected == NULL) {
        ck_assert_uint_eq(violations.count, 0);
    } else {
        ck_assert_str_eq(violations_text(&violations), expected);
    }
    violations_deinit(&violations);
    buf_deinit(&message);
    json_decref(document);
}

START_TEST(what_is_right_passes)
{
    check("{\"StreamName\":\"a.b\",\"Limit\":10,\"Details\":{\"Mode\":\"RED\"},\"Nix\":5}", NULL);
    check("{\"StreamName\":\"a\",\"Limit\":null,\"Details\":null}", NULL);
    check("{\"StreamName\":\"a\",\"Timestamp\":1.5,\"Flag\":false,\"Tags\":[]}", NULL);
}
END_TEST

START_TEST(what_is_wrong_is_named_in_the_words_of_aws)
{
    check("{}", "1 validation error detected: Value null at 'streamName' failed to satisfy "
                "constraint: Member must not be null");
    check("{\"StreamName\":\"a b\",\"Limit\":0}",
          "2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: "
          "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '0' at 'limit' "
          "failed to satisfy constraint: Member must have value greater than or equal to 1");
    check("{\"StreamName\":\"abcdef\",\"Limit\":11}",
          "2 validation errors detected: Value 'abcdef' at 'streamName' failed to satisfy "
          "constraint: Member must have length less than or equal to 5; Value '11' at 'limit' "
          "failed to satisfy constraint: Member must have value less than or equal to 10");
    check("{\"StreamName\":\"a\",\"Details\":{}}",
          "1 validation error detected: Value null at 'details.mode' failed to satisfy constraint: "
          "Member must not be null");
    check("{\"StreamName\":\"a\",\"Details\":{\"Mode\":\"BLUE\"}}",
          "1 validation error detected: Value 'BLUE' at 'details.mode' failed to satisfy "
          "constraint: Member must satisfy enum value set: [RED, GREEN]");
}
END_TEST

START_TEST(wrong_types_are_not_serializable)
{
    const struct {
        const char *document;
        const char *message;
    } cases[] = {
        {"{\"StreamName\":5}", "NUMBER_VALUE can not be converted to a String"},
        {"{\"StreamName\":1.5}", "DECIMAL_VALUE can not be converted to a String"},
        {"{\"Limit\":\"5\"}", "STRING_VALUE can not be converted to an Integer"},
        {"{\"Limit\":true}", "TRUE_VALUE can not be converted to an Integer"},
        {"{\"StreamName\":[]}", "Start of list found where not expected"},
        {"{\"StreamName\":{}}", "Start of structure or map found where not expected."},
        {"{\"Details\":{\"Mode\":false}}", "FALSE_VALUE can not be converted to a String"},
        {"{\"Details\":\"RED\"}", "STRING_VALUE can not be converted to a structure"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *document = json_loads(cases[i].document, 0, NULL);
        struct buf message;
        buf_init(&message, 1000);
        ck_assert(!validate_types(document, members, &message));
        ck_assert_str_eq(buf_text(&message), cases[i].message);
        buf_deinit(&message);
        json_decref(document);
    }
}
END_TEST

START_TEST(ten_violations_are_listed_at_most)
{
    struct violations violations;
    violations_init(&violations);
    for (int i = 0; i < 50; i++) {
        violations_add(&violations, NULL, "x", "be %d", i);
    }
    ck_assert_uint_eq(violations.count, 10);
    const char *text = violations_text(&violations);
    ck_assert_ptr_nonnull(strstr(text, "10 validation errors detected: "));
    ck_assert_ptr_nonnull(strstr(text, "be 9"));
    ck_assert_ptr_null(strstr(text, "be 10"));
    violations_deinit(&violations);
}
END_TEST

START_TEST(patterns_match_what_they_say)
{
    const struct {
        const char *text;
        enum member_pattern pattern;
        bool matches;
    } cases[] = {
        {"aZ09_.-", PATTERN_NAME, true},
        {"", PATTERN_NAME, false},
        {"a/b", PATTERN_NAME, false},
        {"0", PATTERN_HASH_KEY, true},
        {"00", PATTERN_HASH_KEY, false},
        {"999999999999999999999999999999999999999", PATTERN_HASH_KEY, true},
        {"1000000000000000000000000000000000000000", PATTERN_HASH_KEY, false},
        {"49547969732119269347458164777177530317889024168378236946", PATTERN_SEQUENCE, true},
        {"-1", PATTERN_SEQUENCE, false},
        {"arn:aws:kinesis:eu-west-1:123456789012:stream/demo", PATTERN_STREAM_ARN, true},
        {"arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b", PATTERN_STREAM_ARN, true},
        {"arn:aws:kinesis:eu-west-1:12345678901:stream/demo", PATTERN_STREAM_ARN, false},
        {"arn:aws:kinesis:eu-west-1:123456789012:stream/", PATTERN_STREAM_ARN, false},
        {"arn:aws:kinesis:eu-west-1:123456789012:stream/a b", PATTERN_STREAM_ARN, false},
        {"arn:aws:s3:::bucket", PATTERN_STREAM_ARN, false},
        {"arn:aws:iam::1:role/x", PATTERN_ROLE_ARN, true},
        {"x", PATTERN_ROLE_ARN, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ck_assert_msg(pattern_matches(cases[i].pattern, slice_of_text(cases[i].text)) ==
                          cases[i].matches,
                      "%s", cases[i].text);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("validate");
    TCase *tests = tcase_create("validate");
    tcase_add_test(tests, what_is_right_passes);
    tcase_add_test(tests, what_is_wrong_is_named_in_the_words_of_aws);
    tcase_add_test(tests, wrong_types_are_not_serializable);
    tcase_add_test(tests, ten_violations_are_listed_at_most);
    tcase_add_test(tests, patterns_match_what_they_say);
    suite_add_tcase(suite, tests);
    return suite;
}
