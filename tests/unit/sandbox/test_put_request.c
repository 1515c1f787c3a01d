#include "sandbox/put_request.h"

#include "base/compiler.h"
#include "support/test_main.h"

static struct put_request request;
static struct buf message;

static bool read_bytes(struct slice body, enum wire_format format)
{
    put_request_deinit(&request);
    buf_clear(&message);
    return put_request_read(body, format, &request, &message);
}

static bool read_json(const char *text)
{
    return read_bytes(slice_of_text(text), WIRE_JSON);
}

static void setup(void)
{
    request = (struct put_request){0};
    buf_init(&message, 1000);
}

static void teardown(void)
{
    put_request_deinit(&request);
    buf_deinit(&message);
}

START_TEST(records_are_read_from_json)
{
    ck_assert(read_json("{\"Records\":[{\"Data\":\"aGVsbG8K\",\"PartitionKey\":\"p\\u006b-1\"},"
                        " {\"PartitionKey\":\"x\",\"ExplicitHashKey\":\"5\",\"Data\":\"\"}],"
                        "\"StreamName\":\"demo\",\"Other\":{\"Records\":[1]}}"));
    ck_assert_uint_eq(request.record_count, 2);
    ck_assert(request.stream_name.present);
    ck_assert(slice_equal_text(request.stream_name.value, "demo"));
    ck_assert(slice_equal_text(request.records[0].data.value, "hello\n"));
    ck_assert(slice_equal_text(request.records[0].key.value, "pk-1"));
    ck_assert(!request.records[0].hash_key.present);
    ck_assert(request.records[1].data.present && request.records[1].data.value.size == 0);
    ck_assert(slice_equal_text(request.records[1].hash_key.value, "5"));
    ck_assert_uint_eq(request.total_bytes, 6 + 4 + 1);
}
END_TEST

START_TEST(a_single_record_is_read_from_the_top_or_from_record)
{
    ck_assert(read_json("{\"Data\":\"eA==\",\"StreamName\":\"s\",\"PartitionKey\":\"k\"}"));
    ck_assert_uint_eq(request.record_count, 1);
    ck_assert(slice_equal_text(request.records[0].data.value, "x"));
    ck_assert(slice_equal_text(request.records[0].key.value, "k"));
    ck_assert(read_json("{\"DeliveryStreamName\":\"d\",\"Record\":{\"Data\":\"eA==\"}}"));
    ck_assert(slice_equal_text(request.stream_name.value, "d"));
    ck_assert(slice_equal_text(request.records[0].data.value, "x"));
}
END_TEST

START_TEST(null_is_absent)
{
    ck_assert(read_json("{\"StreamName\":null,\"Records\":null}"));
    ck_assert(!request.stream_name.present && !request.has_records);
    ck_assert(read_json("{\"Records\":[{\"Data\":null,\"PartitionKey\":null}]}"));
    ck_assert(!request.records[0].data.present && !request.records[0].key.present);
}
END_TEST

START_TEST(what_is_not_json_or_of_the_wrong_type_is_refused)
{
    const char *wrong[] = {
        "{",
        "[]",
        "5",
        "{} {}",
        "{\"Records\":5}",
        "{\"Records\":{}}",
        "{\"Records\":[5]}",
        "{\"Records\":[[]]}",
        "{\"Records\":[{\"Data\":5}]}",
        "{\"Records\":[{\"Data\":\"eA=\"}]}",
        "{\"Records\":[{\"Data\":\"****\"}]}",
        "{\"Records\":[{\"PartitionKey\":true}]}",
        "{\"StreamName\":[]}",
        "{\"Record\":5}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ck_assert_msg(!read_json(wrong[i]), "%s", wrong[i]);
    }
}
END_TEST

START_TEST(the_known_cbor_body_is_read)
{
    static const uint8_t body[] = {
        0xa2, 0x67, 'R', 'e', 'c', 'o', 'r',  'd',  's',  0x81, 0xa2, 0x64, 'D', 'a', 't',
        'a',  0x46, 'h', 'e', 'l', 'l', 'o',  '\n', 0x6c, 'P',  'a',  'r',  't', 'i', 't',
        'i',  'o',  'n', 'K', 'e', 'y', 0x64, 'p',  'k',  '-',  '1',  0x6a, 'S', 't', 'r',
        'e',  'a',  'm', 'N', 'a', 'm', 'e',  0x64, 'd',  'e',  'm',  'o'};
    ck_assert(read_bytes(slice_of(body, sizeof(body)), WIRE_CBOR));
    ck_assert_uint_eq(request.record_count, 1);
    ck_assert(slice_equal_text(request.records[0].data.value, "hello\n"));
    ck_assert(slice_equal_text(request.records[0].key.value, "pk-1"));
    ck_assert(slice_equal_text(request.stream_name.value, "demo"));
    for (size_t size = 1; size < sizeof(body); size++) {
        ck_assert(!read_bytes(slice_of(body, size), WIRE_CBOR));
    }
}
END_TEST

START_TEST(text_in_cbor_is_utf8)
{
    uint8_t body[] = {0xa1, 0x6a, 'S', 't', 'r',  'e', 'a',  'm',
                      'N',  'a',  'm', 'e', 0x63, 'o', 0xc3, 0xb6};
    ck_assert(read_bytes(slice_of(body, sizeof(body)), WIRE_CBOR));
    ck_assert(slice_equal_text(request.stream_name.value, "o\xc3\xb6"));
    body[sizeof(body) - 2] = 0xb6;
    ck_assert(!read_bytes(slice_of(body, sizeof(body)), WIRE_CBOR));
}
END_TEST

START_TEST(more_records_than_are_looked_at_do_no_harm)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{\"Records\":[{}");
    for (int i = 0; i < PUT_RECORDS_STORED_MAX + 100; i++) {
        buf_append_text(&body, ",{\"Data\":\"eA==\"}");
    }
    buf_append_text(&body, "]}");
    ck_assert(read_bytes(buf_slice(&body), WIRE_JSON));
    ck_assert_uint_eq(request.record_count, PUT_RECORDS_STORED_MAX);
    put_request_deinit(&request);
    request = (struct put_request){0};
    buf_deinit(&body);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("put_request");
    TCase *tests = tcase_create("put_request");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, records_are_read_from_json);
    tcase_add_test(tests, a_single_record_is_read_from_the_top_or_from_record);
    tcase_add_test(tests, null_is_absent);
    tcase_add_test(tests, what_is_not_json_or_of_the_wrong_type_is_refused);
    tcase_add_test(tests, the_known_cbor_body_is_read);
    tcase_add_test(tests, text_in_cbor_is_utf8);
    tcase_add_test(tests, more_records_than_are_looked_at_do_no_harm);
    suite_add_tcase(suite, tests);
    return suite;
}
