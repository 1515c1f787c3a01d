#include "base/number.h"

#include "base/error.h"
#include "base/prng.h"
#include "support/test_main.h"

typedef int parse_fn(struct slice text, uint64_t *out_value);

struct parse_case {
    const char *text;
    int error;
    uint64_t value;
};

static void check_cases(parse_fn *parse, const struct parse_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        int error = parse(slice_of_text(cases[i].text), &value);
        ck_assert_msg(error == cases[i].error, "\"%s\": %s", cases[i].text, error_text(error));
        uint64_t expected = cases[i].error == 0 ? cases[i].value : 4711;
        ck_assert_msg(value == expected, "\"%s\" is not %llu", cases[i].text,
                      (unsigned long long)value);
    }
}

START_TEST(only_a_whole_number_is_a_number)
{
    const struct parse_case cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", E_RANGE, 0},
        {"184467440737095516160", E_RANGE, 0},
        {"99999999999999999999999", E_RANGE, 0},
        {"", E_SYNTAX, 0},
        {"-1", E_SYNTAX, 0},
        {"+1", E_SYNTAX, 0},
        {" 1", E_SYNTAX, 0},
        {"1 ", E_SYNTAX, 0},
        {"1.0", E_SYNTAX, 0},
        {"0x10", E_SYNTAX, 0},
        {"99999999999999999999999x", E_SYNTAX, 0},
    };
    check_cases(number_parse_u64, cases, ARRAY_COUNT(cases));
}
END_TEST

START_TEST(sizes_carry_binary_or_decimal_units)
{
    const struct parse_case cases[] = {
        {"4096", 0, 4096},
        {"64MiB", 0, 64u << 20},
        {"1 GiB", 0, 1u << 30},
        {"3TiB", 0, 3ull << 40},
        {"500 kB", 0, 500000},
        {"2MB", 0, 2000000},
        {"2GB", 0, 2000000000},
        {"17B", 0, 17},
        {"16777215TiB", 0, 16777215ull << 40},
        {"16777216TiB", E_RANGE, 0},
        {"18446744073709551616B", E_RANGE, 0},
        {"", E_SYNTAX, 0},
        {"MiB", E_SYNTAX, 0},
        {"1mib", E_SYNTAX, 0},
        {"1K", E_SYNTAX, 0},
        {"1  MiB", E_SYNTAX, 0},
        {"1 ", E_SYNTAX, 0},
        {"1MiB ", E_SYNTAX, 0},
        {"1.5MiB", E_SYNTAX, 0},
        {"-1MiB", E_SYNTAX, 0},
        {"1MiB1", E_SYNTAX, 0},
    };
    check_cases(number_parse_size, cases, ARRAY_COUNT(cases));
}
END_TEST

START_TEST(durations_need_a_unit_each_and_descend)
{
    const struct parse_case cases[] = {
        {"10s", 0, 10000},
        {"250ms", 0, 250},
        {"5m", 0, 300000},
        {"1h30m", 0, 5400000},
        {"2d", 0, 172800000},
        {"1d2h3m4s5ms", 0, 93784005},
        {"0s", 0, 0},
        {"213503982334d", 0, 18446744073657600000u},
        {"213503982335d", E_RANGE, 0},
        {"213503982334d51615999h", E_RANGE, 0},
        {"99999999999999999999s", E_RANGE, 0},
        {"", E_SYNTAX, 0},
        {"10", E_SYNTAX, 0},
        {"0", E_SYNTAX, 0},
        {"s", E_SYNTAX, 0},
        {"1.5s", E_SYNTAX, 0},
        {"30m1h", E_SYNTAX, 0},
        {"1s1s", E_SYNTAX, 0},
        {"1s30", E_SYNTAX, 0},
        {"1S", E_SYNTAX, 0},
        {"1 s", E_SYNTAX, 0},
        {"-1s", E_SYNTAX, 0},
        {"1sec", E_SYNTAX, 0},
    };
    check_cases(number_parse_duration, cases, ARRAY_COUNT(cases));
}
END_TEST

START_TEST(formatting_picks_the_largest_exact_unit)
{
    char text[NUMBER_TEXT_MAX];
    number_format_size(64u << 20, text);
    ck_assert_str_eq(text, "64MiB");
    number_format_size(1500, text);
    ck_assert_str_eq(text, "1500B");
    number_format_size(0, text);
    ck_assert_str_eq(text, "0B");
    number_format_size(UINT64_MAX, text);
    ck_assert_str_eq(text, "18446744073709551615B");
    number_format_duration(1500, text);
    ck_assert_str_eq(text, "1500ms");
    number_format_duration(5400000, text);
    ck_assert_str_eq(text, "90m");
    number_format_duration(0, text);
    ck_assert_str_eq(text, "0ms");
}
END_TEST

START_TEST(what_is_formatted_reads_back)
{
    struct prng prng = prng_of_seed(3);
    for (int run = 0; run < 2000; run++) {
        uint64_t value = prng_next(&prng) >> prng_below(&prng, 64);
        value = prng_below(&prng, 2) == 0 ? value : value << prng_below(&prng, 40);
        char text[NUMBER_TEXT_MAX];
        uint64_t back;
        number_format_size(value, text);
        ck_assert_int_eq(number_parse_size(slice_of_text(text), &back), 0);
        ck_assert_uint_eq(back, value);
        number_format_duration(value, text);
        ck_assert_int_eq(number_parse_duration(slice_of_text(text), &back), 0);
        ck_assert_uint_eq(back, value);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("number");
    TCase *tests = tcase_create("number");
    tcase_add_test(tests, only_a_whole_number_is_a_number);
    tcase_add_test(tests, sizes_carry_binary_or_decimal_units);
    tcase_add_test(tests, durations_need_a_unit_each_and_descend);
    tcase_add_test(tests, formatting_picks_the_largest_exact_unit);
    tcase_add_test(tests, what_is_formatted_reads_back);
    suite_add_tcase(suite, tests);
    return suite;
}
