// The small modules that count and identify: books, stats, reason, generation, prng.
#include "base/books.h"
#include "base/compiler.h"
#include "base/generation.h"
#include "base/prng.h"
#include "base/reason.h"
#include "base/stats.h"

#include "support/test_main.h"

static const struct tally one = {.records = 1, .bytes = 10};

START_TEST(books_balance_when_every_record_is_somewhere)
{
    struct books books = {0};
    ck_assert(books_balance(&books));
    books = (struct books){
        .read = {.records = 6, .bytes = 60},
        .filtered = one,
        .acknowledged = one,
        .dead_lettered = one,
        .dropped = one,
        .damaged = one,
        .queued = one,
        .skipped_bytes = 7,
        .lost_bytes = 8,
        .lost_bytes_at_least = 9,
        .maybe_repeated = 10,
    };
    ck_assert(books_balance(&books));
}
END_TEST

START_TEST(books_do_not_balance_when_one_record_or_byte_is_missing)
{
    struct books books = {.read = one};
    ck_assert(!books_balance(&books));
    struct tally *parts[] = {&books.filtered, &books.acknowledged, &books.dead_lettered,
                             &books.dropped,  &books.damaged,      &books.queued};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        *parts[i] = one;
        ck_assert(books_balance(&books));
        parts[i]->bytes = 9;
        ck_assert(!books_balance(&books));
        *parts[i] = (struct tally){.records = 2, .bytes = 10};
        ck_assert(!books_balance(&books));
        *parts[i] = (struct tally){0};
    }
}
END_TEST

START_TEST(every_counter_is_described_and_starts_at_zero)
{
    struct stats stats = {0};
    for (unsigned i = 0; i < STAT_COUNT; i++) {
        const struct stat_info *info = stat_info((enum stat_id)i);
        ck_assert_uint_gt(strlen(info->name), 0);
        ck_assert_uint_gt(strlen(info->help), 0);
        ck_assert_uint_eq(stats_get(&stats, (enum stat_id)i), 0);
        for (unsigned other = 0; other < i; other++) {
            ck_assert_str_ne(info->name, stat_info((enum stat_id)other)->name);
        }
    }
    stats_add(&stats, STAT_SINK_REQUESTS, 2);
    stats_add(&stats, STAT_SINK_REQUESTS, 3);
    stats_set(&stats, STAT_SINK_IN_FLIGHT, 7);
    ck_assert_uint_eq(stats_get(&stats, STAT_SINK_REQUESTS), 5);
    ck_assert_uint_eq(stats_get(&stats, STAT_SINK_IN_FLIGHT), 7);
    ck_assert_int_eq(stat_info(STAT_SINK_IN_FLIGHT)->kind, STAT_GAUGE);
}
END_TEST

START_TEST(reasons_on_disk_keep_their_numbers)
{
    ck_assert_int_eq(REASON_UNMATCHED, 1);
    ck_assert_int_eq(REASON_OVER_LONG, 2);
    ck_assert_int_eq(REASON_TOO_LARGE, 3);
    ck_assert_int_eq(REASON_REFUSED, 4);
    for (unsigned reason = 0; reason <= 4; reason++) {
        ck_assert_str_ne(record_reason_text(reason), "unknown reason");
    }
    ck_assert_str_eq(record_reason_text(5), "unknown reason");
    ck_assert_str_eq(record_reason_text(UINT32_MAX), "unknown reason");
}
END_TEST

// FNV-1a, 64 bits: the values for "", "a" and "foobar" from draft-eastlake-fnv.
START_TEST(fingerprints_are_a_known_hash)
{
    ck_assert_uint_eq(fingerprint_of(slice_of_text("")).hash, 0xcbf29ce484222325u);
    ck_assert_uint_eq(fingerprint_of(slice_of_text("a")).hash, 0xaf63dc4c8601ec8cu);
    ck_assert_uint_eq(fingerprint_of(slice_of_text("foobar")).hash, 0x85944171f73967e8u);
    ck_assert_uint_eq(fingerprint_of(slice_of_text("foobar")).length, 6);
}
END_TEST

START_TEST(fingerprints_differ_by_bytes_and_by_length)
{
    struct fingerprint a = fingerprint_of(slice_of("a\0", 2));
    ck_assert(fingerprint_equal(a, fingerprint_of(slice_of("a\0", 2))));
    ck_assert(!fingerprint_equal(a, fingerprint_of(slice_of("a", 1))));
    ck_assert(!fingerprint_equal(a, fingerprint_of(slice_of("a\1", 2))));
    struct fingerprint longer = a;
    longer.length++;
    ck_assert(!fingerprint_equal(a, longer));
}
END_TEST

// The first outputs of SplitMix64 for the seed 1234567, as in its reference implementation.
START_TEST(generator_is_splitmix64)
{
    struct prng prng = prng_of_seed(1234567);
    ck_assert_uint_eq(prng_next(&prng), 6457827717110365317u);
    ck_assert_uint_eq(prng_next(&prng), 3203168211198807973u);
    ck_assert_uint_eq(prng_next(&prng), 9817491932198370423u);
}
END_TEST

START_TEST(bounded_numbers_reach_every_value_evenly)
{
    struct prng prng = prng_of_seed(6);
    unsigned counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = prng_below(&prng, 7);
        ck_assert_uint_lt(value, 7);
        counts[value]++;
    }
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        ck_assert_uint_gt(counts[i], 9500);
        ck_assert_uint_lt(counts[i], 10500);
    }
    ck_assert_uint_eq(prng_below(&prng, 1), 0);
    ck_assert_uint_lt(prng_below(&prng, ((uint64_t)1 << 63) + 1), ((uint64_t)1 << 63) + 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tests = tcase_create("accounts");
    tcase_add_test(tests, books_balance_when_every_record_is_somewhere);
    tcase_add_test(tests, books_do_not_balance_when_one_record_or_byte_is_missing);
    tcase_add_test(tests, every_counter_is_described_and_starts_at_zero);
    tcase_add_test(tests, reasons_on_disk_keep_their_numbers);
    tcase_add_test(tests, fingerprints_are_a_known_hash);
    tcase_add_test(tests, fingerprints_differ_by_bytes_and_by_length);
    tcase_add_test(tests, generator_is_splitmix64);
    tcase_add_test(tests, bounded_numbers_reach_every_value_evenly);
    suite_add_tcase(suite, tests);
    return suite;
}
