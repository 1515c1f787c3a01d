// GetShardIterator and GetRecords.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/kinesis.h"
#include "sandbox/operations.h"
#include "sandbox/token.h"

static const char *const iterator_types[] = {
    "AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON", NULL,
};

const struct member get_shard_iterator_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    MEMBER_SHARD_ID("ShardId"),
    {.name = "ShardIteratorType",
     .kind = MEMBER_STRING,
     .required = true,
     .values = iterator_types},
    {.name = "StartingSequenceNumber", .kind = MEMBER_STRING, .pattern = PATTERN_SEQUENCE},
    {.name = "Timestamp", .kind = MEMBER_TIME},
    {0},
};

const struct member get_records_members[] = {
    MEMBER_STREAM_ARN,
    {.name = "ShardIterator", .kind = MEMBER_STRING, .required = true, .min = 1, .max = 512},
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = GET_RECORDS_MAX},
    {0},
};

static void fail_rate(struct call *call, const struct stream *stream, const struct shard *shard)
{
    char id[SHARD_ID_SIZE];
    shard_id(shard, id);
    call_fail(call, "ProvisionedThroughputExceededException",
              "Rate exceeded for shard %s in stream %s under account %s.", id, stream->name,
              call->service->options.account);
}

static bool fail_sequence(struct call *call, const struct stream *stream, const struct shard *shard)
{
    char id[SHARD_ID_SIZE];
    shard_id(shard, id);
    call_fail(call, "InvalidArgumentException",
              "StartingSequenceNumber %s used in GetShardIterator on shard %s in stream %s under "
              "account %s is invalid.",
              call_string(call, "StartingSequenceNumber"), id, stream->name,
              call->service->options.account);
    return false;
}

static bool position_by_sequence(struct call *call, const struct stream *stream,
                                 const struct shard *shard, bool after, uint64_t *out_position)
{
    const char *text = call_string(call, "StartingSequenceNumber");
    struct sequence sequence;
    if (text == NULL) {
        call_fail(call, "InvalidArgumentException",
                  "Must specify startingSequenceNumber parameter for iterator of type %s.",
                  call_string(call, "ShardIteratorType"));
        return false;
    }
    if (sequence_parse(slice_of_text(text), &sequence) != 0 || sequence.shard != shard->index ||
        sequence.created_s != shard->created_s) {
        return fail_sequence(call, stream, shard);
    }
    uint64_t position = sequence.counter;
    if (position > shard_log_end(shard->log)) {
        // The number that ends a closed shard; behind it there is nothing.
        if (position != SEQUENCE_COUNTER_END || shard->closed_ns == 0) {
            return fail_sequence(call, stream, shard);
        }
        position = shard_log_end(shard->log);
    }
    bool is_record = position < shard_log_end(shard->log);
    *out_position = position + (after && is_record ? 1 : 0);
    return true;
}

static bool position_by_time(struct call *call, const struct shard *shard, uint64_t *out_position)
{
    uint64_t when_ns = call_time(call->request, "Timestamp");
    if (!json_is_number(json_object_get(call->request, "Timestamp"))) {
        call_fail(call, "InvalidArgumentException",
                  "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.");
        return false;
    }
    if (when_ns > call->now_ns) {
        call_fail(call, "InvalidArgumentException",
                  "The timestampInMillis parameter cannot be greater than the "
                  "currentTimestampInMillis. timestampInMillis: %" PRIu64
                  ", currentTimestampInMillis: %" PRIu64,
                  when_ns / NS_PER_MS, call->now_ns / NS_PER_MS);
        return false;
    }
    *out_position = shard_log_at_time(shard->log, when_ns);
    return true;
}

