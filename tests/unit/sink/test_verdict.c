#include "sink/verdict.h"

#include <stdio.h>

#include "base/compiler.h"
#include "support/test_main.h"

static struct service_error error_of(const char *code, const char *message)
{
    struct service_error error = {0};
    snprintf(error.code, sizeof error.code, "%s", code);
    snprintf(error.message, sizeof error.message, "%s", message);
    return error;
}

static struct call_judgement judge(int status, const char *code, const char *message, bool cbor)
{
    struct service_error error = error_of(code, message);
    return verdict_of_call(status, &error, cbor, 500);
}

static enum record_verdict of_record(const char *code, const char *id)
{
    return verdict_of_record(slice_of_text(code), slice_of_text(id));
}

START_TEST(a_record_is_accepted_only_with_an_id_and_without_an_error)
{
    ck_assert_int_eq(of_record("", "4954"), RECORD_ACCEPTED);
    ck_assert_int_eq(of_record("", ""), RECORD_RETRY);
    ck_assert_int_eq(of_record("InternalFailure", "4954"), RECORD_RETRY);
}
END_TEST

START_TEST(a_refused_record_is_judged_by_its_code)
{
    ck_assert_int_eq(of_record("ProvisionedThroughputExceededException", ""), RECORD_THROTTLED);
    ck_assert_int_eq(of_record("ServiceUnavailableException", ""), RECORD_THROTTLED);
    ck_assert_int_eq(of_record("InternalFailure", ""), RECORD_RETRY);
    ck_assert_int_eq(of_record("SomethingNobodyHasSeen", ""), RECORD_RETRY);
    ck_assert_int_eq(of_record("KMSAccessDeniedException", ""), RECORD_RETRY);
    ck_assert_int_eq(of_record("InvalidArgumentException", ""), RECORD_DEAD_LETTER);
}
END_TEST

struct expectation {
    const char *code;
    const char *message;
    int status;
    enum call_verdict verdict;
    bool cbor;
    bool accepted_unknown;
};

static const struct expectation table[] = {
    {"InternalFailure", "", 500, CALL_RETRY, false, true},
    {"", "", 500, CALL_RETRY, false, true},
    {"", "<html>", 502, CALL_RETRY, false, true},
    {"", "", 503, CALL_RETRY, false, true},
    {"UnknownToUs", "", 504, CALL_RETRY, true, true},
    {"", "", 204, CALL_RETRY, false, true},
    {"", "", 408, CALL_RETRY, false, true},
    {"ServiceUnavailableException", "Slow down.", 503, CALL_THROTTLED, false, false},
    {"", "", 429, CALL_THROTTLED, false, false},
    {"ProvisionedThroughputExceededException", "Rate", 400, CALL_THROTTLED, false, false},
    {"LimitExceededException", "", 400, CALL_THROTTLED, false, false},
    {"KMSThrottlingException", "", 400, CALL_THROTTLED, false, false},
    {"ExpiredTokenException", "", 400, CALL_CREDENTIALS, false, false},
    {"ExpiredToken", "", 403, CALL_CREDENTIALS, false, false},
    {"UnrecognizedClientException", "", 400, CALL_CREDENTIALS, false, false},
    {"InvalidSignatureException", "The request signature we calculated", 400, CALL_CREDENTIALS,
     true, false},
    {"InvalidSignatureException",
     "Signature expired: 20150830T123600Z is now earlier than 20150830T130000Z", 400, CALL_CLOCK,
     false, false},
    {"InvalidSignatureException",
     "Signature not yet current: 20150830T123600Z is still later than 20150830T120000Z", 400,
     CALL_CLOCK, false, false},
    {"RequestTimeTooSkewed", "", 400, CALL_CLOCK, false, false},
    {"RequestExpired", "", 400, CALL_CLOCK, false, false},
    {"UnknownOperationException", "", 404, CALL_OTHER_WIRE, true, false},
    {"", "", 404, CALL_OTHER_WIRE, true, false},
    {"", "", 415, CALL_OTHER_WIRE, true, false},
    {"SerializationException", "", 400, CALL_OTHER_WIRE, true, false},
    {"UnknownOperationException", "", 400, CALL_WAIT, false, false},
    {"", "", 404, CALL_WAIT, false, false},
    {"SerializationException", "", 400, CALL_SPLIT, false, false},
    {"ResourceNotFoundException", "Stream demo under account 1 not found.", 400, CALL_WAIT, true,
     false},
    {"AccessDeniedException", "User: is not authorized", 400, CALL_WAIT, true, false},
    {"KMSDisabledException", "", 400, CALL_WAIT, false, false},
    {"InvalidSourceException", "", 400, CALL_WAIT, false, false},
    {"SomethingNobodyHasSeen", "", 400, CALL_WAIT, false, false},
    {"", "", 302, CALL_WAIT, false, false},
    {"", "", 403, CALL_WAIT, false, false},
    {"", "", 413, CALL_SPLIT, false, false},
    {"InvalidArgumentException", "Records size exceeds 5 MB limit", 400, CALL_SPLIT, false, false},
    {"InvalidArgumentException", "something is not right", 400, CALL_SPLIT, false, false},
    {"ValidationException",
     "1 validation error detected: Value 'x y' at 'streamName' failed to satisfy constraint", 400,
     CALL_WAIT, false, false},
};

