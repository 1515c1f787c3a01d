#include "sink/parked.h"

#include "base/clock.h"
#include "base/prng.h"
#include "support/test_main.h"

static struct parked *parked;

static void setup(void)
{
    parked = parked_create();
}

static void teardown(void)
{
    parked_free(parked);
}

static struct offer offer_of(uint64_t sequence)
{
    return (struct offer){.place = {.sequence = sequence}};
}

static void park(uint64_t sequence, uint64_t due_ns)
{
    struct offer offer = offer_of(sequence);
    parked_until(parked, &offer, due_ns);
}

static void park_behind(uint64_t sequence, int slot)
{
    struct offer offer = offer_of(sequence);
    parked_behind(parked, &offer, slot);
}

START_TEST(records_come_back_when_they_are_due_and_not_before)
{
    struct offer offer;
    park(1, 100);
    ck_assert_uint_eq(parked_next_ns(parked), 100);
    ck_assert(!parked_take_due(parked, 99, &offer));
    ck_assert(parked_take_due(parked, 100, &offer));
    ck_assert_uint_eq(offer.place.sequence, 1);
    ck_assert(!parked_take_due(parked, 100, &offer));
    ck_assert_uint_eq(parked_next_ns(parked), TIME_NEVER);
}
END_TEST

START_TEST(they_come_in_order_of_time_and_then_of_sequence)
{
    struct prng prng = prng_of_seed(5);
    for (unsigned i = 0; i < 1000; i++) {
        park(prng_below(&prng, 500), prng_below(&prng, 50));
    }
    uint64_t last_sequence = 0;
    struct offer offer;
    unsigned count = 0;
    for (uint64_t now_ns = 0; now_ns < 50; now_ns++) {
        last_sequence = 0;
        while (parked_take_due(parked, now_ns, &offer)) {
            ck_assert_uint_ge(offer.place.sequence, last_sequence);
            last_sequence = offer.place.sequence;
            count++;
        }
    }
    ck_assert_uint_eq(count, 1000);
}
END_TEST

START_TEST(records_behind_a_shard_come_first_in_first_out)
{
    struct offer offer;
    park_behind(3, 7);
    park_behind(1, 7);
    park_behind(2, 8);
    ck_assert_uint_eq(parked_count(parked), 3);
    ck_assert(parked_any_behind(parked, 7));
    ck_assert(parked_take_behind(parked, 7, &offer));
    ck_assert_uint_eq(offer.place.sequence, 3);
    park_behind(4, 7);
    ck_assert(parked_take_behind(parked, 7, &offer));
    ck_assert_uint_eq(offer.place.sequence, 1);
    ck_assert(parked_take_behind(parked, 7, &offer));
    ck_assert_uint_eq(offer.place.sequence, 4);
    ck_assert(!parked_take_behind(parked, 7, &offer));
    ck_assert(!parked_any_behind(parked, 7));
    ck_assert_uint_eq(parked_count(parked), 1);
}
END_TEST

START_TEST(forgetting_leaves_what_is_newer)
{
    struct offer offer;
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        park(sequence, 100 - sequence);
        park_behind(sequence + 100, 3);
    }
    parked_forget(parked, 15);
    ck_assert_uint_eq(parked_count(parked), 25);
    parked_forget(parked, 118);
    ck_assert_uint_eq(parked_count(parked), 2);
    ck_assert(!parked_take_due(parked, 1000, &offer));
    park_behind(200, 3);
    ck_assert(parked_take_behind(parked, 3, &offer));
    ck_assert_uint_eq(offer.place.sequence, 119);
    ck_assert(parked_take_behind(parked, 3, &offer));
    ck_assert(parked_take_behind(parked, 3, &offer));
    ck_assert_uint_eq(offer.place.sequence, 200);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("parked");
    TCase *tests = tcase_create("parked");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, records_come_back_when_they_are_due_and_not_before);
    tcase_add_test(tests, they_come_in_order_of_time_and_then_of_sequence);
    tcase_add_test(tests, records_behind_a_shard_come_first_in_first_out);
    tcase_add_test(tests, forgetting_leaves_what_is_newer);
    suite_add_tcase(suite, tests);
    return suite;
}
