#include "sink/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "unit/sink/sender_case.h"

static const char *key_of_shard(unsigned shard)
{
    static char key[16];
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        if (world_shard_of(world, slice_of_text(key)) == shard) {
            return key;
        }
    }
}

// ---- dead letters, dropping ----

START_TEST(dead_letters_of_the_queue_are_set_aside_by_the_sender)
{
    make(&(struct world_options){0});
    for (unsigned i = 0; i < 40; i++) {
        world_append(world, 1, 50, NULL);
        world_append_raw(world, slice_of_text("bad line"), slice_of(NULL, 0), REASON_UNMATCHED);
    }
    run();
    world_check_all_accepted(world);
    ck_assert_uint_eq(books().dead_lettered.records, 40);
    ck_assert_uint_eq(books().acknowledged.records, 40);
}
END_TEST

START_TEST(the_oldest_records_are_dropped_where_the_configuration_says_so)
{
    make(&(struct world_options){.queue_max_size = 8 << 20, .when_full = WHEN_FULL_DROP_OLDEST});
    world->weather.not_sent = 1000;
    unsigned left_out = 0;
    for (unsigned i = 0; i < 40; i++) {
        left_out += 500 - world_append_until_full(world, 500, 1000);
        ck_assert(!world_run(world, 10 * NS_PER_S));
    }
    world->weather.not_sent = 0;
    run();
    ck_assert_uint_gt(books().dropped.records, 5000);
    ck_assert_uint_gt(books().acknowledged.records, 3000);
    ck_assert_uint_lt(left_out, 5000);
    unsigned accepted = 0;
    unsigned first = world->appended;
    for (unsigned i = world->appended; i-- > 0;) {
        ck_assert_uint_le(world->accepted[i], 1);
        accepted += world->accepted[i];
        first = world->accepted[i] ? i : first;
    }
    ck_assert_uint_eq(accepted, books().acknowledged.records);
    ck_assert_uint_eq(first, books().dropped.records); // the newest survive, without a gap
}
END_TEST

START_TEST(a_throttled_flow_drops_its_oldest_and_keeps_the_rest)
{
    make(&(struct world_options){
        .shards = 2, .queue_max_size = 4 << 20, .when_full = WHEN_FULL_DROP_OLDEST});
    world->weather.record_failed = 900;
    for (unsigned i = 0; i < 10; i++) {
        (void)world_append_until_full(world, 4000, 1000);
        (void)world_run(world, NS_PER_S);
    }
    world->weather.record_failed = 0;
    run();
    ck_assert_uint_gt(books().dropped.records, 0);
    for (unsigned i = 0; i < world->appended; i++) {
        ck_assert_uint_le(world->accepted[i], 1);
    }
}
END_TEST

// ---- the disk ----

START_TEST(nothing_is_offered_that_could_not_be_written_down_first)
{
    make(&(struct world_options){0});
    world_append(world, 600, 50, NULL);
    world->disk_error = -EIO;
    ck_assert(!world_run(world, 60 * NS_PER_S));
    ck_assert_uint_eq(world->call_count, 0);
    ck_assert_ptr_nonnull(strstr(last_error(), "queue"));
    world->disk_error = 0;
    run();
    world_check_all_accepted(world);
}
END_TEST

START_TEST(acknowledgements_that_cannot_be_written_are_written_later)
{
    make(&(struct world_options){0});
    world->latency_ns = NS_PER_S;
    world_append(world, 500, 50, NULL);
    world_step(world);
    ck_assert_uint_eq(world->call_count, 1);
    world->disk_error = -ENOSPC;
    (void)world_run(world, 10 * NS_PER_S);
    world->disk_error = 0;
    (void)world_run(world, 60 * NS_PER_S);
    run();
    world_check_all_accepted(world);
    struct queue_usage usage;
    queue_usage(world->queue, &usage);
    ck_assert_uint_eq(usage.records, 0);
}
END_TEST

START_TEST(a_record_that_was_damaged_while_it_waited_is_counted_and_passed_over)
{
    make(&(struct world_options){.shards = 2});
    world->slow_until_ns[0] = world->now_ns + 30 * NS_PER_S;
    world_append_raw(world, slice_of_text("waiting for its shard"), slice_of_text(key_of_shard(0)),
                     0);
    world_append(world, 10000, 500, key_of_shard(1));
    ck_assert(!world_run(world, 20 * NS_PER_S));
    world_damage(world, "waiting for its shard");
    world_append(world, 10000, 500, key_of_shard(1)); // the queue no longer has the block at hand
    run();
    ck_assert_uint_eq(books().damaged.records, 1);
    ck_assert_uint_eq(books().acknowledged.records, 20000);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sender_disk");
    TCase *tests = tcase_create("sender_disk");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, dead_letters_of_the_queue_are_set_aside_by_the_sender);
    tcase_add_test(tests, the_oldest_records_are_dropped_where_the_configuration_says_so);
    tcase_add_test(tests, a_throttled_flow_drops_its_oldest_and_keeps_the_rest);
    tcase_add_test(tests, nothing_is_offered_that_could_not_be_written_down_first);
    tcase_add_test(tests, acknowledgements_that_cannot_be_written_are_written_later);
    tcase_add_test(tests, a_record_that_was_damaged_while_it_waited_is_counted_and_passed_over);
    suite_add_tcase(suite, tests);
    return suite;
}