START_TEST(a_call_is_judged_by_the_table)
{
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        const struct expectation *row = &table[i];
        struct call_judgement judgement = judge(row->status, row->code, row->message, row->cbor);
        ck_assert_msg(judgement.verdict == row->verdict, "row %zu: %s instead of %s", i,
                      call_verdict_text(judgement.verdict), call_verdict_text(row->verdict));
        ck_assert_msg(judgement.accepted_unknown == row->accepted_unknown, "row %zu", i);
    }
}
END_TEST

static struct call_judgement judge_named(const char *path, size_t records)
{
    char message[200];
    snprintf(message, sizeof message,
             "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must "
             "have length less than or equal to 1048576.",
             path);
    struct service_error error = error_of("ValidationException", message);
    return verdict_of_call(400, &error, false, records);
}

START_TEST(a_named_record_is_found_by_its_index)
{
    struct call_judgement judgement = judge_named("records.1.member.data", 500);
    ck_assert_int_eq(judgement.verdict, CALL_DEAD_LETTER);
    ck_assert_uint_eq(judgement.record_index, 0);
    judgement = judge_named("records.500.member.partitionKey", 500);
    ck_assert_int_eq(judgement.verdict, CALL_DEAD_LETTER);
    ck_assert_uint_eq(judgement.record_index, 499);
}
END_TEST

START_TEST(an_index_that_is_not_in_the_call_splits_it)
{
    static const char *const paths[] = {
        "records.0.member.data",
        "records.501.member.data",
        "records..member.data",
        "records.99999999999999999999.member.data",
        "records.1",
        "records",
    };
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct call_judgement judgement = judge_named(paths[i], 500);
        ck_assert_int_eq(judgement.verdict, CALL_SPLIT);
        ck_assert(judgement.names_record);
    }
}
END_TEST

START_TEST(only_some_refusals_speak_of_a_record)
{
    ck_assert(judge(413, "", "", false).names_record);
    ck_assert(judge(400, "InvalidArgumentException", "Records size exceeds", false).names_record);
    ck_assert(!judge(400, "InvalidArgumentException", "no", false).names_record);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_test(tests, a_record_is_accepted_only_with_an_id_and_without_an_error);
    tcase_add_test(tests, a_refused_record_is_judged_by_its_code);
    tcase_add_test(tests, a_call_is_judged_by_the_table);
    tcase_add_test(tests, a_named_record_is_found_by_its_index);
    tcase_add_test(tests, an_index_that_is_not_in_the_call_splits_it);
    tcase_add_test(tests, only_some_refusals_speak_of_a_record);
    suite_add_tcase(suite, tests);
    return suite;
}
