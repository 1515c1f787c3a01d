#include "aws/cbor.h"

#include <string.h>

enum { // major types, RFC 8949 section 3.1
    MAJOR_UINT = 0 << 5,
    MAJOR_NEGATIVE = 1 << 5,
    MAJOR_BYTES = 2 << 5,
    MAJOR_TEXT = 3 << 5,
    MAJOR_ARRAY = 4 << 5,
    MAJOR_MAP = 5 << 5,
    MAJOR_TAG = 6 << 5,
    MAJOR_SIMPLE = 7 << 5,
};

size_t cbor_head_size(uint64_t argument)
{
    if (argument < 24) {
        return 1;
    }
    if (argument <= UINT8_MAX) {
        return 2;
    }
    if (argument <= UINT16_MAX) {
        return 3;
    }
    return argument <= UINT32_MAX ? 5 : 9;
}

static void write_head(struct buf *out, unsigned major, uint64_t argument)
{
    size_t size = cbor_head_size(argument);
    uint8_t *head = buf_extend(out, size);
    if (head == NULL) {
        return;
    }
    static const uint8_t infos[] = {[2] = 24, [3] = 25, [5] = 26, [9] = 27};
    if (size == 1) {
        head[0] = (uint8_t)(major | argument);
        return;
    }
    head[0] = (uint8_t)(major | infos[size]);
    for (size_t i = size - 1; i > 0; i--) {
        head[i] = (uint8_t)argument;
        argument >>= 8;
    }
}

void cbor_write_map(struct buf *out, uint64_t pair_count)
{
    write_head(out, MAJOR_MAP, pair_count);
}

void cbor_write_array(struct buf *out, uint64_t item_count)
{
    write_head(out, MAJOR_ARRAY, item_count);
}

void cbor_write_indefinite_map(struct buf *out)
{
    buf_append_byte(out, 0xbf);
}

void cbor_write_indefinite_array(struct buf *out)
{
    buf_append_byte(out, 0x9f);
}

void cbor_write_break(struct buf *out)
{
    buf_append_byte(out, 0xff);
}

void cbor_write_text(struct buf *out, struct slice text)
{
    write_head(out, MAJOR_TEXT, text.size);
    buf_append_slice(out, text);
}

void cbor_write_bytes(struct buf *out, struct slice bytes)
{
    write_head(out, MAJOR_BYTES, bytes.size);
    buf_append_slice(out, bytes);
}

void cbor_write_u64(struct buf *out, uint64_t value)
{
    write_head(out, MAJOR_UINT, value);
}

void cbor_write_i64(struct buf *out, int64_t value)
{
    if (value >= 0) {
        write_head(out, MAJOR_UINT, (uint64_t)value);
    } else {
        write_head(out, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
    }
}

void cbor_write_bool(struct buf *out, bool value)
{
    buf_append_byte(out, value ? 0xf5 : 0xf4);
}

void cbor_write_null(struct buf *out)
{
    buf_append_byte(out, 0xf6);
}

void cbor_write_double(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint8_t bytes[9] = {0xfb};
    for (size_t i = 8; i > 0; i--) {
        bytes[i] = (uint8_t)bits;
        bits >>= 8;
    }
    buf_append(out, bytes, sizeof bytes);
}

void cbor_write_tag(struct buf *out, uint64_t tag)
{
    write_head(out, MAJOR_TAG, tag);
}
