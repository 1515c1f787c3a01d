// The operations of Data Firehose, apart from the puts.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "sandbox/operations.h"

enum { LIST_DEFAULT = 10 };

static const char *const delivery_types[] = {"DirectPut", "KinesisStreamAsSource", "MSKAsSource",
                                             "DatabaseAsSource", NULL};
static const char *const compressions[] = {"UNCOMPRESSED", "GZIP",          "ZIP",
                                           "Snappy",       "HADOOP_SNAPPY", NULL};

static const struct member hints_members[] = {
    {.name = "SizeInMBs", .kind = MEMBER_INTEGER, .min = 1, .max = 128},
    {.name = "IntervalInSeconds", .kind = MEMBER_INTEGER, .min = 0, .max = 900},
    {0},
};

static const struct member s3_members[] = {
    {.name = "RoleARN",
     .kind = MEMBER_STRING,
     .required = true,
     .min = 1,
     .max = 512,
     .pattern = PATTERN_ROLE_ARN},
    {.name = "BucketARN",
     .kind = MEMBER_STRING,
     .required = true,
     .min = 1,
     .max = 2048,
     .pattern = PATTERN_ROLE_ARN},
    {.name = "Prefix", .kind = MEMBER_STRING, .max = 1024},
    {.name = "ErrorOutputPrefix", .kind = MEMBER_STRING, .max = 1024},
    {.name = "BufferingHints", .kind = MEMBER_MAP, .members = hints_members},
    {.name = "CompressionFormat", .kind = MEMBER_STRING, .values = compressions},
    {0},
};

#define MEMBER_DELIVERY_NAME                                                             \
    {                                                                                    \
        .name = "DeliveryStreamName", .kind = MEMBER_STRING, .required = true, .min = 1, \
        .max = DELIVERY_NAME_MAX, .pattern = PATTERN_NAME                                \
    }

const struct member create_delivery_stream_members[] = {
    MEMBER_DELIVERY_NAME,
    {.name = "DeliveryStreamType", .kind = MEMBER_STRING, .values = delivery_types},
    {.name = "S3DestinationConfiguration", .kind = MEMBER_MAP, .members = s3_members},
    {.name = "ExtendedS3DestinationConfiguration", .kind = MEMBER_MAP, .members = s3_members},
    {0},
};

const struct member delivery_stream_members[] = {MEMBER_DELIVERY_NAME, {0}};

const struct member describe_delivery_stream_members[] = {
    MEMBER_DELIVERY_NAME,
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = 10000},
    {.name = "ExclusiveStartDestinationId", .kind = MEMBER_STRING, .min = 1, .max = 100},
    {0},
};

const struct member list_delivery_streams_members[] = {
    {.name = "Limit", .kind = MEMBER_INTEGER, .min = 1, .max = 10000},
    {.name = "DeliveryStreamType", .kind = MEMBER_STRING, .values = delivery_types},
    {.name = "ExclusiveStartDeliveryStreamName",
     .kind = MEMBER_STRING,
     .min = 1,
     .max = DELIVERY_NAME_MAX,
     .pattern = PATTERN_NAME},
    {0},
};

static struct delivery_stream *find(struct call *call)
{
    const char *name = call_string(call, "DeliveryStreamName");
    struct delivery_stream *stream = firehose_find(&call->service->firehose, slice_of_text(name));
    if (stream == NULL) {
        call_fail(call, "ResourceNotFoundException", "Firehose %s under account %s not found.",
                  name, call->service->options.account);
    }
    return stream;
}

static void append_arn(const struct call *call, const char *name, struct buf *out)
{
    const struct service_options *options = &call->service->options;
    buf_appendf(out, "arn:aws:firehose:%s:%s:deliverystream/%s", options->auth.region,
                options->account, name);
}

static void write_arn(struct call *call, const char *member, const char *name)
{
    struct buf arn;
    buf_init(&arn, 1024);
    append_arn(call, name, &arn);
    wire_member_text(&call->wire, member, buf_slice(&arn));
    buf_deinit(&arn);
}

// The one destination of the request; NULL after call_fail.
static json_t *destination(struct call *call, bool *out_extended)
{
    json_t *plain = json_object_get(call->request, "S3DestinationConfiguration");
    json_t *extended = json_object_get(call->request, "ExtendedS3DestinationConfiguration");
    if (json_is_object(plain) == json_is_object(extended)) {
        call_fail(call, "InvalidArgumentException",
                  "Exactly one destination configuration is supported for a Firehose; "
                  "kintail-sandbox knows S3DestinationConfiguration and "
                  "ExtendedS3DestinationConfiguration.");
        return NULL;
    }
    *out_extended = json_is_object(extended);
    return *out_extended ? extended : plain;
}

// What the sandbox cannot deliver is refused rather than delivered otherwise.
static bool deliverable(struct call *call, const json_t *configuration)
{
    const char *compression =
        json_string_value(json_object_get(configuration, "CompressionFormat"));
    const char *prefix = json_string_value(json_object_get(configuration, "Prefix"));
    const char *type = call_string(call, "DeliveryStreamType");
    if (type != NULL && strcmp(type, "DirectPut") != 0) {
        call_fail(call, "InvalidArgumentException",
                  "kintail-sandbox supports DeliveryStreamType DirectPut only.");
        return false;
    }
    if (compression != NULL && strcmp(compression, "UNCOMPRESSED") != 0) {
        call_fail(call, "InvalidArgumentException",
                  "kintail-sandbox supports CompressionFormat UNCOMPRESSED only.");
        return false;
    }
    if (prefix != NULL && (strstr(prefix, "..") != NULL || strstr(prefix, "!{") != NULL)) {
        call_fail(call, "InvalidArgumentException",
                  "kintail-sandbox supports a Prefix without '..' and '!{...}' only.");
        return false;
    }
    return true;
}

