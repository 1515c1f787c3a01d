// Making, describing, listing and deleting streams.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/kinesis.h"
#include "sandbox/operations.h"
#include "sandbox/token.h"

enum { DESCRIBE_SHARDS_MAX = 100, LIST_STREAMS_DEFAULT = 100 };

static const char *const stream_modes[] = {"PROVISIONED", "ON_DEMAND", NULL};

static const struct member mode_members[] = {
    {.name = "StreamMode", .kind = MEMBER_STRING, .required = true, .values = stream_modes},
    {0},
};

const struct member no_members[] = {{0}};

const struct member create_stream_members[] = {
    {.name = "StreamName",
     .kind = MEMBER_STRING,
     .required = true,
     .min = 1,
     .max = STREAM_NAME_MAX,
     .pattern = PATTERN_NAME},
    {.name = "ShardCount", .kind = MEMBER_INTEGER, .min = 1},
    {.name = "StreamModeDetails", .kind = MEMBER_MAP, .members = mode_members},
    {.name = "MaxRecordSizeInKiB",
     .kind = MEMBER_INTEGER,
     .min = RECORD_KIB_DEFAULT,
     .max = RECORD_KIB_MAX},
    {0},
};

const struct member stream_members[] = {MEMBER_STREAM_NAME, MEMBER_STREAM_ARN, {0}};

const struct member describe_stream_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = 10000},
    {.name = "ExclusiveStartShardId",
     .kind = MEMBER_STRING,
     .min = 1,
     .max = 128,
     .pattern = PATTERN_NAME},
    {0},
};

const struct member list_streams_members[] = {
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = 10000},
    {.name = "ExclusiveStartStreamName",
     .kind = MEMBER_STRING,
     .min = 1,
     .max = STREAM_NAME_MAX,
     .pattern = PATTERN_NAME},
    {.name = "NextToken", .kind = MEMBER_STRING, .min = 1, .max = 1048576},
    {0},
};

static bool is_on_demand(const struct call *call)
{
    const json_t *details = json_object_get(call->request, "StreamModeDetails");
    const char *mode = json_string_value(json_object_get(details, "StreamMode"));
    return mode != NULL && strcmp(mode, "ON_DEMAND") == 0;
}

static unsigned creating_count(const struct service *service)
{
    unsigned count = 0;
    for (size_t i = 0; i < service->stream_count; i++) {
        count += service->streams[i]->status == STREAM_CREATING;
    }
    return count;
}

bool kinesis_may_hold(struct call *call, uint64_t more)
{
    uint64_t shards = service_open_shards(call->service) + more;
    uint64_t shards_max = call_limited(call, LIMIT_COUNT) ? SHARDS_MAX : SHARDS_STREAM_MAX;
    if (shards > shards_max) {
        call_fail(call, "LimitExceededException",
                  "This request would exceed the shard limit for the account %s in %s. Current "
                  "shard count for the account: %" PRIu32 ". Limit: %" PRIu64
                  ". Number of additional shards that would have resulted from this request: "
                  "%" PRIu64 ".",
                  call->service->options.account, call->service->options.auth.region,
                  service_open_shards(call->service), shards_max, more);
        return false;
    }
    return true;
}

void kinesis_storage_failed(struct call *call, int error)
{
    call_fail(call, "InternalFailure", "Internal Service Failure (%s)", error_text(error));
}

static bool may_create(struct call *call, const char *name, uint64_t shard_count)
{
    if (service_find_stream(call->service, slice_of_text(name)) != NULL) {
        call_fail(call, "ResourceInUseException", "Stream %s under account %s already exists.",
                  name, call->service->options.account);
        return false;
    }
    if (call_limited(call, LIMIT_COUNT) && creating_count(call->service) >= CREATING_MAX) {
        call_fail(call, "LimitExceededException",
                  "You can have at most %d streams in CREATING state.", CREATING_MAX);
        return false;
    }
    return kinesis_may_hold(call, shard_count);
}

void op_create_stream(struct call *call)
{
    bool on_demand = is_on_demand(call);
    if (on_demand && json_is_integer(json_object_get(call->request, "ShardCount"))) {
        call_fail(call, "ValidationException",
                  "ShardCount must not be given for a stream in ON_DEMAND mode.");
        return;
    }
    const char *name = call_string(call, "StreamName");
    uint64_t shard_count = on_demand ? ON_DEMAND_SHARDS : call_integer(call, "ShardCount", 1);
    if (!may_create(call, name, shard_count)) {
        return;
    }
    struct stream_options options = {
        .name = name,
        .shard_count = (uint32_t)shard_count,
        .on_demand = on_demand,
        .record_kib_max = (uint32_t)call_integer(call, "MaxRecordSizeInKiB", RECORD_KIB_DEFAULT)};
    struct stream *stream;
    int error =
        stream_create(&call->service->world, &options, call->now_ns, call->monotonic_ns, &stream);
    if (error != 0) {
        kinesis_storage_failed(call, error);
        return;
    }
    service_add_stream(call->service, stream);
    service_begin(call->service, stream, STREAM_CREATING);
}

