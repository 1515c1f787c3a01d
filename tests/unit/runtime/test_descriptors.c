#include "runtime/descriptors.h"

#include <string.h>
#include <sys/resource.h>

#include "queue/queue.h"
#include "support/test_main.h"

#define FLOWS       2
#define QUEUE_BYTES ((uint64_t)1 << 30)

struct world {
    struct flow_config flows[FLOWS];
    struct config config;
};

static struct world *world_of(uint64_t first_files, uint64_t second_files)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    const uint64_t files[FLOWS] = {first_files, second_files};
    for (size_t i = 0; i < FLOWS; i++) {
        world.flows[i].source.open_files_max = files[i];
        world.flows[i].batch.in_flight_max = 16;
        world.flows[i].queue.max_size = QUEUE_BYTES;
    }
    world.config.flows = world.flows;
    world.config.flow_count = FLOWS;
    return &world;
}

static uint64_t files_of(const struct world *world, size_t flow)
{
    return world->flows[flow].source.open_files_max;
}

START_TEST(what_there_is_room_for_stays)
{
    struct world *world = world_of(512, 100);
    descriptors_share(&world->config, 1024);
    ck_assert_uint_eq(files_of(world, 0), 512);
    ck_assert_uint_eq(files_of(world, 1), 100);
}
END_TEST

START_TEST(flows_share_what_is_left_beside_queues_and_connections)
{
    struct world *world = world_of(3000, 1000);
    descriptors_share(&world->config, 1024);
    uint64_t sum = files_of(world, 0) + files_of(world, 1);
    ck_assert_uint_gt(sum, 600);
    ck_assert_uint_le(sum + FLOWS * (16 + queue_descriptors(&world->flows[0].queue)), 1024);
    ck_assert_uint_ge(files_of(world, 0), 3 * files_of(world, 1));
    ck_assert_uint_le(files_of(world, 0), 3 * files_of(world, 1) + 3);
}
END_TEST

START_TEST(a_quarter_is_for_files_however_few_there_are_and_one_for_each_flow)
{
    struct world *world = world_of(512, 512);
    descriptors_share(&world->config, 64);
    ck_assert_uint_eq(files_of(world, 0), 8);
    ck_assert_uint_eq(files_of(world, 1), 8);
    world = world_of(1000000, 1);
    descriptors_share(&world->config, 64);
    ck_assert_uint_eq(files_of(world, 0), 15);
    ck_assert_uint_eq(files_of(world, 1), 1);
}
END_TEST

START_TEST(a_queue_holds_a_descriptor_for_each_segment)
{
    struct queue_config config = {.max_size = (uint64_t)100 << 30};
    ck_assert_uint_gt(queue_descriptors(&config), 1600);
    config.max_size = 4 << 20;
    ck_assert_uint_lt(queue_descriptors(&config), 50);
}
END_TEST

START_TEST(the_limit_is_raised_to_what_the_system_lets_it_be)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    limit.rlim_max = limit.rlim_max < 200 ? limit.rlim_max : 200;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(descriptors_raise(), limit.rlim_max);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("descriptors");
    TCase *tests = tcase_create("descriptors");
    tcase_add_test(tests, what_there_is_room_for_stays);
    tcase_add_test(tests, flows_share_what_is_left_beside_queues_and_connections);
    tcase_add_test(tests, a_quarter_is_for_files_however_few_there_are_and_one_for_each_flow);
    tcase_add_test(tests, a_queue_holds_a_descriptor_for_each_segment);
    tcase_add_test(tests, the_limit_is_raised_to_what_the_system_lets_it_be);
    suite_add_tcase(suite, tests);
    return suite;
}
