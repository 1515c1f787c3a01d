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
    int status;
    const char *code;
    const char *message;
    bool cbor;
    enum call_verdict verdict;
    bool accepted_unknown;
};

static const struct expectation table[] = {
    {500, "InternalFailure", "", false, CALL_RETRY, true},
    {500, "", "", false, CALL_RETRY, true},
    {502, "", "<html>", false, CALL_RETRY, true},
    {503, "", "", false, CALL_RETRY, true},
    {504, "UnknownToUs", "", true, CALL_RETRY, true},
    {204, "", "", false, CALL_RETRY, true},
    {408, "", "", false, CALL_RETRY, true},
    {503, "ServiceUnavailableException", "Slow down.", false, CALL_THROTTLED, false},
    {429, "", "", false, CALL_THROTTLED, false},
    {400, "ProvisionedThroughputExceededException", "Rate", false, CALL_THROTTLED, false},
    {400, "LimitExceededException", "", false, CALL_THROTTLED, false},
    {400, "KMSThrottlingException", "", false, CALL_THROTTLED, false},
    {400, "ExpiredTokenException", "", false, CALL_CREDENTIALS, false},
    {403, "ExpiredToken", "", false, CALL_CREDENTIALS, false},
    {400, "UnrecognizedClientException", "", false, CALL_CREDENTIALS, false},
    {400, "InvalidSignatureException", "The request signature we calculated", true,
     CALL_CREDENTIALS, false},
    {400, "InvalidSignatureException",
     "Signature expired: 20150830T123600Z is now earlier than 20150830T130000Z", false, CALL_CLOCK,
     false},
    {400, "InvalidSignatureException",
     "Signature not yet current: 20150830T123600Z is still later than 20150830T120000Z", false,
     CALL_CLOCK, false},
    {400, "RequestTimeTooSkewed", "", false, CALL_CLOCK, false},
    {400, "RequestExpired", "", false, CALL_CLOCK, false},
    {404, "UnknownOperationException", "", true, CALL_OTHER_WIRE, false},
    {404, "", "", true, CALL_OTHER_WIRE, false},
    {415, "", "", true, CALL_OTHER_WIRE, false},
    {400, "SerializationException", "", true, CALL_OTHER_WIRE, false},
    {400, "UnknownOperationException", "", false, CALL_WAIT, false},
    {404, "", "", false, CALL_WAIT, false},
    {400, "SerializationException", "", false, CALL_SPLIT, false},
    {400, "ResourceNotFoundException", "Stream demo under account 1 not found.", true, CALL_WAIT,
     false},
    {400, "AccessDeniedException", "User: is not authorized", true, CALL_WAIT, false},
    {400, "KMSDisabledException", "", false, CALL_WAIT, false},
    {400, "InvalidSourceException", "", false, CALL_WAIT, false},
    {400, "SomethingNobodyHasSeen", "", false, CALL_WAIT, false},
    {302, "", "", false, CALL_WAIT, false},
    {403, "", "", false, CALL_WAIT, false},
    {413, "", "", false, CALL_SPLIT, false},
    {400, "InvalidArgumentException", "Records size exceeds 5 MB limit", false, CALL_SPLIT, false},
    {400, "InvalidArgumentException", "something is not right", false, CALL_SPLIT, false},
    {400, "ValidationException",
     "1 validation error detected: Value 'x y' at 'streamName' failed to satisfy constraint", false,
     CALL_WAIT, false},
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
