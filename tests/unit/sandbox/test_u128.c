#include "sandbox/u128.h"

#include "base/compiler.h"
#include "base/error.h"
#include "base/prng.h"
#include "support/test_main.h"

START_TEST(a_number_is_written_in_decimal_without_leading_zeros)
{
    char text[U128_TEXT_SIZE];
    u128_format(0, text);
    ck_assert_str_eq(text, "0");
    u128_format(10, text);
    ck_assert_str_eq(text, "10");
    u128_format(U128_MAX, text);
    ck_assert_str_eq(text, "340282366920938463463374607431768211455");
}
END_TEST

START_TEST(only_a_plain_decimal_number_below_2_to_128_is_read)
{
    u128 value = 7;
    ck_assert_int_eq(u128_parse(slice_of_text("340282366920938463463374607431768211455"), &value),
                     0);
    ck_assert(value == U128_MAX);
    value = 7;
    ck_assert_int_eq(u128_parse(slice_of_text("340282366920938463463374607431768211456"), &value),
                     E_RANGE);
    ck_assert_int_eq(
        u128_parse(slice_of_text("999999999999999999999999999999999999999999"), &value), E_RANGE);
    const char *wrong[] = {"", "-1", "01", "1 ", "0x1", "1e3"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ck_assert_int_eq(u128_parse(slice_of_text(wrong[i]), &value), E_SYNTAX);
    }
    ck_assert(value == 7);
}
END_TEST

START_TEST(what_is_written_reads_back)
{
    struct prng prng = prng_of_seed(5);
    for (int run = 0; run < 2000; run++) {
        u128 value = ((u128)prng_next(&prng) << 64 | prng_next(&prng)) >> prng_below(&prng, 128);
        char text[U128_TEXT_SIZE];
        u128_format(value, text);
        u128 back;
        ck_assert_int_eq(u128_parse(slice_of_text(text), &back), 0);
        ck_assert(back == value);
    }
}
END_TEST

// The decimal numbers were computed with Python's hashlib.
START_TEST(a_partition_key_hashes_to_its_md5_as_a_number)
{
    const struct {
        const char *key;
        const char *hash;
    } cases[] = {
        {"pk-1", "273922656776327812788301823748127981641"},
        {"a", "16955237001963240173058271559858726497"},
        {"partitionKey-0", "283893945402358862714065952676399797471"},
        {"\u65e5\u672c", "103341369634063465466164320543046703539"},
        {"000001", "6627664209714936649123216769588763387"},
    };
    struct key_hasher *hasher = key_hasher_create();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[U128_TEXT_SIZE];
        u128_format(key_hasher_hash(hasher, slice_of_text(cases[i].key)), text);
        ck_assert_str_eq(text, cases[i].hash);
    }
    key_hasher_free(hasher);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("u128");
    TCase *tests = tcase_create("u128");
    tcase_add_test(tests, a_number_is_written_in_decimal_without_leading_zeros);
    tcase_add_test(tests, only_a_plain_decimal_number_below_2_to_128_is_read);
    tcase_add_test(tests, what_is_written_reads_back);
    tcase_add_test(tests, a_partition_key_hashes_to_its_md5_as_a_number);
    suite_add_tcase(suite, tests);
    return suite;
}
