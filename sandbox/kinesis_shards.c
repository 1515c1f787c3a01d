// Listing shards, and changing how many there are and how long records are kept.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "sandbox/kinesis.h"
#include "sandbox/operations.h"
#include "sandbox/token.h"

enum { LIST_SHARDS_DEFAULT = 1000, RESIZES_PER_DAY = 10 };

#define NS_PER_DAY (NS_PER_S * 24 * 3600)

enum shard_filter {
    FILTER_NONE,
    FILTER_AFTER_SHARD_ID,
    FILTER_AT_TRIM_HORIZON,
    FILTER_FROM_TRIM_HORIZON,
    FILTER_AT_LATEST,
    FILTER_AT_TIMESTAMP,
    FILTER_FROM_TIMESTAMP,
};

static const char *const filter_types[] = {
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
    NULL,
};

static const struct member filter_members[] = {
    {.name = "Type", .kind = MEMBER_STRING, .required = true, .values = filter_types},
    {.name = "ShardId", .kind = MEMBER_STRING, .min = 1, .max = 128, .pattern = PATTERN_NAME},
    {.name = "Timestamp", .kind = MEMBER_TIME},
    {0},
};

const struct member list_shards_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    {.name = "NextToken", .kind = MEMBER_STRING, .min = 1, .max = 1048576},
    {.name = "ExclusiveStartShardId",
     .kind = MEMBER_STRING,
     .min = 1,
     .max = 128,
     .pattern = PATTERN_NAME},
    {.name = "MaxResults", .kind = MEMBER_INTEGER, .min = 1, .max = 10000},
    {.name = "StreamCreationTimestamp", .kind = MEMBER_TIME},
    {.name = "ShardFilter", .kind = MEMBER_MAP, .members = filter_members},
    {0},
};

const struct member retention_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    {.name = "RetentionPeriodHours", .kind = MEMBER_INTEGER, .required = true},
    {0},
};

const struct member split_shard_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    MEMBER_SHARD_ID("ShardToSplit"),
    {.name = "NewStartingHashKey",
     .kind = MEMBER_STRING,
     .required = true,
     .pattern = PATTERN_HASH_KEY},
    {0},
};

const struct member merge_shards_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    MEMBER_SHARD_ID("ShardToMerge"),
    MEMBER_SHARD_ID("AdjacentShardToMerge"),
    {0},
};

static const char *const scaling_types[] = {"UNIFORM_SCALING", NULL};

const struct member update_shard_count_members[] = {
    MEMBER_STREAM_NAME,
    MEMBER_STREAM_ARN,
    {.name = "TargetShardCount", .kind = MEMBER_INTEGER, .required = true, .min = 1},
    {.name = "ScalingType", .kind = MEMBER_STRING, .required = true, .values = scaling_types},
    {0},
};

// What a listing of shards shows, and where it goes on.
struct listing {
    struct stream *stream;
    enum shard_filter filter;
    uint64_t filter_ns;
    size_t first;
};

static enum shard_filter filter_of(const char *type)
{
    for (size_t i = 0; type != NULL && filter_types[i] != NULL; i++) {
        if (strcmp(type, filter_types[i]) == 0) {
            return (enum shard_filter)(i + 1);
        }
    }
    return FILTER_NONE;
}

static bool resume_listing(struct call *call, struct listing *listing, const char *text)
{
    static const char *const alone[] = {"StreamName", "StreamARN", "ExclusiveStartShardId",
                                        "StreamCreationTimestamp", "ShardFilter"};
    for (size_t i = 0; i < ARRAY_COUNT(alone); i++) {
        const json_t *value = json_object_get(call->request, alone[i]);
        if (value != NULL && !json_is_null(value)) {
            call_fail(call, "InvalidArgumentException",
                      "NextToken and %s cannot be provided together.", alone[i]);
            return false;
        }
    }
    struct token token;
    if (token_open(slice_of_text(text), TOKEN_SHARDS, &token) != 0) {
        call_fail(call, "InvalidArgumentException", "NextToken is invalid.");
        return false;
    }
    if (call->now_ns > token.issued_ns + TOKEN_LIFE_NS) {
        call_fail(call, "ExpiredNextTokenException", "NextToken has expired.");
        return false;
    }
    listing->stream = call_stream_named(call, slice_of_text(token.stream), (struct slice){0});
    listing->filter = (enum shard_filter)token.filter;
    listing->filter_ns = token.filter_ns;
    listing->first = (size_t)token.shard + 1;
    return listing->stream != NULL;
}

