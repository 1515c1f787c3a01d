#include "sink/encode.h"

#include "aws/cbor.h"
#include "base/json_scan.h"
#include "sink/limits.h"
#include "support/test_main.h"

enum { BODY_MAX = 16 << 20 };

static struct buf body;

static void setup(void)
{
    buf_init(&body, BODY_MAX);
}

static void teardown(void)
{
    buf_deinit(&body);
}

// Encodes a record and checks that the reported key is where it says.
static void add(const struct encoder *encoder, const char *data, const char *key)
{
    size_t size;
    size_t offset = encoder->record(&body, slice_of_text(data), slice_of_text(key), &size);
    ck_assert(slice_equal_text(slice_of(body.data + offset, size), key));
}

START_TEST(json_body_of_put_records)
{
    encoder_kinesis_json.begin(&body, "demo");
    add(&encoder_kinesis_json, "hello\n", "pk-1");
    add(&encoder_kinesis_json, "", "k");
    encoder_kinesis_json.end(&body, "demo");
    ck_assert_str_eq(buf_text(&body), "{\"StreamName\":\"demo\",\"Records\":["
                                      "{\"Data\":\"aGVsbG8K\",\"PartitionKey\":\"pk-1\"},"
                                      "{\"Data\":\"\",\"PartitionKey\":\"k\"}]}");
}
END_TEST

START_TEST(json_keys_are_escaped)
{
    size_t size;
    encoder_kinesis_json.begin(&body, "demo");
    size_t offset =
        encoder_kinesis_json.record(&body, slice_of_text("x"), slice_of_text("a\"b\\"), &size);
    ck_assert(slice_equal_text(slice_of(body.data + offset, size), "a\\\"b\\\\"));
    encoder_kinesis_json.end(&body, "demo");
    ck_assert_int_eq(json_validate(buf_slice(&body), NULL), 0);
}
END_TEST

START_TEST(json_body_of_put_record_batch_has_no_keys)
{
    size_t size;
    encoder_firehose_json.begin(&body, "d");
    encoder_firehose_json.record(&body, slice_of_text("abc"), slice_of_text("key"), &size);
    encoder_firehose_json.record(&body, slice_of_text("d"), slice_of_text("key"), &size);
    encoder_firehose_json.end(&body, "d");
    ck_assert_str_eq(buf_text(&body), "{\"DeliveryStreamName\":\"d\",\"Records\":["
                                      "{\"Data\":\"YWJj\"},{\"Data\":\"ZA==\"}]}");
}
END_TEST

// RFC 8949, section 3.2: indefinite maps and arrays end in 0xff.
START_TEST(cbor_body_byte_for_byte)
{
    static const uint8_t expected[] = "\xbf\x67Records\x9f"
                                      "\xbf\x64"
                                      "Data\x46hello\n\x6cPartitionKey\x64pk-1\xff"
                                      "\xff\x6aStreamName\x64"
                                      "demo\xff";
    encoder_kinesis_cbor.begin(&body, "demo");
    add(&encoder_kinesis_cbor, "hello\n", "pk-1");
    encoder_kinesis_cbor.end(&body, "demo");
    ck_assert_uint_eq(body.size, sizeof expected - 1);
    ck_assert_mem_eq(body.data, expected, body.size);
}
END_TEST

static void check_cbor_text(struct cbor_reader *reader, const char *text)
{
    struct cbor_item item;
    ck_assert(cbor_next(reader, &item));
    ck_assert_int_eq(item.kind, CBOR_TEXT);
    ck_assert(slice_equal_text(item.string, text));
}

START_TEST(cbor_heads_grow_with_the_data)
{
    static const size_t sizes[] = {0, 23, 24, 255, 256, 65535, 65536, 1 << 20};
    static uint8_t data[1 << 20];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t key_size;
        buf_clear(&body);
        encoder_kinesis_cbor.begin(&body, "s");
        encoder_kinesis_cbor.record(&body, slice_of(data, sizes[i]), slice_of_text("k"), &key_size);
        encoder_kinesis_cbor.end(&body, "s");
        struct cbor_reader reader = cbor_reader_of(buf_slice(&body));
        struct cbor_item item;
        ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_MAP);
        check_cbor_text(&reader, "Records");
        ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_ARRAY);
        ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_MAP);
        check_cbor_text(&reader, "Data");
        ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_BYTES);
        ck_assert_uint_eq(item.string.size, sizes[i]);
        check_cbor_text(&reader, "PartitionKey");
        check_cbor_text(&reader, "k");
    }
}
END_TEST

START_TEST(a_full_body_is_within_its_bound)
{
    static const struct encoder *const encoders[] = {&encoder_kinesis_cbor, &encoder_kinesis_json,
                                                     &encoder_firehose_json};
    static const char stream[] =
        "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
        "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"; // 128 characters
    static uint8_t data[1000];
    ck_assert_uint_eq(sizeof stream - 1, 128);
    for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++) {
        for (size_t size = 0; size < sizeof data; size += 61) {
            size_t key_size;
            buf_clear(&body);
            encoders[i]->begin(&body, stream);
            for (size_t record = 0; record < LIMITS_CALL_RECORDS; record++) {
                encoders[i]->record(&body, slice_of(data, size), slice_of_text("wxyz"), &key_size);
            }
            encoders[i]->end(&body, stream);
            size_t counted = (size + LIMITS_RANDOM_KEY) * LIMITS_CALL_RECORDS;
            ck_assert_uint_le(body.size, encoders[i]->body_bytes_max(LIMITS_CALL_RECORDS, counted));
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("encode");
    TCase *tests = tcase_create("encode");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, json_body_of_put_records);
    tcase_add_test(tests, json_keys_are_escaped);
    tcase_add_test(tests, json_body_of_put_record_batch_has_no_keys);
    tcase_add_test(tests, cbor_body_byte_for_byte);
    tcase_add_test(tests, cbor_heads_grow_with_the_data);
    tcase_add_test(tests, a_full_body_is_within_its_bound);
    suite_add_tcase(suite, tests);
    return suite;
}
