// PutRecord and PutRecordBatch of Data Firehose.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sandbox/operations.h"
#include "sandbox/put_request.h"

enum put_outcome { PUT_ACCEPTED, PUT_THROTTLED, PUT_FAILED };

struct put {
    struct call *call;
    struct put_request request;
    bool batch;
    enum put_outcome *outcomes;
    uint64_t refused;
};

static const struct member name_member = {
    .min = 1, .max = DELIVERY_NAME_MAX, .pattern = PATTERN_NAME};

static void check_data(struct violations *violations, const struct put *put, size_t i)
{
    char path[64];
    if (put->batch) {
        snprintf(path, sizeof(path), "records.%zu.member.data", i + 1);
    } else {
        snprintf(path, sizeof(path), "record.data");
    }
    const struct put_field *data = &put->request.records[i].data;
    if (!data->present) {
        violations_add(violations, NULL, path, "not be null");
    } else if (data->value.size > FIREHOSE_RECORD_BYTES_MAX &&
               call_limited(put->call, LIMIT_SIZE)) {
        char text[96];
        snprintf(text, sizeof(text), "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]",
                 data->value.size, data->value.size);
        struct slice value = slice_of_text(text);
        violations_add(violations, &value, path, "have length less than or equal to %d",
                       FIREHOSE_RECORD_BYTES_MAX);
    }
}

static void check_count(struct violations *violations, const struct put *put)
{
    size_t count = put->request.record_count;
    char text[64];
    snprintf(text, sizeof(text), "[%zu entries]", count);
    struct slice value = slice_of_text(text);
    if (!put->request.has_records) {
        violations_add(violations, NULL, put->batch ? "records" : "record", "not be null");
    } else if (count == 0) {
        violations_add(violations, &value, "records", "have length greater than or equal to 1");
    } else if (count > FIREHOSE_BATCH_RECORDS_MAX && call_limited(put->call, LIMIT_COUNT)) {
        violations_add(violations, &value, "records", "have length less than or equal to %d",
                       FIREHOSE_BATCH_RECORDS_MAX);
    }
}

static bool check_model(struct put *put)
{
    struct violations violations;
    violations_init(&violations);
    if (!put->request.stream_name.present) {
        violations_add(&violations, NULL, "deliveryStreamName", "not be null");
    } else {
        violations_check_text(&violations, &name_member, "deliveryStreamName",
                              put->request.stream_name.value);
    }
    check_count(&violations, put);
    for (size_t i = 0; i < put->request.record_count; i++) {
        check_data(&violations, put, i);
    }
    bool failed = violations.count > 0;
    if (failed) {
        call_fail(put->call, "ValidationException", "%s", violations_text(&violations));
    }
    violations_deinit(&violations);
    return !failed;
}

// Whether this is one of the regions with the larger quota.
static bool is_large_region(const char *region)
{
    return strcmp(region, "us-east-1") == 0 || strcmp(region, "us-west-2") == 0 ||
           strcmp(region, "eu-west-1") == 0;
}

static void ready_buckets(const struct call *call, struct delivery_stream *stream)
{
    if (stream->bytes.capacity > 0) {
        return;
    }
    bool large = is_large_region(call->service->options.auth.region);
    double bytes = large ? 5 << 20 : 1 << 20;
    double records = large ? 500000 : 100000;
    double calls = large ? 2000 : 1000;
    // A call of the largest size must fit into a full bucket.
    double burst = bytes < FIREHOSE_BATCH_BYTES_MAX ? FIREHOSE_BATCH_BYTES_MAX : bytes;
    stream->bytes = bucket_of(bytes, burst, call->monotonic_ns);
    stream->records = bucket_of(records, records, call->monotonic_ns);
    stream->calls = bucket_of(calls, calls, call->monotonic_ns);
}

static enum put_outcome admit(struct call *call, struct delivery_stream *stream, size_t size)
{
    struct faults *faults = &call->service->faults;
    if (call->plan.records && faults_strike(faults, FAULT_THROTTLE)) {
        stream->injected++;
        return PUT_THROTTLED;
    }
    if (call->plan.records && faults_strike(faults, FAULT_INTERNAL_FAILURE)) {
        stream->injected++;
        return PUT_FAILED;
    }
    if (!call_limited(call, LIMIT_FIREHOSE)) {
        return PUT_ACCEPTED;
    }
    bucket_fill(&stream->bytes, call->monotonic_ns);
    bucket_fill(&stream->records, call->monotonic_ns);
    if (!bucket_admits(&stream->bytes, (double)size) || !bucket_admits(&stream->records, 1)) {
        stream->throttled++;
        return PUT_THROTTLED;
    }
    bucket_take(&stream->bytes, (double)size);
    bucket_take(&stream->records, 1);
    return PUT_ACCEPTED;
}

