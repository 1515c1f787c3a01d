// The service of a world: reads calls, keeps the ledger, answers, and misbehaves.
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "aws/cbor.h"
#include "base/assert.h"
#include "base/base64.h"
#include "base/json_scan.h"
#include "sink/limits.h"
#include "sink/shards.h"
#include "support/sink_world.h"

enum { RECORDS_A_CALL = LIMITS_CALL_RECORDS };

// ---- reading calls ----

static void read_member(struct world_record *record, struct slice name, struct slice value)
{
    if (slice_equal_text(name, "Data")) {
        record->data = value;
    } else if (slice_equal_text(name, "PartitionKey")) {
        record->key = value;
    }
}

static size_t read_cbor(const struct world_call *call, struct world_record *records)
{
    struct cbor_reader reader = cbor_reader_of(slice_of(call->body, call->body_size));
    struct cbor_item item;
    size_t count = 0;
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_MAP);
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "Records"));
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_ARRAY);
    while (cbor_next(&reader, &item) && item.kind == CBOR_MAP) {
        ck_assert_uint_lt(count, RECORDS_A_CALL);
        records[count] = (struct world_record){0};
        struct cbor_item name;
        while (cbor_next(&reader, &name) && name.kind == CBOR_TEXT) {
            ASSERT(cbor_next(&reader, &item));
            read_member(&records[count], name.string, item.string);
        }
        count++;
    }
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "StreamName"));
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "stream"));
    ASSERT(reader.error == 0);
    return count;
}

static struct slice text_of(struct slice raw, struct buf *text)
{
    size_t start = text->size;
    ASSERT(json_unescape(raw, text) == 0);
    return slice_of(text->data + start, text->size - start);
}

static size_t read_json(const struct world_call *call, struct world_record *records,
                        struct buf *text)
{
    struct slice list;
    size_t count = 0;
    struct slice body = slice_of(call->body, call->body_size);
    ASSERT(json_find(body, slice_of_text("Records"), &list) == 0);
    struct json_walk walk;
    json_walk_init(&walk, list);
    while (json_walk_next(&walk)) {
        ck_assert_uint_lt(count, RECORDS_A_CALL);
        struct world_record *record = &records[count++];
        *record = (struct world_record){0};
        struct json_walk member;
        json_walk_init(&member, walk.value);
        while (json_walk_next(&member)) {
            struct slice value = text_of(member.value, text);
            if (slice_equal_text(member.name, "Data")) {
                size_t start = text->size;
                ASSERT(base64_decode(value, text) == 0);
                value = slice_of(text->data + start, text->size - start);
            }
            read_member(record, member.name, value);
        }
    }
    ASSERT(walk.error == 0);
    return count;
}

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
    if (call->cbor) {
        cbor_write_map(&answer->body, 2);
        cbor_write_text(&answer->body, slice_of_text("__type"));
        cbor_write_text(&answer->body, slice_of_text(code));
        cbor_write_text(&answer->body, slice_of_text("message"));
        cbor_write_text(&answer->body, slice_of_text(message));
    } else {
        buf_appendf(&answer->body, "{\"__type\":\"%s\",\"message\":\"%s\"}", code, message);
    }
}

struct entry {
    const char *error; // NULL: accepted
    unsigned shard;
};

static void write_text(struct buf *body, const char *text)
{
    cbor_write_text(body, slice_of_text(text));
}

static void entry_texts(const struct world *world, const struct entry *entry, char id[64],
                        char message[160])
{
    snprintf(id, 64, "shardId-%012u", entry->shard);
    bool throttled =
        entry->error != NULL && strcmp(entry->error, "ProvisionedThroughputExceededException") == 0;
    if (throttled && world->flow.to.service == SERVICE_KINESIS) {
        snprintf(message, 160, "Rate exceeded for shard %s in stream demo under account 1.", id);
    } else {
        snprintf(message, 160, "Slow down.");
    }
}

static void write_cbor_entries(const struct world *world, const struct entry *entries, size_t count,
                               struct buf *body)
{
    cbor_write_indefinite_map(body);
    write_text(body, "Records");
    cbor_write_indefinite_array(body);
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(world, &entries[i], id, message);
        cbor_write_indefinite_map(body);
        write_text(body, entries[i].error == NULL ? "SequenceNumber" : "ErrorCode");
        write_text(body, entries[i].error == NULL ? "49" : entries[i].error);
        write_text(body, entries[i].error == NULL ? "ShardId" : "ErrorMessage");
        write_text(body, entries[i].error == NULL ? id : message);
        cbor_write_break(body);
    }
    cbor_write_break(body);
    cbor_write_break(body);
}

static void write_json_entries(const struct world *world, const struct entry *entries, size_t count,
                               struct buf *body)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    buf_appendf(body, "{\"%s\":[", kinesis ? "Records" : "RequestResponses");
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(world, &entries[i], id, message);
        buf_append_text(body, i == 0 ? "" : ",");
        if (entries[i].error != NULL) {
            buf_appendf(body, "{\"ErrorCode\":\"%s\",\"ErrorMessage\":\"%s\"}", entries[i].error,
                        message);
        } else if (kinesis) {
            buf_appendf(body, "{\"SequenceNumber\":\"49\",\"ShardId\":\"%s\"}", id);
        } else {
            buf_append_text(body, "{\"RecordId\":\"r\"}");
        }
    }
    buf_append_text(body, "]}");
}

static void write_entries(const struct world *world, const struct entry *entries, size_t count,
                          const struct world_call *call, struct world_answer *answer)
{
    answer->status = 200;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", call->content_type);
    if (call->cbor) {
        write_cbor_entries(world, entries, count, &answer->body);
    } else {
        write_json_entries(world, entries, count, &answer->body);
    }
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
    struct entry entries[RECORDS_A_CALL] = {0};
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
    struct entry entries[RECORDS_A_CALL];
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct entry){error_for(world, &records[i]), records[i].shard};
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
    static struct world_record records[RECORDS_A_CALL];
    struct buf text;
    buf_init(&text, (size_t)128 << 20);
    buf_reserve(&text, 4 * call->body_size + 64); // slices into it must not move
    size_t count = call->cbor ? read_cbor(call, records) : read_json(call, records, &text);
    check_limits(world, records, count);
    for (size_t i = 0; i < count; i++) {
        records[i].number = number_of(records[i].data);
        records[i].shard = world_shard_of(world, records[i].key);
        world->offered_to[records[i].shard]++;
    }
    if ((world->service == NULL || !world->service(world, records, count, call, answer)) &&
        !lose(world, records, count, call, answer)) {
        answer_each(world, records, count, call, answer);
    }
    buf_deinit(&text);
}
