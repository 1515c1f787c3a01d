// CBOR (RFC 8949) as far as the AWS "CBOR 1.1" protocol needs it: maps, arrays, text, byte strings,
// integers, floats, booleans, null and tags; both definite and indefinite lengths are read.
//
// The writer appends to a buffer. The reader is a sticky cursor: after the first malformed item
// every call fails; nesting is bounded by CBOR_DEPTH_MAX.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum { CBOR_DEPTH_MAX = 32, CBOR_HEAD_MAX = 9 };

void cbor_write_map(struct buf *out, uint64_t pair_count);
void cbor_write_array(struct buf *out, uint64_t item_count);
void cbor_write_indefinite_map(struct buf *out);
void cbor_write_indefinite_array(struct buf *out);
void cbor_write_break(struct buf *out);
void cbor_write_text(struct buf *out, struct slice text);
void cbor_write_bytes(struct buf *out, struct slice bytes);
void cbor_write_u64(struct buf *out, uint64_t value);
void cbor_write_i64(struct buf *out, int64_t value);
void cbor_write_bool(struct buf *out, bool value);
void cbor_write_null(struct buf *out);
void cbor_write_double(struct buf *out, double value);
void cbor_write_tag(struct buf *out, uint64_t tag);
// Bytes that the head of an item with this argument takes.
size_t cbor_head_size(uint64_t argument);

enum cbor_kind {
    CBOR_UINT,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_BOOL,
    CBOR_NULL, // also "undefined"
    CBOR_FLOAT,
    CBOR_BREAK,
};

struct cbor_item {
    enum cbor_kind kind;
    bool indefinite;   // arrays, maps, strings in chunks
    uint64_t argument; // integer value, tag number, element count; -1 - argument for CBOR_NEGATIVE
    bool boolean;
    double number;
    struct slice string; // of a definite string, borrowed from the input
};

struct cbor_reader {
    struct slice rest;
    int error; // 0, E_SYNTAX, E_TRUNCATED, E_TOO_LARGE (nesting)
    unsigned depth;
};

struct cbor_reader cbor_reader_of(struct slice data);
// The next item's head (and string). False at the end of the input or on an error.
bool cbor_next(struct cbor_reader *reader, struct cbor_item *out_item);
// The next item of a map or array of which `done` items were read. False behind the last one, whose
// break it takes, and on an error; an input that ends inside is E_TRUNCATED.
bool cbor_next_in(struct cbor_reader *reader, const struct cbor_item *container, uint64_t done,
                  struct cbor_item *out_item);
// Skips one whole value of whatever shape.
void cbor_skip(struct cbor_reader *reader);
// Reads a text or byte string, joining chunks into `scratch` when it is in pieces.
struct slice cbor_read_string(struct cbor_reader *reader, enum cbor_kind kind, struct buf *scratch);
// The text or byte string of an item that was read; its chunks, when it is in pieces, are appended
// to `scratch`. Empty on an error.
struct slice cbor_string_of(struct cbor_reader *reader, const struct cbor_item *item,
                            struct buf *scratch);