static bool start_listing(struct call *call, struct listing *listing)
{
    const json_t *filter = json_object_get(call->request, "ShardFilter");
    listing->stream = call_stream(call);
    if (listing->stream == NULL) {
        return false;
    }
    listing->filter = filter_of(json_string_value(json_object_get(filter, "Type")));
    listing->filter_ns = call_time(filter, "Timestamp");
    const char *start = call_string(call, "ExclusiveStartShardId");
    if (listing->filter == FILTER_AFTER_SHARD_ID) {
        start = json_string_value(json_object_get(filter, "ShardId"));
        if (start == NULL) {
            call_fail(call, "InvalidArgumentException",
                      "ShardFilter of type AFTER_SHARD_ID needs a ShardId.");
            return false;
        }
    }
    bool timed = listing->filter == FILTER_AT_TIMESTAMP || listing->filter == FILTER_FROM_TIMESTAMP;
    if (timed && listing->filter_ns == 0) {
        call_fail(call, "InvalidArgumentException", "ShardFilter of this type needs a Timestamp.");
        return false;
    }
    return kinesis_first_shard(call, listing->stream, start, &listing->first);
}

static bool shows(const struct call *call, const struct listing *listing, const struct shard *shard)
{
    uint64_t horizon_ns = service_horizon(call->service, listing->stream, call->now_ns);
    uint64_t closed_ns = shard->closed_ns == 0 ? UINT64_MAX : shard->closed_ns;
    switch (listing->filter) {
    case FILTER_AT_LATEST:
        return shard->closed_ns == 0;
    case FILTER_AT_TRIM_HORIZON:
        return shard->created_ns <= horizon_ns || shard->parent == NO_SHARD;
    case FILTER_AT_TIMESTAMP:
        return shard->created_ns <= listing->filter_ns && closed_ns >= listing->filter_ns;
    case FILTER_FROM_TIMESTAMP:
        return closed_ns >= listing->filter_ns;
    case FILTER_NONE:
    case FILTER_AFTER_SHARD_ID:
    case FILTER_FROM_TRIM_HORIZON:
        break;
    }
    return closed_ns >= horizon_ns;
}

static void write_token(struct call *call, const struct listing *listing, uint32_t last)
{
    struct token token = {.kind = TOKEN_SHARDS,
                          .issued_ns = call->now_ns,
                          .stream_created_ns = listing->stream->created_ns,
                          .shard = last,
                          .filter = (uint32_t)listing->filter,
                          .filter_ns = listing->filter_ns};
    snprintf(token.stream, sizeof(token.stream), "%s", listing->stream->name);
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    wire_member_text(&call->wire, "NextToken", buf_slice(&text));
    buf_deinit(&text);
}

void op_list_shards(struct call *call)
{
    struct listing listing;
    const char *token = call_string(call, "NextToken");
    if (token != NULL ? !resume_listing(call, &listing, token) : !start_listing(call, &listing)) {
        return;
    }
    uint64_t left = call_integer(call, "MaxResults", LIST_SHARDS_DEFAULT);
    const struct shard_set *shards = &listing.stream->shards;
    wire_map(&call->wire);
    wire_name(&call->wire, "Shards");
    wire_list(&call->wire);
    uint32_t last = 0;
    size_t i = listing.first;
    for (; i < shards->count; i++) {
        if (!shows(call, &listing, shards->all[i])) {
            continue;
        }
        if (left == 0) {
            break;
        }
        kinesis_write_shard(&call->wire, shards->all[i]);
        last = shards->all[i]->index;
        left--;
    }
    wire_list_end(&call->wire);
    if (i < shards->count) {
        write_token(call, &listing, last);
    }
    wire_map_end(&call->wire);
}

void op_change_retention(struct call *call)
{
    bool increase = strncmp(call->operation->name, "Increase", 8) == 0;
    int64_t hours = json_integer_value(json_object_get(call->request, "RetentionPeriodHours"));
    struct stream *stream = call_active_stream(call);
    if (stream == NULL) {
        return;
    }
    if (hours < RETENTION_HOURS_MIN || hours > RETENTION_HOURS_MAX) {
        call_fail(call, "InvalidArgumentException",
                  hours < RETENTION_HOURS_MIN
                      ? "Minimum allowed retention period is %d hours. Requested retention "
                        "period (%" PRId64 " hours) is too short."
                      : "Maximum allowed retention period is %d hours. Requested retention "
                        "period (%" PRId64 " hours) is too long.",
                  hours < RETENTION_HOURS_MIN ? RETENTION_HOURS_MIN : RETENTION_HOURS_MAX, hours);
        return;
    }
    int64_t old = stream->retention_hours;
    if (increase ? hours <= old : hours >= old) {
        call_fail(call, "InvalidArgumentException",
                  "Requested retention period (%" PRId64 " hours) for stream %s can not be %s than "
                  "existing retention period (%" PRId64 " hours). Use %s API.",
                  hours, stream->name, increase ? "shorter" : "longer", old,
                  increase ? "DecreaseRetentionPeriod" : "IncreaseRetentionPeriod");
        return;
    }
    stream->retention_hours = (uint32_t)hours;
    int error = stream_save(&call->service->world, stream);
    if (error != 0) {
        stream->retention_hours = (uint32_t)old;
        kinesis_storage_failed(call, error);
        return;
    }
    service_begin(call->service, stream, STREAM_UPDATING);
}

