// What ends a line: its bytes in the encoding of the file, and where they are.
//
// A line ending begins at a multiple of the width of a code unit, counted from the start of the
// file, so that the byte 0x0a inside a wide character is none.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    ENDING_CHARACTERS_MAX = 16,                   // bytes of UTF-8 in the configuration
    ENDING_BYTES_MAX = ENDING_CHARACTERS_MAX * 4, // a wide character has four bytes at most
};

struct ending {
    uint8_t bytes[ENDING_BYTES_MAX];
    size_t size;
    size_t optional; // of `bytes`, at the front: belongs to the ending where it is there
    size_t width;    // of a code unit: 1, 2 or 4
};

// The part that must be there.
struct slice ending_needed(const struct ending *ending);
// Where the first ending in `text` is, not looking for the optional part. Here and below, `text`
// starts `offset` bytes behind the start of a code unit.
bool ending_find(const struct ending *ending, struct slice text, uint64_t offset, size_t *out_at);
// Where the last one ends.
bool ending_find_last(const struct ending *ending, struct slice text, uint64_t offset,
                      size_t *out_end);
// The number of bytes at the end of `text` that may be the beginning of an ending; `with_optional`:
// of one with its optional part, too.
size_t ending_begun(const struct ending *ending, struct slice text, uint64_t offset,
                    bool with_optional);
