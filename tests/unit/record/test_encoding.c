// Files in other encodings and with other line endings.
#include <stdlib.h>

#include "base/alloc.h"
#include "record/encoding.h"
#include "support/test_main.h"
#include "unit/record/flow.h"

// Bytes with zeros among them.
struct bytes {
    const char *data;
    size_t size;
};
#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

struct sample {
    const char *encoding;
    const char *line_ending;
    enum invalid_bytes invalid;
    struct bytes input;
    const char *expected;
};

static const struct sample samples[] = {
    {"utf-16le", NULL, 0, BYTES("a\0\n\0b\0\r\0\n\0"), "S 4 <a\n>S 6 <b\n>"},
    {"utf-16be", NULL, 0, BYTES("\0a\0\n\0b\0\r\0\n"), "S 4 <a\n>S 6 <b\n>"},
    {"utf-16", NULL, 0, BYTES("\xff\xfe\xe9\0\n\0"), "S 6 <\xc3\xa9\n>"},
    {"utf-16", NULL, 0, BYTES("\xfe\xff\0\xe9\0\n"), "S 6 <\xc3\xa9\n>"},
    {"utf-16", NULL, 0, BYTES("a\0\n\0"), "S 4 <a\n>"},
    {"utf-32", NULL, 0, BYTES("\xff\xfe\0\0a\0\0\0\n\0\0\0"), "S 12 <a\n>"},
    {"utf-32", NULL, 0, BYTES("\0\0\xfe\xff\0\0\0a\0\0\0\n"), "S 12 <a\n>"},
    // U+0A0D, U+0D0A and the like hold the bytes of line endings.
    {"utf-16le", NULL, 0, BYTES("\r\n\n\r\0\n\n\0"),
     "S 8 <\xe0\xa8\x8d\xe0\xb4\x8a\xe0\xa8\x80\n>"},
    {"utf-16be", NULL, 0, BYTES("a\0\n\r\0\n"), "S 6 <\xe6\x84\x80\xe0\xa8\x8d\n>"},
    // A surrogate pair, and a surrogate by itself before a newline, a letter, the end.
    {"utf-16le", NULL, 0, BYTES("\x3d\xd8\0\xde\n\0"), "S 6 <\xf0\x9f\x98\x80\n>"},
    {"utf-16le", NULL, 0, BYTES("\x3d\xd8\n\0\x3d\xd8z\0"),
     "S 4 <\xef\xbf\xbd\n>S 4 <\xef\xbf\xbdz\n>"},
    {"utf-16le", NULL, 0, BYTES("a\0\x3d\xd8"), "S 4 <a\xef\xbf\xbd\n>"},
    {"utf-16le", NULL, 0, BYTES("a\0b"), "S 3 <a\xef\xbf\xbd\n>"},
    {"utf-16le", NULL, 0, BYTES("\xff\xfe"), "F 2 <>"},
    {"utf-16le", NULL, 0, BYTES("\xff\xfe\n\0"), "S 4 <\n>"},
    {"utf-16le", NULL, 0, BYTES("\xff\xfe\xff\xfe\n\0\xff\xfe\n\0"),
     "S 6 <\xef\xbb\xbf\n>S 4 <\xef\xbb\xbf\n>"},
    {"latin1", NULL, 0, BYTES("\xfc\r\n\x80\n"), "S 3 <\xc3\xbc\n>S 2 <\xc2\x80\n>"},
    {"windows-1252", NULL, 0, BYTES("\x80\x81\n"), "S 3 <\xe2\x82\xac\xef\xbf\xbd\n>"},
    {"us-ascii", NULL, 0, BYTES("a\xc3\xa9\n"), "S 4 <a\xef\xbf\xbd\xef\xbf\xbd\n>"},
    {"shift_jis", NULL, 0, BYTES("\x82\xa0\x82\n\x82"),
     "S 4 <\xe3\x81\x82\xef\xbf\xbd\n>S 1 <\xef\xbf\xbd\n>"},
    {"gb18030", NULL, 0, BYTES("\x84\x31\x95\x33\x81\x30\x81\x30\n"), "S 9 <\xc2\x80\n>"},
    // A vowel that a mark may follow is held back by the decoder.
    {"windows-1258", NULL, 0, BYTES("a\xd2o\x8a\ne"), "S 5 <\xe1\xba\xa3o\xef\xbf\xbd\n>S 1 <e\n>"},
    // IBM's newline (U+000A) is 0x25.
    {"ibm037", NULL, 0, BYTES("\x81\x0a\x25\x82\x25"), "S 3 <a\xc2\x8e\n>S 2 <b\n>"},
    {"utf-8", NULL, 0,
     BYTES("\xef\xbb\xbf"
           "a\xff\n\xef\xbb\xbf\n"),
     "S 6 <a\xff\n>S 4 <\xef\xbb\xbf\n>"},
    {"UTF8", NULL, INVALID_BYTES_REPLACE,
     BYTES("\xef\xbb\xbf"
           "a\xe2\x82\n"),
     "S 7 <a\xef\xbf\xbd\n>"},
    {NULL, NULL, INVALID_BYTES_REPLACE,
     BYTES("\xef\xbb\xbf"
           "a\xf0\x9f\x98"
           "b\xc0\xaf\n"),
     "S 11 <\xef\xbb\xbf"
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd\xef\xbf\xbd\n>"},
    {NULL, NULL, 0,
     BYTES("\xef\xbb\xbf"
           "a\xff\n"),
     "S 6 <\xef\xbb\xbf"
     "a\xff\n>"},
    {NULL, "crlf", 0, BYTES("a\nb\rc\r\r\nd\r\n\r\n\n"),
     "S 8 <a\nb\rc\r\n>S 3 <d\n>S 2 <\n>S 1 <\n>"},
    {NULL, "lf", 0, BYTES("a\rb\r\r\n"), "S 6 <a\rb\r\n>"},
    {NULL, "nul", 0, BYTES("a\nb\0c\0\0"), "S 4 <a\nb\n>S 2 <c\n>S 1 <\n>"},
    {NULL, "\n", 0, BYTES("a\r\nb\n"), "S 3 <a\r\n>S 2 <b\n>"},
    {NULL, ";", 0, BYTES("a;b\n;c"), "S 2 <a\n>S 3 <b\n>S 1 <c\n>"},
    {NULL, "--", 0, BYTES("a---b--"), "S 3 <a\n>S 4 <-b\n>"},
    {NULL, "aab", 0, BYTES("aaabaab"), "S 4 <a\n>S 3 <\n>"},
    {"utf-16le", "crlf", 0, BYTES("a\0\n\0\r\0\n\0"), "S 8 <a\n>"},
    {"utf-16le", "\xc3\xa9;", 0, BYTES("a\0\xe9\0\xe9\0;\0b\0"), "S 8 <a\xc3\xa9\n>S 2 <b\n>"},
    {"utf-16be", "nul", 0, BYTES("\0a\0\0\1\0\0\1\0\0"), "S 4 <a\n>S 6 <\xc4\x80\1\n>"},
    {"latin1", "\xc3\xa9", 0,
     BYTES("a\xe9"
           "b\xc3\xe9"),
     "S 2 <a\n>S 3 <b\xc3\x83\n>"},
};

static struct flow flow_of(const struct sample *sample)
{
    struct flow flow = flow_default();
    flow.config.lines.encoding = (char *)(uintptr_t)sample->encoding;
    flow.config.lines.line_ending = (char *)(uintptr_t)sample->line_ending;
    flow.config.lines.invalid_bytes = sample->invalid;
    return flow;
}

// Each chunk is a copy of its own, so that a borrow that outlives it is seen.
static void feed_bytes(struct flow *flow, struct bytes bytes, size_t step)
{
    for (size_t at = 0; at < bytes.size; at += step) {
        size_t size = bytes.size - at < step ? bytes.size - at : step;
        uint8_t *chunk = xmalloc(size);
        memcpy(chunk, bytes.data + at, size);
        framer_feed(flow->framer, slice_of(chunk, size), 0);
        take_all(flow);
        free(chunk);
    }
}

static void check_sample(const struct sample *sample, bool after_cut)
{
    for (size_t step = 1; step <= sample->input.size; step++) {
        struct flow flow = flow_of(sample);
        flow.after_cut = after_cut;
        open_at(&flow, 0);
        feed_bytes(&flow, sample->input, step);
        finish(&flow);
        ck_assert_msg(strcmp(seen(&flow), sample->expected) == 0,
                      "%s %s, chunks of %zu: %s, not %s", sample->encoding, sample->line_ending,
                      step, seen(&flow), sample->expected);
        ck_assert_uint_eq(framer_memory(flow.framer), 0);
        close_flow(&flow);
    }
}

START_TEST(text_is_utf8_whatever_the_chunks_are)
{
    check_sample(&samples[_i], false);
}
END_TEST

static const struct sample holes[] = {
    {NULL, NULL, 0, BYTES("\0\0\0a\nb\n"), "F 3 <>S 2 <a\n>S 2 <b\n>"},
    {NULL, NULL, 0, BYTES("\0\n"), "F 1 <>S 1 <\n>"},
    {NULL, NULL, 0, BYTES("\0\0"), "F 2 <>"},
    {NULL, ";", 0, BYTES("\0a;"), "F 1 <>S 2 <a\n>"},
    {"utf-8", NULL, 0, BYTES("\0\0a\n"), "F 2 <>S 2 <a\n>"},
    {"utf-16le", NULL, 0, BYTES("\0\0\0\0a\0\n\0"), "F 4 <>S 4 <a\n>"},
    {"utf-16le", NULL, 0, BYTES("\0\0\0\x01\n\0"), "F 2 <>S 4 <\xc4\x80\n>"},
    {"utf-16be", NULL, 0, BYTES("\0\0\0\0\0a\0\n"), "F 4 <>S 4 <a\n>"},
    {"utf-32", NULL, 0, BYTES("\0\0\0\0\0\0\0a\0\0\0\n"), "F 4 <>S 8 <a\n>"},
    {"utf-16be", "nul", 0, BYTES("\0\0\0a\0\0"), "S 2 <\n>S 4 <a\n>"},
};

START_TEST(hole_is_left_out_whatever_the_chunks_are)
{
    check_sample(&holes[_i], true);
}
END_TEST

static struct flow flow_in(const char *encoding)
{
    return flow_of(&(struct sample){.encoding = encoding});
}

static void feed_utf16(struct flow *flow, const char *ascii)
{
    for (; *ascii != '\0'; ascii++) {
        uint8_t unit[] = {(uint8_t)*ascii, 0};
        framer_feed(flow->framer, slice_of(unit, sizeof unit), 0);
        take_all(flow);
    }
}

START_TEST(replaced_bytes_are_counted_once_a_record)
{
    static char bracket[] = "^\\[";
    struct flow flow = flow_in("us-ascii");
    flow.config.multiline.start = bracket;
    open_at(&flow, 0);
    feed(&flow, "[\x80\x81\n\x82\n[a\n[\x83\n");
    finish(&flow);
    ck_assert_uint_eq(stats_get(&flow.stats, STAT_RECORD_BAD_UTF8), 2);
    close_flow(&flow);
}
END_TEST

START_TEST(patterns_and_converters_see_decoded_text)
{
    static char pattern[] = "^(?<a>.) (?<b>.*)$";
    static char umlaut[] = "^\xc3\xbc";
    struct converter_config regex = {.kind = CONVERTER_REGEX, .pattern = pattern};
    struct flow flow = flow_in("utf-16le");
    flow.config.converters = &regex;
    flow.config.converter_count = 1;
    flow.config.filter.exclude = (struct string_list){(char *[]){umlaut}, 1};
    open_at(&flow, 0);
    feed_utf16(&flow, "x y\n\xfc\n");
    ck_assert_str_eq(seen(&flow), "S 8 <{\"a\":\"x\",\"b\":\"y\"}\n>F 4 <>");
    close_flow(&flow);
}
END_TEST

START_TEST(over_long_line_is_cut_between_characters_of_its_encoding)
{
    static const struct {
        enum over_long policy;
        const char *expected;
    } cases[] = {
        {OVER_LONG_SPLIT, "S 18 <abcdefghi\n>S 6 <\xf0\x9f\x98\x80\n>S 4 <z\n>"},
        {OVER_LONG_TRUNCATE, "S 24 <abcdefghi\n>S 4 <z\n>"},
        {OVER_LONG_SKIP, "F 24 <>S 4 <z\n>"},
    };
    static const char input[] = "a\0b\0c\0d\0e\0f\0g\0h\0i\0\x3d\xd8\0\xde\n\0z\0\n";
    for (size_t step = 1; step < 30; step++) {
        struct flow flow = flow_in("utf-16le");
        flow.config.lines.max_line = 21;
        flow.config.lines.over_long = cases[_i].policy;
        open_at(&flow, 0);
        feed_bytes(&flow, (struct bytes){input, sizeof input}, step);
        ck_assert_str_eq(seen(&flow), cases[_i].expected);
        close_flow(&flow);
    }
}
END_TEST

START_TEST(dead_letter_for_its_length_holds_the_bytes_of_the_file)
{
    struct flow flow = flow_in("latin1");
    flow.config.lines.max_line = 4;
    flow.config.lines.over_long = OVER_LONG_DEAD_LETTER;
    open_at(&flow, 0);
    feed(&flow, "\xfc\xfc\xfc\xfc\xfc\n");
    ck_assert_str_eq(seen(&flow), "D2 4 <\xfc\xfc\xfc\xfc>D2 2 <\xfc\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(pieces_of_a_split_line_fit_the_service_in_utf8)
{
    struct flow flow = flow_in("windows-1252");
    flow.config.lines.max_line = 5000;
    flow.to = (struct destination_config){.service = SERVICE_KINESIS, .max_record_size = 1024};
    open_at(&flow, 0);
    char line[2000];
    memset(line, '\x80', sizeof line); // a euro sign has three bytes in UTF-8
    framer_feed(flow.framer, slice_of(line, sizeof line), 0);
    framer_finish(flow.framer);
    struct record record;
    uint64_t bytes = 0;
    while (framer_next(flow.framer, &record)) {
        ck_assert_int_eq((int)record.fate, (int)RECORD_SHIP);
        bytes += record.source_bytes;
    }
    ck_assert_uint_eq(bytes, sizeof line);
    close_flow(&flow);
}
END_TEST

START_TEST(timeout_hands_out_neither_half_a_unit_nor_half_a_pair_nor_a_mark)
{
    struct flow flow = flow_in("utf-16le");
    flow.config.lines.partial_line_timeout_ms = 10;
    open_at(&flow, 0);
    static const struct {
        struct bytes fed;
        const char *expected;
    } steps[] = {
        {BYTES("\xff\xfe"), ""},
        {BYTES("a"), ""},
        {BYTES("\0"), "S 4 <a\n>"},
        {BYTES("\x3d\xd8"), ""},
        {BYTES("\0"), ""},
        {BYTES("\xde"), "S 4 <\xf0\x9f\x98\x80\n>"},
        {BYTES("b\0\r\0"), "S 2 <b\n>"},
        {BYTES("\n"), ""},
        {BYTES("\0"), "F 4 <>"},
    };
    uint64_t now_ns = 0;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        now_ns += NS_PER_S;
        framer_feed(flow.framer, slice_of(steps[i].fed.data, steps[i].fed.size), now_ns);
        take_all(&flow);
        framer_expire(flow.framer, now_ns + NS_PER_S / 2);
        take_all(&flow);
        ck_assert_msg(strcmp(seen(&flow), steps[i].expected) == 0, "step %zu: %s", i, seen(&flow));
        buf_clear(&flow.seen);
    }
    close_flow(&flow);
}
END_TEST

START_TEST(timeout_keeps_what_may_begin_a_line_ending)
{
    struct flow flow = flow_of(&(struct sample){.line_ending = "--\n"});
    flow.config.lines.partial_line_timeout_ms = 10;
    open_at(&flow, 0);
    feed(&flow, "a--");
    framer_expire(flow.framer, NS_PER_S);
    take_all(&flow);
    ck_assert_str_eq(seen(&flow), "S 1 <a\n>");
    feed_at(&flow, "\n", NS_PER_S);
    ck_assert_str_eq(seen(&flow), "S 1 <a\n>F 3 <>");
    close_flow(&flow);
}
END_TEST

static int64_t peek_big(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    static const char file[] = "\xfe\xff\0a\0\n\0b\0\n";
    (void)context;
    size_t count =
        sizeof file - 1 - (size_t)offset < size ? sizeof file - 1 - (size_t)offset : size;
    memcpy(room, file + offset, count);
    return (int64_t)count;
}

START_TEST(byte_order_is_known_in_the_middle_of_a_file)
{
    struct flow flow = flow_in("utf-16");
    open_at(&flow, 0);
    framer_free(flow.framer);
    struct framer_peek framer_peek = {.read = peek_big};
    flow.framer = framer_create(flow.rules, 6, &framer_peek);
    feed_bytes(&flow, (struct bytes)BYTES("\0b\0\n"), 1);
    ck_assert_str_eq(seen(&flow), "S 4 <b\n>");
    close_flow(&flow);
}
END_TEST

START_TEST(half_a_unit_where_reading_starts_is_left_out)
{
    for (size_t step = 1; step < 6; step++) {
        struct flow flow = flow_in("utf-16be");
        open_at(&flow, 7);
        feed_bytes(&flow, (struct bytes)BYTES("a\0b\0\n"), step);
        ck_assert_str_eq(seen(&flow), "F 1 <>S 4 <b\n>");
        close_flow(&flow);
    }
}
END_TEST

START_TEST(csv_header_is_read_in_its_encoding_after_a_restart)
{
    static const char file[] = "\xfc"
                               "ber;b\n1;2\n";
    struct converter_config csv = {.kind = CONVERTER_CSV, .delimiter = ';', .header = true};
    struct flow flow = flow_in("latin1");
    flow.config.converters = &csv;
    flow.config.converter_count = 1;
    flow.file = file;
    open_at(&flow, 7);
    feed(&flow, file + 7);
    ck_assert_str_eq(seen(&flow), "S 4 <{\"\xc3\xbc"
                                  "ber\":\"1\",\"b\":\"2\"}\n>");
    close_flow(&flow);
}
END_TEST

static const char *const refused[][2] = {
    {"", "must be the name of an encoding, such as utf-16le or latin1"},
    {"latin1//TRANSLIT", "must be the name of an encoding, such as utf-16le or latin1"},
    {"utf-16l", "is no encoding that iconv(3) knows; did you mean \"utf-16\"?"},
    {"Windos-1252", "is no encoding that iconv(3) knows; did you mean \"windows-1252\"?"},
    {"klingon", "is no encoding that iconv(3) knows; \"iconv -l\" lists them"},
    {"ISO-2022-JP", "keeps a state from one character to the next, so that lines cannot be cut out "
                    "of such a file; convert it, or name an encoding without a state"},
    {"UTF-7", "keeps a state from one character to the next, so that lines cannot be cut out of "
              "such a file; convert it, or name an encoding without a state"},
};

START_TEST(encoding_that_will_not_do_is_refused_with_the_reason)
{
    char why[512] = "";
    ck_assert(!record_check_encoding(refused[_i][0], why, sizeof why));
    ck_assert_str_eq(why, refused[_i][1]);
}
END_TEST

START_TEST(line_ending_that_the_encoding_does_not_have_is_refused)
{
    char why[512] = "";
    struct lines_config lines = {.encoding = (char *)(uintptr_t) "latin1",
                                 .line_ending = (char *)(uintptr_t) "\xe2\x86\x92"};
    ck_assert(!record_check_line_ending(&lines, why, sizeof why));
    ck_assert_str_eq(why, "cannot be written in the encoding latin1");
    lines.encoding = (char *)(uintptr_t) "utf-16";
    ck_assert(record_check_line_ending(&lines, why, sizeof why));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("encoding");
    TCase *tests = tcase_create("encoding");
    tcase_add_loop_test(tests, hole_is_left_out_whatever_the_chunks_are, 0,
                        (int)ARRAY_COUNT(holes));
    tcase_add_loop_test(tests, text_is_utf8_whatever_the_chunks_are, 0, (int)ARRAY_COUNT(samples));
    tcase_add_test(tests, replaced_bytes_are_counted_once_a_record);
    tcase_add_test(tests, patterns_and_converters_see_decoded_text);
    tcase_add_loop_test(tests, over_long_line_is_cut_between_characters_of_its_encoding, 0, 3);
    tcase_add_test(tests, dead_letter_for_its_length_holds_the_bytes_of_the_file);
    tcase_add_test(tests, pieces_of_a_split_line_fit_the_service_in_utf8);
    tcase_add_test(tests, timeout_hands_out_neither_half_a_unit_nor_half_a_pair_nor_a_mark);
    tcase_add_test(tests, timeout_keeps_what_may_begin_a_line_ending);
    tcase_add_test(tests, byte_order_is_known_in_the_middle_of_a_file);
    tcase_add_test(tests, half_a_unit_where_reading_starts_is_left_out);
    tcase_add_test(tests, csv_header_is_read_in_its_encoding_after_a_restart);
    tcase_add_loop_test(tests, encoding_that_will_not_do_is_refused_with_the_reason, 0,
                        (int)ARRAY_COUNT(refused));
    tcase_add_test(tests, line_ending_that_the_encoding_does_not_have_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