static int deliver_accepted(struct put *put, struct delivery_stream *stream)
{
    struct buf joined;
    buf_init(&joined, put->request.total_bytes + 1);
    buf_reserve(&joined, put->request.total_bytes);
    uint64_t count = 0;
    for (size_t i = 0; i < put->request.record_count; i++) {
        if (put->outcomes[i] == PUT_ACCEPTED) {
            buf_append_slice(&joined, put->request.records[i].data.value);
            count++;
        }
    }
    int error = firehose_put(&put->call->service->firehose, stream, buf_slice(&joined), count,
                             put->call->now_ns);
    buf_deinit(&joined);
    return error;
}

static void count_refused(struct put *put)
{
    uint64_t throttled = 0;
    uint64_t failed = 0;
    for (size_t i = 0; i < put->request.record_count; i++) {
        throttled += put->outcomes[i] == PUT_THROTTLED;
        failed += put->outcomes[i] == PUT_FAILED;
    }
    put->refused = throttled + failed;
    if (throttled > 0) {
        service_count_refused(put->call->service, "ServiceUnavailableException", throttled);
    }
    if (failed > 0) {
        service_count_refused(put->call->service, "InternalFailure", failed);
    }
}

static bool within_quota(struct put *put, struct delivery_stream *stream)
{
    struct call *call = put->call;
    if (call_limited(call, LIMIT_SIZE) && put->request.total_bytes > FIREHOSE_BATCH_BYTES_MAX) {
        call_fail(call, "InvalidArgumentException", "Records size exceeds 4 MB limit");
        return false;
    }
    ready_buckets(call, stream);
    if (call_limited(call, LIMIT_FIREHOSE) && !bucket_try(&stream->calls, 1, call->monotonic_ns)) {
        call_fail(call, "ServiceUnavailableException", "Slow down.");
        return false;
    }
    return true;
}

// Everything that needs the lock; false after call_fail.
static bool store(struct put *put)
{
    struct call *call = put->call;
    struct slice name = put->request.stream_name.value;
    struct delivery_stream *stream = firehose_find(&call->service->firehose, name);
    if (stream == NULL) {
        call_fail(call, "ResourceNotFoundException", "Firehose %.*s under account %s not found.",
                  (int)name.size, (const char *)name.data, call->service->options.account);
        return false;
    }
    if (!within_quota(put, stream)) {
        return false;
    }
    put->outcomes = xcalloc(put->request.record_count, sizeof(*put->outcomes));
    for (size_t i = 0; i < put->request.record_count; i++) {
        put->outcomes[i] = admit(call, stream, put->request.records[i].data.value.size);
    }
    int error = deliver_accepted(put, stream);
    if (error != 0) {
        call_fail(call, "ServiceUnavailableException", "The delivery directory: %s",
                  error_text(error));
        return false;
    }
    count_refused(put);
    return true;
}

static void write_record_id(struct put *put)
{
    uint8_t id[64];
    struct io *io = put->call->service->io;
    io->random(io, id, sizeof(id));
    char text[2 * sizeof(id) + 1];
    for (size_t i = 0; i < sizeof(id); i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    wire_member_string(&put->call->wire, "RecordId", text);
}

static void write_batch(struct put *put)
{
    struct wire *wire = &put->call->wire;
    wire_map(wire);
    wire_member_u64(wire, "FailedPutCount", put->refused);
    wire_member_bool(wire, "Encrypted", false);
    wire_name(wire, "RequestResponses");
    wire_list(wire);
    for (size_t i = 0; i < put->request.record_count; i++) {
        wire_map(wire);
        if (put->outcomes[i] == PUT_ACCEPTED) {
            write_record_id(put);
        } else {
            bool slow = put->outcomes[i] == PUT_THROTTLED;
            wire_member_string(wire, "ErrorCode",
                               slow ? "ServiceUnavailableException" : "InternalFailure");
            wire_member_string(wire, "ErrorMessage",
                               slow ? "Slow down." : "Internal Service Failure");
        }
        wire_map_end(wire);
    }
    wire_list_end(wire);
    wire_map_end(wire);
}

static void write_single(struct put *put)
{
    if (put->outcomes[0] == PUT_THROTTLED) {
        call_fail(put->call, "ServiceUnavailableException", "Slow down.");
        return;
    }
    if (put->outcomes[0] == PUT_FAILED) {
        call_fail(put->call, "InternalFailure", "Internal Service Failure");
        return;
    }
    wire_map(&put->call->wire);
    write_record_id(put);
    wire_member_bool(&put->call->wire, "Encrypted", false);
    wire_map_end(&put->call->wire);
}

static void run(struct call *call, bool batch)
{
    struct put put = {.call = call, .batch = batch};
    struct buf message;
    buf_init(&message, 1024);
    if (!put_request_read(call->body, call->format, &put.request, &message)) {
        call_fail(call, "SerializationException", "%s", buf_text(&message));
    } else if (check_model(&put)) {
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
    free(put.outcomes);
    put_request_deinit(&put.request);
}

void op_firehose_put_record(struct call *call)
{
    run(call, false);
}

void op_firehose_put_record_batch(struct call *call)
{
    run(call, true);
}
