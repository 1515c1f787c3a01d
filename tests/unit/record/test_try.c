#include "record/try.h"

#include "base/buf.h"
#include "support/test_main.h"

struct seen {
    struct buf shipped;
    struct buf notes;
};

static void on_shipped(void *context, struct slice data)
{
    struct seen *seen = context;
    buf_append_slice(&seen->shipped, data);
}

static void on_note(void *context, const char *text)
{
    struct seen *seen = context;
    buf_append_text(&seen->notes, text);
    buf_append_byte(&seen->notes, '\n');
}

static void run(const struct flow_config *flow, const char *input, struct seen *seen)
{
    buf_init(&seen->shipped, 1 << 20);
    buf_init(&seen->notes, 1 << 20);
    struct trial_output output = {.context = seen, .shipped = on_shipped, .note = on_note};
    struct trial *trial;
    ck_assert_int_eq(trial_create(flow, &output, &trial), 0);
    trial_feed(trial, slice_of_text(input));
    trial_finish(trial);
    trial_free(trial);
}

static void seen_deinit(struct seen *seen)
{
    buf_deinit(&seen->shipped);
    buf_deinit(&seen->notes);
}

START_TEST(notes_say_what_became_of_each_record)
{
    char newline[] = "\n";
    char pattern[] = "^(?<user>\\w*)=(?<value>.*)$";
    char health[] = "health";
    char field[] = "user";
    char *exclude[] = {health};
    struct converter_config regex = {.kind = CONVERTER_REGEX, .pattern = pattern};
    struct flow_config flow = {
        .record =
            {
                .lines = {.max_line = 20, .over_long = OVER_LONG_SKIP},
                .converters = &regex,
                .converter_count = 1,
                .filter = {.exclude = {exclude, 1}},
                .record_end = newline,
            },
        .to =
            {
                .service = SERVICE_KINESIS,
                .max_record_size = 1 << 20,
                .partition_key = PARTITION_KEY_FIELD,
                .partition_key_field = field,
            },
    };
    struct seen seen;
    run(&flow, "a=1\nGET /health\r\n=\xff\n123456789012345678901\nlast", &seen);
    ck_assert_str_eq(buf_text(&seen.shipped), "{\"user\":\"a\",\"value\":\"1\"}\n"
                                              "{\"user\":\"\",\"value\":\"\xef\xbf\xbd\"}\n"
                                              "last\n");
    ck_assert_str_eq(
        buf_text(&seen.notes),
        "record 2 at byte 4: filtered by the flow's filter: \"GET /health\\r\\n\"\n"
        "record 3 at byte 17: holds bytes that are not valid, shipped as U+FFFD: "
        "\"{\\\"user\\\":\\\"\\\",\\\"value\\\":\\\"\xef\xbf\xbd\\\"}\\n\"\n"
        "record 3 at byte 17: has no field for the partition key, shipped with a random one: "
        "\"{\\\"user\\\":\\\"\\\",\\\"value\\\":\\\"\xef\xbf\xbd\\\"}\\n\"\n"
        "record 4 at byte 20: skipped: longer than max_line (over_long: skip)\n"
        "record 5 at byte 42: shipped as it is: no converter takes it (on_mismatch: raw): "
        "\"last\\n\"\n"
        "record 5 at byte 42: has no field for the partition key, shipped with a random one: "
        "\"last\\n\"\n"
        "5 records of 46 bytes: 3 shipped (56 bytes), 2 filtered, 0 dead letters\n");
    seen_deinit(&seen);
}
END_TEST

START_TEST(dead_letters_are_noted_with_their_reason)
{
    char newline[] = "\n";
    struct converter_config json = {.kind = CONVERTER_JSON};
    struct flow_config flow = {
        .record =
            {
                .lines = {.max_line = 200},
                .converters = &json,
                .converter_count = 1,
                .on_mismatch = ON_MISMATCH_DEAD_LETTER,
                .record_end = newline,
            },
        .to = {.service = SERVICE_FIREHOSE},
    };
    struct seen seen;
    run(&flow,
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\n",
        &seen);
    ck_assert_str_eq(buf_text(&seen.shipped), "");
    ck_assert_str_eq(buf_text(&seen.notes),
                     "record 1 at byte 0: dead letter: no converter matched: \"0123456789 "
                     "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 012\"...\n"
                     "1 records of 88 bytes: 0 shipped (0 bytes), 0 filtered, 1 dead letters\n");
    seen_deinit(&seen);
}
END_TEST

START_TEST(text_and_notes_are_what_the_encoding_and_the_patterns_make_of_the_bytes)
{
    char newline[] = "\n";
    char encoding[] = "windows-1252";
    char line_ending[] = ";";
    char end[] = "!$";
    struct flow_config flow = {
        .record =
            {
                .lines = {.max_line = 200,
                          .encoding = encoding,
                          .line_ending = line_ending,
                          .invalid_bytes = INVALID_BYTES_REPLACE},
                .multiline = {.end = end, .max_lines = 10, .max_bytes = 1000},
                .record_end = newline,
            },
        .to = {.service = SERVICE_FIREHOSE},
    };
    struct seen seen;
    run(&flow, "1 \x80;2!;\x81!;", &seen);
    ck_assert_str_eq(buf_text(&seen.shipped), "1 \xe2\x82\xac;2!\n\xef\xbf\xbd!\n");
    ck_assert_str_eq(buf_text(&seen.notes),
                     "record 2 at byte 7: holds bytes that are not valid, shipped as U+FFFD: "
                     "\"\xef\xbf\xbd!\\n\"\n"
                     "2 records of 10 bytes: 2 shipped (14 bytes), 0 filtered, 0 dead letters\n");
    seen_deinit(&seen);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("try");
    TCase *tests = tcase_create("try");
    tcase_add_test(tests, notes_say_what_became_of_each_record);
    tcase_add_test(tests, dead_letters_are_noted_with_their_reason);
    tcase_add_test(tests, text_and_notes_are_what_the_encoding_and_the_patterns_make_of_the_bytes);
    suite_add_tcase(suite, tests);
    return suite;
}
