// What the JSON writer and the JSON reader share: the bytes of a string that stand for themselves.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/slice.h"

#define JSON_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

// Sets the top bit of every byte that is a control character, '"', '\' or not ASCII. A borrow can
// set it for a byte behind such a byte as well, so only the lowest bit that is set means something.
static inline uint64_t json_special_bits(uint64_t word)
{
    uint64_t quote = word ^ JSON_EACH_BYTE('"');
    uint64_t backslash = word ^ JSON_EACH_BYTE('\\');
    uint64_t control = word - JSON_EACH_BYTE(0x20);
    uint64_t found = ((quote - JSON_EACH_BYTE(1)) & ~quote) |
                     ((backslash - JSON_EACH_BYTE(1)) & ~backslash) | (control & ~word) | word;
    return found & JSON_EACH_BYTE(0x80);
}

// Length of the longest prefix that is printable ASCII without '"' and '\' (0x7f counts as
// printable).
static inline size_t json_plain_prefix(struct slice text)
{
    size_t at = 0;
    for (; at + 8 <= text.size; at += 8) {
        uint64_t special = json_special_bits(load_u64(text.data + at));
        if (special != 0) {
            return at + (size_t)__builtin_ctzll(special) / 8;
        }
    }
    while (at < text.size && text.data[at] >= 0x20 && text.data[at] < 0x80 &&
           text.data[at] != '"' && text.data[at] != '\\') {
        at++;
    }
    return at;
}
