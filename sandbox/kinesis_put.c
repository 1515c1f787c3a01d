// PutRecord and PutRecords of Data Streams.
//
// The body is read and every key is hashed before the lock is taken; behind it records only pass
// the buckets of their shard and are copied into its log.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sandbox/kinesis.h"
#include "sandbox/operations.h"
#include "sandbox/put_request.h"

enum { MODEL_RECORD_BYTES_MAX = 10485760 };

// What became of one record.
enum put_outcome { PUT_ACCEPTED, PUT_THROTTLED, PUT_FAILED };

struct put_result {
    enum put_outcome outcome;
    uint32_t shard;
    uint64_t created_s; // of the shard
    uint64_t counter;
};

struct put {
    struct call *call;
    struct put_request request;
    bool batch;
    u128 *hashes;
    struct put_result *results;
    struct stream *stream; // only behind the lock
    char stream_name[STREAM_NAME_MAX + 1];
    uint64_t refused;
};

static const struct member name_member = MEMBER_STREAM_NAME;
static const struct member arn_member = MEMBER_STREAM_ARN;
static const struct member key_member = {.min = 1, .max = 256};
static const struct member hash_key_member = {.pattern = PATTERN_HASH_KEY};
static const struct member ordering_member = {.pattern = PATTERN_SEQUENCE};

static void check_field(struct violations *violations, const struct put_field *field,
                        const struct member *member, const char *path)
{
    if (field->present) {
        violations_check_text(violations, member, path, field->value);
    }
}

static void add_too_long(struct violations *violations, const char *path, size_t size,
                         uint64_t size_max)
{
    char text[96];
    snprintf(text, sizeof(text), "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", size, size);
    struct slice value = slice_of_text(text);
    violations_add(violations, &value, path, "have length less than or equal to %" PRIu64,
                   size_max);
}

static void check_record(struct violations *violations, const struct put_record *record,
                         const char *prefix)
{
    char path[64];
    snprintf(path, sizeof(path), "%sdata", prefix);
    if (!record->data.present) {
        violations_add(violations, NULL, path, "not be null");
    } else if (record->data.value.size > MODEL_RECORD_BYTES_MAX) {
        add_too_long(violations, path, record->data.value.size, MODEL_RECORD_BYTES_MAX);
    }
    snprintf(path, sizeof(path), "%spartitionKey", prefix);
    if (!record->key.present) {
        violations_add(violations, NULL, path, "not be null");
    } else {
        violations_check_text(violations, &key_member, path, record->key.value);
    }
    snprintf(path, sizeof(path), "%sexplicitHashKey", prefix);
    check_field(violations, &record->hash_key, &hash_key_member, path);
}

static void check_count(struct put *put, struct violations *violations)
{
    size_t count = put->request.record_count;
    char text[64];
    snprintf(text, sizeof(text), "[%zu entries]", count);
    struct slice value = slice_of_text(text);
    if (!put->request.has_records) {
        violations_add(violations, NULL, "records", "not be null");
    } else if (count == 0) {
        violations_add(violations, &value, "records", "have length greater than or equal to 1");
    } else if (count > PUT_RECORDS_MAX && call_limited(put->call, LIMIT_COUNT)) {
        violations_add(violations, &value, "records", "have length less than or equal to %d",
                       PUT_RECORDS_MAX);
    }
}

static void record_prefix(const struct put *put, size_t i, char prefix[48])
{
    if (put->batch) {
        snprintf(prefix, 48, "records.%zu.member.", i + 1);
    } else {
        prefix[0] = '\0';
    }
}

static bool fail_violations(struct put *put, struct violations *violations)
{
    bool failed = violations->count > 0;
    if (failed) {
        call_fail(put->call, "ValidationException", "%s", violations_text(violations));
    }
    violations_deinit(violations);
    return !failed;
}

// What the service model demands; false after call_fail.
static bool check_model(struct put *put)
{
    struct violations violations;
    violations_init(&violations);
    check_field(&violations, &put->request.stream_name, &name_member, "streamName");
    check_field(&violations, &put->request.stream_arn, &arn_member, "streamARN");
    if (put->batch) {
        check_count(put, &violations);
    } else {
        check_field(&violations, &put->request.ordering, &ordering_member,
                    "sequenceNumberForOrdering");
        if (put->request.record_count == 0) {
            (void)put_request_add(&put->request);
        }
    }
    for (size_t i = 0; i < put->request.record_count && violations.count < 10; i++) {
        char prefix[48];
        record_prefix(put, i, prefix);
        check_record(&violations, &put->request.records[i], prefix);
    }
    return fail_violations(put, &violations);
}

