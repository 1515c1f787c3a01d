#include "sink/service_error.h"

#include "aws/cbor.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "support/test_main.h"

static struct service_error read_body(const char *content_type, const char *error_type,
                                      struct slice body)
{
    struct transport_answer answer = {
        .outcome = TRANSPORT_ANSWERED,
        .status = 400,
        .body = body,
        .content_type = content_type,
        .date = "",
        .request_id = "",
        .error_type = error_type,
    };
    struct service_error error;
    service_error_read(&answer, &error);
    return error;
}

static struct service_error read_json(const char *text)
{
    return read_body("application/x-amz-json-1.1", "", slice_of_text(text));
}

START_TEST(the_code_is_found_in_every_form)
{
    static const char *const forms[] = {
        "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no\"}",
        "{\"__type\":\"com.amazonaws.kinesis.v20131202#ResourceNotFoundException\","
        "\"Message\":\"no\"}",
        "{\"__type\":\"aws.x#ResourceNotFoundException:http://internal/\",\"message\":\"no\"}",
        "{\"code\":\"ResourceNotFoundException\",\"message\":\"no\"}",
        "{\"code\":\"Other\",\"__type\":\"ResourceNotFoundException\",\"message\":\"no\"}",
        "{\"Output\":{\"__type\":\"com.amazon.coral.service#ResourceNotFoundException\","
        "\"message\":\"no\"},\"Version\":\"1.0\"}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct service_error error = read_json(forms[i]);
        ck_assert_str_eq(error.code, "ResourceNotFoundException");
        ck_assert_str_eq(error.message, "no");
    }
}
END_TEST

START_TEST(the_header_wins)
{
    struct service_error error =
        read_body("", "AccessDeniedException:http://x", slice_of_text("{\"__type\":\"Other\"}"));
    ck_assert_str_eq(error.code, "AccessDeniedException");
}
END_TEST

START_TEST(xml_roots_are_codes)
{
    struct service_error error = read_body("", "", slice_of_text("<UnknownOperationException/>\n"));
    ck_assert_str_eq(error.code, "UnknownOperationException");
    error = read_body("text/html", "", slice_of_text("<html><body>502</body></html>"));
    ck_assert_str_eq(error.code, "");
}
END_TEST

START_TEST(cbor_maps_are_read)
{
    struct buf body;
    buf_init(&body, 1024);
    cbor_write_indefinite_map(&body);
    cbor_write_text(&body, slice_of_text("extra"));
    cbor_write_array(&body, 1);
    cbor_write_u64(&body, 7);
    cbor_write_text(&body, slice_of_text("__type"));
    cbor_write_text(&body, slice_of_text("ValidationException"));
    cbor_write_text(&body, slice_of_text("message"));
    cbor_write_text(&body, slice_of_text("records.3.member.data"));
    cbor_write_break(&body);
    struct service_error error = read_body("application/x-amz-cbor-1.1", "", buf_slice(&body));
    ck_assert_str_eq(error.code, "ValidationException");
    ck_assert_str_eq(error.message, "records.3.member.data");
    buf_deinit(&body);
}
END_TEST

START_TEST(what_cannot_be_read_leaves_the_fields_empty)
{
    static const char *const forms[] = {"",     "{",        "[1]", "{\"__type\":7}",
                                        "\xbf", "\xbf\x61", "<",   "plain"};
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct service_error error = read_json(forms[i]);
        ck_assert_str_eq(error.code, "");
        ck_assert_str_eq(error.message, "");
    }
}
END_TEST

START_TEST(texts_are_cut_and_made_printable)
{
    char text[6];
    service_error_printable(slice_of_text("a\nb\x1b"
                                          "cdefg"),
                            text, sizeof text);
    ck_assert_str_eq(text, "a?b?c");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("service_error");
    TCase *tests = tcase_create("service_error");
    tcase_add_test(tests, the_code_is_found_in_every_form);
    tcase_add_test(tests, the_header_wins);
    tcase_add_test(tests, xml_roots_are_codes);
    tcase_add_test(tests, cbor_maps_are_read);
    tcase_add_test(tests, what_cannot_be_read_leaves_the_fields_empty);
    tcase_add_test(tests, texts_are_cut_and_made_printable);
    suite_add_tcase(suite, tests);
    return suite;
}
