#include "base/crc32c_variants.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("sse4.2,pclmul")))

bool crc32c_sse42_usable(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

// The instruction takes three cycles but one can start in each, so three lanes of `bytes` bytes run
// side by side. A lane is moved in front of the ones behind it by a carry-less multiplication with
// x^(8n - 33) mod P, n being the bytes that follow, and one more crc32 that reduces the product
// (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", 2011).
struct lanes {
    size_t bytes;
    uint32_t over_one; // x^(8 * bytes - 33)
    uint32_t over_two; // x^(16 * bytes - 33)
};

static const struct lanes lanes_long = {1024, 0x170076fau, 0xa51b6135u};
static const struct lanes lanes_short = {128, 0x0d3b6092u, 0xb9e02b86u};

static inline uint64_t load_64(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

TARGET static inline uint32_t shift(uint64_t state, uint32_t factor)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state),
                                           _mm_cvtsi64_si128((long long)factor), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

TARGET static inline uint32_t three_lanes(uint32_t state, const uint8_t *data, struct lanes lanes)
{
    uint64_t a = state;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < lanes.bytes; i += 8) {
        a = _mm_crc32_u64(a, load_64(data + i));
        b = _mm_crc32_u64(b, load_64(data + lanes.bytes + i));
        c = _mm_crc32_u64(c, load_64(data + 2 * lanes.bytes + i));
    }
    return shift(a, lanes.over_two) ^ shift(b, lanes.over_one) ^ (uint32_t)c;
}

TARGET uint32_t crc32c_sse42(uint32_t state, const uint8_t *data, size_t size)
{
    for (size_t step = 3 * lanes_long.bytes; size >= step; data += step, size -= step) {
        state = three_lanes(state, data, lanes_long);
    }
    for (size_t step = 3 * lanes_short.bytes; size >= step; data += step, size -= step) {
        state = three_lanes(state, data, lanes_short);
    }
    uint64_t wide = state;
    for (; size >= 8; data += 8, size -= 8) {
        wide = _mm_crc32_u64(wide, load_64(data));
    }
    state = (uint32_t)wide;
    for (; size > 0; data++, size--) {
        state = _mm_crc32_u8(state, *data);
    }
    return state;
}

#else

bool crc32c_sse42_usable(void)
{
    return false;
}

uint32_t crc32c_sse42(uint32_t state, const uint8_t *data, size_t size)
{
    return crc32c_generic(state, data, size);
}

#endif
