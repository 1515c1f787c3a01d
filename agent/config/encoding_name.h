// Names of character encodings, as far as something has to be known about them before iconv(3) is
// asked. Case, "-" and "_" make no difference.
#pragma once

#include <stdbool.h>

bool encoding_name_is_utf8(const char *name);

// The encodings that a name without a byte order stands for; the byte order mark of a file says
// which.
struct encoding_orders {
    const char *little;
    const char *big;
    unsigned char big_first; // first byte of the mark in the big-endian one
};
// Those of "utf-16" and "utf-32", NULL for every other name.
const struct encoding_orders *encoding_name_orders(const char *name);

// Whether it is one of those that people use, which every full iconv has.
bool encoding_name_is_common(const char *name);
// The common name that may have been meant, NULL for none.
const char *encoding_name_meant_by(const char *name);
