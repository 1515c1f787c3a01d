// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { UTF8_REPLACEMENT = 0xfffd }; // stands for what cannot be read

// What stands at the front of some text: a character, or the part of an invalid run that one U+FFFD
// replaces (Unicode 15, 3.9, "substitution of maximal subparts").
struct utf8_step {
    size_t length; // 1 to 4 bytes
    bool valid;
};

// `text` must not be empty.
struct utf8_step utf8_step(struct slice text);

bool utf8_valid(struct slice text);
// Length in bytes of the longest valid prefix.
size_t utf8_valid_prefix(struct slice text);
// Appends `text` with U+FFFD in place of what is invalid, one for each maximal subpart. Returns the
// number of replacements.
size_t utf8_append_valid(struct buf *out, struct slice text);
// Writes the encoding of a code point, 1 to 4 bytes, and returns their number. A surrogate or
// anything above U+10FFFF is written as U+FFFD.
size_t utf8_encode(uint32_t code_point, uint8_t out_bytes[4]);
// Number of UTF-16 code units of valid UTF-8.
size_t utf8_utf16_units(struct slice text);
// The longest prefix of valid UTF-8 that has at most `units_max` UTF-16 code units.
struct slice utf8_prefix_utf16_units(struct slice text, size_t units_max);