static bool find_position(struct call *call, const struct stream *stream, const struct shard *shard,
                          uint64_t *out_position)
{
    const char *type = call_string(call, "ShardIteratorType");
    if (strcmp(type, "TRIM_HORIZON") == 0) {
        *out_position = shard_log_begin(shard->log);
        return true;
    }
    if (strcmp(type, "LATEST") == 0) {
        *out_position = shard_log_end(shard->log);
        return true;
    }
    if (strcmp(type, "AT_TIMESTAMP") == 0) {
        return position_by_time(call, shard, out_position);
    }
    bool after = strcmp(type, "AFTER_SEQUENCE_NUMBER") == 0;
    return position_by_sequence(call, stream, shard, after, out_position);
}

static void write_iterator(struct call *call, const char *name, const struct stream *stream,
                           const struct shard *shard, uint64_t position)
{
    struct token token = {.kind = TOKEN_ITERATOR,
                          .issued_ns = call->now_ns,
                          .stream_created_ns = stream->created_ns,
                          .shard = shard->index,
                          .position = position};
    snprintf(token.stream, sizeof(token.stream), "%s", stream->name);
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    wire_member_text(&call->wire, name, buf_slice(&text));
    buf_deinit(&text);
}

void op_get_shard_iterator(struct call *call)
{
    struct stream *stream = call_stream(call);
    struct shard *shard =
        stream == NULL ? NULL : call_shard(call, stream, call_string(call, "ShardId"));
    if (shard == NULL) {
        return;
    }
    if (call_limited(call, LIMIT_READ) &&
        !bucket_try(&shard->iterator_calls, 1, call->monotonic_ns)) {
        fail_rate(call, stream, shard);
        return;
    }
    uint64_t position;
    if (find_position(call, stream, shard, &position)) {
        wire_map(&call->wire);
        write_iterator(call, "ShardIterator", stream, shard, position);
        wire_map_end(&call->wire);
    }
}

// Amazon's service takes an iterator in quote characters too.
static struct slice unquoted(struct slice text)
{
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        return slice_of(text.data + 1, text.size - 2);
    }
    return text;
}

static bool open_iterator(struct call *call, struct token *token)
{
    if (token_open(unquoted(slice_of_text(call_string(call, "ShardIterator"))), TOKEN_ITERATOR,
                   token) != 0) {
        call_fail(call, "InvalidArgumentException", "Invalid ShardIterator.");
        return false;
    }
    if (call->now_ns > token->issued_ns + TOKEN_LIFE_NS) {
        call_fail(call, "ExpiredIteratorException",
                  "Iterator expired. The iterator was created at time %" PRIu64
                  " ms while right now it is %" PRIu64
                  " ms which is further in the future than the tolerated delay of 300000 "
                  "milliseconds.",
                  token->issued_ns / NS_PER_MS, call->now_ns / NS_PER_MS);
        return false;
    }
    return true;
}

struct reading {
    struct wire *wire;
    const struct shard *shard;
    uint64_t oldest_ns; // what arrived before is expired
    uint64_t left;
    uint64_t bytes;
    uint64_t position;
    uint64_t last_arrival_ns;
    bool full; // there is more than fits into the answer
};

static bool write_record(void *context, const struct log_record *record)
{
    struct reading *reading = context;
    size_t size = record->data.size + record->key.size;
    if (record->arrival_ns < reading->oldest_ns) {
        reading->position = record->counter + 1;
        return true;
    }
    if (reading->left == 0 || (reading->bytes > 0 && reading->bytes + size > GET_BYTES_MAX)) {
        reading->full = true;
        return false;
    }
    struct sequence sequence = {.created_s = reading->shard->created_s,
                                .counter = record->counter,
                                .put_s = record->arrival_ns / NS_PER_S,
                                .shard = reading->shard->index};
    char text[SEQUENCE_TEXT_SIZE];
    sequence_format(&sequence, text);
    wire_map(reading->wire);
    wire_member_string(reading->wire, "SequenceNumber", text);
    wire_member_time(reading->wire, "ApproximateArrivalTimestamp", record->arrival_ns);
    wire_name(reading->wire, "Data");
    wire_blob(reading->wire, record->data);
    wire_member_text(reading->wire, "PartitionKey", record->key);
    wire_map_end(reading->wire);
    reading->left--;
    reading->bytes += size;
    reading->position = record->counter + 1;
    reading->last_arrival_ns = record->arrival_ns;
    return true;
}

