#include "base/buf.h"

#include "support/test_main.h"

START_TEST(overflow_is_sticky_until_clear)
{
    struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "de");
    buf_append_byte(&buf, 'f');
    ck_assert(buf.overflow);
    ck_assert_uint_eq(buf.size, 3);
    buf_clear(&buf);
    buf_append_text(&buf, "wxyz");
    ck_assert(!buf.overflow);
    ck_assert_str_eq(buf_text(&buf), "wxyz");
    buf_deinit(&buf);
}
END_TEST

START_TEST(consume_moves_the_rest_to_the_front)
{
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_text(&buf, "hello world");
    buf_consume(&buf, 6);
    ck_assert_str_eq(buf_text(&buf), "world");
    buf_append_u64_decimal(&buf, UINT64_MAX);
    ck_assert_str_eq(buf_text(&buf), "world18446744073709551615");
    buf_deinit(&buf);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *tests = tcase_create("buf");
    tcase_add_test(tests, overflow_is_sticky_until_clear);
    tcase_add_test(tests, consume_moves_the_rest_to_the_front);
    suite_add_tcase(suite, tests);
    return suite;
}