// The hash that routes each record; false after call_fail.
static bool hash_keys(struct put *put)
{
    size_t count = put->request.record_count;
    put->hashes = xreallocarray(NULL, count, sizeof(*put->hashes));
    struct key_hasher *hasher = key_hasher_create();
    bool done = true;
    for (size_t i = 0; done && i < count; i++) {
        const struct put_record *record = &put->request.records[i];
        if (!record->hash_key.present) {
            put->hashes[i] = key_hasher_hash(hasher, record->key.value);
        } else if (u128_parse(record->hash_key.value, &put->hashes[i]) != 0) {
            call_fail(put->call, "InvalidArgumentException",
                      "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, "
                      "2^128-1]. Specified value was %.*s",
                      (int)record->hash_key.value.size, (const char *)record->hash_key.value.data);
            done = false;
        }
    }
    key_hasher_free(hasher);
    return done;
}

// The size limits of the stream and of the call; false after call_fail.
static bool check_sizes(struct put *put)
{
    struct call *call = put->call;
    if (!call_limited(call, LIMIT_SIZE)) {
        return true;
    }
    uint64_t size_max = (uint64_t)put->stream->record_kib_max * 1024;
    struct violations violations;
    violations_init(&violations);
    for (size_t i = 0; i < put->request.record_count; i++) {
        const struct put_record *record = &put->request.records[i];
        if (record->data.value.size + record->key.value.size > size_max) {
            char prefix[48];
            char path[64];
            record_prefix(put, i, prefix);
            snprintf(path, sizeof(path), "%sdata", prefix);
            add_too_long(&violations, path, record->data.value.size, size_max);
        }
    }
    if (!fail_violations(put, &violations)) {
        return false;
    }
    if (put->request.total_bytes > PUT_CALL_BYTES_MAX) {
        call_fail(call, "InvalidArgumentException", "Records size exceeds %d MB limit",
                  PUT_CALL_BYTES_MAX >> 20);
        return false;
    }
    return true;
}

// Whether the rate of the shard lets a record in; takes it out of the buckets then.
static bool rate_allows(struct call *call, struct shard *shard, size_t size)
{
    if (!call_limited(call, LIMIT_WRITE)) {
        return true;
    }
    bucket_fill(&shard->write_bytes, call->monotonic_ns);
    bucket_fill(&shard->write_records, call->monotonic_ns);
    if (!bucket_admits(&shard->write_records, 1) ||
        !bucket_admits(&shard->write_bytes, (double)size)) {
        return false;
    }
    bucket_take(&shard->write_records, 1);
    bucket_take(&shard->write_bytes, (double)size);
    return true;
}

static enum put_outcome strike(struct call *call, struct shard *shard)
{
    if (!call->plan.records) {
        return PUT_ACCEPTED;
    }
    struct faults *faults = &call->service->faults;
    if (faults_strike(faults, FAULT_THROTTLE)) {
        shard->counts.injected++;
        return PUT_THROTTLED;
    }
    if (faults_strike(faults, FAULT_INTERNAL_FAILURE)) {
        shard->counts.injected++;
        return PUT_FAILED;
    }
    return PUT_ACCEPTED;
}

static void put_one(struct put *put, size_t i)
{
    struct call *call = put->call;
    const struct put_record *record = &put->request.records[i];
    struct shard *shard = shard_set_route(&put->stream->shards, put->hashes[i]);
    struct put_result *result = &put->results[i];
    result->shard = shard->index;
    result->created_s = shard->created_s;
    size_t size = record->data.value.size + record->key.value.size;
    result->outcome = strike(call, shard);
    if (result->outcome == PUT_ACCEPTED && !rate_allows(call, shard, size)) {
        shard->counts.throttled++;
        result->outcome = PUT_THROTTLED;
    }
    if (result->outcome != PUT_ACCEPTED) {
        return;
    }
    int64_t counter =
        shard_log_append(shard->log, record->key.value, record->data.value, call->now_ns);
    if (counter < 0) {
        result->outcome = PUT_FAILED;
        return;
    }
    result->counter = (uint64_t)counter;
    shard->counts.records++;
    shard->counts.bytes += size;
}

// The records of a shard whose log could not be written are refused after all.
static void refuse_shard(struct put *put, struct shard *shard)
{
    for (size_t i = 0; i < put->request.record_count; i++) {
        struct put_result *result = &put->results[i];
        const struct put_record *record = &put->request.records[i];
        if (result->shard == shard->index && result->outcome == PUT_ACCEPTED) {
            result->outcome = PUT_FAILED;
            shard->counts.records--;
            shard->counts.bytes -= record->data.value.size + record->key.value.size;
        }
    }
}

