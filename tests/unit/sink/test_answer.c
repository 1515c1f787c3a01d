#include "sink/answer.h"

#include <stdio.h>

#include "aws/cbor.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "support/test_main.h"

enum { SEEN_MAX = 8, TEXT_MAX = 128 };

struct seen {
    char text[SEEN_MAX][TEXT_MAX]; // "id/shard/code/message"
    size_t count;
};

static int length(struct slice slice)
{
    return (int)slice.size;
}

static void see(void *context, size_t index, const struct answer_entry *entry)
{
    struct seen *seen = context;
    ck_assert_uint_lt(index, SEEN_MAX);
    snprintf(seen->text[index], TEXT_MAX, "%.*s/%.*s/%.*s/%.*s", length(entry->id),
             (const char *)entry->id.data, length(entry->shard), (const char *)entry->shard.data,
             length(entry->error_code), (const char *)entry->error_code.data,
             length(entry->error_message), (const char *)entry->error_message.data);
    seen->count = index + 1;
}

static int read_json(enum service service, size_t records, const char *text, struct seen *seen)
{
    struct answer_reader reader = {service, records, see, seen};
    *seen = (struct seen){.count = 0};
    return answer_read(&reader, "application/x-amz-json-1.1", slice_of_text(text));
}

START_TEST(json_entries_come_in_order)
{
    struct seen seen;
    int error = read_json(SERVICE_KINESIS, 3,
                          "{\"FailedRecordCount\":1,\"EncryptionType\":\"NONE\",\"Records\":["
                          "{\"SequenceNumber\":\"49\",\"ShardId\":\"shardId-000000000000\"},"
                          "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"no\"}, "
                          "{\"ShardId\":\"s\",\"SequenceNumber\":\"50\"}]}",
                          &seen);
    ck_assert_int_eq(error, 0);
    ck_assert_uint_eq(seen.count, 3);
    ck_assert_str_eq(seen.text[0], "49/shardId-000000000000//");
    ck_assert_str_eq(seen.text[1], "//InternalFailure/no");
    ck_assert_str_eq(seen.text[2], "50/s//");
}
END_TEST

START_TEST(null_members_count_as_absent)
{
    struct seen seen;
    int error = read_json(SERVICE_KINESIS, 1,
                          "{\"Records\":[{\"SequenceNumber\":\"49\",\"ShardId\":\"s\","
                          "\"ErrorCode\":null,\"ErrorMessage\":null,\"New\":{\"a\":[1]}}]}",
                          &seen);
    ck_assert_int_eq(error, 0);
    ck_assert_str_eq(seen.text[0], "49/s//");
}
END_TEST

START_TEST(firehose_names_its_members_otherwise)
{
    struct seen seen;
    int error = read_json(SERVICE_FIREHOSE, 2,
                          "{\"FailedPutCount\":1,\"Encrypted\":false,\"RequestResponses\":["
                          "{\"RecordId\":\"r1\"},{\"ErrorCode\":\"ServiceUnavailableException\","
                          "\"ErrorMessage\":\"Slow down.\"}]}",
                          &seen);
    ck_assert_int_eq(error, 0);
    ck_assert_str_eq(seen.text[0], "r1///");
    ck_assert_str_eq(seen.text[1], "//ServiceUnavailableException/Slow down.");
}
END_TEST

START_TEST(answers_of_another_shape_are_refused)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"Records\":null}",
        "{\"Records\":{}}",
        "{\"Records\":[]}",
        "{\"Records\":[{\"SequenceNumber\":\"1\"}]}",
        "{\"Records\":[{},{},{}]}",
        "{\"Records\":[{\"SequenceNumber\":\"1\"},\"2\"]}",
        "{\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"2\"}]",
        "{\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"2\"}]} x",
        "{\"Records\":[{\"SequenceNumber\":\"1\"},{\"SequenceNumber\":\"2\"}],\"Records\":[]}",
        "{\"RequestResponses\":[{\"RecordId\":\"1\"},{\"RecordId\":\"2\"}]}",
        "<html>",
    };
    struct seen seen;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        ck_assert_msg(read_json(SERVICE_KINESIS, 2, texts[i], &seen) == E_SYNTAX, "%s", texts[i]);
    }
}
END_TEST

