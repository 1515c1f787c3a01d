#include "sink/shards.h"

#include <stdio.h>

#include "base/clock.h"
#include "support/test_main.h"

static struct shards *shards;
static struct prng prng;

static void setup(void)
{
    shards = shards_create();
    prng = prng_of_seed(3);
}

static void teardown(void)
{
    shards_free(shards);
}

// A hash whose first byte is `high`.
static void hash_at(uint8_t high, uint8_t hash[KEY_HASH_BYTES])
{
    memset(hash, 0, KEY_HASH_BYTES);
    hash[0] = high;
}

static int refuse(const char *id, uint8_t high)
{
    uint8_t hash[KEY_HASH_BYTES];
    hash_at(high, hash);
    return shards_refused(shards, slice_of_text(id), hash);
}

static int find(uint8_t high)
{
    uint8_t hash[KEY_HASH_BYTES];
    hash_at(high, hash);
    return shards_find(shards, hash);
}

static void check_hash(const char *key, const char *expected)
{
    uint8_t hash[KEY_HASH_BYTES];
    char text[2 * KEY_HASH_BYTES + 1];
    key_hash(slice_of_text(key), hash);
    for (size_t i = 0; i < KEY_HASH_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
    ck_assert_str_eq(text, expected);
}

START_TEST(a_key_hashes_by_md5)
{
    check_hash("pk-1", "ce1395afc30b98e6746a8236d6420049");
    check_hash("a", "0cc175b9c0f1b6a831c399e269772661");
    check_hash("\xe6\x97\xa5\xe6\x9c\xac", "4dbed2e657457884e67137d3514119b3");
}
END_TEST

START_TEST(the_shard_is_read_from_the_message)
{
    struct slice shard = shard_of_message(slice_of_text(
        "Rate exceeded for shard shardId-000000000001 in stream demo under account 111111111111."));
    ck_assert(slice_equal_text(shard, "shardId-000000000001"));
    ck_assert_uint_eq(shard_of_message(slice_of_text("Slow down.")).size, 0);
    ck_assert_uint_eq(shard_of_message(slice_of(NULL, 0)).size, 0);
}
END_TEST

START_TEST(a_shard_spans_what_it_refused)
{
    ck_assert(!shards_any(shards));
    int slot = refuse("shardId-1", 10);
    ck_assert(shards_any(shards));
    ck_assert_int_eq(find(10), slot);
    ck_assert_int_eq(find(11), SHARD_NONE);
    ck_assert_int_eq(refuse("shardId-1", 20), slot);
    ck_assert_int_eq(refuse("shardId-1", 5), slot);
    ck_assert_int_eq(find(5), slot);
    ck_assert_int_eq(find(15), slot);
    ck_assert_int_eq(find(21), SHARD_NONE);
    int other = refuse("shardId-2", 40);
    ck_assert_int_ne(other, slot);
    ck_assert_int_eq(find(40), other);
}
END_TEST

START_TEST(a_refusal_pauses_only_its_shard)
{
    int slot = refuse("shardId-1", 10);
    int other = refuse("shardId-2", 40);
    shards_accepted(shards, slice_of_text("shardId-2"));
    shards_answer_done(shards, &prng, NS_PER_S);
    ck_assert(!shards_may_send(shards, slot, NS_PER_S));
    uint64_t next = shards_next_ns(shards, NS_PER_S);
    ck_assert_uint_gt(next, NS_PER_S);
    ck_assert_uint_le(next, NS_PER_S + 200 * NS_PER_MS);
    ck_assert(shards_may_send(shards, slot, 2 * NS_PER_S));
    ck_assert(shards_may_send(shards, other, 2 * NS_PER_S));
}
END_TEST

static unsigned burst_of(int slot, uint64_t now_ns)
{
    unsigned burst = 0;
    while (shards_may_send(shards, slot, now_ns)) {
        shards_charge(shards, slot);
        burst++;
    }
    for (unsigned i = 0; i < burst; i++) {
        shards_release(shards, slot);
    }
    return burst;
}

START_TEST(bursts_shrink_when_refused_and_grow_when_accepted)
{
    uint64_t now_ns = NS_PER_S;
    int slot = refuse("shardId-1", 10);
    shards_answer_done(shards, &prng, now_ns);
    now_ns += 60 * NS_PER_S;
    unsigned burst = burst_of(slot, now_ns);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(refuse("shardId-1", 10), slot);
        shards_answer_done(shards, &prng, now_ns);
        now_ns += 60 * NS_PER_S;
    }
    ck_assert_uint_eq(burst_of(slot, now_ns), 1);
    for (unsigned i = 0; i < 20; i++) {
        shards_accepted(shards, slice_of_text("shardId-1"));
        shards_answer_done(shards, &prng, now_ns);
    }
    ck_assert_uint_gt(burst_of(slot, now_ns), burst);
}
END_TEST

static unsigned burst_after(unsigned accepted, unsigned refused)
{
    shards_free(shards);
    shards = shards_create();
    int slot = SHARD_NONE;
    for (unsigned i = 0; i < refused; i++) {
        slot = refuse("shardId-1", 10);
    }
    for (unsigned i = 0; i < accepted; i++) {
        shards_accepted(shards, slice_of_text("shardId-1"));
    }
    shards_answer_done(shards, &prng, NS_PER_S);
    return burst_of(slot, 60 * NS_PER_S);
}

