// Records of several lines by the patterns start, end and continue.
#include "support/test_main.h"
#include "unit/record/flow.h"

static char bracket[] = "^\\[";
static char semicolon[] = ";$";
static char blank[] = "^\\s";
static char no_backslash[] = "(?<!\\\\)$";

struct joining {
    char *start;
    char *end;
    char *continuation;
    const char *input;
    const char *expected;
};

static const struct joining joinings[] = {
    {NULL, NULL, blank, "a\n b\n\tc\nd\ne\n f\n", "S 8 <a\n b\n\tc\n>S 2 <d\n>S 5 <e\n f\n>"},
    {NULL, NULL, blank, " a\nb\n\n c\n", "S 3 < a\n>S 2 <b\n>S 4 <\n c\n>"},
    {NULL, semicolon, NULL, "a\nb;\n;\nc;d\ne", "S 5 <a\nb;\n>S 2 <;\n>S 5 <c;d\ne\n>"},
    {NULL, no_backslash, NULL, "a\\\r\nb\\\nc\nd\n", "S 9 <a\\\r\nb\\\nc\n>S 2 <d\n>"},
    {bracket, semicolon, NULL, "[1\na;\nb\nc\n[2;\n[3\n[4\n",
     "S 6 <[1\na;\n>S 4 <b\nc\n>S 4 <[2;\n>S 3 <[3\n>S 3 <[4\n>"},
    {bracket, NULL, blank, "a\n b\n[1\n c\nd\n[2\n",
     "S 5 <a\n b\n>S 6 <[1\n c\n>S 2 <d\n>S 3 <[2\n>"},
    {NULL, semicolon, blank, "a\n b;\n c\nd\n e\n", "S 6 <a\n b;\n>S 3 < c\n>S 5 <d\n e\n>"},
    {bracket, semicolon, blank, "a\n[1\n b;\n c\nd\n",
     "S 2 <a\n>S 7 <[1\n b;\n>S 3 < c\n>S 2 <d\n>"},
};

static struct flow flow_of(const struct joining *joining)
{
    struct flow flow = flow_default();
    flow.config.multiline.start = joining->start;
    flow.config.multiline.end = joining->end;
    flow.config.multiline.continuation = joining->continuation;
    return flow;
}

START_TEST(lines_are_joined_by_the_patterns_that_a_flow_has)
{
    struct flow flow = flow_of(&joinings[_i]);
    open_at(&flow, 0);
    feed(&flow, joinings[_i].input);
    finish(&flow);
    ck_assert_str_eq(seen(&flow), joinings[_i].expected);
    close_flow(&flow);
}
END_TEST

START_TEST(line_that_matches_end_completes_its_record_at_once)
{
    struct flow flow = flow_of(&(struct joining){.end = semicolon});
    open_at(&flow, 0);
    feed_at(&flow, "a\nb;\n", NS_PER_S);
    ck_assert_str_eq(seen(&flow), "S 5 <a\nb;\n>");
    ck_assert_uint_eq(framer_expire(flow.framer, NS_PER_S), TIME_NEVER);
    ck_assert_uint_eq(framer_memory(flow.framer), 0);
    close_flow(&flow);
}
END_TEST

START_TEST(end_is_looked_for_in_all_pieces_of_a_split_line)
{
    static char pattern[] = "^abcdef;$";
    struct flow flow = flow_of(&(struct joining){.end = pattern});
    flow.config.lines.max_line = 4;
    open_at(&flow, 0);
    feed(&flow, "x\nabcdef;\nabcdefg;\n");
    ck_assert_str_eq(seen(&flow), "S 10 <x\nabcdef;\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(end_is_looked_for_in_a_line_whose_beginning_was_flushed)
{
    struct flow flow = flow_of(&(struct joining){.end = semicolon});
    flow.config.lines.partial_line_timeout_ms = 10;
    open_at(&flow, 0);
    feed_at(&flow, "a\nb;", 0);
    framer_expire(flow.framer, NS_PER_S);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "");
    feed_at(&flow, "\nc\n", NS_PER_S);
    ck_assert_str_eq(seen(&flow), "S 5 <a\nb;\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(later_part_of_a_line_is_not_tested_for_the_beginning_of_a_record)
{
    struct flow flow = flow_of(&(struct joining){.continuation = blank});
    flow.config.lines.max_line = 4;
    open_at(&flow, 0);
    feed(&flow, "a\n bcdefgh\ni\n");
    ck_assert_str_eq(seen(&flow), "S 11 <a\n bcdefgh\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(limits_hold_with_every_pattern)
{
    struct flow flow = flow_of(&(struct joining){.continuation = blank});
    flow.config.multiline.max_lines = 2;
    open_at(&flow, 0);
    feed(&flow, "a\n b\n c\nd\n");
    ck_assert_str_eq(seen(&flow), "S 5 <a\n b\n>S 3 < c\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(record_without_its_end_ships_after_its_timeout)
{
    struct flow flow = flow_of(&(struct joining){.end = semicolon});
    open_at(&flow, 0);
    feed_at(&flow, "a\n", NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, NS_PER_S), 6 * NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, 6 * NS_PER_S), TIME_NEVER);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("multiline");
    TCase *tests = tcase_create("multiline");
    tcase_add_loop_test(tests, lines_are_joined_by_the_patterns_that_a_flow_has, 0,
                        (int)(sizeof joinings / sizeof joinings[0]));
    tcase_add_test(tests, line_that_matches_end_completes_its_record_at_once);
    tcase_add_test(tests, end_is_looked_for_in_all_pieces_of_a_split_line);
    tcase_add_test(tests, end_is_looked_for_in_a_line_whose_beginning_was_flushed);
    tcase_add_test(tests, later_part_of_a_line_is_not_tested_for_the_beginning_of_a_record);
    tcase_add_test(tests, limits_hold_with_every_pattern);
    tcase_add_test(tests, record_without_its_end_ships_after_its_timeout);
    suite_add_tcase(suite, tests);
    return suite;
}
