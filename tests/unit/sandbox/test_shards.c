#include "sandbox/shards.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/prng.h"
#include "support/test_main.h"

static const uint64_t start_ns = 1700000000 * NS_PER_S;

static u128 parse(const char *text)
{
    u128 value = 0;
    ck_assert_int_eq(u128_parse(slice_of_text(text), &value), 0);
    return value;
}

static void check_covered(struct shard_set *set)
{
    ck_assert(shard_set_reopen(set));
    for (size_t i = 0; i < set->open_count; i++) {
        ck_assert_ptr_eq(shard_set_route(set, set->open[i]->first), set->open[i]);
        ck_assert_ptr_eq(shard_set_route(set, set->open[i]->last), set->open[i]);
    }
}

START_TEST(new_shards_divide_the_hashes_evenly)
{
    struct shard_set set;
    shard_set_init(&set, 4, start_ns);
    const char *last[] = {
        "85070591730234615865843651857942052863", "170141183460469231731687303715884105727",
        "255211775190703847597530955573826158591", "340282366920938463463374607431768211455"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert(set.all[i]->last == parse(last[i]));
    }
    shard_set_deinit(&set);
    shard_set_init(&set, 3, start_ns);
    ck_assert(set.all[0]->last == parse("113427455640312821154458202477256070484"));
    ck_assert(set.all[1]->last == parse("226854911280625642308916404954512140969"));
    ck_assert(set.all[2]->last == U128_MAX);
    shard_set_deinit(&set);
    for (uint32_t count = 1; count < 300; count++) {
        shard_set_init(&set, count, start_ns);
        check_covered(&set);
        shard_set_deinit(&set);
    }
}
END_TEST

START_TEST(partition_keys_go_to_the_shard_of_their_hash)
{
    const struct {
        const char *key;
        uint32_t shard;
    } cases[] = {{"pk-1", 3}, {"a", 0}, {"partitionKey-0", 3}, {"\u65e5\u672c", 1}, {"000001", 0}};
    struct shard_set set;
    struct key_hasher *hasher = key_hasher_create();
    shard_set_init(&set, 4, start_ns);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        u128 hash = key_hasher_hash(hasher, slice_of_text(cases[i].key));
        ck_assert_uint_eq(shard_set_route(&set, hash)->index, cases[i].shard);
    }
    shard_set_deinit(&set);
    key_hasher_free(hasher);
}
END_TEST

START_TEST(a_split_leaves_two_children_with_larger_numbers)
{
    struct shard_set set;
    shard_set_init(&set, 1, start_ns);
    shard_set_split(&set, set.all[0], 1000, start_ns + 1);
    ck_assert_uint_eq(set.count, 3);
    ck_assert_uint_eq(set.open_count, 2);
    ck_assert(set.all[1]->first == 0 && set.all[1]->last == 999);
    ck_assert(set.all[2]->first == 1000 && set.all[2]->last == U128_MAX);
    for (size_t i = 1; i <= 2; i++) {
        ck_assert_int_eq(set.all[i]->parent, 0);
        ck_assert_int_eq(set.all[i]->adjacent_parent, NO_SHARD);
        char parent[SEQUENCE_TEXT_SIZE];
        char child[SEQUENCE_TEXT_SIZE];
        shard_last_sequence(set.all[0], parent);
        shard_first_sequence(set.all[i], child);
        ck_assert_int_gt(strcmp(child, parent), 0);
    }
    shard_set_deinit(&set);
}
END_TEST

START_TEST(a_merge_leaves_one_child_of_two_parents)
{
    struct shard_set set;
    shard_set_init(&set, 3, start_ns);
    ck_assert(shards_adjacent(set.all[0], set.all[1]));
    ck_assert(shards_adjacent(set.all[1], set.all[0]));
    ck_assert(!shards_adjacent(set.all[0], set.all[2]));
    shard_set_merge(&set, set.all[2], set.all[1], start_ns + 1);
    const struct shard *child = set.all[3];
    ck_assert_int_eq(child->parent, 2);
    ck_assert_int_eq(child->adjacent_parent, 1);
    ck_assert(child->first == set.all[1]->first && child->last == U128_MAX);
    ck_assert_uint_eq(set.open_count, 2);
    shard_set_deinit(&set);
}
END_TEST

START_TEST(any_resize_ends_in_even_shards)
{
    struct prng prng = prng_of_seed(4);
    for (int run = 0; run < 50; run++) {
        struct shard_set set;
        shard_set_init(&set, 1 + (uint32_t)prng_below(&prng, 20), start_ns);
        for (int step = 0; step < 4; step++) {
            uint32_t target = 1 + (uint32_t)prng_below(&prng, 30);
            shard_set_resize(&set, target, start_ns + (uint64_t)step);
            check_covered(&set);
            ck_assert_uint_eq(set.open_count, target);
            struct shard_set fresh;
            shard_set_init(&fresh, target, start_ns);
            for (size_t i = 0; i < target; i++) {
                ck_assert(fresh.open[i]->first == set.open[i]->first);
            }
            shard_set_deinit(&fresh);
        }
        shard_set_deinit(&set);
    }
}
END_TEST

START_TEST(a_shard_is_found_by_its_id_only)
{
    struct shard_set set;
    shard_set_init(&set, 3, start_ns);
    char id[SHARD_ID_SIZE];
    shard_id(set.all[2], id);
    ck_assert_str_eq(id, "shardId-000000000002");
    ck_assert_ptr_eq(shard_set_find(&set, slice_of_text(id)), set.all[2]);
    const char *wrong[] = {"",
                           "shardId-",
                           "shardId-000000000003",
                           "2",
                           "shardId-00000000000x",
                           "shardId-9999999999999999999999"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ck_assert_ptr_null(shard_set_find(&set, slice_of_text(wrong[i])));
    }
    shard_set_deinit(&set);
}
END_TEST

START_TEST(ranges_with_a_gap_are_noticed)
{
    struct shard_set set = {0};
    shard_set_restore(&set, &(struct shard){.parent = NO_SHARD, .first = 0, .last = 9});
    ck_assert(!shard_set_reopen(&set));
    shard_set_restore(&set, &(struct shard){.parent = NO_SHARD, .first = 11, .last = U128_MAX});
    ck_assert(!shard_set_reopen(&set));
    shard_set_restore(&set, &(struct shard){.parent = NO_SHARD, .first = 10, .last = 10});
    ck_assert(shard_set_reopen(&set));
    shard_set_deinit(&set);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("shards");
    TCase *tests = tcase_create("shards");
    tcase_add_test(tests, new_shards_divide_the_hashes_evenly);
    tcase_add_test(tests, partition_keys_go_to_the_shard_of_their_hash);
    tcase_add_test(tests, a_split_leaves_two_children_with_larger_numbers);
    tcase_add_test(tests, a_merge_leaves_one_child_of_two_parents);
    tcase_add_test(tests, any_resize_ends_in_even_shards);
    tcase_add_test(tests, a_shard_is_found_by_its_id_only);
    tcase_add_test(tests, ranges_with_a_gap_are_noticed);
    suite_add_tcase(suite, tests);
    return suite;
}