START_TEST(the_share_that_was_accepted_tells_the_next_burst)
{
    unsigned same = burst_after(6, 4);
    ck_assert_uint_eq(burst_after(50, 50), same);
    ck_assert_uint_eq(burst_after(49, 51), same / 2);
    ck_assert_uint_eq(burst_after(0, 100), same / 2);
    ck_assert_uint_gt(burst_after(67, 33), same);
    ck_assert_uint_lt(burst_after(67, 33), same + same / 2);
}
END_TEST

// ---- a shard with a limit, and always more to send ----

enum {
    SHARD_RATE = 1000,
    ROUND_TRIP_MS = 20,
    SIMULATED_S = 30,
    LIMIT = SHARD_RATE * SIMULATED_S,
    LEAST = LIMIT / 100 * 95,
    LEAST_REFUSING = LIMIT / 100 * 90
};

struct usage {
    unsigned offered;
    unsigned accepted;
};

// One answer of a shard that has `tokens` left and refuses some records for no reason.
static unsigned answer_burst(unsigned burst, double *tokens, double refused_share, uint64_t now_ns)
{
    unsigned accepted = 0;
    for (unsigned i = 0; i < burst; i++) {
        bool luck = (double)prng_below(&prng, 1000) >= refused_share * 1000;
        if (luck && *tokens >= 1) {
            *tokens -= 1;
            accepted++;
            shards_accepted(shards, slice_of_text("shardId-1"));
        } else {
            refuse("shardId-1", 10);
        }
    }
    shards_answer_done(shards, &prng, now_ns);
    return accepted;
}

// One burst at a time for SIMULATED_S seconds, a millisecond a step.
static struct usage use_shard(double refused_share)
{
    struct usage usage = {0};
    double tokens = SHARD_RATE;
    int slot = refuse("shardId-1", 10);
    shards_answer_done(shards, &prng, 0);
    unsigned burst = 0;
    unsigned answer_ms = 0;
    for (unsigned ms = 1; ms < SIMULATED_S * 1000; ms++) {
        uint64_t now_ns = (uint64_t)ms * NS_PER_MS;
        tokens =
            tokens + SHARD_RATE / 1000.0 > SHARD_RATE ? SHARD_RATE : tokens + SHARD_RATE / 1000.0;
        if (burst > 0 && ms == answer_ms) {
            usage.offered += burst;
            usage.accepted += answer_burst(burst, &tokens, refused_share, now_ns);
            burst = 0;
        }
        if (burst == 0) {
            burst = burst_of(slot, now_ns);
            answer_ms = ms + ROUND_TRIP_MS;
        }
    }
    return usage;
}

START_TEST(a_throttled_shard_is_used_up_to_its_limit)
{
    struct usage usage = use_shard(0);
    ck_assert_uint_gt(usage.accepted, LEAST);
    ck_assert_uint_lt(usage.offered, usage.accepted + usage.accepted / 2);
}
END_TEST

START_TEST(a_shard_that_refuses_three_in_ten_is_used_near_its_limit)
{
    struct usage usage = use_shard(0.3);
    ck_assert_uint_gt(usage.accepted, LEAST_REFUSING);
}
END_TEST

static bool nobody_waits(const void *context, int slot)
{
    (void)context;
    (void)slot;
    return false;
}

static bool all_wait(const void *context, int slot)
{
    (void)context;
    (void)slot;
    return true;
}

START_TEST(a_quiet_shard_is_forgotten_unless_records_wait_for_it)
{
    refuse("shardId-1", 10);
    shards_answer_done(shards, &prng, NS_PER_S);
    shards_expire(shards, 5 * NS_PER_S, nobody_waits, NULL);
    ck_assert(shards_any(shards));
    shards_expire(shards, 60 * NS_PER_S, all_wait, NULL);
    ck_assert(shards_any(shards));
    shards_expire(shards, 60 * NS_PER_S, nobody_waits, NULL);
    ck_assert(!shards_any(shards));
    ck_assert_int_eq(find(10), SHARD_NONE);
}
END_TEST

START_TEST(too_many_shards_and_unfit_names_are_not_remembered)
{
    char id[300];
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        snprintf(id, sizeof id, "shardId-%u", i);
        ck_assert_int_ne(refuse(id, (uint8_t)i), SHARD_NONE);
    }
    ck_assert_int_eq(refuse("shardId-one-more", 1), SHARD_NONE);
    shards_free(shards);
    shards = shards_create();
    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    ck_assert_int_eq(refuse(id, 1), SHARD_NONE);
    ck_assert_int_eq(refuse("", 1), SHARD_NONE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("shards");
    TCase *tests = tcase_create("shards");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_key_hashes_by_md5);
    tcase_add_test(tests, the_shard_is_read_from_the_message);
    tcase_add_test(tests, a_shard_spans_what_it_refused);
    tcase_add_test(tests, a_refusal_pauses_only_its_shard);
    tcase_add_test(tests, bursts_shrink_when_refused_and_grow_when_accepted);
    tcase_add_test(tests, the_share_that_was_accepted_tells_the_next_burst);
    tcase_add_test(tests, a_throttled_shard_is_used_up_to_its_limit);
    tcase_add_test(tests, a_shard_that_refuses_three_in_ten_is_used_near_its_limit);
    tcase_add_test(tests, a_quiet_shard_is_forgotten_unless_records_wait_for_it);
    tcase_add_test(tests, too_many_shards_and_unfit_names_are_not_remembered);
    suite_add_tcase(suite, tests);
    return suite;
}
