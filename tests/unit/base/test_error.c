#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "support/test_main.h"

static const int codes[] = {
#define X(name, code, class, text) name,
    ERROR_LIST(X)
#undef X
};

START_TEST(every_code_has_a_text_of_its_own)
{
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        ck_assert_uint_gt(strlen(error_text(codes[i])), 0);
        for (size_t other = 0; other < i; other++) {
            ck_assert_int_ne(codes[i], codes[other]);
            ck_assert_str_ne(error_text(codes[i]), error_text(codes[other]));
        }
    }
}
END_TEST

START_TEST(system_errors_have_the_text_of_the_system)
{
    ck_assert_str_eq(error_text(-ENOENT), "No such file or directory");
    ck_assert_str_eq(error_text(0), "no error");
}
END_TEST

START_TEST(unknown_codes_are_named_by_number)
{
    ck_assert_str_eq(error_text(-1999), "error -1999");
    ck_assert_str_eq(error_text(-99999), "error -99999");
    ck_assert_str_eq(error_text(7), "error 7");
}
END_TEST

START_TEST(classes_say_what_to_do)
{
    ck_assert_int_eq(error_class(E_FULL), ERROR_RETRY);
    ck_assert_int_eq(error_class(E_LOCKED), ERROR_FATAL);
    ck_assert_int_eq(error_class(E_SYNTAX), ERROR_REJECT);
    const int retried[] = {-EINTR, -EAGAIN, -ENOSPC, -EDQUOT, -ENOMEM, -EMFILE, -ENFILE, -EBUSY};
    for (size_t i = 0; i < ARRAY_COUNT(retried); i++) {
        ck_assert_int_eq(error_class(retried[i]), ERROR_RETRY);
    }
    ck_assert_int_eq(error_class(-ENOENT), ERROR_REJECT);
    ck_assert_int_eq(error_class(-99999), ERROR_REJECT);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, every_code_has_a_text_of_its_own);
    tcase_add_test(tests, system_errors_have_the_text_of_the_system);
    tcase_add_test(tests, unknown_codes_are_named_by_number);
    tcase_add_test(tests, classes_say_what_to_do);
    suite_add_tcase(suite, tests);
    return suite;
}
