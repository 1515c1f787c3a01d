#include "aws/endpoint.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/error.h"
#include "support/test_main.h"

// Hosts as botocore's endpoint tests expect them.
START_TEST(every_partition_has_its_suffix)
{
    static const struct {
        const char *region;
        const char *url;
    } cases[] = {
        {"eu-west-1", "https://kinesis.eu-west-1.amazonaws.com"},
        {"us-gov-west-1", "https://kinesis.us-gov-west-1.amazonaws.com"},
        {"cn-north-1", "https://kinesis.cn-north-1.amazonaws.com.cn"},
        {"eusc-de-east-1", "https://kinesis.eusc-de-east-1.amazonaws.eu"},
        {"us-iso-east-1", "https://kinesis.us-iso-east-1.c2s.ic.gov"},
        {"us-isob-east-1", "https://kinesis.us-isob-east-1.sc2s.sgov.gov"},
        {"us-isof-south-1", "https://kinesis.us-isof-south-1.csp.hci.ic.gov"},
        {"eu-isoe-west-1", "https://kinesis.eu-isoe-west-1.cloud.adc-e.uk"},
        {"xx-new-1", "https://kinesis.xx-new-1.amazonaws.com"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char *url = endpoint_url(SERVICE_KINESIS, cases[i].region);
        ck_assert_str_eq(url, cases[i].url);
        const char *why;
        ck_assert_int_eq(endpoint_check(url, &why), 0);
        free(url);
    }
    char *url = endpoint_url(SERVICE_FIREHOSE, "eu-west-1");
    ck_assert_str_eq(url, "https://firehose.eu-west-1.amazonaws.com");
    free(url);
}
END_TEST

START_TEST(usable_urls_are_taken)
{
    static const char *const urls[] = {
        "http://127.0.0.1:4567",     "https://localhost",
        "http://[::1]:4567/",        "https://host.example/a/prefix",
        "http://under_score:65535/", "https://vpce-1.kinesis.eu-west-1.vpce.amazonaws.com",
    };
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        const char *why;
        ck_assert_msg(endpoint_check(urls[i], &why) == 0, "%s: %s", urls[i], why);
    }
}
END_TEST

START_TEST(unusable_urls_are_refused_with_a_reason)
{
    static const struct {
        const char *url;
        const char *why;
    } cases[] = {
        {"", "http://"},
        {"localhost:4567", "http://"},
        {"ftp://host", "http://"},
        {"HTTP//host", "http://"},
        {"http://", "no host"},
        {"https:///path", "no host"},
        {"http://:80", "no host"},
        {"http://[::1", "no host"},
        {"http://[]", "no host"},
        {"http://[host]", "no host"},
        {"http://host:", "port"},
        {"http://host:0", "port"},
        {"http://host:65536", "port"},
        {"http://host:99999999999999999999", "port"},
        {"http://host:8x", "nothing else"},
        {"http://user@host", "nothing else"},
        {"http://user:secret@host", "port"},
        {"http://host?a=b", "nothing else"},
        {"http://host/a?b", "nothing else"},
        {"http://host/a#b", "nothing else"},
        {"http://host/a b", "nothing else"},
        {"http://host/\r\nX: 1", "nothing else"},
        {"http://host\n", "nothing else"},
        {"http://host/\xc3\xa9", "nothing else"},
        {"http://h\xc3\xb6st", "nothing else"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *why;
        ck_assert_msg(endpoint_check(cases[i].url, &why) == E_SYNTAX, "<%s>", cases[i].url);
        ck_assert_msg(strstr(why, cases[i].why) != NULL, "<%s>: %s", cases[i].url, why);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("endpoint");
    TCase *tests = tcase_create("endpoint");
    tcase_add_test(tests, every_partition_has_its_suffix);
    tcase_add_test(tests, usable_urls_are_taken);
    tcase_add_test(tests, unusable_urls_are_refused_with_a_reason);
    suite_add_tcase(suite, tests);
    return suite;
}
