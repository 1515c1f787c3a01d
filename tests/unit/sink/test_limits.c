#include "sink/limits.h"

#include "support/test_main.h"

static struct limits kinesis(uint64_t max_record_size, uint64_t max_size)
{
    struct destination_config to = {.service = SERVICE_KINESIS, .max_record_size = max_record_size};
    struct batch_config batch = {.max_records = 500, .max_size = max_size};
    return limits_of(&to, &batch);
}

static struct limits firehose(uint64_t max_records, uint64_t max_size)
{
    struct destination_config to = {.service = SERVICE_FIREHOSE, .max_record_size = 10 << 20};
    struct batch_config batch = {.max_records = max_records, .max_size = max_size};
    return limits_of(&to, &batch);
}

START_TEST(the_configuration_cannot_raise_a_limit_of_the_service)
{
    struct limits limits = kinesis(64 << 20, 64 << 20);
    ck_assert_uint_eq(limits.record_bytes, 10485760);
    ck_assert_uint_eq(limits.call_bytes, 10485760);
    limits = firehose(1000, 64 << 20);
    ck_assert_uint_eq(limits.call_records, 500);
    ck_assert_uint_eq(limits.record_bytes, 1024000);
    ck_assert_uint_eq(limits.call_bytes, 4194304);
}
END_TEST

START_TEST(the_configuration_can_lower_them)
{
    struct limits limits = kinesis(1 << 20, 1 << 20);
    ck_assert_uint_eq(limits.record_bytes, 1048576);
    ck_assert_uint_eq(limits.call_bytes, 1048576);
    ck_assert_uint_eq(firehose(7, 1000).call_records, 7);
    ck_assert_uint_eq(firehose(7, 1000).call_bytes, 1000);
}
END_TEST

START_TEST(kinesis_counts_data_and_key_and_firehose_data_alone)
{
    struct limits limits = kinesis(1 << 20, 1 << 20);
    ck_assert_uint_eq(limits_count(&limits, 100, 7), 107);
    limits = firehose(500, 1 << 20);
    ck_assert_uint_eq(limits_count(&limits, 100, 7), 100);
}
END_TEST

START_TEST(a_random_key_shrinks_next_to_the_record_limit)
{
    struct limits limits = kinesis(1 << 20, 1 << 20);
    ck_assert_uint_eq(limits_random_key(&limits, 1), 4);
    ck_assert_uint_eq(limits_random_key(&limits, 1048572), 4);
    ck_assert_uint_eq(limits_random_key(&limits, 1048573), 3);
    ck_assert_uint_eq(limits_random_key(&limits, 1048575), 1);
    ck_assert_uint_eq(limits_random_key(&limits, 1048576), 0);
    ck_assert_uint_eq(limits_random_key(&limits, 1048577), 0);
}
END_TEST

START_TEST(a_call_takes_500_records_and_not_501)
{
    struct limits limits = firehose(500, 4 << 20);
    ck_assert(limits_fit(&limits, 499, 499, 1));
    ck_assert(!limits_fit(&limits, 500, 500, 1));
}
END_TEST

START_TEST(a_call_takes_its_bytes_exactly)
{
    struct limits limits = kinesis(1 << 20, 5 << 20);
    ck_assert(limits_fit(&limits, 1, (5 << 20) - 101, 100));
    ck_assert(limits_fit(&limits, 1, (5 << 20) - 100, 100));
    ck_assert(!limits_fit(&limits, 1, (5 << 20) - 99, 100));
    ck_assert(!limits_fit(&limits, 1, 6 << 20, 0));
}
END_TEST

START_TEST(a_record_above_the_batch_size_goes_alone)
{
    struct limits limits = kinesis(10 << 20, 1 << 20);
    ck_assert(limits_fit(&limits, 0, 0, 10 << 20));
    ck_assert(!limits_fit(&limits, 1, 1, 10 << 20));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, the_configuration_cannot_raise_a_limit_of_the_service);
    tcase_add_test(tests, the_configuration_can_lower_them);
    tcase_add_test(tests, kinesis_counts_data_and_key_and_firehose_data_alone);
    tcase_add_test(tests, a_random_key_shrinks_next_to_the_record_limit);
    tcase_add_test(tests, a_call_takes_500_records_and_not_501);
    tcase_add_test(tests, a_call_takes_its_bytes_exactly);
    tcase_add_test(tests, a_record_above_the_batch_size_goes_alone);
    suite_add_tcase(suite, tests);
    return suite;
}