static int read_cbor(struct buf *body, size_t records, struct seen *seen)
{
    struct answer_reader reader = {SERVICE_KINESIS, records, see, seen};
    *seen = (struct seen){.count = 0};
    int error = answer_read(&reader, "application/x-amz-cbor-1.1", buf_slice(body));
    return error;
}

static void text(struct buf *body, const char *value)
{
    cbor_write_text(body, slice_of_text(value));
}

START_TEST(cbor_entries_are_read_in_both_kinds_of_length)
{
    struct buf body;
    struct seen seen;
    buf_init(&body, 4096);
    cbor_write_indefinite_map(&body);
    text(&body, "FailedRecordCount");
    cbor_write_u64(&body, 1);
    text(&body, "Records");
    cbor_write_indefinite_array(&body);
    cbor_write_indefinite_map(&body);
    text(&body, "SequenceNumber");
    text(&body, "49");
    text(&body, "ShardId");
    text(&body, "s");
    text(&body, "ErrorCode");
    cbor_write_null(&body);
    cbor_write_break(&body);
    cbor_write_map(&body, 2);
    text(&body, "ErrorCode");
    text(&body, "InternalFailure");
    text(&body, "ErrorMessage");
    text(&body, "no");
    cbor_write_break(&body);
    text(&body, "EncryptionType");
    text(&body, "NONE");
    cbor_write_break(&body);
    ck_assert_int_eq(read_cbor(&body, 2, &seen), 0);
    ck_assert_str_eq(seen.text[0], "49/s//");
    ck_assert_str_eq(seen.text[1], "//InternalFailure/no");
    ck_assert_int_eq(read_cbor(&body, 1, &seen), E_SYNTAX);
    ck_assert_int_eq(read_cbor(&body, 3, &seen), E_SYNTAX);
    buf_deinit(&body);
}
END_TEST

// RFC 8949, section 3.2.3: 0x7f, chunks, 0xff.
START_TEST(cbor_strings_in_chunks_are_joined)
{
    static const char bytes[] = "\xa1\x67Records\x81\xa2"
                                "\x7f\x68Sequence\x66Number\xff\x7f\x61"
                                "4\x61"
                                "9\xff"
                                "\x67ShardId\x7f\x61s\x61"
                                "1\xff";
    struct buf body;
    struct seen seen;
    buf_init(&body, 4096);
    buf_append(&body, bytes, sizeof bytes - 1);
    ck_assert_int_eq(read_cbor(&body, 1, &seen), 0);
    ck_assert_str_eq(seen.text[0], "49/s1//");
    buf_deinit(&body);
}
END_TEST

START_TEST(every_prefix_of_a_cbor_answer_is_refused)
{
    struct buf body;
    struct seen seen;
    buf_init(&body, 4096);
    cbor_write_map(&body, 1);
    text(&body, "Records");
    cbor_write_array(&body, 1);
    cbor_write_map(&body, 1);
    text(&body, "SequenceNumber");
    text(&body, "49");
    ck_assert_int_eq(read_cbor(&body, 1, &seen), 0);
    size_t whole = body.size;
    for (size_t size = 0; size < whole; size++) {
        body.size = size;
        ck_assert_int_ne(read_cbor(&body, 1, &seen), 0);
    }
    body.size = whole;
    buf_append_byte(&body, 0);
    ck_assert_int_ne(read_cbor(&body, 1, &seen), 0);
    buf_deinit(&body);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("answer");
    TCase *tests = tcase_create("answer");
    tcase_add_test(tests, json_entries_come_in_order);
    tcase_add_test(tests, null_members_count_as_absent);
    tcase_add_test(tests, firehose_names_its_members_otherwise);
    tcase_add_test(tests, answers_of_another_shape_are_refused);
    tcase_add_test(tests, cbor_entries_are_read_in_both_kinds_of_length);
    tcase_add_test(tests, cbor_strings_in_chunks_are_joined);
    tcase_add_test(tests, every_prefix_of_a_cbor_answer_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
