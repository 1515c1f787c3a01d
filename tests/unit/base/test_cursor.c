#include "base/cursor.h"

#include "support/test_main.h"

START_TEST(fields_are_little_endian_and_read_back)
{
    struct buf buf;
    buf_init(&buf, 100);
    put_u8(&buf, 0x01);
    put_u16(&buf, 0x0203);
    put_u32(&buf, 0x04050607);
    put_u64(&buf, 0x08090a0b0c0d0e0f);
    buf_append_text(&buf, "tail");
    const uint8_t expected[] = {1,   3,   2,   7,    6,    5,   4,   0x0f, 0x0e, 0x0d,
                                0xc, 0xb, 0xa, 0x09, 0x08, 't', 'a', 'i',  'l'};
    ck_assert_uint_eq(buf.size, sizeof expected);
    ck_assert_mem_eq(buf.data, expected, sizeof expected);

    struct cursor cursor = cursor_of(buf_slice(&buf));
    ck_assert_uint_eq(cursor_u8(&cursor), 0x01);
    ck_assert_uint_eq(cursor_u16(&cursor), 0x0203);
    ck_assert_uint_eq(cursor_u32(&cursor), 0x04050607);
    ck_assert_uint_eq(cursor_u64(&cursor), 0x08090a0b0c0d0e0f);
    ck_assert(slice_equal_text(cursor_bytes(&cursor, 4), "tail"));
    ck_assert(!cursor.failed);
    ck_assert_uint_eq(cursor.rest.size, 0);
    buf_deinit(&buf);
}
END_TEST

START_TEST(a_read_behind_the_end_fails_for_good)
{
    struct cursor cursor = cursor_of(slice_of("\x01\x02\x03", 3));
    ck_assert_uint_eq(cursor_u32(&cursor), 0);
    ck_assert(cursor.failed);
    ck_assert_uint_eq(cursor_bytes(&cursor, 1).size, 0);
    ck_assert_uint_eq(cursor_u8(&cursor), 0);
    ck_assert_uint_eq(cursor_u16(&cursor), 0);
    ck_assert_uint_eq(cursor_u64(&cursor), 0);
    ck_assert(cursor.failed);
}
END_TEST

START_TEST(a_length_near_the_largest_number_fails)
{
    struct cursor cursor = cursor_of(slice_of("abc", 3));
    ck_assert_uint_eq(cursor_bytes(&cursor, SIZE_MAX).size, 0);
    ck_assert(cursor.failed);
}
END_TEST

START_TEST(no_bytes_of_an_empty_slice_are_not_an_error)
{
    struct cursor cursor = cursor_of(slice_of(NULL, 0));
    ck_assert_uint_eq(cursor_bytes(&cursor, 0).size, 0);
    ck_assert(!cursor.failed);
}
END_TEST

START_TEST(a_write_that_does_not_fit_writes_nothing)
{
    struct buf buf;
    buf_init(&buf, 5);
    put_u32(&buf, 1);
    put_u16(&buf, 2);
    put_u8(&buf, 3);
    ck_assert(buf.overflow);
    ck_assert_uint_eq(buf.size, 4);
    buf_deinit(&buf);
}
END_TEST

START_TEST(stored_fields_need_no_alignment)
{
    uint8_t place[9] = {0};
    store_u64(place + 1, 0x1122334455667788);
    ck_assert_uint_eq(place[1], 0x88);
    ck_assert_uint_eq(load_u64(place + 1), 0x1122334455667788);
    store_u32(place + 1, 0xaabbccdd);
    ck_assert_uint_eq(load_u32(place + 1), 0xaabbccdd);
    store_u16(place + 1, 0xeeff);
    ck_assert_uint_eq(load_u16(place + 1), 0xeeff);
    ck_assert_uint_eq(load_u64(place + 1), 0x11223344aabbeeff);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cursor");
    TCase *tests = tcase_create("cursor");
    tcase_add_test(tests, fields_are_little_endian_and_read_back);
    tcase_add_test(tests, a_read_behind_the_end_fails_for_good);
    tcase_add_test(tests, a_length_near_the_largest_number_fails);
    tcase_add_test(tests, no_bytes_of_an_empty_slice_are_not_an_error);
    tcase_add_test(tests, a_write_that_does_not_fit_writes_nothing);
    tcase_add_test(tests, stored_fields_need_no_alignment);
    suite_add_tcase(suite, tests);
    return suite;
}
