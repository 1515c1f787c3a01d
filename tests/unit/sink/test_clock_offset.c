#include "sink/clock_offset.h"

#include "base/compiler.h"
#include "base/error.h"
#include "support/test_main.h"

// 784111777 is Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
#define EXAMPLE           "Sun, 06 Nov 1994 08:49:37 GMT"
#define EXAMPLE_S         784111777
#define EXAMPLE_AND_SPACE "Sun, 06 Nov 1994 08:49:37 GMT "

static uint64_t ns(uint64_t seconds)
{
    return seconds * NS_PER_S;
}

START_TEST(dates_are_parsed_strictly)
{
    static const char *const bad[] = {
        "",
        "yesterday",
        EXAMPLE_AND_SPACE,
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Sun, 06 Nov 1901 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
    };
    int64_t seconds;
    ck_assert_int_eq(http_date_parse(EXAMPLE, &seconds), 0);
    ck_assert_int_eq(seconds, EXAMPLE_S);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_msg(http_date_parse(bad[i], &seconds) == E_SYNTAX, "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_small_difference_is_not_adopted)
{
    struct clock_offset offset = {0};
    ck_assert(!clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S - 239)));
    ck_assert(!clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S + 239)));
    ck_assert(!clock_offset_adopt(&offset, "", ns(EXAMPLE_S + 1000)));
    ck_assert_int_eq(offset.seconds, 0);
}
END_TEST

START_TEST(a_large_difference_is_adopted_in_both_directions)
{
    struct clock_offset offset = {0};
    ck_assert(clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S - 240)));
    ck_assert_int_eq(offset.seconds, 240);
    ck_assert_uint_eq(clock_offset_apply(&offset, ns(EXAMPLE_S - 240)), ns(EXAMPLE_S));
    ck_assert(clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S + 600)));
    ck_assert_int_eq(offset.seconds, -600);
    ck_assert_uint_eq(clock_offset_apply(&offset, ns(EXAMPLE_S + 600)), ns(EXAMPLE_S));
}
END_TEST

START_TEST(an_offset_is_dropped_when_the_local_clock_is_set_right)
{
    struct clock_offset offset = {0};
    ck_assert(clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S + 600)));
    ck_assert(!clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S + 601)));
    ck_assert(clock_offset_adopt(&offset, EXAMPLE, ns(EXAMPLE_S + 1)));
    ck_assert_int_eq(offset.seconds, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("clock_offset");
    TCase *tests = tcase_create("clock_offset");
    tcase_add_test(tests, dates_are_parsed_strictly);
    tcase_add_test(tests, a_small_difference_is_not_adopted);
    tcase_add_test(tests, a_large_difference_is_adopted_in_both_directions);
    tcase_add_test(tests, an_offset_is_dropped_when_the_local_clock_is_set_right);
    suite_add_tcase(suite, tests);
    return suite;
}
