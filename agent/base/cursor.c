#include "base/cursor.h"

struct slice cursor_bytes(struct cursor *cursor, size_t size)
{
    if (cursor->failed || size > cursor->rest.size) {
        cursor->failed = true;
        return slice_of(NULL, 0);
    }
    struct slice bytes = slice_of(cursor->rest.data, size);
    cursor->rest = slice_skip(cursor->rest, size);
    return bytes;
}

uint8_t cursor_u8(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint8_t));
    return cursor->failed ? 0 : bytes.data[0];
}

uint16_t cursor_u16(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint16_t));
    return cursor->failed ? 0 : load_u16(bytes.data);
}

uint32_t cursor_u32(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint32_t));
    return cursor->failed ? 0 : load_u32(bytes.data);
}

uint64_t cursor_u64(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint64_t));
    return cursor->failed ? 0 : load_u64(bytes.data);
}

void put_u8(struct buf *buf, uint8_t value)
{
    buf_append_byte(buf, value);
}

void put_u16(struct buf *buf, uint16_t value)
{
    uint8_t *room = buf_extend(buf, sizeof value);
    if (room != NULL) {
        store_u16(room, value);
    }
}

void put_u32(struct buf *buf, uint32_t value)
{
    uint8_t *room = buf_extend(buf, sizeof value);
    if (room != NULL) {
        store_u32(room, value);
    }
}

void put_u64(struct buf *buf, uint64_t value)
{
    uint8_t *room = buf_extend(buf, sizeof value);
    if (room != NULL) {
        store_u64(room, value);
    }
}
