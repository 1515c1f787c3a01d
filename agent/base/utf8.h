// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

bool utf8_valid(struct slice text);
// Length in bytes of the longest valid prefix.
size_t utf8_valid_prefix(struct slice text);
// Appends `text` with every maximal invalid run part replaced by U+FFFD (Unicode 15, 3.9,
// "substitution of maximal subparts"). Returns the number of replacements.
size_t utf8_append_valid(struct buf *out, struct slice text);
// Number of UTF-16 code units of valid UTF-8.
size_t utf8_utf16_units(struct slice text);
// The longest prefix of valid UTF-8 that has at most `units_max` UTF-16 code units.
struct slice utf8_prefix_utf16_units(struct slice text, size_t units_max);
