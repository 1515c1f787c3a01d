#include "support/test_main.h"
#include "unit/record/flow.h"

static char bracket[] = "^\\[";

START_TEST(lines_ship_with_their_newline)
{
    struct flow flow = flow_default();
    open_at(&flow, 0);
    feed(&flow, "one\ntwo\n\nthr");
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>S 4 <two\n>S 1 <\n>");
    ck_assert_uint_eq(framer_position(flow.framer), 9);
    ck_assert_uint_eq(framer_end(flow.framer), 12);
    feed(&flow, "ee\n");
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>S 4 <two\n>S 1 <\n>S 6 <three\n>");
    ck_assert_uint_eq(framer_memory(flow.framer), 0);
    close_flow(&flow);
}
END_TEST

START_TEST(raw_data_points_into_the_chunk)
{
    struct flow flow = flow_default();
    open_at(&flow, 0);
    const char *chunk = "one\n";
    framer_feed(flow.framer, slice_of_text(chunk), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_ptr_eq(record.data.data, chunk);
    ck_assert_uint_eq(record.data.size, 4);
    close_flow(&flow);
}
END_TEST

START_TEST(carriage_return_is_part_of_the_line_ending)
{
    struct flow flow = flow_default();
    open_at(&flow, 0);
    feed(&flow, "one\r\ntwo\r");
    feed(&flow, "\nthree\r\r\n\r\n");
    ck_assert_str_eq(seen(&flow), "S 5 <one\n>S 5 <two\n>S 8 <three\r\n>S 2 <\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(record_end_none_ships_bare_text)
{
    struct flow flow = flow_default();
    flow.config.record_end = (char[]){""};
    open_at(&flow, 0);
    feed(&flow, "one\ntwo\r\n\n");
    ck_assert_str_eq(seen(&flow), "S 4 <one>S 5 <two>S 1 <>");
    close_flow(&flow);
}
END_TEST

START_TEST(record_end_is_not_doubled)
{
    struct flow flow = flow_default();
    flow.config.record_end = (char[]){";"};
    open_at(&flow, 0);
    feed(&flow, "one\ntwo;\n");
    ck_assert_str_eq(seen(&flow), "S 4 <one;>S 5 <two;>");
    close_flow(&flow);
}
END_TEST

START_TEST(last_line_without_newline_ships_at_the_proven_end)
{
    struct flow flow = flow_default();
    open_at(&flow, 0);
    feed(&flow, "one\ntwo");
    ck_assert_uint_eq(framer_expire(flow.framer, TIME_NEVER - 1), TIME_NEVER);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>");
    finish(&flow);
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>S 3 <two\n>");
    ck_assert_uint_eq(framer_position(flow.framer), 7);
    close_flow(&flow);
}
END_TEST

START_TEST(carriage_return_at_the_end_of_the_file_is_text)
{
    struct flow flow = flow_default();
    flow.config.lines.max_line = 4;
    open_at(&flow, 0);
    feed(&flow, "one\nfour\r");
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>");
    finish(&flow);
    ck_assert_str_eq(seen(&flow), "S 4 <one\n>S 4 <four\n>S 1 <\r\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(partial_line_ships_after_its_timeout_and_its_newline_is_no_record)
{
    struct flow flow = flow_default();
    flow.config.lines.partial_line_timeout_ms = 1000;
    open_at(&flow, 0);
    feed_at(&flow, "one", 7 * NS_PER_MS);
    ck_assert_uint_eq(framer_expire(flow.framer, 8 * NS_PER_MS), 1007 * NS_PER_MS);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "");
    ck_assert_uint_eq(framer_expire(flow.framer, 1007 * NS_PER_MS), TIME_NEVER);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 3 <one\n>");
    feed_at(&flow, "\ntwo\n", 2000 * NS_PER_MS);
    ck_assert_str_eq(seen(&flow), "S 3 <one\n>F 1 <>S 4 <two\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(newline_of_a_partial_line_is_no_record_after_a_restart)
{
    struct flow flow = flow_default();
    flow.config.lines.partial_line_timeout_ms = 1000;
    flow.file = "one\ntwo\n";
    open_at(&flow, 7);
    feed(&flow, "\nthree\n");
    ck_assert_str_eq(seen(&flow), "F 1 <>S 6 <three\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(timeout_divides_neither_a_character_nor_a_line_ending)
{
    struct flow flow = flow_default();
    flow.config.lines.partial_line_timeout_ms = 1;
    open_at(&flow, 0);
    feed_at(&flow, "caf\xc3", 0);
    framer_expire(flow.framer, NS_PER_S);
    take_all(&flow);
    feed_at(&flow, "\xa9\r", NS_PER_S);
    framer_expire(flow.framer, 2 * NS_PER_S);
    take_all(&flow);
    ck_assert_uint_eq(framer_expire(flow.framer, 3 * NS_PER_S), TIME_NEVER);
    feed_at(&flow, "\n", 3 * NS_PER_S);
    ck_assert_str_eq(seen(&flow), "S 3 <caf\n>S 2 <\xc3\xa9\n>F 2 <>");
    close_flow(&flow);
}
END_TEST

// ---- over-long lines ----

static const char long_input[] = "12345678\n123456789\r\nabcdefghijklmnopqr\nend\n";

static void run_over_long(enum over_long policy, const char *expected)
{
    struct flow flow = flow_default();
    flow.config.lines.max_line = 8;
    flow.config.lines.over_long = policy;
    open_at(&flow, 0);
    feed(&flow, long_input);
    ck_assert_str_eq(seen(&flow), expected);
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_OVER_LONG), 2);
    ck_assert_uint_eq(framer_position(flow.framer), sizeof long_input - 1);
    close_flow(&flow);
}

START_TEST(over_long_lines_are_split)
{
    run_over_long(OVER_LONG_SPLIT, "S 9 <12345678\n>S 8 <12345678\n>S 3 <9\n>S 8 <abcdefgh\n>"
                                   "S 8 <ijklmnop\n>S 3 <qr\n>S 4 <end\n>");
}
END_TEST

START_TEST(over_long_lines_are_truncated)
{
    run_over_long(OVER_LONG_TRUNCATE,
                  "S 9 <12345678\n>S 11 <12345678\n>S 19 <abcdefgh\n>S 4 <end\n>");
}
END_TEST

START_TEST(over_long_lines_are_skipped)
{
    run_over_long(OVER_LONG_SKIP, "S 9 <12345678\n>F 11 <>F 19 <>S 4 <end\n>");
}
END_TEST

START_TEST(over_long_lines_are_set_aside_whole)
{
    run_over_long(OVER_LONG_DEAD_LETTER, "S 9 <12345678\n>D2 8 <12345678>D2 3 <9\r\n>"
                                         "D2 8 <abcdefgh>D2 8 <ijklmnop>D2 3 <qr\n>S 4 <end\n>");
}
END_TEST

START_TEST(rest_of_a_set_aside_line_is_known_after_a_restart)
{
    struct flow flow = flow_default();
    flow.config.lines.max_line = 8;
    flow.config.lines.over_long = OVER_LONG_DEAD_LETTER;
    flow.file = long_input;
    open_at(&flow, 17);
    feed(&flow, long_input + 17);
    ck_assert_str_eq(seen(&flow), "D2 3 <9\r\n>D2 8 <abcdefgh>D2 8 <ijklmnop>D2 3 <qr\n>"
                                  "S 4 <end\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(pieces_do_not_divide_characters)
{
    struct flow flow = flow_default();
    flow.config.lines.max_line = 8;
    open_at(&flow, 0);
    feed(&flow, "1234567\xc3\xa9"
                "23456\xf0\x9f\x98\x80"
                "1\n");
    ck_assert_str_eq(seen(&flow), "S 7 <1234567\n>S 7 <\xc3\xa9"
                                  "23456\n>S 6 <\xf0\x9f\x98\x80"
                                  "1\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(invalid_utf8_and_nul_pass_as_they_are)
{
    struct flow flow = flow_default();
    flow.config.lines.max_line = 4;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of("a\0\xff\xfe\n\x80\x80\x80\x80\x80\x80\n", 12), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal(record.data, slice_of("a\0\xff\xfe\n", 5)));
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal_text(record.data, "\x80\x80\x80\x80\n"));
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal_text(record.data, "\x80\x80\n"));
    close_flow(&flow);
}
END_TEST

struct hole {
    const char *bytes;
    size_t size;
};

static int64_t peek_hole(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    const struct hole *hole = context;
    size_t start = offset < hole->size ? (size_t)offset : hole->size;
    size_t count = hole->size - start < size ? hole->size - start : size;
    memcpy(room, hole->bytes + start, count);
    return (int64_t)count;
}

START_TEST(hole_is_left_out_when_its_end_is_seen)
{
    static const char zeros[70000];
    struct flow flow = flow_default();
    flow.config.lines.partial_line_timeout_ms = 1;
    flow.after_cut = true;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of(zeros, sizeof zeros), 0);
    take_all(&flow);
    ck_assert_uint_eq(framer_expire(flow.framer, TIME_NEVER - 1), TIME_NEVER);
    take_all(&flow);
    ck_assert_uint_eq(framer_position(flow.framer), 0);
    ck_assert_uint_eq(framer_memory(flow.framer), 0);
    feed(&flow, "a\n");
    ck_assert_str_eq(seen(&flow), "F 70000 <>S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(few_nul_bytes_at_the_start_of_a_file_that_was_not_cut_are_text)
{
    static const char bytes[512] = {[511] = '\n'};
    struct flow flow = flow_default();
    flow.config.lines.max_line = 1000;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of(bytes, sizeof bytes), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal(record.data, slice_of(bytes, sizeof bytes)));
    close_flow(&flow);
}
END_TEST

START_TEST(many_nul_bytes_at_the_start_of_any_file_are_a_hole)
{
    static const char bytes[514] = {[512] = 'a', [513] = '\n'};
    struct flow flow = flow_default();
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of(bytes, sizeof bytes), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(record.hole);
    ck_assert_uint_eq(record.source_bytes, 512);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(nul_bytes_that_end_lines_are_no_hole)
{
    static char nul[] = "nul";
    static const char bytes[512];
    struct flow flow = flow_default();
    flow.config.lines.line_ending = nul;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of(bytes, sizeof bytes), 0);
    struct record record;
    for (int i = 0; i < 512; i++) {
        ck_assert(framer_next(flow.framer, &record));
        ck_assert_uint_eq(record.source_bytes, 1);
    }
    close_flow(&flow);
}
END_TEST

START_TEST(a_hole_that_is_passed_counts_as_one_that_was_fed)
{
    static const char zeros[1000];
    struct flow flow = flow_default();
    open_at(&flow, 0);
    ck_assert(!framer_in_hole(flow.framer));
    framer_feed(flow.framer, slice_of(zeros, sizeof zeros), 0);
    take_all(&flow);
    ck_assert(framer_in_hole(flow.framer));
    framer_pass_hole(flow.framer, 3000000);
    ck_assert_uint_eq(framer_end(flow.framer), 3001000);
    feed(&flow, "a\n");
    ck_assert_str_eq(seen(&flow), "F 3001000 <>S 2 <a\n>");
    ck_assert(!framer_in_hole(flow.framer));
    close_flow(&flow);
}
END_TEST

START_TEST(line_behind_a_hole_of_a_copy_begins_there_after_a_restart)
{
    static const char bytes[602] = {[600] = 'a', [601] = '\n'};
    struct flow flow = flow_default();
    flow.config.lines.over_long = OVER_LONG_SKIP;
    flow.config.lines.max_line = 4;
    struct hole hole = {.bytes = bytes, .size = sizeof bytes};
    ck_assert_int_eq(record_rules_create(&flow.config, &flow.to, &flow.stats, &flow.rules), 0);
    struct framer_peek hole_peek = {.context = &hole, .read = peek_hole};
    flow.framer = framer_create(flow.rules, 600, &hole_peek);
    buf_init(&flow.seen, 1 << 20);
    feed(&flow, "a\n");
    ck_assert_str_eq(seen(&flow), "S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(hole_may_be_larger_than_4_gib)
{
    static const char zeros[1 << 20];
    struct flow flow = flow_default();
    flow.after_cut = true;
    open_at(&flow, 0);
    for (int i = 0; i < 4097; i++) {
        framer_feed(flow.framer, slice_of(zeros, sizeof zeros), 0);
        take_all(&flow);
    }
    ck_assert_str_eq(seen(&flow), "");
    framer_feed(flow.framer, slice_of_text("a\n"), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_int_eq(record.fate, RECORD_FILTERED);
    ck_assert_uint_eq(record.source_bytes, (uint64_t)4097 << 20);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(line_behind_a_hole_begins_there_after_a_restart)
{
    static const enum over_long policies[] = {OVER_LONG_SPLIT, OVER_LONG_TRUNCATE, OVER_LONG_SKIP,
                                              OVER_LONG_DEAD_LETTER};
    struct flow flow = flow_default();
    flow.config.lines.over_long = policies[_i];
    flow.config.lines.max_line = 4;
    flow.config.lines.partial_line_timeout_ms = 1000;
    struct hole hole = {.bytes = "\0\0\0\0\0\0\0\0a\n", .size = 10};
    ck_assert_int_eq(record_rules_create(&flow.config, &flow.to, &flow.stats, &flow.rules), 0);
    struct framer_peek hole_peek = {.context = &hole, .read = peek_hole, .after_cut = true};
    flow.framer = framer_create(flow.rules, 8, &hole_peek);
    buf_init(&flow.seen, 1 << 20);
    feed(&flow, "a\n");
    ck_assert_str_eq(seen(&flow), "S 2 <a\n>");
    close_flow(&flow);
}
END_TEST

// Feeds `total` bytes of one line without an end.
static uint64_t feed_endless(struct flow *flow, uint64_t total, size_t *memory_max)
{
    static uint8_t chunk[1 << 20];
    memset(chunk, 'x', sizeof chunk);
    uint64_t taken = 0;
    for (uint64_t fed = 0; fed < total; fed += sizeof chunk) {
        framer_feed(flow->framer, slice_of(chunk, sizeof chunk), 0);
        struct record record;
        while (framer_next(flow->framer, &record)) {
            ck_assert_uint_le(record.source_bytes, UINT32_MAX);
            taken += record.source_bytes;
        }
        if (framer_memory(flow->framer) > *memory_max) {
            *memory_max = framer_memory(flow->framer);
        }
    }
    framer_finish(flow->framer);
    struct record record;
    while (framer_next(flow->framer, &record)) {
        ck_assert_uint_le(record.source_bytes, UINT32_MAX);
        taken += record.source_bytes;
    }
    return taken;
}

START_TEST(line_of_gigabytes_takes_bounded_memory)
{
    static const enum over_long policies[] = {OVER_LONG_SPLIT, OVER_LONG_TRUNCATE, OVER_LONG_SKIP,
                                              OVER_LONG_DEAD_LETTER};
    struct flow flow = flow_default();
    flow.config.lines.over_long = policies[_i];
    flow.config.lines.max_line = 64U << 10;
    open_at(&flow, 0);
    uint64_t total = policies[_i] == OVER_LONG_SKIP ? (uint64_t)5 << 30 : (uint64_t)256 << 20;
    size_t memory_max = 0;
    ck_assert_uint_eq(feed_endless(&flow, total, &memory_max), total);
    ck_assert_uint_eq(framer_position(flow.framer), total);
    ck_assert_uint_le(memory_max, 128U << 10);
    close_flow(&flow);
}
END_TEST

// ---- multi-line ----

static struct flow flow_multiline(void)
{
    struct flow flow = flow_default();
    flow.config.multiline.start = bracket;
    return flow;
}

START_TEST(start_pattern_joins_lines)
{
    struct flow flow = flow_multiline();
    open_at(&flow, 0);
    feed(&flow, "pre\n[1] a\n b\r\n c\n[2] d\n e");
    ck_assert_str_eq(seen(&flow), "S 4 <pre\n>S 13 <[1] a\n b\r\n c\n>");
    ck_assert_uint_eq(framer_position(flow.framer), 17);
    feed(&flow, "\n");
    finish(&flow);
    ck_assert_str_eq(seen(&flow), "S 4 <pre\n>S 13 <[1] a\n b\r\n c\n>S 9 <[2] d\n e\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(unfinished_line_that_begins_a_record_ships_after_both_timeouts)
{
    struct flow flow = flow_multiline();
    flow.config.lines.partial_line_timeout_ms = 1000;
    open_at(&flow, 0);
    feed_at(&flow, "[1] a", NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, NS_PER_S), 2 * NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, 2 * NS_PER_S), 6 * NS_PER_S);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "");
    framer_expire(flow.framer, 6 * NS_PER_S);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 5 <[1] a\n>");
    ck_assert_uint_eq(framer_expire(flow.framer, 7 * NS_PER_S), TIME_NEVER);
    close_flow(&flow);
}
END_TEST

START_TEST(open_record_ships_after_its_timeout_without_the_unfinished_line)
{
    struct flow flow = flow_multiline();
    open_at(&flow, 0);
    feed_at(&flow, "[1] a\n b\n c", NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, NS_PER_S), 6 * NS_PER_S);
    ck_assert_uint_eq(framer_expire(flow.framer, 6 * NS_PER_S), TIME_NEVER);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 9 <[1] a\n b\n>");
    ck_assert_uint_eq(framer_position(flow.framer), 9);
    feed_at(&flow, "\n[2] d\n", 7 * NS_PER_S);
    ck_assert_str_eq(seen(&flow), "S 9 <[1] a\n b\n>S 3 < c\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(joined_record_ends_at_max_lines)
{
    struct flow flow = flow_multiline();
    flow.config.multiline.max_lines = 2;
    open_at(&flow, 0);
    feed(&flow, "[1]\na\nb\nc\n[2]\n");
    ck_assert_str_eq(seen(&flow), "S 6 <[1]\na\n>S 4 <b\nc\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(joined_record_ends_at_max_bytes)
{
    struct flow flow = flow_multiline();
    flow.config.multiline.max_bytes = 8;
    open_at(&flow, 0);
    feed(&flow, "[1]\nabcd\nefg\n[2]\n");
    ck_assert_str_eq(seen(&flow), "S 9 <[1]\nabcd\n>S 4 <efg\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(over_long_line_in_a_joined_record)
{
    static const struct {
        enum over_long policy;
        const char *expected;
    } cases[] = {
        {OVER_LONG_SPLIT, "S 15 <[1]\n12345678[0\n>"},
        {OVER_LONG_TRUNCATE, "S 15 <[1]\n12345678\n>S 2 <a\n>"},
        {OVER_LONG_SKIP, "S 4 <[1]\n>F 11 <>S 2 <a\n>"},
        {OVER_LONG_DEAD_LETTER, "S 4 <[1]\n>D2 8 <12345678>D2 3 <[0\n>S 2 <a\n>"},
    };
    struct flow flow = flow_multiline();
    flow.config.lines.max_line = 8;
    flow.config.lines.over_long = cases[_i].policy;
    open_at(&flow, 0);
    feed(&flow, _i == 0 ? "[1]\n12345678[0\n[2]\n" : "[1]\n12345678[0\na\n[2]\n");
    ck_assert_str_eq(seen(&flow), cases[_i].expected);
    close_flow(&flow);
}
END_TEST

static void add_line_tests(TCase *tests)
{
    tcase_add_test(tests, lines_ship_with_their_newline);
    tcase_add_test(tests, raw_data_points_into_the_chunk);
    tcase_add_test(tests, carriage_return_is_part_of_the_line_ending);
    tcase_add_test(tests, record_end_none_ships_bare_text);
    tcase_add_test(tests, record_end_is_not_doubled);
    tcase_add_test(tests, last_line_without_newline_ships_at_the_proven_end);
    tcase_add_test(tests, carriage_return_at_the_end_of_the_file_is_text);
    tcase_add_test(tests, partial_line_ships_after_its_timeout_and_its_newline_is_no_record);
    tcase_add_test(tests, newline_of_a_partial_line_is_no_record_after_a_restart);
    tcase_add_test(tests, timeout_divides_neither_a_character_nor_a_line_ending);
    tcase_add_test(tests, over_long_lines_are_split);
    tcase_add_test(tests, over_long_lines_are_truncated);
    tcase_add_test(tests, over_long_lines_are_skipped);
    tcase_add_test(tests, over_long_lines_are_set_aside_whole);
    tcase_add_test(tests, rest_of_a_set_aside_line_is_known_after_a_restart);
    tcase_add_test(tests, pieces_do_not_divide_characters);
    tcase_add_test(tests, invalid_utf8_and_nul_pass_as_they_are);
    tcase_add_test(tests, hole_is_left_out_when_its_end_is_seen);
    tcase_add_test(tests, few_nul_bytes_at_the_start_of_a_file_that_was_not_cut_are_text);
    tcase_add_test(tests, many_nul_bytes_at_the_start_of_any_file_are_a_hole);
    tcase_add_test(tests, nul_bytes_that_end_lines_are_no_hole);
    tcase_add_test(tests, a_hole_that_is_passed_counts_as_one_that_was_fed);
    tcase_add_test(tests, line_behind_a_hole_of_a_copy_begins_there_after_a_restart);
    tcase_add_test(tests, hole_may_be_larger_than_4_gib);
    tcase_add_loop_test(tests, line_behind_a_hole_begins_there_after_a_restart, 0, 4);
    tcase_add_loop_test(tests, line_of_gigabytes_takes_bounded_memory, 0, 4);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("framer");
    TCase *tests = tcase_create("framer");
    add_line_tests(tests);
    tcase_add_test(tests, start_pattern_joins_lines);
    tcase_add_test(tests, unfinished_line_that_begins_a_record_ships_after_both_timeouts);
    tcase_add_test(tests, open_record_ships_after_its_timeout_without_the_unfinished_line);
    tcase_add_test(tests, joined_record_ends_at_max_lines);
    tcase_add_test(tests, joined_record_ends_at_max_bytes);
    tcase_add_loop_test(tests, over_long_line_in_a_joined_record, 0, 4);
    suite_add_tcase(suite, tests);
    return suite;
}
