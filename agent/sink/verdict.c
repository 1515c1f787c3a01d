#include "sink/verdict.h"

#include <string.h>

#include "base/compiler.h"
#include "base/number.h"

enum {
    HTTP_NOT_FOUND = 404,
    HTTP_TIMEOUT = 408,
    HTTP_TOO_LARGE = 413,
    HTTP_UNSUPPORTED_MEDIA = 415,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER_ERROR = 500,
};

struct known_code {
    const char *code;
    enum call_verdict verdict;
};

// Sources: API reference (errors of PutRecords and PutRecordBatch, "Common errors") and the codes
// that the AWS SDKs count as throttling, as transient, or as clock skew.
static const struct known_code known_codes[] = {
    {"ProvisionedThroughputExceededException", CALL_THROTTLED},
    {"KMSThrottlingException", CALL_THROTTLED},
    {"Throttling", CALL_THROTTLED},
    {"ThrottlingException", CALL_THROTTLED},
    {"ThrottledException", CALL_THROTTLED},
    {"RequestThrottled", CALL_THROTTLED},
    {"RequestThrottledException", CALL_THROTTLED},
    {"RequestLimitExceeded", CALL_THROTTLED},
    {"TooManyRequestsException", CALL_THROTTLED},
    {"LimitExceededException", CALL_THROTTLED},
    {"BandwidthLimitExceeded", CALL_THROTTLED},
    {"SlowDown", CALL_THROTTLED},
    {"ServiceUnavailable", CALL_THROTTLED},
    {"ServiceUnavailableException", CALL_THROTTLED},
    {"InternalFailure", CALL_RETRY},
    {"InternalFailureException", CALL_RETRY},
    {"InternalServerError", CALL_RETRY},
    {"RequestTimeout", CALL_RETRY},
    {"RequestTimeoutException", CALL_RETRY},
    {"ExpiredToken", CALL_CREDENTIALS},
    {"ExpiredTokenException", CALL_CREDENTIALS},
    {"UnrecognizedClientException", CALL_CREDENTIALS},
    {"InvalidClientTokenId", CALL_CREDENTIALS},
    {"InvalidAccessKeyId", CALL_CREDENTIALS},
    {"IncompleteSignatureException", CALL_CREDENTIALS},
    {"IncompleteSignature", CALL_CREDENTIALS},
    {"MissingAuthenticationTokenException", CALL_CREDENTIALS},
    {"MissingAuthenticationToken", CALL_CREDENTIALS},
    {"InvalidSignatureException", CALL_CREDENTIALS},
    {"SignatureDoesNotMatch", CALL_CREDENTIALS},
    {"AuthFailure", CALL_CREDENTIALS},
    {"RequestExpired", CALL_CLOCK},
    {"RequestInTheFuture", CALL_CLOCK},
    {"RequestTimeTooSkewed", CALL_CLOCK},
    {"UnknownOperationException", CALL_OTHER_WIRE},
    {"UnknownOperation", CALL_OTHER_WIRE},
    {"SerializationException", CALL_OTHER_WIRE},
    {"UnsupportedMediaTypeException", CALL_OTHER_WIRE},
    {"InvalidArgumentException", CALL_SPLIT},
    {"InvalidArgument", CALL_SPLIT},
    {"InvalidParameterValue", CALL_SPLIT},
    {"ValidationException", CALL_SPLIT},
    {"ValidationError", CALL_SPLIT},
    {"RequestEntityTooLargeException", CALL_SPLIT},
};

static const char *const record_refusals[] = {
    "InvalidArgumentException",
    "InvalidArgument",
    "ValidationException",
};

static const struct known_code *find_code(struct slice code)
{
    for (size_t i = 0; i < ARRAY_COUNT(known_codes); i++) {
        if (slice_equal_text(code, known_codes[i].code)) {
            return &known_codes[i];
        }
    }
    return NULL;
}

enum record_verdict verdict_of_record(struct slice error_code, struct slice id)
{
    if (error_code.size == 0) {
        return id.size > 0 ? RECORD_ACCEPTED : RECORD_RETRY;
    }
    error_code = service_error_code_of(error_code);
    for (size_t i = 0; i < ARRAY_COUNT(record_refusals); i++) {
        if (slice_equal_text(error_code, record_refusals[i])) {
            return RECORD_DEAD_LETTER;
        }
    }
    const struct known_code *known = find_code(error_code);
    return known != NULL && known->verdict == CALL_THROTTLED ? RECORD_THROTTLED : RECORD_RETRY;
}

