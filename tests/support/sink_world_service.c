// The service of a world: reads calls, keeps the ledger, answers, and misbehaves.
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "sink/limits.h"
#include "sink/shards.h"
#include "support/service_wire.h"
#include "support/sink_world.h"

enum { RECORDS_A_CALL = LIMITS_CALL_RECORDS };

unsigned world_shard_of(const struct world *world, struct slice key)
{
    uint8_t hash[KEY_HASH_BYTES];
    key_hash(key, hash);
    unsigned top = (unsigned)hash[0] << 8 | hash[1];
    return top * world->shards >> 16;
}

static void check_limits(const struct world *world, const struct world_record *records,
                         size_t count)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    size_t bytes = 0;
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = records[i].data.size + (kinesis ? records[i].key.size : 0);
        ck_assert_uint_le(size, kinesis ? world->flow.to.max_record_size : 1024000);
        ck_assert(!kinesis || records[i].key.size > 0);
        bytes += size;
    }
    ck_assert(count == 1 || bytes <= world->flow.batch.max_size);
    ck_assert_uint_le(bytes, kinesis ? 10485760 : 4194304);
}

// ---- answers ----

void world_error(const struct world_call *call, int status, const char *code, const char *message,
                 struct world_answer *answer)
{
    answer->status = status;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", call->content_type);
    wire_write_error(call->cbor, code, message, &answer->body);
}

static void write_entries(const struct world *world, const struct wire_entry *entries, size_t count,
                          const struct world_call *call, struct world_answer *answer)
{
    answer->status = 200;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", call->content_type);
    wire_write_entries(world->flow.to.service, call->cbor, entries, count, &answer->body);
}

// ---- the usual service ----

static void count_to(uint8_t *counter)
{
    *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

void world_accept(struct world *world, const struct world_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].number < WORLD_RECORDS_MAX) {
            count_to(&world->accepted[records[i].number]);
        }
    }
}

static void nobody_knows(struct world *world, const struct world_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].number < WORLD_RECORDS_MAX) {
            count_to(&world->unknown[records[i].number]);
        }
    }
}

void world_list_accepted(struct world *world, const struct world_record *records, size_t count,
                         const struct world_call *call, struct world_answer *answer)
{
    struct wire_entry entries[RECORDS_A_CALL] = {0};
    for (size_t i = 0; i < count; i++) {
        entries[i].shard = records[i].shard;
    }
    write_entries(world, entries, count, call, answer);
}

static bool chance(struct world *world, unsigned thousandths)
{
    return prng_below(&world->prng, 1000) < thousandths;
}

static const char *error_for(struct world *world, const struct world_record *record)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    if (world->now_ns < world->slow_until_ns[record->shard] ||
        chance(world, world->weather.record_throttled)) {
        return kinesis ? "ProvisionedThroughputExceededException" : "ServiceUnavailableException";
    }
    if (chance(world, world->weather.record_failed)) {
        return "InternalFailure";
    }
    return chance(world, world->weather.record_unknown) ? "SomethingNobodyHasSeen" : NULL;
}

static void answer_each(struct world *world, const struct world_record *records, size_t count,
                        const struct world_call *call, struct world_answer *answer)
{
    struct wire_entry entries[RECORDS_A_CALL];
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct wire_entry){error_for(world, &records[i]), records[i].shard};
        if (entries[i].error == NULL) {
            world_accept(world, &records[i], 1);
        } else {
            world->refused_by[records[i].shard]++;
        }
    }
    write_entries(world, entries, count, call, answer);
}

// The answer gets lost one way or the other. False: it does not.
static bool lose(struct world *world, const struct world_record *records, size_t count,
                 const struct world_call *call, struct world_answer *answer)
{
    const struct weather *weather = &world->weather;
    if (chance(world, weather->not_sent)) {
        answer->outcome = TRANSPORT_NOT_SENT;
        return true;
    }
    if (chance(world, weather->slow_down)) {
        world_error(call, 400, "LimitExceededException", "Rate exceeded", answer);
        return true;
    }
    bool before = chance(world, weather->lost_request);
    bool error = chance(world, weather->server_error);
    if (before || (error && chance(world, 500))) {
        nobody_knows(world, records, count);
        answer->outcome = before ? TRANSPORT_NO_ANSWER : TRANSPORT_ANSWERED;
        answer->status = 500;
        return true;
    }
    bool lost = chance(world, weather->lost_answer);
    bool bad = chance(world, weather->bad_answer);
    bool shorter = chance(world, weather->wrong_length);
    bool garbage = chance(world, weather->garbage);
    if (!error && !lost && !bad && !shorter && !garbage) {
        return false;
    }
    world_accept(world, records, count);
    nobody_knows(world, records, count);
    answer->status = error ? 500 : 200;
    answer->outcome = lost ? TRANSPORT_NO_ANSWER : bad ? TRANSPORT_BAD_ANSWER : TRANSPORT_ANSWERED;
    if (shorter && !error) {
        world_list_accepted(world, records, count - 1, call, answer);
    }
    return true;
}

static unsigned number_of(struct slice data)
{
    unsigned number = 0;
    size_t i = 0;
    for (; i < data.size && data.data[i] >= '0' && data.data[i] <= '9'; i++) {
        number = number * 10 + (unsigned)(data.data[i] - '0');
    }
    return i > 0 && i < data.size && data.data[i] == ':' ? number : WORLD_RECORDS_MAX;
}

void world_serve(struct world *world, const struct world_call *call, struct world_answer *answer)
{
    static struct wire_record read[RECORDS_A_CALL];
    static struct world_record records[RECORDS_A_CALL];
    struct buf text;
    buf_init(&text, (size_t)128 << 20);
    size_t count = wire_read_call(call->cbor, slice_of(call->body, call->body_size), read,
                                  RECORDS_A_CALL, &text);
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct world_record){
            .data = read[i].data, .key = read[i].key, .number = number_of(read[i].data)};
        records[i].shard = world_shard_of(world, records[i].key);
        world->offered_to[records[i].shard]++;
    }
    check_limits(world, records, count);
    if ((world->service == NULL || !world->service(world, records, count, call, answer)) &&
        !lose(world, records, count, call, answer)) {
        answer_each(world, records, count, call, answer);
    }
    buf_deinit(&text);
}
