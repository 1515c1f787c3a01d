#include "aws/sigv4.h"

#include <stdio.h>

#include "support/test_main.h"

static const char body[] =
    "{\"Records\":[{\"Data\":\"aGVsbG8K\",\"PartitionKey\":\"pk-1\"}],\"StreamName\":\"demo\"}";

static struct sigv4_scope scope_of(const char *service)
{
    return (struct sigv4_scope){.access_key_id = "AKIDEXAMPLE",
                                .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                .region = "us-east-1",
                                .service = service,
                                .date = "20150830T123600Z"};
}

static struct sigv4_header header(const char *name, const char *value)
{
    return (struct sigv4_header){slice_of_text(name), slice_of_text(value)};
}

static void check_signature(bool with_token, const char *expected)
{
    struct sigv4_header headers[] = {
        header("X-Amz-Target", "Kinesis_20131202.PutRecords"),
        header("Host", "kinesis.us-east-1.amazonaws.com"),
        header("X-Amz-Date", "20150830T123600Z"),
        header("Content-Type", "application/x-amz-json-1.1"),
        header("X-Amz-Security-Token", "EXAMPLETOKEN//abc=="),
    };
    struct sigv4_request request = {.method = slice_of_text("POST"),
                                    .path = slice_of_text("/"),
                                    .headers = headers,
                                    .header_count = with_token ? 5 : 4};
    sha256(slice_of_text(body), request.body_sha256);
    struct sigv4_scope scope = scope_of("kinesis");
    struct sigv4_key key;
    sigv4_derive_key(&scope, &key);
    char signature[SIGV4_HEX + 1];
    sigv4_sign(&scope, &key, &request, signature);
    ck_assert_str_eq(signature, expected);
}

// The expected values are those of botocore's signer for the same request.
START_TEST(put_records_is_signed_as_botocore_signs_it)
{
    check_signature(false, "918882540026610bc37e456d60d9f4eb8ecd7f1b7d875e78581e84a3b08bb5b4");
    check_signature(true, "456ec600f6fbf533e1c629077681b8114467216517011bbd31e07fc38b89cb6e");
}
END_TEST

// RFC 4231, test cases 1, 2 and 6.
START_TEST(hmac_matches_the_vectors_of_rfc_4231)
{
    uint8_t key[131];
    uint8_t mac[SHA256_BYTES];
    memset(key, 0x0b, 20);
    hmac_sha256(slice_of(key, 20), slice_of_text("Hi There"), mac);
    static const uint8_t first[] = {0xb0, 0x34, 0x4c, 0x61};
    ck_assert_mem_eq(mac, first, sizeof first);
    hmac_sha256(slice_of_text("Jefe"), slice_of_text("what do ya want for nothing?"), mac);
    static const uint8_t second[] = {0x5b, 0xdc, 0xc1, 0x46};
    ck_assert_mem_eq(mac, second, sizeof second);
    memset(key, 0xaa, sizeof key);
    hmac_sha256(slice_of(key, sizeof key),
                slice_of_text("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    static const uint8_t sixth[] = {0x60, 0xe4, 0x31, 0x59};
    ck_assert_mem_eq(mac, sixth, sizeof sixth);
}
END_TEST

static void check_canonical(const char *path, const char *query, const char *expected_path,
                            const char *expected_query)
{
    struct sigv4_header headers[] = {header("Host", "h")};
    struct sigv4_request request = {.method = slice_of_text("GET"),
                                    .path = slice_of_text(path),
                                    .query = slice_of_text(query),
                                    .headers = headers,
                                    .header_count = 1};
    struct buf out;
    buf_init(&out, 4096);
    sigv4_canonical_request(&request, &out);
    char expected[256];
    snprintf(expected, sizeof expected, "GET\n%s\n%s\nhost:h\n", expected_path, expected_query);
    ck_assert_msg(strncmp(buf_text(&out), expected, strlen(expected)) == 0, "%s", buf_text(&out));
    buf_deinit(&out);
}

START_TEST(paths_are_normalised_and_encoded)
{
    check_canonical("", "", "/", "");
    check_canonical("/a/./b/../c", "", "/a/c", "");
    check_canonical("//a///b/", "", "/a/b/", "");
    check_canonical("/..", "", "/", "");
    check_canonical("/a b/%20", "", "/a%20b/%2520", "");
}
END_TEST

START_TEST(queries_are_encoded_and_sorted)
{
    check_canonical("/", "b=2&a=1&a=0&c", "/", "a=0&a=1&b=2&c=");
    check_canonical("/", "a-b=1&a=2", "/", "a=2&a-b=1");
    check_canonical("/", "x=%2f&y=~ ", "/", "x=%2F&y=~%20");
}
END_TEST

START_TEST(header_values_are_folded_and_joined)
{
    struct sigv4_header headers[] = {header("B", "  two   words "), header("host", "h"),
                                     header("a", "1"), header("A", "2")};
    struct sigv4_request request = {
        .method = slice_of_text("GET"), .headers = headers, .header_count = 4};
    struct buf out;
    buf_init(&out, 4096);
    sigv4_canonical_request(&request, &out);
    const char *expected = "GET\n/\n\na:1,2\nb:two words\nhost:h\n\na;b;host\n";
    ck_assert_msg(strncmp(buf_text(&out), expected, strlen(expected)) == 0, "%s", buf_text(&out));
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sigv4");
    TCase *tests = tcase_create("sigv4");
    tcase_add_test(tests, put_records_is_signed_as_botocore_signs_it);
    tcase_add_test(tests, hmac_matches_the_vectors_of_rfc_4231);
    tcase_add_test(tests, paths_are_normalised_and_encoded);
    tcase_add_test(tests, queries_are_encoded_and_sorted);
    tcase_add_test(tests, header_values_are_folded_and_joined);
    suite_add_tcase(suite, tests);
    return suite;
}