void op_create_delivery_stream(struct call *call)
{
    const char *name = call_string(call, "DeliveryStreamName");
    bool extended;
    json_t *configuration = destination(call, &extended);
    if (configuration == NULL || !deliverable(call, configuration)) {
        return;
    }
    struct firehose *firehose = &call->service->firehose;
    if (firehose_find(firehose, slice_of_text(name)) != NULL) {
        call_fail(call, "ResourceInUseException", "Firehose %s under accountId %s already exists",
                  name, call->service->options.account);
        return;
    }
    struct delivery_stream *stream;
    int error =
        firehose_add(firehose, name, json_incref(configuration), extended, call->now_ns, &stream);
    if (error != 0) {
        call_fail(call, "ServiceUnavailableException", "The delivery directory: %s",
                  error_text(error));
        return;
    }
    wire_map(&call->wire);
    write_arn(call, "DeliveryStreamARN", name);
    wire_map_end(&call->wire);
}

void op_delete_delivery_stream(struct call *call)
{
    struct delivery_stream *stream = find(call);
    if (stream != NULL) {
        firehose_remove(&call->service->firehose, stream);
        wire_map(&call->wire);
        wire_map_end(&call->wire);
    }
}

static void write_text_or(struct wire *wire, const char *name, const json_t *configuration,
                          const char *initial)
{
    const char *text = json_string_value(json_object_get(configuration, name));
    if (text != NULL || initial != NULL) {
        wire_member_string(wire, name, text != NULL ? text : initial);
    }
}

static void write_destination(struct wire *wire, const char *name,
                              const struct delivery_stream *stream)
{
    const json_t *configuration = stream->configuration;
    wire_name(wire, name);
    wire_map(wire);
    write_text_or(wire, "RoleARN", configuration, "");
    write_text_or(wire, "BucketARN", configuration, "");
    write_text_or(wire, "Prefix", configuration, NULL);
    write_text_or(wire, "ErrorOutputPrefix", configuration, NULL);
    wire_name(wire, "BufferingHints");
    wire_map(wire);
    wire_member_u64(wire, "SizeInMBs", stream->buffer_bytes_max >> 20);
    wire_member_u64(wire, "IntervalInSeconds", stream->buffer_ms_max / 1000);
    wire_map_end(wire);
    wire_member_string(wire, "CompressionFormat", "UNCOMPRESSED");
    wire_name(wire, "EncryptionConfiguration");
    wire_map(wire);
    wire_member_string(wire, "NoEncryptionConfig", "NoEncryption");
    wire_map_end(wire);
    wire_map_end(wire);
}

void op_describe_delivery_stream(struct call *call)
{
    struct delivery_stream *stream = find(call);
    if (stream == NULL) {
        return;
    }
    struct wire *wire = &call->wire;
    wire_map(wire);
    wire_name(wire, "DeliveryStreamDescription");
    wire_map(wire);
    wire_member_string(wire, "DeliveryStreamName", stream->name);
    write_arn(call, "DeliveryStreamARN", stream->name);
    wire_member_string(wire, "DeliveryStreamStatus", "ACTIVE");
    wire_member_string(wire, "DeliveryStreamType", "DirectPut");
    wire_member_string(wire, "VersionId", "1");
    wire_member_time(wire, "CreateTimestamp", stream->created_ns);
    wire_name(wire, "Destinations");
    wire_list(wire);
    if (call_string(call, "ExclusiveStartDestinationId") == NULL) {
        wire_map(wire);
        wire_member_string(wire, "DestinationId", "destinationId-000000000001");
        write_destination(wire, "S3DestinationDescription", stream);
        if (stream->extended) {
            write_destination(wire, "ExtendedS3DestinationDescription", stream);
        }
        wire_map_end(wire);
    }
    wire_list_end(wire);
    wire_member_bool(wire, "HasMoreDestinations", false);
    wire_map_end(wire);
    wire_map_end(wire);
}

void op_list_delivery_streams(struct call *call)
{
    const struct firehose *firehose = &call->service->firehose;
    const char *start = call_string(call, "ExclusiveStartDeliveryStreamName");
    const char *type = call_string(call, "DeliveryStreamType");
    uint64_t left = call_integer(call, "Limit", LIST_DEFAULT);
    size_t i = 0;
    while (i < firehose->stream_count && start != NULL &&
           strcmp(firehose->streams[i]->name, start) <= 0) {
        i++;
    }
    if (type != NULL && strcmp(type, "DirectPut") != 0) {
        i = firehose->stream_count;
    }
    struct wire *wire = &call->wire;
    wire_map(wire);
    wire_name(wire, "DeliveryStreamNames");
    wire_list(wire);
    for (; i < firehose->stream_count && left > 0; i++, left--) {
        wire_text(wire, slice_of_text(firehose->streams[i]->name));
    }
    wire_list_end(wire);
    wire_member_bool(wire, "HasMoreDeliveryStreams", i < firehose->stream_count);
    wire_map_end(wire);
}
