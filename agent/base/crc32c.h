// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected; RFC 3720 B.4 has test vectors), with the
// SSE4.2 instruction where the processor has it.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Continues from `crc`, the result over the bytes before (0 at the start).
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
