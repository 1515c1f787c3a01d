#include "record/key.h"
#include "support/test_main.h"
#include "unit/record/flow.h"

// ---- filter, limits, keys ----

START_TEST(filter_includes_and_excludes)
{
    struct flow flow = flow_default();
    char *include[] = {(char[]){"^a"}, (char[]){"^b"}};
    char *exclude[] = {(char[]){"x$"}};
    flow.config.filter.include = (struct string_list){include, 2};
    flow.config.filter.exclude = (struct string_list){exclude, 1};
    open_at(&flow, 0);
    feed(&flow, "a1\nb1\nc1\nbx\r\n");
    ck_assert_str_eq(seen(&flow), "S 3 <a1\n>S 3 <b1\n>F 3 <>F 4 <>");
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_FILTERED), 2);
    close_flow(&flow);
}
END_TEST

START_TEST(record_above_the_limit_of_the_service_is_set_aside)
{
    struct flow flow = flow_default();
    flow.config.lines.over_long = OVER_LONG_SKIP;
    flow.to.max_record_size = 10 + RANDOM_KEY_BYTES_MIN;
    open_at(&flow, 0);
    feed(&flow, "123456789\n1234567890\r\n");
    ck_assert_str_eq(seen(&flow), "S 10 <123456789\n>D3 12 <1234567890\r\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(lines_are_split_so_that_the_service_takes_them)
{
    struct flow flow = flow_default();
    flow.to.max_record_size = 10 + KEY_HASH_BYTES;
    open_at(&flow, 0);
    feed(&flow, "123456789\n1234567890\r\n");
    ck_assert_str_eq(seen(&flow), "S 10 <123456789\n>S 9 <123456789\n>S 3 <0\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(firehose_counts_the_data_alone)
{
    struct flow flow = flow_default();
    flow.config.lines.over_long = OVER_LONG_SKIP;
    flow.to.service = SERVICE_FIREHOSE;
    flow.to.max_record_size = 0;
    flow.config.lines.max_line = 2000000;
    open_at(&flow, 0);
    static char line[1024000 + 1];
    memset(line, 'x', sizeof line);
    line[1023999] = '\n';
    framer_feed(flow.framer, slice_of(line, 1024000), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_int_eq(record.fate, RECORD_SHIP);
    ck_assert(!framer_next(flow.framer, &record));
    line[1023999] = 'x';
    line[1024000] = '\n';
    framer_feed(flow.framer, slice_of(line, 1024001), 0);
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_int_eq(record.fate, RECORD_DEAD_LETTER);
    ck_assert_int_eq(record.reason, REASON_TOO_LARGE);
    close_flow(&flow);
}
END_TEST

// ---- converters and the whole ----

static char field_user[] = "user.id";

static struct flow flow_converting(struct converter_config *converter)
{
    struct flow flow = flow_default();
    flow.config.converters = converter;
    flow.config.converter_count = 1;
    return flow;
}

START_TEST(csv_header_is_filtered_and_names_the_fields)
{
    struct converter_config csv = {.kind = CONVERTER_CSV, .delimiter = ',', .header = true};
    struct flow flow = flow_converting(&csv);
    open_at(&flow, 0);
    feed(&flow, "\xef\xbb\xbf"
                "a,\"b\nc\"\r\n1,\"2\n3\"\n");
    ck_assert_str_eq(seen(&flow), "F 12 <>S 8 <{\"a\":\"1\",\"b\\nc\":\"2\\n3\"}\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(csv_header_is_read_again_after_a_restart)
{
    struct converter_config csv = {.kind = CONVERTER_CSV, .delimiter = ',', .header = true};
    struct flow flow = flow_converting(&csv);
    flow.file = "a,b\n1,2\n";
    open_at(&flow, 8);
    feed(&flow, "3,4\n");
    ck_assert_str_eq(seen(&flow), "S 4 <{\"a\":\"3\",\"b\":\"4\"}\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(csv_header_that_cannot_be_read_matches_nothing)
{
    struct converter_config csv = {.kind = CONVERTER_CSV, .delimiter = ',', .header = true};
    struct flow flow = flow_converting(&csv);
    open_at(&flow, 8);
    feed(&flow, "3,4\n");
    ck_assert_str_eq(seen(&flow), "S 4 <3,4\n>");
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_UNMATCHED), 1);
    close_flow(&flow);
}
END_TEST

START_TEST(csv_names_win_over_the_header)
{
    char *names[] = {(char[]){"x"}, (char[]){"y"}};
    struct converter_config csv = {
        .kind = CONVERTER_CSV, .delimiter = ',', .header = true, .names = {names, 2}};
    struct flow flow = flow_converting(&csv);
    open_at(&flow, 0);
    feed(&flow, "a,b\n1,2\n");
    ck_assert_str_eq(seen(&flow), "F 4 <>S 4 <{\"x\":\"1\",\"y\":\"2\"}\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(half_a_header_waits_whatever_the_timeout)
{
    struct converter_config csv = {.kind = CONVERTER_CSV, .delimiter = ',', .header = true};
    struct flow flow = flow_converting(&csv);
    flow.config.lines.partial_line_timeout_ms = 1;
    open_at(&flow, 0);
    feed_at(&flow, "a,", 0);
    ck_assert_uint_eq(framer_expire(flow.framer, NS_PER_S), TIME_NEVER);
    take_all(&flow);
    feed_at(&flow, "b\n1,2\n", NS_PER_S);
    ck_assert_str_eq(seen(&flow), "F 4 <>S 4 <{\"a\":\"1\",\"b\":\"2\"}\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(unmatched_records_go_where_the_flow_says)
{
    static const struct {
        enum on_mismatch policy;
        const char *expected;
    } cases[] = {
        {ON_MISMATCH_RAW, "S 4 <{1\n>S 3 <{}\n>"},
        {ON_MISMATCH_DROP, "F 4 <>S 3 <{}\n>"},
        {ON_MISMATCH_DEAD_LETTER, "D1 4 <{1\r\n>S 3 <{}\n>"},
    };
    struct converter_config json = {.kind = CONVERTER_JSON};
    struct flow flow = flow_converting(&json);
    flow.config.on_mismatch = cases[_i].policy;
    open_at(&flow, 0);
    feed(&flow, "{1\r\n{}\n");
    ck_assert_str_eq(seen(&flow), cases[_i].expected);
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_UNMATCHED), 1);
    close_flow(&flow);
}
END_TEST

START_TEST(converters_are_alternatives_in_order)
{
    struct converter_config converters[] = {
        {.kind = CONVERTER_JSON},
        {.kind = CONVERTER_REGEX, .pattern = (char[]){"^(?<word>\\w+)$"}},
    };
    struct flow flow = flow_default();
    flow.config.converters = converters;
    flow.config.converter_count = 2;
    open_at(&flow, 0);
    feed(&flow, "1\na\n-\n");
    ck_assert_str_eq(seen(&flow), "S 2 <1\n>S 2 <{\"word\":\"a\"}\n>S 2 <-\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(record_that_grows_beyond_the_limit_is_set_aside_as_it_was)
{
    struct converter_config regex = {.kind = CONVERTER_REGEX,
                                     .pattern = (char[]){"^(?<a_long_name>.*)$"}};
    struct flow flow = flow_converting(&regex);
    flow.config.lines.over_long = OVER_LONG_SKIP;
    flow.to.max_record_size = 10 + RANDOM_KEY_BYTES_MIN;
    open_at(&flow, 0);
    feed(&flow, "12345\n");
    ck_assert_str_eq(seen(&flow), "D3 6 <12345\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(partition_key_is_a_field_or_random)
{
    static const struct {
        const char *line;
        const char *key;
    } cases[] = {
        {"{\"user\":{\"id\":\"a\\u00e9\"}}\n", "a\xc3\xa9"},
        {"{\"user\":{\"id\":-1.50}}\n", "-1.50"},
        {"{\"user\":{\"id\":true}}\n", "true"},
        {"{\"user\":{\"id\":null}}\n", ""},
        {"{\"user\":{\"id\":\"\"}}\n", ""},
        {"{\"user\":{\"id\":[1]}}\n", ""},
        {"{\"user\":1}\n", ""},
        {"no json\n", ""},
    };
    struct flow flow = flow_default();
    flow.config.record_end = (char[]){";"};
    flow.to.partition_key = PARTITION_KEY_FIELD;
    flow.to.partition_key_field = field_user;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of_text(cases[_i].line), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_int_eq(record.fate, RECORD_SHIP);
    ck_assert(slice_equal_text(record.key, cases[_i].key));
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_KEY_MISSING), record.key.size == 0);
    close_flow(&flow);
}
END_TEST

START_TEST(long_partition_key_is_cut_between_characters)
{
    static char line[2000] = "{\"user\":{\"id\":\"x";
    for (int i = 0; i < 200; i++) {
        strncat(line, "\xf0\x9f\x98\x80", 5);
    }
    strncat(line, "\"}}\n", 5);
    struct flow flow = flow_default();
    flow.config.lines.max_line = 5000;
    flow.to.partition_key = PARTITION_KEY_FIELD;
    flow.to.partition_key_field = field_user;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of_text(line), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert_uint_eq(record.key.size, 1 + 127 * 4); // 1 + 127 pairs of 256 code units
    close_flow(&flow);
}
END_TEST

START_TEST(hashed_partition_key_never_changes)
{
    struct flow flow = flow_default();
    flow.to.partition_key = PARTITION_KEY_HASH;
    open_at(&flow, 0);
    framer_feed(flow.framer, slice_of_text("one\ntwo\n"), 0);
    struct record record;
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal_text(record.key, "a20f55eeb082909d429ea2364d44926b"));
    ck_assert(framer_next(flow.framer, &record));
    ck_assert(slice_equal_text(record.key, "6f21d533646ff48b9bc04be33fcf8e0c"));
    close_flow(&flow);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tests = tcase_create("rules");
    tcase_add_test(tests, filter_includes_and_excludes);
    tcase_add_test(tests, record_above_the_limit_of_the_service_is_set_aside);
    tcase_add_test(tests, lines_are_split_so_that_the_service_takes_them);
    tcase_add_test(tests, firehose_counts_the_data_alone);
    tcase_add_test(tests, csv_header_is_filtered_and_names_the_fields);
    tcase_add_test(tests, csv_header_is_read_again_after_a_restart);
    tcase_add_test(tests, csv_header_that_cannot_be_read_matches_nothing);
    tcase_add_test(tests, csv_names_win_over_the_header);
    tcase_add_test(tests, half_a_header_waits_whatever_the_timeout);
    tcase_add_loop_test(tests, unmatched_records_go_where_the_flow_says, 0, 3);
    tcase_add_test(tests, converters_are_alternatives_in_order);
    tcase_add_test(tests, record_that_grows_beyond_the_limit_is_set_aside_as_it_was);
    tcase_add_loop_test(tests, partition_key_is_a_field_or_random, 0, 8);
    tcase_add_test(tests, long_partition_key_is_cut_between_characters);
    tcase_add_test(tests, hashed_partition_key_never_changes);
    suite_add_tcase(suite, tests);
    return suite;
}
