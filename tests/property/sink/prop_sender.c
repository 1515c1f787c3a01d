// Whatever the service does, every record is accepted, none is acknowledged that was not, and none
// is sent again but after a refusal or an answer that was lost.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/runs.h"
#include "support/sink_world.h"
#include "support/test_main.h"

enum { RUNS_DEFAULT = 40, RECORDS_MAX = 3000 };

#define VIRTUAL_TIME_NS ((uint64_t)24 * 3600 * NS_PER_S)

// Some of the faults, each between never and one in three.
static unsigned some(struct prng *prng)
{
    return prng_below(prng, 2) == 0 ? 0 : (unsigned)prng_below(prng, 333);
}

static struct weather any_weather(struct prng *prng)
{
    return (struct weather){
        .not_sent = some(prng),
        .lost_request = some(prng),
        .lost_answer = some(prng),
        .bad_answer = some(prng),
        .wrong_length = some(prng),
        .garbage = some(prng),
        .server_error = some(prng),
        .slow_down = some(prng),
        .record_throttled = some(prng),
        .record_failed = some(prng),
        .record_unknown = some(prng),
    };
}

static struct world_options any_options(struct prng *prng)
{
    static const enum wire wires[] = {WIRE_AUTO, WIRE_CBOR, WIRE_JSON};
    return (struct world_options){
        .service = prng_below(prng, 3) == 0 ? SERVICE_FIREHOSE : SERVICE_KINESIS,
        .wire = wires[prng_below(prng, 3)],
        .shards = 1 + (unsigned)prng_below(prng, 8),
        .max_size = 1 + prng_below(prng, 1 << 17),
        .memory = 1 + prng_below(prng, 1 << 20),
    };
}

static void append_some(struct world *world, struct prng *prng)
{
    static const char *const keys[] = {NULL, "a", "pk-1", "partitionKey-0", "k\"\\\n"};
    unsigned count = 1 + (unsigned)prng_below(prng, RECORDS_MAX / 8);
    world_append(world, count, 1 + prng_below(prng, 400), keys[prng_below(prng, 5)]);
}

static void check_bounds(const struct world *world)
{
    // A single body may be larger than the memory; then it is alone.
    ck_assert(world->body_bytes_most <= world->flow.memory || world->in_flight_most >= 1);
    ck_assert_uint_le(world->in_flight_most, 16);
}

static void check_seed(uint64_t seed)
{
    struct prng prng = prng_of_seed(seed);
    struct world_options options = any_options(&prng);
    struct world *world = world_create(seed, &options);
    world->weather = any_weather(&prng);
    for (unsigned i = 0; i < 8; i++) {
        append_some(world, &prng);
        world->slow_until_ns[prng_below(&prng, world->shards)] =
            world->now_ns + prng_below(&prng, 60 * NS_PER_S);
        (void)world_run(world, prng_below(&prng, 5 * NS_PER_S));
        struct books books;
        queue_books(world->queue, &books);
        unsigned accepted = 0;
        for (unsigned r = 0; r < world->appended; r++) {
            accepted += world->accepted[r] > 0;
        }
        ck_assert_uint_le(books.acknowledged.records, accepted);
    }
    ck_assert_msg(world_run(world, VIRTUAL_TIME_NS), "not idle after a day");
    world_check_all_accepted(world);
    check_bounds(world);
    world_free(world);
}

START_TEST(nothing_is_lost_and_only_what_had_no_answer_is_repeated)
{
    struct runs runs = runs_wanted(RUNS_DEFAULT);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
        check_seed(seed);
    }
    fprintf(stderr, "\r");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sender_property");
    TCase *tests = tcase_create("sender_property");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, nothing_is_lost_and_only_what_had_no_answer_is_repeated);
    suite_add_tcase(suite, tests);
    return suite;
}
