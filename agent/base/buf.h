// A byte buffer that grows up to a maximum given when it is made.
//
// Errors are sticky: the first append that would pass the maximum sets `overflow`, and every later
// append does nothing until buf_clear. Build the whole thing, then check once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/slice.h"

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool overflow;
};

// No memory is taken before the first append.
void buf_init(struct buf *buf, size_t size_max);
void buf_deinit(struct buf *buf);
// Empties the buffer, keeps its memory and forgets an overflow.
void buf_clear(struct buf *buf);
// Takes the memory for `capacity` bytes (at most the maximum) now.
void buf_reserve(struct buf *buf, size_t capacity);
// Gives memory above `capacity` bytes back when the content allows it.
void buf_shrink(struct buf *buf, size_t capacity);

// buf_extend where the memory does not suffice or the maximum is reached.
uint8_t *buf_extend_slowly(struct buf *buf, size_t size);

// Room for `size` more bytes at the end, counted as content at once; NULL after an overflow. The
// pointer lives until the next call on the buffer.
static inline uint8_t *buf_extend(struct buf *buf, size_t size)
{
    if (buf->overflow || size > buf->capacity - buf->size || size > buf->size_max - buf->size) {
        return buf_extend_slowly(buf, size);
    }
    uint8_t *room = buf->data + buf->size;
    buf->size += size;
    return room;
}

static inline void buf_append(struct buf *buf, const void *data, size_t size)
{
    uint8_t *room = size == 0 ? NULL : buf_extend(buf, size);
    if (room != NULL) {
        // What has a size has data, which the analyzer cannot know.
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
        memcpy(room, data, size);
    }
}

static inline void buf_append_slice(struct buf *buf, struct slice slice)
{
    buf_append(buf, slice.data, slice.size);
}

static inline void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

static inline void buf_append_byte(struct buf *buf, uint8_t byte)
{
    buf_append(buf, &byte, 1);
}

void buf_append_u64_decimal(struct buf *buf, uint64_t value);
PRINTF_LIKE(2, 3) void buf_appendf(struct buf *buf, const char *format, ...);
// Drops everything behind the first `size` bytes (`size` must not exceed the content).
void buf_truncate(struct buf *buf, size_t size);
// Drops the first `size` bytes and moves the rest to the front.
void buf_consume(struct buf *buf, size_t size);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->size);
}

// The content with a NUL behind it that does not count; "" after an overflow.
const char *buf_text(struct buf *buf);
