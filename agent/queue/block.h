// One block of a segment: a header with a checksum of its own, then a payload with another. Pure
// encoding and decoding; docs/queue-format.md has the layout in bytes.
//
// Diagnostics: a header that is not one is E_CORRUPT; one that is cut off is E_TRUNCATED.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/cursor.h"
#include "base/generation.h"
#include "base/slice.h"

enum block_kind {
    BLOCK_SOURCE = 1, // generations: new, renamed, head grown, or to be forgotten
    BLOCK_DATA = 2,   // records, and the positions behind them
    BLOCK_FOOTER = 3, // the segment is complete and on disk
    BLOCK_DEAD = 4,   // dead letters (deadletter.h)
};

enum {
    BLOCK_HEADER_BYTES = 120,
    BLOCK_PAYLOAD_MAX = 256 << 20, // a longer payload is not one of ours
    BLOCK_POSITION_BYTES = 28,
    RECORD_HEADER_BYTES = 12,
    RECORD_ORIGIN_BYTES = RECORD_HEADER_BYTES + 16,
};

// What the collector has counted since the queue was made, up to and with this block.
struct read_totals {
    uint64_t read_records;
    uint64_t read_bytes;
    uint64_t filtered_records;
    uint64_t filtered_bytes;
    uint64_t skipped_bytes;
    uint64_t lost_bytes;
    uint64_t lost_bytes_at_least;
};
// In the order above, 8 bytes each.
void read_totals_put(struct buf *out, const struct read_totals *totals);
struct read_totals read_totals_take(struct cursor *cursor);

struct block_header {
    enum block_kind kind;
    uint32_t payload_bytes;
    uint32_t payload_crc;
    uint32_t records_bytes; // of the payload, in front; positions follow
    uint32_t record_count;
    uint64_t epoch;
    uint64_t first_sequence; // of its first record, or of the next one when it has none
    uint64_t time_ns;        // real time at which it was written
    struct read_totals totals;
};

// Writes BLOCK_HEADER_BYTES, checksum included.
void block_header_encode(const struct block_header *header, uint8_t *out);
NODISCARD int block_header_decode(struct slice bytes, struct block_header *out_header);
// Whether the payload is the one that the header was written for.
bool block_payload_matches(const struct block_header *header, struct slice payload);
// First sequence behind the block.
static inline uint64_t block_end_sequence(const struct block_header *header)
{
    return header->first_sequence + header->record_count;
}

// The same of a block that has records, else 0.
static inline uint64_t block_records_end(const struct block_header *header)
{
    return header->record_count == 0 ? 0 : block_end_sequence(header);
}

// ---- records ----

// Where a record comes from: the generation, and the offset of its first byte in the file.
struct record_origin {
    uint64_t generation;
    uint64_t offset;
};

struct block_record {
    struct slice data;
    struct slice key;
    uint32_t source_bytes;
    uint16_t reason;
    struct record_origin origin;
    uint32_t offset; // in the payload
};

// Bytes that a record takes in a block; with_origin when it does not directly follow the one
// before.
static inline size_t block_record_bytes(size_t data_bytes, size_t key_bytes, bool with_origin)
{
    size_t origin_bytes = with_origin ? RECORD_ORIGIN_BYTES : 0;
    return origin_bytes + RECORD_HEADER_BYTES + data_bytes + key_bytes;
}
void block_append_origin(struct buf *out, struct record_origin origin);
void block_append_record(struct buf *out, struct slice data, struct slice key,
                         uint32_t source_bytes, uint16_t reason);

// Walks the records of a checked payload.
struct block_walk {
    struct slice payload;
    uint32_t end;    // of the records
    uint32_t offset; // of the next record
    struct record_origin origin;
};
struct block_walk block_walk_of(const struct block_header *header, struct slice payload);
// 1 with a record, 0 behind the last, E_CORRUPT when it does not add up.
NODISCARD int block_walk_next(struct block_walk *walk, struct block_record *out_record);

// ---- positions ----

struct block_position {
    uint64_t generation;
    uint64_t position;
    struct fingerprint tail;
};
// With this bit in `generation` it is no position but a remark: `tail.length` is its kind and
// `position` its value, the total so far.
#define BLOCK_REMARK (UINT64_C(1) << 63)
enum remark_kind {
    REMARK_LOST = 1,          // bytes that were gone before they could be read
    REMARK_LOST_AT_LEAST = 2, // likewise, and perhaps more
    REMARK_COPY_OF = 3,       // the generation in which all of it was read
    REMARK_PERHAPS_LOST = 4,  // odd: it may have had more than was ever seen of it
};
void block_append_position(struct buf *out, const struct block_position *position);
// The position at `index` of a data block's payload; E_END behind the last.
NODISCARD int block_position_at(const struct block_header *header, struct slice payload,
                                uint32_t index, struct block_position *out_position);
