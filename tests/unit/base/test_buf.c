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

START_TEST(memory_grows_no_further_than_the_maximum)
{
    struct buf buf;
    buf_init(&buf, 1000);
    ck_assert_ptr_null(buf.data);
    for (int i = 0; i < 1000; i++) {
        buf_append_byte(&buf, 'x');
        ck_assert_uint_le(buf.capacity, 1000);
    }
    ck_assert(!buf.overflow);
    ck_assert_uint_eq(strlen(buf_text(&buf)), 1000);
    buf_reserve(&buf, 5000);
    ck_assert_uint_le(buf.capacity, 1001);
    buf_deinit(&buf);
}
END_TEST

START_TEST(shrink_gives_memory_back_but_never_content)
{
    struct buf buf;
    buf_init(&buf, 100000);
    buf_reserve(&buf, 50000);
    ck_assert_uint_eq(buf.capacity, 50000);
    buf_append_text(&buf, "content");
    buf_shrink(&buf, 3);
    ck_assert_uint_eq(buf.capacity, 7);
    ck_assert(slice_equal_text(buf_slice(&buf), "content"));
    buf_clear(&buf);
    buf_shrink(&buf, 0);
    ck_assert_ptr_null(buf.data);
    buf_append_text(&buf, "again");
    ck_assert_str_eq(buf_text(&buf), "again");
    buf_deinit(&buf);
}
END_TEST

START_TEST(extend_counts_its_room_at_once)
{
    struct buf buf;
    buf_init(&buf, 10);
    memcpy(buf_extend(&buf, 4), "room", 4);
    ck_assert_uint_eq(buf.size, 4);
    ck_assert_ptr_null(buf_extend(&buf, SIZE_MAX));
    ck_assert(buf.overflow);
    ck_assert_str_eq(buf_text(&buf), "");
    buf_deinit(&buf);
}
END_TEST

START_TEST(formatted_text_is_whole_or_absent)
{
    struct buf buf;
    buf_init(&buf, 8);
    buf_appendf(&buf, "%d-%s", 12, "abc");
    ck_assert_str_eq(buf_text(&buf), "12-abc");
    buf_appendf(&buf, "%d", 1234);
    ck_assert(buf.overflow);
    ck_assert_uint_eq(buf.size, 6);
    buf_deinit(&buf);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buf");
    TCase *tests = tcase_create("buf");
    tcase_add_test(tests, overflow_is_sticky_until_clear);
    tcase_add_test(tests, consume_moves_the_rest_to_the_front);
    tcase_add_test(tests, memory_grows_no_further_than_the_maximum);
    tcase_add_test(tests, shrink_gives_memory_back_but_never_content);
    tcase_add_test(tests, extend_counts_its_room_at_once);
    tcase_add_test(tests, formatted_text_is_whole_or_absent);
    suite_add_tcase(suite, tests);
    return suite;
}