void op_delete_stream(struct call *call)
{
    struct stream *stream = call_stream(call);
    if (stream != NULL) {
        service_begin(call->service, stream, STREAM_DELETING);
    }
}

void kinesis_write_shard(struct wire *wire, const struct shard *shard)
{
    char id[SHARD_ID_SIZE];
    char sequence[SEQUENCE_TEXT_SIZE];
    wire_map(wire);
    shard_id(shard, id);
    wire_member_string(wire, "ShardId", id);
    if (shard->parent != NO_SHARD) {
        struct shard parent = {.index = (uint32_t)shard->parent};
        shard_id(&parent, id);
        wire_member_string(wire, "ParentShardId", id);
    }
    if (shard->adjacent_parent != NO_SHARD) {
        struct shard parent = {.index = (uint32_t)shard->adjacent_parent};
        shard_id(&parent, id);
        wire_member_string(wire, "AdjacentParentShardId", id);
    }
    kinesis_write_range(wire, shard);
    wire_name(wire, "SequenceNumberRange");
    wire_map(wire);
    shard_first_sequence(shard, sequence);
    wire_member_string(wire, "StartingSequenceNumber", sequence);
    if (shard->closed_ns != 0) {
        shard_last_sequence(shard, sequence);
        wire_member_string(wire, "EndingSequenceNumber", sequence);
    }
    wire_map_end(wire);
    wire_map_end(wire);
}

void kinesis_write_range(struct wire *wire, const struct shard *shard)
{
    char key[U128_TEXT_SIZE];
    wire_name(wire, "HashKeyRange");
    wire_map(wire);
    u128_format(shard->first, key);
    wire_member_string(wire, "StartingHashKey", key);
    u128_format(shard->last, key);
    wire_member_string(wire, "EndingHashKey", key);
    wire_map_end(wire);
}

static void write_mode(struct wire *wire, const struct stream *stream)
{
    wire_name(wire, "StreamModeDetails");
    wire_map(wire);
    wire_member_string(wire, "StreamMode", stream->on_demand ? "ON_DEMAND" : "PROVISIONED");
    wire_map_end(wire);
}

static void write_common(struct call *call, const struct stream *stream)
{
    struct wire *wire = &call->wire;
    call_write_stream_identity(call, stream);
    wire_member_string(wire, "StreamStatus", stream_status_text(stream));
    write_mode(wire, stream);
    wire_member_u64(wire, "RetentionPeriodHours", stream->retention_hours);
    wire_member_time(wire, "StreamCreationTimestamp", stream->created_ns);
    wire_name(wire, "EnhancedMonitoring");
    wire_list(wire);
    wire_map(wire);
    wire_name(wire, "ShardLevelMetrics");
    wire_list(wire);
    wire_list_end(wire);
    wire_map_end(wire);
    wire_list_end(wire);
    wire_member_string(wire, "EncryptionType", "NONE");
}

// Index of the first shard behind an exclusive start; 0 without one.
bool kinesis_first_shard(struct call *call, const struct stream *stream, const char *exclusive_id,
                         size_t *out_first)
{
    *out_first = 0;
    if (exclusive_id == NULL) {
        return true;
    }
    const struct shard *shard = call_shard(call, stream, exclusive_id);
    if (shard == NULL) {
        return false;
    }
    *out_first = (size_t)shard->index + 1;
    return true;
}

void op_describe_stream(struct call *call)
{
    struct stream *stream = call_stream(call);
    size_t first;
    if (stream == NULL ||
        !kinesis_first_shard(call, stream, call_string(call, "ExclusiveStartShardId"), &first)) {
        return;
    }
    uint64_t limit = call_integer(call, "Limit", DESCRIBE_SHARDS_MAX);
    size_t end = first + (limit < DESCRIBE_SHARDS_MAX ? limit : DESCRIBE_SHARDS_MAX);
    // A stream that is being made or deleted shows no shards.
    size_t count = stream->status == STREAM_CREATING || stream->status == STREAM_DELETING
                       ? 0
                       : stream->shards.count;
    struct wire *wire = &call->wire;
    wire_map(wire);
    wire_name(wire, "StreamDescription");
    wire_map(wire);
    write_common(call, stream);
    wire_name(wire, "Shards");
    wire_list(wire);
    for (size_t i = first; i < count && i < end; i++) {
        kinesis_write_shard(wire, stream->shards.all[i]);
    }
    wire_list_end(wire);
    wire_member_bool(wire, "HasMoreShards", end < count);
    wire_map_end(wire);
    wire_map_end(wire);
}

