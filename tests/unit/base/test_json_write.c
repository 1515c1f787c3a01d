#include "base/json_write.h"

#include "support/test_main.h"

static void check_string(struct slice text, const char *expected, size_t replaced)
{
    struct buf out;
    buf_init(&out, 4096);
    ck_assert_uint_eq(json_write_string(&out, text), replaced);
    ck_assert_str_eq(buf_text(&out), expected);
    buf_deinit(&out);
}

START_TEST(only_what_must_be_escaped_is_escaped)
{
    check_string(slice_of(NULL, 0), "\"\"", 0);
    check_string(slice_of_text("plain, and longer than eight"), "\"plain, and longer than eight\"",
                 0);
    check_string(slice_of_text("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"", 0);
    check_string(slice_of_text("\b\f\n\r\t\x01\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"",
                 0);
    check_string(slice_of("\0", 1), "\"\\u0000\"", 0);
    check_string(slice_of_text("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"", 0);
}
END_TEST

START_TEST(an_escape_is_found_at_every_place_of_a_word)
{
    const char specials[] = "\"\\\n\x1f";
    for (size_t special = 0; special < sizeof specials - 1; special++) {
        for (size_t at = 0; at < 24; at++) {
            char text[25];
            memset(text, '!', sizeof text);
            text[at] = specials[special];
            struct buf out;
            buf_init(&out, 100);
            json_write_string(&out, slice_of(text, sizeof text));
            size_t escape = specials[special] == '\x1f' ? 6 : 2;
            ck_assert_uint_eq(out.size, 2 + 24 + escape);
            ck_assert_uint_eq(out.data[1 + at], '\\');
            buf_deinit(&out);
        }
    }
}
END_TEST

START_TEST(invalid_utf8_is_replaced_and_counted)
{
    check_string(slice_of_text("a\xff\xe2\x82z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"", 2);
}
END_TEST

// The longest escapes, and characters that end behind every place of a piece.
START_TEST(long_texts_are_written_by_pieces_without_a_seam)
{
    struct buf text;
    struct buf out;
    struct buf expected;
    buf_init(&text, 4096);
    buf_init(&out, 1 << 15);
    buf_init(&expected, 1 << 15);
    for (size_t lead = 0; lead < 300; lead++) {
        buf_clear(&text);
        buf_clear(&out);
        buf_clear(&expected);
        buf_append_byte(&expected, '"');
        for (size_t i = 0; i < lead; i++) {
            buf_append_byte(&text, '\1');
            buf_append_text(&expected, "\\u0001");
        }
        for (size_t i = 0; i < 150; i++) {
            buf_append_text(&text, "\xf0\x9f\x98\x80");
            buf_append_text(&expected, "\xf0\x9f\x98\x80");
        }
        buf_append_byte(&expected, '"');
        ck_assert_uint_eq(json_write_string(&out, buf_slice(&text)), 0);
        ck_assert(slice_equal(buf_slice(&out), buf_slice(&expected)));
    }
    buf_deinit(&expected);
    buf_deinit(&out);
    buf_deinit(&text);
}
END_TEST

START_TEST(names_bring_their_comma)
{
    struct buf out;
    buf_init(&out, 100);
    buf_append_byte(&out, '{');
    json_write_name(&out, "a");
    buf_append_byte(&out, '1');
    json_write_name_slice(&out, slice_of_text("b\"c"));
    buf_append_text(&out, "[{");
    json_write_name(&out, "d");
    buf_append_text(&out, "null}]}");
    ck_assert_str_eq(buf_text(&out), "{\"a\":1,\"b\\\"c\":[{\"d\":null}]}");
    buf_deinit(&out);
}
END_TEST

START_TEST(a_full_buffer_is_an_overflow)
{
    struct buf out;
    buf_init(&out, 4);
    json_write_string(&out, slice_of_text("abcd"));
    ck_assert(out.overflow);
    json_write_name(&out, "x");
    ck_assert(out.overflow);
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tests = tcase_create("json_write");
    tcase_add_test(tests, only_what_must_be_escaped_is_escaped);
    tcase_add_test(tests, an_escape_is_found_at_every_place_of_a_word);
    tcase_add_test(tests, invalid_utf8_is_replaced_and_counted);
    tcase_add_test(tests, long_texts_are_written_by_pieces_without_a_seam);
    tcase_add_test(tests, names_bring_their_comma);
    tcase_add_test(tests, a_full_buffer_is_an_overflow);
    suite_add_tcase(suite, tests);
    return suite;
}