static struct stream *provisioned_stream(struct call *call)
{
    struct stream *stream = call_active_stream(call);
    if (stream != NULL && stream->on_demand) {
        call_fail(call, "ValidationException",
                  "Request is invalid. Stream %s under account %s is in On-Demand mode.",
                  stream->name, call->service->options.account);
        return NULL;
    }
    return stream;
}

static struct shard *open_shard(struct call *call, const struct stream *stream, const char *id)
{
    struct shard *shard = call_shard(call, stream, id);
    if (shard != NULL && shard->closed_ns != 0) {
        call_fail(call, "InvalidArgumentException",
                  "Shard %s in stream %s under account %s has already been merged or split, and "
                  "thus is not eligible for merging or splitting.",
                  id, stream->name, call->service->options.account);
        return NULL;
    }
    return shard;
}

// Saves the new shards; the caller has already put them in place.
static void finish_change(struct call *call, struct stream *stream)
{
    int error = stream_equip(&call->service->world, stream, call->monotonic_ns);
    if (error == 0) {
        error = stream_save(&call->service->world, stream);
    }
    if (error != 0) {
        kinesis_storage_failed(call, error);
        return;
    }
    service_begin(call->service, stream, STREAM_UPDATING);
}

void op_split_shard(struct call *call)
{
    struct stream *stream = provisioned_stream(call);
    struct shard *shard =
        stream == NULL ? NULL : open_shard(call, stream, call_string(call, "ShardToSplit"));
    if (shard == NULL || !kinesis_may_hold(call, 1)) {
        return;
    }
    const char *text = call_string(call, "NewStartingHashKey");
    u128 start;
    if (u128_parse(slice_of_text(text), &start) != 0 || start <= shard->first + 1 ||
        start >= shard->last) {
        char id[SHARD_ID_SIZE];
        shard_id(shard, id);
        call_fail(call, "InvalidArgumentException",
                  "NewStartingHashKey %s used in SplitShard() on shard %s in stream %s under "
                  "account %s is not both greater than one plus the shard's StartingHashKey and "
                  "less than the shard's EndingHashKey.",
                  text, id, stream->name, call->service->options.account);
        return;
    }
    shard_set_split(&stream->shards, shard, start, call->now_ns);
    finish_change(call, stream);
}

void op_merge_shards(struct call *call)
{
    struct stream *stream = provisioned_stream(call);
    if (stream == NULL) {
        return;
    }
    const char *id = call_string(call, "ShardToMerge");
    const char *adjacent_id = call_string(call, "AdjacentShardToMerge");
    struct shard *shard = open_shard(call, stream, id);
    struct shard *adjacent = shard == NULL ? NULL : open_shard(call, stream, adjacent_id);
    if (adjacent == NULL) {
        return;
    }
    if (!shards_adjacent(shard, adjacent)) {
        call_fail(call, "InvalidArgumentException",
                  "Shards %s and %s in stream %s under account %s are not an adjacent pair of "
                  "shards eligible for merging",
                  id, adjacent_id, stream->name, call->service->options.account);
        return;
    }
    shard_set_merge(&stream->shards, shard, adjacent, call->now_ns);
    finish_change(call, stream);
}

// Notes one more resize in the last 24 hours; false when there were too many.
static bool may_resize(struct call *call, struct stream *stream)
{
    if (!call_limited(call, LIMIT_COUNT)) {
        return true;
    }
    for (size_t i = 0; i < RESIZES_PER_DAY; i++) {
        if (stream->resized_ns[i] == 0 || call->now_ns > stream->resized_ns[i] + NS_PER_DAY) {
            stream->resized_ns[i] = call->now_ns;
            return true;
        }
    }
    call_fail(call, "LimitExceededException",
              "UpdateShardCount can be called at most %d times in 24 hours for a stream.",
              RESIZES_PER_DAY);
    return false;
}

static bool target_allowed(struct call *call, const struct stream *stream, uint64_t target)
{
    uint64_t current = stream_open_shards(stream);
    if (call_limited(call, LIMIT_COUNT) && (target > current * 2 || target * 2 < current)) {
        call_fail(call, "InvalidArgumentException",
                  "UpdateShardCount cannot scale %s below half or above double the current open "
                  "shard count. Current: %" PRIu64 ". Target: %" PRIu64 ".",
                  stream->name, current, target);
        return false;
    }
    return target <= current || kinesis_may_hold(call, target - current);
}

void op_update_shard_count(struct call *call)
{
    struct stream *stream = provisioned_stream(call);
    uint64_t target = call_integer(call, "TargetShardCount", 1);
    if (stream == NULL || !target_allowed(call, stream, target) || !may_resize(call, stream)) {
        return;
    }
    uint64_t current = stream_open_shards(stream);
    shard_set_resize(&stream->shards, (uint32_t)target, call->now_ns);
    finish_change(call, stream);
    if (call->failed != NULL) {
        return;
    }
    wire_map(&call->wire);
    call_write_stream_identity(call, stream);
    wire_member_u64(&call->wire, "CurrentShardCount", current);
    wire_member_u64(&call->wire, "TargetShardCount", target);
    wire_map_end(&call->wire);
}