void op_describe_stream_summary(struct call *call)
{
    struct stream *stream = call_stream(call);
    if (stream == NULL) {
        return;
    }
    struct wire *wire = &call->wire;
    wire_map(wire);
    wire_name(wire, "StreamDescriptionSummary");
    wire_map(wire);
    write_common(call, stream);
    wire_member_u64(wire, "OpenShardCount", stream_open_shards(stream));
    wire_member_u64(wire, "ConsumerCount", 0);
    wire_member_u64(wire, "MaxRecordSizeInKiB", stream->record_kib_max);
    wire_map_end(wire);
    wire_map_end(wire);
}

void op_describe_limits(struct call *call)
{
    struct wire *wire = &call->wire;
    uint64_t on_demand = 0;
    for (size_t i = 0; i < call->service->stream_count; i++) {
        on_demand += call->service->streams[i]->on_demand;
    }
    wire_map(wire);
    wire_member_u64(wire, "ShardLimit", SHARDS_MAX);
    wire_member_u64(wire, "OpenShardCount", service_open_shards(call->service));
    wire_member_u64(wire, "OnDemandStreamCount", on_demand);
    wire_member_u64(wire, "OnDemandStreamCountLimit", 50);
    wire_map_end(wire);
}

// The name that a listing of streams goes on behind; "" at its start. False after call_fail.
static bool list_start(struct call *call, struct token *token)
{
    const char *text = call_string(call, "NextToken");
    const char *start = call_string(call, "ExclusiveStartStreamName");
    *token = (struct token){.kind = TOKEN_STREAMS};
    if (text == NULL) {
        snprintf(token->stream, sizeof(token->stream), "%s", start == NULL ? "" : start);
        return true;
    }
    if (start != NULL || token_open(slice_of_text(text), TOKEN_STREAMS, token) != 0) {
        call_fail(call, "InvalidArgumentException", "NextToken is invalid.");
        return false;
    }
    if (call->now_ns > token->issued_ns + TOKEN_LIFE_NS) {
        call_fail(call, "ExpiredNextTokenException", "NextToken has expired.");
        return false;
    }
    return true;
}

static void write_summary(struct call *call, const struct stream *stream)
{
    struct wire *wire = &call->wire;
    wire_map(wire);
    call_write_stream_identity(call, stream);
    wire_member_string(wire, "StreamStatus", stream_status_text(stream));
    write_mode(wire, stream);
    wire_member_time(wire, "StreamCreationTimestamp", stream->created_ns);
    wire_map_end(wire);
}

static void write_streams_token(struct call *call, const struct stream *last)
{
    struct token token = {.kind = TOKEN_STREAMS, .issued_ns = call->now_ns};
    snprintf(token.stream, sizeof(token.stream), "%s", last->name);
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    wire_member_text(&call->wire, "NextToken", buf_slice(&text));
    buf_deinit(&text);
}

void op_list_streams(struct call *call)
{
    struct service *service = call->service;
    struct token start;
    if (!list_start(call, &start)) {
        return;
    }
    service_settle(service);
    size_t first = 0;
    while (first < service->stream_count &&
           strcmp(service->streams[first]->name, start.stream) <= 0) {
        first++;
    }
    uint64_t limit = call_integer(call, "Limit", LIST_STREAMS_DEFAULT);
    size_t end = service->stream_count - first > limit ? first + limit : service->stream_count;
    struct wire *wire = &call->wire;
    wire_map(wire);
    wire_name(wire, "StreamNames");
    wire_list(wire);
    for (size_t i = first; i < end; i++) {
        wire_text(wire, slice_of_text(service->streams[i]->name));
    }
    wire_list_end(wire);
    wire_member_bool(wire, "HasMoreStreams", end < service->stream_count);
    if (end < service->stream_count && end > first) {
        write_streams_token(call, service->streams[end - 1]);
    }
    wire_name(wire, "StreamSummaries");
    wire_list(wire);
    for (size_t i = first; i < end; i++) {
        write_summary(call, service->streams[i]);
    }
    wire_list_end(wire);
    wire_map_end(wire);
}
