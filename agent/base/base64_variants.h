// The implementations behind base64_encode(), by name, so that tests can hold them against one
// another. `out` has room for base64_encoded_size(size) bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void base64_encode_generic(const uint8_t *data, size_t size, uint8_t *out);
// Whether base64_encode_avx2 may be called on this processor.
bool base64_avx2_usable(void);
// Encodes a multiple of three bytes from the front and leaves the rest, at most 30 bytes more.
// Returns the number of bytes that it encoded.
size_t base64_encode_avx2(const uint8_t *data, size_t size, uint8_t *out);
