#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { BUF_CAPACITY_MIN = 64 };

void buf_init(struct buf *buf, size_t size_max)
{
    *buf = (struct buf){.size_max = size_max};
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->overflow = false;
}

static void set_capacity(struct buf *buf, size_t capacity)
{
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_reserve(struct buf *buf, size_t capacity)
{
    if (capacity > buf->size_max) {
        capacity = buf->size_max;
    }
    if (capacity > buf->capacity) {
        set_capacity(buf, capacity);
    }
}

void buf_shrink(struct buf *buf, size_t capacity)
{
    if (capacity < buf->size) {
        capacity = buf->size;
    }
    if (capacity >= buf->capacity) {
        return;
    }
    if (capacity == 0) {
        free(buf->data);
        buf->data = NULL;
        buf->capacity = 0;
        return;
    }
    set_capacity(buf, capacity);
}

static void grow(struct buf *buf, size_t needed)
{
    size_t capacity = buf->capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : buf->capacity;
    while (capacity < needed) {
        capacity += capacity / 2;
    }
    if (capacity > buf->size_max) {
        capacity = buf->size_max > needed ? buf->size_max : needed;
    }
    set_capacity(buf, capacity);
}

uint8_t *buf_extend_slowly(struct buf *buf, size_t size)
{
    if (buf->overflow || size > buf->size_max - buf->size) {
        buf->overflow = true;
        return NULL;
    }
    grow(buf, buf->size + size);
    uint8_t *room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void buf_append_u64_decimal(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_append(buf, digits + start, sizeof digits - start);
}

void buf_appendf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    ASSERT(length >= 0);
    buf_append(buf, text, (size_t)length);
    free(text);
}

void buf_truncate(struct buf *buf, size_t size)
{
    ASSERT(size <= buf->size);
    buf->size = size;
}

void buf_consume(struct buf *buf, size_t size)
{
    ASSERT(size <= buf->size);
    if (size != 0) {
        memmove(buf->data, buf->data + size, buf->size - size);
        buf->size -= size;
    }
}

const char *buf_text(struct buf *buf)
{
    if (buf->overflow) {
        return "";
    }
    if (buf->size == buf->capacity) {
        grow(buf, buf->size + 1);
    }
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}
