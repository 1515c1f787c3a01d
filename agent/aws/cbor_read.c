#include "aws/cbor.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

enum { INFO_INDEFINITE = 31 };

struct cbor_reader cbor_reader_of(struct slice data)
{
    return (struct cbor_reader){.rest = data};
}

static bool fail(struct cbor_reader *reader, int error)
{
    if (reader->error == 0) {
        reader->error = error;
    }
    return false;
}

static bool take_big_endian(struct cbor_reader *reader, size_t size, uint64_t *out_value)
{
    if (reader->rest.size < size) {
        return fail(reader, E_TRUNCATED);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | reader->rest.data[i];
    }
    reader->rest = slice_skip(reader->rest, size);
    *out_value = value;
    return true;
}

static bool take_argument(struct cbor_reader *reader, unsigned info, uint64_t *out_argument)
{
    if (info < 24) {
        *out_argument = info;
        return true;
    }
    if (info > 27) {
        return fail(reader, E_SYNTAX);
    }
    return take_big_endian(reader, (size_t)1 << (info - 24), out_argument);
}

// RFC 8949 appendix D.
static double half_to_double(uint64_t half)
{
    int exponent = (int)(half >> 10 & 0x1f);
    double mantissa = (double)(half & 0x3ff);
    double value;
    if (exponent == 0) {
        value = ldexp(mantissa, -24);
    } else if (exponent != 31) {
        value = ldexp(mantissa + 1024, exponent - 25);
    } else {
        value = mantissa == 0 ? (double)INFINITY : (double)NAN;
    }
    return (half & 0x8000) != 0 ? -value : value;
}

