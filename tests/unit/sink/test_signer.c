#include "sink/signer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "support/test_main.h"

// 20150830T123600Z
#define SIGNED_AT_NS ((uint64_t)1440938160 * NS_PER_S)

#define NS_PER_DAY ((uint64_t)24 * 3600 * NS_PER_S)

static const char body[] =
    "{\"Records\":[{\"Data\":\"aGVsbG8K\",\"PartitionKey\":\"pk-1\"}],\"StreamName\":\"demo\"}";

static char key_id[] = "AKIDEXAMPLE";
static char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static char token[] = "EXAMPLETOKEN//abc==";

static const char *header(const struct transport_request *request, const char *name)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return "";
}

static struct signer *signer_of(const char *url)
{
    struct signer *signer;
    ck_assert_int_eq(signer_create(url, "us-east-1", "kinesis", &signer), 0);
    return signer;
}

// The expected signatures are those that botocore makes of the same request.
START_TEST(a_request_is_signed_as_botocore_signs_it)
{
    struct signer *signer = signer_of("https://kinesis.us-east-1.amazonaws.com");
    struct credentials credentials = {.access_key_id = key_id, .secret_access_key = secret};
    struct transport_request request;
    signer_sign(signer, &credentials, SIGNED_AT_NS, &encoder_kinesis_json,
                slice_of(body, sizeof body - 1), &request);
    ck_assert_str_eq(request.method, "POST");
    ck_assert_str_eq(header(&request, "Host"), "kinesis.us-east-1.amazonaws.com");
    ck_assert_str_eq(header(&request, "X-Amz-Date"), "20150830T123600Z");
    ck_assert_str_eq(
        header(&request, "Authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature=918882540026610bc37e456d60d9f4eb8ecd7f1b7d875e78581e84a3b08bb5b4");
    ck_assert_str_eq(header(&request, "X-Amz-Security-Token"), "");
    ck_assert(strncmp(header(&request, "User-Agent"), "kintail/", 8) == 0);
    signer_free(signer);
}
END_TEST

START_TEST(a_session_token_is_signed_too)
{
    struct signer *signer = signer_of("https://kinesis.us-east-1.amazonaws.com:443/");
    struct credentials credentials = {
        .access_key_id = key_id, .secret_access_key = secret, .session_token = token};
    struct transport_request request;
    signer_sign(signer, &credentials, SIGNED_AT_NS, &encoder_kinesis_json,
                slice_of(body, sizeof body - 1), &request);
    ck_assert_str_eq(header(&request, "X-Amz-Security-Token"), token);
    const char *authorization = header(&request, "Authorization");
    ck_assert_ptr_nonnull(
        strstr(authorization,
               "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
               "Signature=456ec600f6fbf533e1c629077681b8114467216517011bbd31e07fc38b89cb6e"));
    signer_free(signer);
}
END_TEST

START_TEST(a_new_day_or_secret_makes_a_new_key)
{
    static char other_secret[] = "another";
    struct signer *signer = signer_of("http://127.0.0.1:4567");
    struct credentials credentials = {.access_key_id = key_id, .secret_access_key = secret};
    struct transport_request request;
    char first[512];
    signer_sign(signer, &credentials, SIGNED_AT_NS, &encoder_kinesis_cbor, slice_of("", 0),
                &request);
    ck_assert_str_eq(header(&request, "Host"), "127.0.0.1:4567");
    snprintf(first, sizeof first, "%s", header(&request, "Authorization"));
    credentials.secret_access_key = other_secret;
    signer_sign(signer, &credentials, SIGNED_AT_NS, &encoder_kinesis_cbor, slice_of("", 0),
                &request);
    ck_assert_str_ne(header(&request, "Authorization"), first);
    credentials.secret_access_key = secret;
    signer_sign(signer, &credentials, SIGNED_AT_NS, &encoder_kinesis_cbor, slice_of("", 0),
                &request);
    ck_assert_str_eq(header(&request, "Authorization"), first);
    signer_sign(signer, &credentials, SIGNED_AT_NS + NS_PER_DAY, &encoder_kinesis_cbor,
                slice_of("", 0), &request);
    ck_assert_ptr_nonnull(strstr(header(&request, "Authorization"), "/20150831/"));
    signer_free(signer);
}
END_TEST

START_TEST(urls_that_cannot_be_signed_are_refused)
{
    struct signer *signer;
    static const char *const urls[] = {"",          "kinesis",        "ftp://x",     "http://",
                                       "http:///x", "https://x/?a=b", "https://x/#y"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        ck_assert_int_eq(signer_create(urls[i], "r", "kinesis", &signer), E_SYNTAX);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("signer");
    TCase *tests = tcase_create("signer");
    tcase_add_test(tests, a_request_is_signed_as_botocore_signs_it);
    tcase_add_test(tests, a_session_token_is_signed_too);
    tcase_add_test(tests, a_new_day_or_secret_makes_a_new_key);
    tcase_add_test(tests, urls_that_cannot_be_signed_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
