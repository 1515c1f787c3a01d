#include "base/base64_variants.h"

#ifdef __x86_64__

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

bool base64_avx2_usable(void)
{
    return __builtin_cpu_supports("avx2");
}

// The method of Muła and Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions", ACM
// Transactions on the Web 12 (2018).

// Twelve bytes in each half of a register become sixteen numbers below 64.
TARGET static inline __m256i split_sextets(__m256i bytes)
{
    // Each group abc is laid out as two little-endian words, ab and bc: b a c b.
    const __m256i groups = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, //
                                            1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    bytes = _mm256_shuffle_epi8(bytes, groups);
    // Products move the sextets: the high half of a product is a shift to the right, the low half
    // one to the left.
    __m256i first_third = _mm256_and_si256(bytes, _mm256_set1_epi32(0x0fc0fc00));
    __m256i second_fourth = _mm256_and_si256(bytes, _mm256_set1_epi32(0x003f03f0));
    first_third = _mm256_mulhi_epu16(first_third, _mm256_set1_epi32(0x04000040));
    second_fourth = _mm256_mullo_epi16(second_fourth, _mm256_set1_epi32(0x01000010));
    return _mm256_or_si256(first_third, second_fourth);
}

// Numbers below 64 become characters of the alphabet: the range that a number lies in gives what is
// added to it.
TARGET static inline __m256i to_alphabet(__m256i sextets)
{
    // 0: a-z, 1-10: 0-9, 11: +, 12: /, 13: A-Z.
    const __m256i offsets =
        _mm256_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0, //
                         'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                         '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    __m256i range = _mm256_subs_epu8(sextets, _mm256_set1_epi8(51));
    __m256i upper_case = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), sextets);
    range = _mm256_or_si256(range, _mm256_and_si256(upper_case, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(sextets, _mm256_shuffle_epi8(offsets, range));
}

TARGET size_t base64_encode_avx2(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t done = 0;
    // The second load reads four bytes more than it uses.
    for (; done + 28 <= size; done += 24, out += 32) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(data + done));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(data + done + 12));
        __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        __m256i text = to_alphabet(split_sextets(bytes));
        _mm256_storeu_si256((__m256i *)(void *)out, text);
    }
    return done;
}

#else

bool base64_avx2_usable(void)
{
    return false;
}

size_t base64_encode_avx2(const uint8_t *data, size_t size, uint8_t *out)
{
    (void)data;
    (void)size;
    (void)out;
    return 0;
}

#endif
