// A block header and a payload: decoding is strict, what it takes it gives back the same, and no
// record or position reaches out of its payload.
#include "base/assert.h"
#include "base/cursor.h"
#include "base/error.h"
#include "queue/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A header of the input's fields, with a checksum that holds.
static void check_fields(struct slice input)
{
    struct cursor cursor = cursor_of(input);
    struct block_header header = {.kind = (enum block_kind)cursor_u8(&cursor)};
    header.payload_bytes = cursor_u32(&cursor);
    header.payload_crc = cursor_u32(&cursor);
    header.records_bytes = cursor_u32(&cursor);
    header.record_count = cursor_u32(&cursor);
    header.epoch = cursor_u64(&cursor);
    header.first_sequence = cursor_u64(&cursor);
    header.totals.read_bytes = cursor_u64(&cursor);
    uint8_t bytes[BLOCK_HEADER_BYTES];
    block_header_encode(&header, bytes);
    struct block_header again;
    int error = block_header_decode(slice_of(bytes, sizeof bytes), &again);
    ASSERT(error == 0 || error == E_CORRUPT);
    if (error == 0) {
        ASSERT(again.kind == header.kind && again.payload_bytes == header.payload_bytes);
        ASSERT(again.records_bytes <= again.payload_bytes);
        ASSERT(again.first_sequence == header.first_sequence && again.epoch == header.epoch);
        ASSERT(again.record_count == header.record_count);
        ASSERT(again.totals.read_bytes == header.totals.read_bytes);
        ASSERT(block_end_sequence(&again) >= again.first_sequence);
    }
}

static bool lies_in(struct slice part, struct slice whole)
{
    return part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                              part.data - whole.data <= (ptrdiff_t)(whole.size - part.size));
}

static void check_payload(struct slice payload, uint32_t records_bytes)
{
    struct block_header header = {.kind = BLOCK_DATA,
                                  .payload_bytes = (uint32_t)payload.size,
                                  .records_bytes = records_bytes};
    struct block_walk walk = block_walk_of(&header, payload);
    struct block_record record;
    int result;
    while ((result = block_walk_next(&walk, &record)) == 1) {
        ASSERT(lies_in(record.data, payload) && lies_in(record.key, payload));
        ASSERT(walk.offset <= walk.end && record.offset < walk.offset);
    }
    ASSERT(result == 0 || result == E_CORRUPT);
    struct block_position position;
    uint32_t index = 0;
    while ((result = block_position_at(&header, payload, index, &position)) == 0) {
        index++;
    }
    ASSERT(result == E_END || result == E_CORRUPT);
    ASSERT((uint64_t)index * BLOCK_POSITION_BYTES <= payload.size - records_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct block_header header;
    int error = block_header_decode(input, &header);
    ASSERT(error == 0 || error == E_CORRUPT || error == E_TRUNCATED || error == E_VERSION);
    check_fields(input);
    if (size >= 2) {
        struct slice payload = slice_skip(input, 2);
        check_payload(payload, (uint32_t)(((size_t)data[0] << 8 | data[1]) % (payload.size + 1)));
    }
    return 0;
}
