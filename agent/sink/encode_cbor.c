#include "aws/cbor.h"
#include "sink/encode.h"

static void text(struct buf *body, const char *value)
{
    cbor_write_text(body, slice_of_text(value));
}

static void begin(struct buf *body, const char *stream)
{
    (void)stream;
    cbor_write_indefinite_map(body);
    text(body, "Records");
    cbor_write_indefinite_array(body);
}

// The constant bytes around data and key, as RFC 8949 section 3 spells them.
static const uint8_t before_data[] = {0xbf, 0x64, 'D', 'a', 't', 'a'};
static const uint8_t before_key[] = {0x6c, 'P', 'a', 'r', 't', 'i', 't',
                                     'i',  'o', 'n', 'K', 'e', 'y'};
enum { BREAK = 0xff };

static size_t record(struct buf *body, struct slice data, struct slice key, size_t *out_key_size)
{
    buf_append(body, before_data, sizeof before_data);
    cbor_write_bytes(body, data);
    buf_append(body, before_key, sizeof before_key);
    cbor_write_text(body, key);
    size_t key_offset = body->size - key.size;
    buf_append_byte(body, BREAK);
    *out_key_size = key.size;
    return key_offset;
}

static void end(struct buf *body, const char *stream)
{
    cbor_write_break(body);
    text(body, "StreamName");
    text(body, stream);
    cbor_write_break(body);
}

enum {
    RECORD_FRAME = sizeof before_data + CBOR_HEAD_MAX + sizeof before_key + CBOR_HEAD_MAX + 1,
    BODY_FRAME = 512, // names, stream name (128), heads and breaks
};

static size_t body_bytes_max(size_t records, size_t bytes)
{
    return BODY_FRAME + records * RECORD_FRAME + bytes;
}

const struct encoder encoder_kinesis_cbor = {
    .content_type = "application/x-amz-cbor-1.1",
    .target = "Kinesis_20131202.PutRecords",
    .begin = begin,
    .record = record,
    .end = end,
    .body_bytes_max = body_bytes_max,
};