static double float_of(uint64_t bits, size_t size)
{
    if (size == 2) {
        return half_to_double(bits);
    }
    if (size == 4) {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        return (double)value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool take_simple(struct cbor_reader *reader, unsigned info, struct cbor_item *item)
{
    switch (info) {
    case 20:
    case 21:
        item->kind = CBOR_BOOL;
        item->boolean = info == 21;
        return true;
    case 22:
    case 23:
        item->kind = CBOR_NULL;
        return true;
    case 25:
    case 26:
    case 27: {
        size_t size = (size_t)1 << (info - 24);
        uint64_t bits;
        item->kind = CBOR_FLOAT;
        if (!take_big_endian(reader, size, &bits)) {
            return false;
        }
        item->number = float_of(bits, size);
        return true;
    }
    case INFO_INDEFINITE:
        item->kind = CBOR_BREAK;
        return true;
    default:
        return fail(reader, E_SYNTAX);
    }
}

static bool take_string(struct cbor_reader *reader, struct cbor_item *item)
{
    if (item->indefinite) {
        return true;
    }
    if (item->argument > reader->rest.size) {
        return fail(reader, E_TRUNCATED);
    }
    item->string = slice_of(reader->rest.data, (size_t)item->argument);
    reader->rest = slice_skip(reader->rest, (size_t)item->argument);
    return true;
}

bool cbor_next(struct cbor_reader *reader, struct cbor_item *out_item)
{
    static const enum cbor_kind kinds[] = {CBOR_UINT,  CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT,
                                           CBOR_ARRAY, CBOR_MAP,      CBOR_TAG};
    if (reader->error != 0 || reader->rest.size == 0) {
        return false;
    }
    unsigned major = reader->rest.data[0] >> 5;
    unsigned info = reader->rest.data[0] & 0x1f;
    reader->rest = slice_skip(reader->rest, 1);
    struct cbor_item item = {0};
    if (major == 7) {
        if (!take_simple(reader, info, &item)) {
            return false;
        }
        *out_item = item;
        return true;
    }
    item.kind = kinds[major];
    item.indefinite = info == INFO_INDEFINITE;
    if (item.indefinite) {
        if (major < 2 || major == 6) {
            return fail(reader, E_SYNTAX);
        }
    } else if (!take_argument(reader, info, &item.argument)) {
        return false;
    }
    bool is_string = item.kind == CBOR_BYTES || item.kind == CBOR_TEXT;
    if (is_string && !take_string(reader, &item)) {
        return false;
    }
    *out_item = item;
    return true;
}

// Skips the chunks of an indefinite string, or hands them to `scratch` when it is not NULL.
static void take_chunks(struct cbor_reader *reader, enum cbor_kind kind, struct buf *scratch)
{
    struct cbor_item chunk;
    for (;;) {
        if (!cbor_next(reader, &chunk)) {
            fail(reader, E_TRUNCATED);
            return;
        }
        if (chunk.kind == CBOR_BREAK) {
            return;
        }
        if (chunk.kind != kind || chunk.indefinite) {
            fail(reader, E_SYNTAX);
            return;
        }
        if (scratch != NULL) {
            buf_append_slice(scratch, chunk.string);
        }
    }
}

// Skips one item; false on a break or an error. `reader->depth` bounds the recursion.
static bool skip_item(struct cbor_reader *reader) // NOLINT(misc-no-recursion)
{
    struct cbor_item item;
    if (!cbor_next(reader, &item)) {
        return fail(reader, E_TRUNCATED);
    }
    if (item.kind == CBOR_BREAK) {
        return false;
    }
    if (item.kind == CBOR_BYTES || item.kind == CBOR_TEXT) {
        if (item.indefinite) {
            take_chunks(reader, item.kind, NULL);
        }
        return reader->error == 0;
    }
    if (item.kind != CBOR_ARRAY && item.kind != CBOR_MAP && item.kind != CBOR_TAG) {
        return true;
    }
    if (reader->depth == CBOR_DEPTH_MAX) {
        return fail(reader, E_TOO_LARGE);
    }
    reader->depth++;
    uint64_t left = item.kind == CBOR_TAG ? 1 : item.argument;
    bool is_map = item.kind == CBOR_MAP;
    while (item.indefinite || left > 0) {
        if (!skip_item(reader)) {
            // A break ends an indefinite collection and is wrong everywhere else.
            if (reader->error == 0 && !item.indefinite) {
                fail(reader, E_SYNTAX);
            }
            break;
        }
        if (is_map && !skip_item(reader)) {
            fail(reader, E_SYNTAX);
            break;
        }
        left -= item.indefinite ? 0 : 1;
    }
    reader->depth--;
    return reader->error == 0;
}

void cbor_skip(struct cbor_reader *reader)
{
    if (!skip_item(reader)) {
        fail(reader, E_SYNTAX);
    }
}

bool cbor_next_in(struct cbor_reader *reader, const struct cbor_item *container, uint64_t done,
                  struct cbor_item *out_item)
{
    if (!container->indefinite && done == container->argument) {
        return false;
    }
    if (!cbor_next(reader, out_item)) {
        return fail(reader, E_TRUNCATED);
    }
    if (out_item->kind == CBOR_BREAK) {
        return container->indefinite ? false : fail(reader, E_SYNTAX);
    }
    return true;
}

struct slice cbor_string_of(struct cbor_reader *reader, const struct cbor_item *item,
                            struct buf *scratch)
{
    if (!item->indefinite) {
        return item->string;
    }
    size_t start = scratch->size;
    take_chunks(reader, item->kind, scratch);
    if (scratch->overflow) {
        fail(reader, E_TOO_LARGE);
    }
    return reader->error == 0 ? slice_skip(buf_slice(scratch), start) : slice_of(NULL, 0);
}

// A whole string of fewer than 256 bytes: nearly every one of an answer. False leaves all as it
// was.
static bool read_short_string(struct cbor_reader *reader, enum cbor_kind kind,
                              struct slice *out_string)
{
    enum { MAJOR_BYTES = 2, MAJOR_TEXT = 3, INFO_ONE_BYTE = 24 };
    struct slice rest = reader->rest;
    unsigned major = kind == CBOR_TEXT ? MAJOR_TEXT : MAJOR_BYTES;
    if (reader->error != 0 || rest.size < 2 || rest.data[0] >> 5 != major) {
        return false;
    }
    size_t size = rest.data[0] & 0x1f;
    size_t head = 1;
    if (size == INFO_ONE_BYTE) {
        size = rest.data[1];
        head = 2;
    } else if (size > INFO_ONE_BYTE) {
        return false;
    }
    if (size > rest.size - head) {
        return false;
    }
    *out_string = slice_of(rest.data + head, size);
    reader->rest = slice_skip(rest, head + size);
    return true;
}

struct slice cbor_read_string(struct cbor_reader *reader, enum cbor_kind kind, struct buf *scratch)
{
    struct slice string;
    if (read_short_string(reader, kind, &string)) {
        return string;
    }
    struct cbor_item item;
    if (!cbor_next(reader, &item)) {
        fail(reader, E_TRUNCATED);
        return slice_of(NULL, 0);
    }
    if (item.kind != kind) {
        fail(reader, E_SYNTAX);
        return slice_of(NULL, 0);
    }
    if (item.indefinite) {
        buf_clear(scratch);
    }
    return cbor_string_of(reader, &item, scratch);
}
