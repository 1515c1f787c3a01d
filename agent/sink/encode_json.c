#include "base/base64.h"
#include "base/json_write.h"
#include "sink/encode.h"

enum {
    // {"Data":"","PartitionKey":""} and a comma, and the padding of base64
    RECORD_FRAME = 40,
    BODY_FRAME = 512, // names, stream name (128), punctuation
};

static void begin_records(struct buf *body, const char *stream_member, const char *stream)
{
    buf_append_byte(body, '{');
    json_write_name(body, stream_member);
    json_write_string(body, slice_of_text(stream));
    buf_append_text(body, ",\"Records\":[");
}

static void append_data(struct buf *body, struct slice data)
{
    static const char open[] = "{\"Data\":\"";
    if (body->size > 0 && body->data[body->size - 1] == '}') {
        buf_append_byte(body, ',');
    }
    buf_append(body, open, sizeof open - 1);
    uint8_t *room = buf_extend(body, base64_encoded_size(data.size));
    if (room != NULL) {
        base64_encode(data, room);
    }
    buf_append_byte(body, '"');
}

static void end_records(struct buf *body, const char *stream)
{
    (void)stream;
    buf_append_text(body, "]}");
}

static size_t body_bytes_max(size_t records, size_t bytes)
{
    // Keys are counted as if they were data; only one full of control characters grows by more.
    return BODY_FRAME + records * RECORD_FRAME + base64_encoded_size(bytes);
}

static void kinesis_begin(struct buf *body, const char *stream)
{
    begin_records(body, "StreamName", stream);
}

static size_t kinesis_record(struct buf *body, struct slice data, struct slice key,
                             size_t *out_key_size)
{
    static const char open[] = ",\"PartitionKey\":";
    append_data(body, data);
    buf_append(body, open, sizeof open - 1);
    size_t key_offset = body->size + 1;
    json_write_string(body, key);
    *out_key_size = body->size - key_offset - 1;
    buf_append_byte(body, '}');
    return key_offset;
}

static void firehose_begin(struct buf *body, const char *stream)
{
    begin_records(body, "DeliveryStreamName", stream);
}

static size_t firehose_record(struct buf *body, struct slice data, struct slice key,
                              size_t *out_key_size)
{
    (void)key;
    append_data(body, data);
    buf_append_byte(body, '}');
    *out_key_size = 0;
    return body->size;
}

const struct encoder encoder_kinesis_json = {
    .content_type = "application/x-amz-json-1.1",
    .target = "Kinesis_20131202.PutRecords",
    .begin = kinesis_begin,
    .record = kinesis_record,
    .end = end_records,
    .body_bytes_max = body_bytes_max,
};

const struct encoder encoder_firehose_json = {
    .content_type = "application/x-amz-json-1.1",
    .target = "Firehose_20150804.PutRecordBatch",
    .begin = firehose_begin,
    .record = firehose_record,
    .end = end_records,
    .body_bytes_max = body_bytes_max,
};