// Finds N of "records.N.member" (1-based) in the text of a ValidationException. Returns false when
// no record of the call is named.
static bool named_record(const char *message, size_t records, size_t *out_index)
{
    static const char prefix[] = "records.";
    const char *at = strstr(message, prefix);
    if (at == NULL) {
        return false;
    }
    at += sizeof prefix - 1;
    size_t length = strspn(at, "0123456789");
    uint64_t number;
    if (number_parse_u64(slice_of(at, length), &number) != 0 || number == 0 || number > records ||
        strncmp(at + length, ".member", 7) != 0) {
        return false;
    }
    *out_index = (size_t)number - 1;
    return true;
}

// Whether a refusal of the arguments is about the call itself: then every call is refused, and no
// record is to blame.
static bool blames_call(const char *message)
{
    static const char *const about_call[] = {
        "treamName", "treamARN", "treamId", "Stream name", "stream name", "delivery stream",
    };
    for (size_t i = 0; i < ARRAY_COUNT(about_call); i++) {
        if (strstr(message, about_call[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool speaks_of_record(const char *message)
{
    return strstr(message, "ecord") != NULL || strstr(message, "artition") != NULL ||
           strstr(message, "data") != NULL || strstr(message, "Data") != NULL;
}

static struct call_judgement judge_arguments(const struct service_error *error, size_t records)
{
    size_t index;
    if (named_record(error->message, records, &index)) {
        return (struct call_judgement){.verdict = CALL_DEAD_LETTER, .record_index = index};
    }
    if (blames_call(error->message)) {
        return (struct call_judgement){.verdict = CALL_WAIT};
    }
    return (struct call_judgement){.verdict = CALL_SPLIT,
                                   .names_record = speaks_of_record(error->message)};
}

static bool signed_at_wrong_time(const char *message)
{
    return strstr(message, "Signature expired") != NULL ||
           strstr(message, "Signature not yet current") != NULL;
}

static struct call_judgement judge_code(enum call_verdict verdict,
                                        const struct service_error *error, bool cbor,
                                        size_t records)
{
    switch (verdict) {
    case CALL_SPLIT:
        return judge_arguments(error, records);
    case CALL_CREDENTIALS:
        if (signed_at_wrong_time(error->message)) {
            verdict = CALL_CLOCK;
        }
        break;
    case CALL_OTHER_WIRE:
        if (!cbor) {
            // JSON that cannot be read is a record's fault; an unknown operation is not.
            bool unreadable = strcmp(error->code, "SerializationException") == 0;
            verdict = unreadable ? CALL_SPLIT : CALL_WAIT;
        }
        break;
    case CALL_RETRY:
        return (struct call_judgement){.verdict = CALL_RETRY, .accepted_unknown = true};
    case CALL_THROTTLED:
    case CALL_DEAD_LETTER:
    case CALL_CLOCK:
    case CALL_WAIT:
        break;
    }
    return (struct call_judgement){.verdict = verdict};
}

static struct call_judgement judge_status(int status, bool cbor)
{
    if (status >= HTTP_SERVER_ERROR || status == HTTP_TIMEOUT) {
        return (struct call_judgement){.verdict = CALL_RETRY, .accepted_unknown = true};
    }
    if (status >= 200 && status < 300) {
        // A success, but not one that this operation answers with.
        return (struct call_judgement){.verdict = CALL_RETRY, .accepted_unknown = true};
    }
    if (status == HTTP_TOO_MANY) {
        return (struct call_judgement){.verdict = CALL_THROTTLED};
    }
    if (status == HTTP_TOO_LARGE) {
        return (struct call_judgement){.verdict = CALL_SPLIT, .names_record = true};
    }
    if (cbor && (status == HTTP_UNSUPPORTED_MEDIA || status == HTTP_NOT_FOUND)) {
        return (struct call_judgement){.verdict = CALL_OTHER_WIRE};
    }
    return (struct call_judgement){.verdict = CALL_WAIT};
}

struct call_judgement verdict_of_call(int status, const struct service_error *error, bool cbor,
                                      size_t records)
{
    const struct known_code *known =
        error->code[0] == '\0' ? NULL : find_code(slice_of_text(error->code));
    if (known == NULL) {
        return judge_status(status, cbor && error->code[0] == '\0');
    }
    struct call_judgement judgement = judge_code(known->verdict, error, cbor, records);
    // A throttle is a refusal whatever its status; of another server error nobody knows.
    judgement.accepted_unknown |=
        status >= HTTP_SERVER_ERROR && judgement.verdict != CALL_THROTTLED;
    return judgement;
}

const char *call_verdict_text(enum call_verdict verdict)
{
    static const char *const texts[] = {
        [CALL_RETRY] = "failed inside the service",
        [CALL_THROTTLED] = "throttled",
        [CALL_SPLIT] = "refused as it is",
        [CALL_DEAD_LETTER] = "refused for one record",
        [CALL_CREDENTIALS] = "credentials refused",
        [CALL_CLOCK] = "signed at the wrong time",
        [CALL_OTHER_WIRE] = "encoding not understood",
        [CALL_WAIT] = "refused",
    };
    return texts[verdict];
}
