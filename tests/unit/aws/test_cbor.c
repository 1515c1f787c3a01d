#include "aws/cbor.h"

#include "base/error.h"
#include "support/test_main.h"

static void check_bytes(struct buf *out, const char *expected, size_t size)
{
    ck_assert_uint_eq(out->size, size);
    ck_assert_mem_eq(out->data, expected, size);
    buf_clear(out);
}

// Values of RFC 8949 appendix A.
START_TEST(the_writer_matches_rfc_8949)
{
    struct buf out;
    buf_init(&out, 1000);
    cbor_write_u64(&out, 23);
    check_bytes(&out, "\x17", 1);
    cbor_write_u64(&out, 1000000);
    check_bytes(&out, "\x1a\x00\x0f\x42\x40", 5);
    cbor_write_u64(&out, UINT64_MAX);
    check_bytes(&out, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9);
    cbor_write_i64(&out, -1000);
    check_bytes(&out, "\x39\x03\xe7", 3);
    cbor_write_double(&out, 1.1);
    check_bytes(&out, "\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 9);
    cbor_write_bytes(&out, slice_of_text("\x01\x02\x03\x04"));
    check_bytes(&out, "\x44\x01\x02\x03\x04", 5);
    cbor_write_text(&out, slice_of_text("IETF"));
    check_bytes(&out, "\x64IETF", 5);
    cbor_write_tag(&out, 1);
    cbor_write_u64(&out, 1363896240);
    check_bytes(&out, "\xc1\x1a\x51\x4b\x67\xb0", 6);
    buf_deinit(&out);
}
END_TEST

START_TEST(the_reader_gives_back_what_was_written)
{
    struct buf out;
    buf_init(&out, 1000);
    cbor_write_indefinite_map(&out);
    cbor_write_text(&out, slice_of_text("n"));
    cbor_write_i64(&out, -7);
    cbor_write_text(&out, slice_of_text("list"));
    cbor_write_array(&out, 2);
    cbor_write_bool(&out, true);
    cbor_write_null(&out);
    cbor_write_break(&out);
    struct cbor_reader reader = cbor_reader_of(buf_slice(&out));
    struct cbor_item item;
    ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_MAP && item.indefinite);
    ck_assert(cbor_next(&reader, &item) && slice_equal_text(item.string, "n"));
    ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_NEGATIVE && item.argument == 6);
    ck_assert(cbor_next(&reader, &item) && slice_equal_text(item.string, "list"));
    cbor_skip(&reader);
    ck_assert(cbor_next(&reader, &item) && item.kind == CBOR_BREAK);
    ck_assert(!cbor_next(&reader, &item) && reader.error == 0);
    buf_deinit(&out);
}
END_TEST

START_TEST(chunks_of_a_string_are_joined)
{
    struct cbor_reader reader = cbor_reader_of(slice_of_text("\x7f\x65strea\x64ming\xff"));
    struct buf scratch;
    buf_init(&scratch, 100);
    ck_assert(slice_equal_text(cbor_read_string(&reader, CBOR_TEXT, &scratch), "streaming"));
    ck_assert_int_eq(reader.error, 0);
    buf_deinit(&scratch);
}
END_TEST

static int error_of(const char *data, size_t size)
{
    struct cbor_reader reader = cbor_reader_of(slice_of(data, size));
    cbor_skip(&reader);
    return reader.error;
}

// Reads an array of integers; its sum, or the negative error.
static int64_t sum_of(const char *data, size_t size)
{
    struct cbor_reader reader = cbor_reader_of(slice_of(data, size));
    struct cbor_item array;
    struct cbor_item item;
    ck_assert(cbor_next(&reader, &array));
    int64_t sum = 0;
    for (uint64_t done = 0; cbor_next_in(&reader, &array, done, &item); done++) {
        sum += (int64_t)item.argument;
    }
    ck_assert(reader.error != 0 || reader.rest.size == 0);
    return reader.error != 0 ? reader.error : sum;
}

START_TEST(containers_are_walked_to_their_end)
{
    ck_assert_int_eq(sum_of("\x83\x01\x02\x03", 4), 6);
    ck_assert_int_eq(sum_of("\x9f\x01\x02\xff", 4), 3);
    ck_assert_int_eq(sum_of("\x80", 1), 0);
    ck_assert_int_eq(sum_of("\x83\x01\x02", 3), E_TRUNCATED);
    ck_assert_int_eq(sum_of("\x9f\x01", 2), E_TRUNCATED);
    ck_assert_int_eq(sum_of("\x82\x01\xff", 3), E_SYNTAX);
}
END_TEST

START_TEST(malformed_items_are_refused)
{
    ck_assert_int_eq(error_of("\x19\x03", 2), E_TRUNCATED);
    ck_assert_int_eq(error_of("\x44\x01", 2), E_TRUNCATED);
    ck_assert_int_eq(error_of("\x82\x01", 2), E_TRUNCATED);
    ck_assert_int_eq(error_of("\x1c", 1), E_SYNTAX);
    ck_assert_int_eq(error_of("\x1f", 1), E_SYNTAX);
    ck_assert_int_eq(error_of("\xff", 1), E_SYNTAX);
    ck_assert_int_eq(error_of("\x81\xff", 2), E_SYNTAX);
    ck_assert_int_eq(error_of("\xbf\x01\xff", 3), E_SYNTAX);
    ck_assert_int_eq(error_of("\x5f\x61x\xff", 4), E_SYNTAX);
    char deep[CBOR_DEPTH_MAX + 2];
    memset(deep, '\x81', sizeof deep);
    deep[sizeof deep - 1] = 0;
    ck_assert_int_eq(error_of(deep, sizeof deep), E_TOO_LARGE);
    ck_assert_int_eq(error_of(deep + 1, sizeof deep - 1), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cbor");
    TCase *tests = tcase_create("cbor");
    tcase_add_test(tests, the_writer_matches_rfc_8949);
    tcase_add_test(tests, the_reader_gives_back_what_was_written);
    tcase_add_test(tests, chunks_of_a_string_are_joined);
    tcase_add_test(tests, containers_are_walked_to_their_end);
    tcase_add_test(tests, malformed_items_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
