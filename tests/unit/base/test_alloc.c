#include "base/alloc.h"

#include <signal.h>
#include <stdlib.h>

#include "base/assert.h"
#include "support/test_main.h"

START_TEST(nothing_is_still_memory_to_free)
{
    free(xmalloc(0));
    free(xcalloc(0, 0));
    free(xrealloc(NULL, 0));
    free(xreallocarray(NULL, 0, 8));
}
END_TEST

START_TEST(fresh_arrays_are_zero_and_keep_their_content_when_they_grow)
{
    uint32_t *array = xcalloc(4, sizeof *array);
    ck_assert_uint_eq(array[3], 0);
    array[3] = 7;
    array = xreallocarray(array, 4000, sizeof *array);
    ck_assert_uint_eq(array[3], 7);
    free(array);
}
END_TEST

START_TEST(copies_of_text_end_with_a_nul)
{
    char *whole = xstrdup("text");
    char *part = xstrndup(slice_of("text", 2));
    char *empty = xstrndup(slice_of(NULL, 0));
    char *formatted = xasprintf("%s/%d", "a", 17);
    ck_assert_str_eq(whole, "text");
    ck_assert_str_eq(part, "te");
    ck_assert_str_eq(empty, "");
    ck_assert_str_eq(formatted, "a/17");
    free(formatted);
    free(empty);
    free(part);
    free(whole);
}
END_TEST

START_TEST(a_false_assertion_aborts)
{
    volatile int one = 1;
    ASSERT(one == 1);
    ASSERT(one == 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("alloc");
    TCase *tests = tcase_create("alloc");
    tcase_add_test(tests, nothing_is_still_memory_to_free);
    tcase_add_test(tests, fresh_arrays_are_zero_and_keep_their_content_when_they_grow);
    tcase_add_test(tests, copies_of_text_end_with_a_nul);
    tcase_add_test_raise_signal(tests, a_false_assertion_aborts, SIGABRT);
    suite_add_tcase(suite, tests);
    return suite;
}
