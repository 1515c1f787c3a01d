#include "base/utf8.h"

#include "support/test_main.h"

static void check_replaced(const char *text, size_t size, const char *expected, size_t count)
{
    struct buf out;
    buf_init(&out, 1000);
    ck_assert_uint_eq(utf8_append_valid(&out, slice_of(text, size)), count);
    ck_assert_str_eq(buf_text(&out), expected);
    buf_deinit(&out);
}

START_TEST(characters_of_every_length_are_valid)
{
    ck_assert(utf8_valid(slice_of_text("")));
    ck_assert(utf8_valid(slice_of_text("plain text of more than eight bytes")));
    ck_assert(utf8_valid(slice_of_text("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80.")));
    ck_assert(utf8_valid(slice_of("a\0b", 3)));
}
END_TEST

START_TEST(what_the_rfc_forbids_is_not_valid)
{
    const char *bad[] = {"\x80",
                         "\xc0\x80",
                         "\xc1\xbf",
                         "\xe0\x9f\xbf",
                         "\xed\xa0\x80",
                         "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80",
                         "\xf5\x80\x80\x80",
                         "\xff",
                         "\xc3",
                         "\xe2\x82",
                         "\xf0\x9f\x98"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_msg(!utf8_valid(slice_of_text(bad[i])), "case %zu", i);
    }
}
END_TEST

START_TEST(valid_prefix_ends_before_the_first_bad_sequence)
{
    ck_assert_uint_eq(utf8_valid_prefix(slice_of_text("eight by\xc3\xa9\xff tail")), 10);
    ck_assert_uint_eq(utf8_valid_prefix(slice_of_text("abc\xe2\x82")), 3);
    ck_assert_uint_eq(utf8_valid_prefix(slice_of_text("abc")), 3);
    ck_assert_uint_eq(utf8_valid_prefix(slice_of(NULL, 0)), 0);
}
END_TEST

// The examples of Unicode 15, tables 3-8 to 3-11.
START_TEST(each_maximal_subpart_becomes_one_replacement)
{
#define R "\xef\xbf\xbd"
    check_replaced("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", 9, R R R R R R R R "A", 8);
    check_replaced("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", 9, R R R R R R R R "A", 8);
    check_replaced("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", 9, R R R R R "A" R R "B", 7);
    check_replaced("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, R R R R "A", 4);
    check_replaced("ok", 2, "ok", 0);
    check_replaced("tail\xf0\x9f\x98", 7, "tail" R, 1);
#undef R
}
END_TEST

START_TEST(utf16_units_count_a_pair_for_what_is_beyond_the_basic_plane)
{
    struct slice text = slice_of_text("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    ck_assert_uint_eq(utf8_utf16_units(text), 6);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 6).size, text.size);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 5).size, 10);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 4).size, 6);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 3).size, 6);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 1).size, 1);
    ck_assert_uint_eq(utf8_prefix_utf16_units(text, 0).size, 0);
}
END_TEST

START_TEST(code_points_that_are_none_are_encoded_as_replacement)
{
    uint8_t bytes[4];
    const uint32_t bad[] = {0xd800, 0xdfff, 0x110000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_uint_eq(utf8_encode(bad[i], bytes), 3);
        ck_assert_mem_eq(bytes, "\xef\xbf\xbd", 3);
    }
    ck_assert_uint_eq(utf8_encode(0x10ffff, bytes), 4);
    ck_assert_mem_eq(bytes, "\xf4\x8f\xbf\xbf", 4);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("utf8");
    tcase_add_test(tests, characters_of_every_length_are_valid);
    tcase_add_test(tests, what_the_rfc_forbids_is_not_valid);
    tcase_add_test(tests, valid_prefix_ends_before_the_first_bad_sequence);
    tcase_add_test(tests, each_maximal_subpart_becomes_one_replacement);
    tcase_add_test(tests, utf16_units_count_a_pair_for_what_is_beyond_the_basic_plane);
    tcase_add_test(tests, code_points_that_are_none_are_encoded_as_replacement);
    suite_add_tcase(suite, tests);
    return suite;
}
