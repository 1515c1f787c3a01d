#include "base/crc32c.h"

#include "support/test_main.h"

// RFC 3720 appendix B.4.
START_TEST(iscsi_test_vectors_hold)
{
    uint8_t bytes[32] = {0};
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
}
END_TEST

START_TEST(nothing_leaves_the_sum_as_it_is)
{
    ck_assert_uint_eq(crc32c(0, NULL, 0), 0);
    ck_assert_uint_eq(crc32c(0x12345678, NULL, 0), 0x12345678);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("crc32c");
    TCase *tests = tcase_create("crc32c");
    tcase_add_test(tests, iscsi_test_vectors_hold);
    tcase_add_test(tests, nothing_leaves_the_sum_as_it_is);
    suite_add_tcase(suite, tests);
    return suite;
}
