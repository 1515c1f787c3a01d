// Little-endian binary fields, read from a slice or written to a buffer. Errors are sticky: after
// the first field that does not fit, reads give zero and writes do nothing. Check once at the end.
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/slice.h"

struct cursor {
    struct slice rest; // what was not read yet
    bool failed;
};

static inline struct cursor cursor_of(struct slice data)
{
    return (struct cursor){.rest = data};
}

uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
// The next `size` bytes, borrowed from the slice.
struct slice cursor_bytes(struct cursor *cursor, size_t size);

void put_u8(struct buf *buf, uint8_t value);
void put_u16(struct buf *buf, uint16_t value);
void put_u32(struct buf *buf, uint32_t value);
void put_u64(struct buf *buf, uint64_t value);

// The same at a place in memory that needs no alignment, for fields that are filled in later.
static inline void store_u16(uint8_t *place, uint16_t value)
{
    value = htole16(value);
    memcpy(place, &value, sizeof value);
}

static inline void store_u32(uint8_t *place, uint32_t value)
{
    value = htole32(value);
    memcpy(place, &value, sizeof value);
}

static inline void store_u64(uint8_t *place, uint64_t value)
{
    value = htole64(value);
    memcpy(place, &value, sizeof value);
}

static inline uint16_t load_u16(const uint8_t *place)
{
    uint16_t value;
    memcpy(&value, place, sizeof value);
    return le16toh(value);
}

static inline uint32_t load_u32(const uint8_t *place)
{
    uint32_t value;
    memcpy(&value, place, sizeof value);
    return le32toh(value);
}

static inline uint64_t load_u64(const uint8_t *place)
{
    uint64_t value;
    memcpy(&value, place, sizeof value);
    return le64toh(value);
}
