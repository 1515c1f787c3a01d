#include "queue/block.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/error.h"

enum {
    BLOCK_MAGIC = 0x4b4c424b, // "KBLK"
    BLOCK_VERSION = 1,
    CRC_OFFSET = 8,
    ORIGIN_MARK = 0xffff, // in the place of a reason: not a record, but where the next comes from
};

void read_totals_put(struct buf *out, const struct read_totals *totals)
{
    put_u64(out, totals->read_records);
    put_u64(out, totals->read_bytes);
    put_u64(out, totals->filtered_records);
    put_u64(out, totals->filtered_bytes);
    put_u64(out, totals->skipped_bytes);
    put_u64(out, totals->lost_bytes);
    put_u64(out, totals->lost_bytes_at_least);
}

struct read_totals read_totals_take(struct cursor *cursor)
{
    struct read_totals totals = {.read_records = cursor_u64(cursor)};
    totals.read_bytes = cursor_u64(cursor);
    totals.filtered_records = cursor_u64(cursor);
    totals.filtered_bytes = cursor_u64(cursor);
    totals.skipped_bytes = cursor_u64(cursor);
    totals.lost_bytes = cursor_u64(cursor);
    totals.lost_bytes_at_least = cursor_u64(cursor);
    return totals;
}

void block_header_encode(const struct block_header *header, uint8_t *out)
{
    struct buf fields = {
        .data = out, .capacity = BLOCK_HEADER_BYTES, .size_max = BLOCK_HEADER_BYTES};
    put_u32(&fields, BLOCK_MAGIC);
    put_u16(&fields, BLOCK_VERSION);
    put_u16(&fields, (uint16_t)header->kind);
    put_u32(&fields, 0);
    put_u32(&fields, header->payload_bytes);
    put_u32(&fields, header->payload_crc);
    put_u32(&fields, header->records_bytes);
    put_u32(&fields, header->record_count);
    put_u32(&fields, 0);
    put_u64(&fields, header->epoch);
    put_u64(&fields, header->first_sequence);
    put_u64(&fields, header->time_ns);
    read_totals_put(&fields, &header->totals);
    put_u64(&fields, 0);
    ASSERT(!fields.overflow && fields.size == BLOCK_HEADER_BYTES);
    store_u32(out + CRC_OFFSET, crc32c(0, out, BLOCK_HEADER_BYTES));
}

static uint32_t header_crc(struct slice bytes)
{
    static const uint8_t no_crc[4];
    uint32_t crc = crc32c(0, bytes.data, CRC_OFFSET);
    crc = crc32c(crc, no_crc, sizeof no_crc);
    return crc32c(crc, bytes.data + CRC_OFFSET + 4, BLOCK_HEADER_BYTES - CRC_OFFSET - 4);
}

int block_header_decode(struct slice bytes, struct block_header *out_header)
{
    if (bytes.size < BLOCK_HEADER_BYTES) {
        return E_TRUNCATED;
    }
    struct cursor cursor = cursor_of(slice_of(bytes.data, BLOCK_HEADER_BYTES));
    uint32_t magic = cursor_u32(&cursor);
    uint16_t version = cursor_u16(&cursor);
    uint16_t kind = cursor_u16(&cursor);
    if (magic != BLOCK_MAGIC || cursor_u32(&cursor) != header_crc(bytes)) {
        return E_CORRUPT;
    }
    if (version != BLOCK_VERSION) {
        return E_VERSION;
    }
    struct block_header header = {.kind = (enum block_kind)kind};
    header.payload_bytes = cursor_u32(&cursor);
    header.payload_crc = cursor_u32(&cursor);
    header.records_bytes = cursor_u32(&cursor);
    header.record_count = cursor_u32(&cursor);
    (void)cursor_u32(&cursor);
    header.epoch = cursor_u64(&cursor);
    header.first_sequence = cursor_u64(&cursor);
    header.time_ns = cursor_u64(&cursor);
    header.totals = read_totals_take(&cursor);
    bool sound = kind >= BLOCK_SOURCE && kind <= BLOCK_DEAD &&
                 header.payload_bytes <= BLOCK_PAYLOAD_MAX &&
                 header.records_bytes <= header.payload_bytes &&
                 header.record_count <= header.records_bytes / RECORD_HEADER_BYTES &&
                 header.first_sequence <= UINT64_MAX / 2;
    if (!sound) {
        return E_CORRUPT;
    }
    *out_header = header;
    return 0;
}

