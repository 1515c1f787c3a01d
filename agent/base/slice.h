// A borrowed run of bytes, passed by value. It never owns and never outlives the call that got it
// unless that call's contract says so.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; // may be NULL when size is 0
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

static inline struct slice slice_of_text(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    // A slice with a size has data, which the analyzer cannot know.
    // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_equal_text(struct slice a, const char *text)
{
    return slice_equal(a, slice_of_text(text));
}

static inline bool slice_starts_with(struct slice a, struct slice prefix)
{
    return a.size >= prefix.size && slice_equal(slice_of(a.data, prefix.size), prefix);
}

// The part of `a` behind its first `count` bytes (`count` must not exceed its size).
static inline struct slice slice_skip(struct slice a, size_t count)
{
    return (struct slice){.data = count == 0 ? a.data : a.data + count, .size = a.size - count};
}

// The number of NUL bytes that `a` begins with.
static inline size_t slice_zeros(struct slice a)
{
    size_t count = 0;
    if (a.size > 1 && a.data[0] == 0 && memcmp(a.data, a.data + 1, a.size - 1) == 0) {
        return a.size; // as fast as memory
    }
    while (count < a.size && a.data[count] == 0) {
        count++;
    }
    return count;
}
