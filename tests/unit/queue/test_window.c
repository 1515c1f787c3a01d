#include "queue/window.h"

#include <string.h>

#include "support/test_main.h"

static struct window window;

static void setup(void)
{
    memset(&window, 0, sizeof window);
}

START_TEST(the_frontier_moves_over_what_is_settled)
{
    ck_assert(window_settle(&window, 2));
    ck_assert(window_settle(&window, 3));
    ck_assert(!window_settle(&window, 3));
    ck_assert_uint_eq(window.frontier, 0);
    ck_assert_uint_eq(window.set, 2);
    ck_assert(window_has(&window, 3) && !window_has(&window, 1) && !window_has(&window, 4));
    ck_assert(window_settle(&window, 1));
    ck_assert_uint_eq(window.frontier, 3);
    ck_assert_uint_eq(window.set, 0);
    ck_assert(!window_settle(&window, 2));
    ck_assert_uint_eq(window.highest, 3);
}
END_TEST

START_TEST(it_reaches_as_far_as_it_has_bits)
{
    ck_assert(window_reaches(&window, WINDOW_RECORDS));
    ck_assert(!window_reaches(&window, WINDOW_RECORDS + 1));
    ck_assert(!window_has(&window, WINDOW_RECORDS + 1));
    ck_assert(window_settle(&window, WINDOW_RECORDS));
    ck_assert(window_settle(&window, 1));
    ck_assert(window_settle(&window, WINDOW_RECORDS + 1)); // the bit of 1
    ck_assert(!window_has(&window, 2));
    ck_assert_uint_eq(window_jump(&window, WINDOW_RECORDS - 1), WINDOW_RECORDS - 2);
    ck_assert_uint_eq(window.frontier, WINDOW_RECORDS + 1);
    ck_assert_uint_eq(window.set, 0);
}
END_TEST

START_TEST(a_jump_counts_what_was_not_settled)
{
    ck_assert(window_settle(&window, 3));
    ck_assert(window_settle(&window, 5));
    ck_assert_uint_eq(window_jump(&window, 4), 3);
    ck_assert_uint_eq(window.frontier, 5);
    ck_assert_uint_eq(window_jump(&window, 4), 0);
    ck_assert_uint_eq(window_jump(&window, 1000000), 1000000 - 5);
    ck_assert_uint_eq(window.highest, 1000000);
    ck_assert(window_settle(&window, 1000002));
    ck_assert_uint_eq(window_jump(&window, 1000003), 2);
    ck_assert_uint_eq(window.set, 0);
}
END_TEST

START_TEST(settled_ones_are_counted_in_a_range)
{
    ck_assert_uint_eq(window_jump(&window, 10), 10);
    ck_assert(window_settle(&window, 12));
    ck_assert(window_settle(&window, 20));
    ck_assert_uint_eq(window_count(&window, 0, 5), 5);
    ck_assert_uint_eq(window_count(&window, 5, 3), 0);
    ck_assert_uint_eq(window_count(&window, 8, 12), 3);
    ck_assert_uint_eq(window_count(&window, 12, 19), 0);
    ck_assert_uint_eq(window_count(&window, 10, UINT64_MAX), 2);
}
END_TEST

START_TEST(what_was_read_from_disk_is_made_consistent)
{
    window.frontier = 30;
    static const uint64_t settled[] = {31, 32, 40, 8000, 30 + WINDOW_RECORDS};
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++) {
        uint64_t index = settled[i] % WINDOW_RECORDS;
        window.bits[index / 8] |= (uint8_t)(1U << index % 8);
    }
    window_restore(&window);
    ck_assert_uint_eq(window.frontier, 32);
    ck_assert_uint_eq(window.set, 3);
    ck_assert_uint_eq(window.highest, 30 + WINDOW_RECORDS);
    ck_assert(window_has(&window, 40) && window_has(&window, 8000));
    ck_assert_uint_eq(window_count(&window, 32, UINT64_MAX), 3);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("window");
    TCase *tests = tcase_create("window");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_frontier_moves_over_what_is_settled);
    tcase_add_test(tests, it_reaches_as_far_as_it_has_bits);
    tcase_add_test(tests, a_jump_counts_what_was_not_settled);
    tcase_add_test(tests, settled_ones_are_counted_in_a_range);
    tcase_add_test(tests, what_was_read_from_disk_is_made_consistent);
    suite_add_tcase(suite, tests);
    return suite;
}