static void write_child(struct wire *wire, const struct shard *child)
{
    char id[SHARD_ID_SIZE];
    wire_map(wire);
    shard_id(child, id);
    wire_member_string(wire, "ShardId", id);
    wire_name(wire, "ParentShards");
    wire_list(wire);
    const int64_t parents[] = {child->parent, child->adjacent_parent};
    for (size_t i = 0; i < ARRAY_COUNT(parents); i++) {
        if (parents[i] != NO_SHARD) {
            struct shard parent = {.index = (uint32_t)parents[i]};
            shard_id(&parent, id);
            wire_text(wire, slice_of_text(id));
        }
    }
    wire_list_end(wire);
    kinesis_write_range(wire, child);
    wire_map_end(wire);
}

static void write_children(struct wire *wire, const struct stream *stream,
                           const struct shard *parent)
{
    wire_name(wire, "ChildShards");
    wire_list(wire);
    for (size_t i = 0; i < stream->shards.count; i++) {
        const struct shard *shard = stream->shards.all[i];
        if (shard->parent == parent->index || shard->adjacent_parent == parent->index) {
            write_child(wire, shard);
        }
    }
    wire_list_end(wire);
}

static bool read_allowed(struct call *call, const struct stream *stream, struct shard *shard)
{
    if (!call_limited(call, LIMIT_READ)) {
        return true;
    }
    bucket_fill(&shard->read_bytes, call->monotonic_ns);
    // A large answer leaves a debt; nothing is read until it is paid.
    if (!bucket_admits(&shard->read_bytes, 0) ||
        !bucket_try(&shard->read_calls, 1, call->monotonic_ns)) {
        fail_rate(call, stream, shard);
        return false;
    }
    return true;
}

static void write_rest(struct call *call, const struct stream *stream, const struct shard *shard,
                       const struct reading *reading)
{
    if (!reading->full && shard->closed_ns != 0) {
        write_children(&call->wire, stream, shard);
    } else {
        write_iterator(call, "NextShardIterator", stream, shard, reading->position);
    }
    uint64_t behind_ms = 0;
    if (reading->full && call->now_ns > reading->last_arrival_ns) {
        behind_ms = (call->now_ns - reading->last_arrival_ns) / NS_PER_MS;
    }
    wire_member_u64(&call->wire, "MillisBehindLatest", behind_ms);
    wire_map_end(&call->wire);
}

void op_get_records(struct call *call)
{
    struct token token;
    if (!open_iterator(call, &token)) {
        return;
    }
    struct stream *stream = call_stream_named(call, slice_of_text(token.stream), (struct slice){0});
    if (stream == NULL) {
        return;
    }
    if (stream->created_ns != token.stream_created_ns || token.shard >= stream->shards.count) {
        call_fail(call, "ResourceNotFoundException",
                  "The shard of this iterator is not in stream %s under account %s.", stream->name,
                  call->service->options.account);
        return;
    }
    struct shard *shard = stream->shards.all[token.shard];
    if (!read_allowed(call, stream, shard)) {
        return;
    }
    struct reading reading = {.wire = &call->wire,
                              .shard = shard,
                              .oldest_ns = service_horizon(call->service, stream, call->now_ns),
                              .left = call_integer(call, "Limit", GET_RECORDS_MAX),
                              .position = token.position};
    wire_map(&call->wire);
    wire_name(&call->wire, "Records");
    wire_list(&call->wire);
    int error = shard_log_read(shard->log, token.position, write_record, &reading);
    if (error != 0) {
        kinesis_storage_failed(call, error);
        return;
    }
    wire_list_end(&call->wire);
    if (!reading.full) {
        reading.position = shard_log_end(shard->log);
    }
    bucket_take(&shard->read_bytes, (double)reading.bytes);
    write_rest(call, stream, shard, &reading);
}
