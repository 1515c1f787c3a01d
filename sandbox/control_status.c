#include "sandbox/control_status.h"

#include <inttypes.h>
#include <stdio.h>

#include "sandbox/call.h"
#include "sandbox/wire.h"

static void write_counts(struct wire *wire, const struct counts *counts)
{
    wire_member_u64(wire, "requests", counts->requests);
    wire_member_u64(wire, "body_bytes", counts->body_bytes);
    wire_name(wire, "operations");
    wire_map(wire);
    const struct operation *operation;
    for (unsigned i = 0; (operation = operation_at(i)) != NULL; i++) {
        if (counts->operations[i] > 0) {
            char name[96];
            snprintf(name, sizeof(name), "%s%s",
                     operation->api == API_FIREHOSE ? "Firehose." : "Kinesis.", operation->name);
            wire_member_u64(wire, name, counts->operations[i]);
        }
    }
    wire_map_end(wire);
    wire_name(wire, "refused");
    wire_map(wire);
    for (size_t i = 0; i < counts->refused_count; i++) {
        wire_member_u64(wire, counts->refused[i].code, counts->refused[i].count);
    }
    wire_map_end(wire);
}

static void write_shard(struct wire *wire, const struct shard *shard)
{
    char id[SHARD_ID_SIZE];
    shard_id(shard, id);
    wire_map(wire);
    wire_member_string(wire, "shard", id);
    wire_member_bool(wire, "open", shard->closed_ns == 0);
    wire_member_u64(wire, "records", shard->counts.records);
    wire_member_u64(wire, "bytes", shard->counts.bytes);
    wire_member_u64(wire, "throttled", shard->counts.throttled);
    wire_member_u64(wire, "injected", shard->counts.injected);
    wire_member_u64(wire, "stored_bytes", shard_log_bytes(shard->log));
    wire_map_end(wire);
}

static void write_stream(struct wire *wire, const struct stream *stream)
{
    struct shard_counts sum = {0};
    wire_map(wire);
    wire_member_string(wire, "stream", stream->name);
    wire_member_string(wire, "status", stream_status_text(stream));
    wire_name(wire, "shards");
    wire_list(wire);
    for (size_t i = 0; i < stream->shards.count; i++) {
        const struct shard *shard = stream->shards.all[i];
        write_shard(wire, shard);
        sum.records += shard->counts.records;
        sum.bytes += shard->counts.bytes;
        sum.throttled += shard->counts.throttled;
        sum.injected += shard->counts.injected;
    }
    wire_list_end(wire);
    wire_member_u64(wire, "records", sum.records);
    wire_member_u64(wire, "bytes", sum.bytes);
    wire_member_u64(wire, "throttled", sum.throttled);
    wire_member_u64(wire, "injected", sum.injected);
    wire_map_end(wire);
}

static void write_delivery_stream(struct wire *wire, const struct delivery_stream *stream)
{
    wire_map(wire);
    wire_member_string(wire, "delivery_stream", stream->name);
    wire_member_u64(wire, "records", stream->records_accepted);
    wire_member_u64(wire, "bytes", stream->bytes_accepted);
    wire_member_u64(wire, "throttled", stream->throttled);
    wire_member_u64(wire, "injected", stream->injected);
    wire_member_u64(wire, "pending_bytes", stream->pending_bytes);
    wire_member_u64(wire, "objects", stream->objects);
    wire_map_end(wire);
}

static void write_injected(struct wire *wire, const struct faults *faults)
{
    wire_name(wire, "injected");
    wire_map(wire);
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        wire_member_u64(wire, fault_name(fault), faults->injected[fault]);
    }
    wire_map_end(wire);
}

void control_write_status(struct service *service, struct buf *out)
{
    struct wire wire = {.format = WIRE_JSON, .out = out};
    service_settle(service);
    wire_map(&wire);
    wire_member_string(&wire, "version", KINTAIL_VERSION);
    write_counts(&wire, &service->counts);
    write_injected(&wire, &service->faults);
    wire_name(&wire, "streams");
    wire_list(&wire);
    for (size_t i = 0; i < service->stream_count; i++) {
        write_stream(&wire, service->streams[i]);
    }
    wire_list_end(&wire);
    wire_name(&wire, "delivery_streams");
    wire_list(&wire);
    for (size_t i = 0; i < service->firehose.stream_count; i++) {
        write_delivery_stream(&wire, service->firehose.streams[i]);
    }
    wire_list_end(&wire);
    wire_map_end(&wire);
}

void control_write_faults(struct service *service, struct buf *out)
{
    const struct faults *faults = &service->faults;
    struct wire wire = {.format = WIRE_JSON, .out = out};
    wire_map(&wire);
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        wire_name(&wire, fault_name(fault));
        buf_appendf(out, "%.6g", faults->share[fault]);
    }
    for (enum fault_value value = 0; value < FAULT_VALUE_COUNT; value++) {
        wire_name(&wire, fault_value_name(value));
        buf_appendf(out, "%" PRId64, faults->value[value]);
    }
    wire_name(&wire, "operations");
    wire_list(&wire);
    const struct operation *operation;
    for (unsigned i = 0; (operation = operation_at(i)) != NULL; i++) {
        if ((faults->operations >> i & 1) != 0) {
            wire_text(&wire, slice_of_text(operation->name));
        }
    }
    wire_list_end(&wire);
    write_injected(&wire, faults);
    wire_map_end(&wire);
}

void control_write_limits(struct service *service, struct buf *out)
{
    struct wire wire = {.format = WIRE_JSON, .out = out};
    wire_map(&wire);
    for (enum limit limit = 0; limit < LIMIT_COUNT_OF; limit++) {
        wire_member_bool(&wire, limit_name(limit), service->limits.on[limit]);
    }
    wire_map_end(&wire);
}
