// The implementations behind crc32c(), by name, so that tests can hold them against one another.
// Each takes and returns the register of the CRC, without the inversions at both ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_generic(uint32_t state, const uint8_t *data, size_t size);
// Whether crc32c_sse42 may be called on this processor.
bool crc32c_sse42_usable(void);
uint32_t crc32c_sse42(uint32_t state, const uint8_t *data, size_t size);