bool block_payload_matches(const struct block_header *header, struct slice payload)
{
    return payload.size == header->payload_bytes &&
           crc32c(0, payload.data, payload.size) == header->payload_crc;
}

// ---- records ----

static void append_header(struct buf *out, uint32_t data_bytes, uint32_t source_bytes,
                          uint16_t key_bytes, uint16_t reason)
{
    uint8_t *place = buf_extend(out, RECORD_HEADER_BYTES);
    if (place != NULL) {
        store_u32(place, data_bytes);
        store_u32(place + 4, source_bytes);
        store_u16(place + 8, key_bytes);
        store_u16(place + 10, reason);
    }
}

void block_append_origin(struct buf *out, struct record_origin origin)
{
    append_header(out, RECORD_ORIGIN_BYTES - RECORD_HEADER_BYTES, 0, 0, ORIGIN_MARK);
    put_u64(out, origin.generation);
    put_u64(out, origin.offset);
}

void block_append_record(struct buf *out, struct slice data, struct slice key,
                         uint32_t source_bytes, uint16_t reason)
{
    ASSERT(key.size <= UINT16_MAX && data.size <= UINT32_MAX && reason != ORIGIN_MARK);
    append_header(out, (uint32_t)data.size, source_bytes, (uint16_t)key.size, reason);
    buf_append_slice(out, key);
    buf_append_slice(out, data);
}

struct block_walk block_walk_of(const struct block_header *header, struct slice payload)
{
    return (struct block_walk){.payload = payload, .end = header->records_bytes};
}

int block_walk_next(struct block_walk *walk, struct block_record *out_record)
{
    while (walk->offset < walk->end) {
        if (walk->end - walk->offset < RECORD_HEADER_BYTES) {
            return E_CORRUPT;
        }
        const uint8_t *place = walk->payload.data + walk->offset;
        uint32_t data_bytes = load_u32(place);
        uint32_t source_bytes = load_u32(place + 4);
        uint16_t key_bytes = load_u16(place + 8);
        uint16_t reason = load_u16(place + 10);
        uint64_t bytes = (uint64_t)RECORD_HEADER_BYTES + key_bytes + data_bytes;
        if (bytes > walk->end - walk->offset) {
            return E_CORRUPT;
        }
        uint32_t offset = walk->offset;
        walk->offset += (uint32_t)bytes;
        const uint8_t *content = place + RECORD_HEADER_BYTES;
        if (reason == ORIGIN_MARK) {
            if (data_bytes != RECORD_ORIGIN_BYTES - RECORD_HEADER_BYTES) {
                return E_CORRUPT;
            }
            walk->origin.generation = load_u64(content);
            walk->origin.offset = load_u64(content + 8);
            continue;
        }
        *out_record = (struct block_record){
            .key = slice_of(content, key_bytes),
            .data = slice_of(content + key_bytes, data_bytes),
            .source_bytes = source_bytes,
            .reason = reason,
            .origin = walk->origin,
            .offset = offset,
        };
        walk->origin.offset += source_bytes;
        return 1;
    }
    return 0;
}

// ---- positions ----

void block_append_position(struct buf *out, const struct block_position *position)
{
    put_u64(out, position->generation);
    put_u64(out, position->position);
    put_u32(out, position->tail.length);
    put_u64(out, position->tail.hash);
}

int block_position_at(const struct block_header *header, struct slice payload, uint32_t index,
                      struct block_position *out_position)
{
    uint64_t offset = header->records_bytes + (uint64_t)index * BLOCK_POSITION_BYTES;
    if (offset == payload.size) {
        return E_END;
    }
    if (offset + BLOCK_POSITION_BYTES > payload.size) {
        return E_CORRUPT;
    }
    struct cursor cursor = cursor_of(slice_of(payload.data + offset, BLOCK_POSITION_BYTES));
    out_position->generation = cursor_u64(&cursor);
    out_position->position = cursor_u64(&cursor);
    out_position->tail.length = cursor_u32(&cursor);
    out_position->tail.hash = cursor_u64(&cursor);
    return 0;
}