static void commit(struct put *put)
{
    for (size_t i = 0; i < put->stream->shards.open_count; i++) {
        struct shard *shard = put->stream->shards.open[i];
        if (shard_log_commit(shard->log) != 0) {
            refuse_shard(put, shard);
        }
    }
    uint64_t throttled = 0;
    uint64_t failed = 0;
    for (size_t i = 0; i < put->request.record_count; i++) {
        throttled += put->results[i].outcome == PUT_THROTTLED;
        failed += put->results[i].outcome == PUT_FAILED;
    }
    put->refused = throttled + failed;
    if (throttled > 0) {
        service_count_refused(put->call->service, "ProvisionedThroughputExceededException",
                              throttled);
    }
    if (failed > 0) {
        service_count_refused(put->call->service, "InternalFailure", failed);
    }
}

static struct slice field_or_none(const struct put_field *field)
{
    return field->present ? field->value : (struct slice){0};
}

// Everything that needs the lock; false after call_fail.
static bool store(struct put *put)
{
    struct call *call = put->call;
    put->stream = call_stream_named(call, field_or_none(&put->request.stream_name),
                                    field_or_none(&put->request.stream_arn));
    if (put->stream == NULL) {
        return false;
    }
    if (put->stream->status != STREAM_ACTIVE && put->stream->status != STREAM_UPDATING) {
        call_fail(call, "ResourceNotFoundException", "Stream %s under account %s not found.",
                  put->stream->name, call->service->options.account);
        return false;
    }
    if (!check_sizes(put)) {
        return false;
    }
    snprintf(put->stream_name, sizeof(put->stream_name), "%s", put->stream->name);
    put->results = xcalloc(put->request.record_count, sizeof(*put->results));
    for (size_t i = 0; i < put->request.record_count; i++) {
        put_one(put, i);
    }
    commit(put);
    return true;
}

static void write_accepted(struct put *put, const struct put_result *result)
{
    struct wire *wire = &put->call->wire;
    struct sequence sequence = {.created_s = result->created_s,
                                .counter = result->counter,
                                .put_s = put->call->now_ns / NS_PER_S,
                                .shard = result->shard};
    char text[SEQUENCE_TEXT_SIZE];
    sequence_format(&sequence, text);
    wire_member_string(wire, "SequenceNumber", text);
    struct shard shard = {.index = result->shard};
    char id[SHARD_ID_SIZE];
    shard_id(&shard, id);
    wire_member_string(wire, "ShardId", id);
}

static const char *refusal_code(const struct put_result *result)
{
    return result->outcome == PUT_THROTTLED ? "ProvisionedThroughputExceededException"
                                            : "InternalFailure";
}

static void refusal_text(const struct put *put, const struct put_result *result, char text[256])
{
    if (result->outcome == PUT_THROTTLED) {
        snprintf(text, 256,
                 "Rate exceeded for shard shardId-%012" PRIu32 " in stream %s under account %s.",
                 result->shard, put->stream_name, put->call->service->options.account);
    } else {
        snprintf(text, 256, "Internal Service Failure");
    }
}

static void write_batch(struct put *put)
{
    struct wire *wire = &put->call->wire;
    wire_map(wire);
    wire_member_u64(wire, "FailedRecordCount", put->refused);
    wire_name(wire, "Records");
    wire_list(wire);
    for (size_t i = 0; i < put->request.record_count; i++) {
        const struct put_result *result = &put->results[i];
        wire_map(wire);
        if (result->outcome == PUT_ACCEPTED) {
            write_accepted(put, result);
        } else {
            char text[256];
            refusal_text(put, result, text);
            wire_member_string(wire, "ErrorCode", refusal_code(result));
            wire_member_string(wire, "ErrorMessage", text);
        }
        wire_map_end(wire);
    }
    wire_list_end(wire);
    wire_member_string(wire, "EncryptionType", "NONE");
    wire_map_end(wire);
}

static void write_single(struct put *put)
{
    const struct put_result *result = &put->results[0];
    if (result->outcome != PUT_ACCEPTED) {
        char text[256];
        refusal_text(put, result, text);
        call_fail(put->call, refusal_code(result), "%s", text);
        return;
    }
    struct wire *wire = &put->call->wire;
    wire_map(wire);
    write_accepted(put, result);
    wire_member_string(wire, "EncryptionType", "NONE");
    wire_map_end(wire);
}

static void run(struct call *call, bool batch)
{
    struct put put = {.call = call, .batch = batch};
    struct buf message;
    buf_init(&message, 1024);
    if (!put_request_read(call->body, call->format, &put.request, &message)) {
        call_fail(call, "SerializationException", "%s", buf_text(&message));
    } else if (check_model(&put) && hash_keys(&put)) {
        service_lock(call->service);
        bool stored = store(&put);
        service_unlock(call->service);
        if (stored && batch) {
            write_batch(&put);
        } else if (stored) {
            write_single(&put);
        }
    }
    buf_deinit(&message);
    free(put.results);
    free(put.hashes);
    put_request_deinit(&put.request);
}

void op_put_record(struct call *call)
{
    run(call, false);
}

void op_put_records(struct call *call)
{
    run(call, true);
}
