// Base64 with the standard alphabet and padding (RFC 4648 section 4). Encoding is on the hot path
// of the JSON protocols and uses AVX2 where the processor has it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

static inline size_t base64_encoded_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

// Writes base64_encoded_size(in.size) bytes to `out`, no NUL.
void base64_encode(struct slice in, uint8_t *out);
// Appends the decoded bytes. Strict: E_SYNTAX for foreign characters (white space too), missing or
// misplaced padding, or bits behind the end; E_TOO_LARGE when `out` is full, which then has its
// overflow set. Appends nothing on error.
NODISCARD int base64_decode(struct slice in, struct buf *out);
