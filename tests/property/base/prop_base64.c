#include <stdlib.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/base64_variants.h"
#include "base/error.h"
#include "base/prng.h"
#include "support/test_main.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static unsigned bit_of(const uint8_t *data, size_t size, size_t bit)
{
    return bit / 8 < size ? (unsigned)data[bit / 8] >> (7 - bit % 8) & 1 : 0;
}

// One bit at a time: characters are runs of six bits, padded with zeros and '='.
static void encode_slowly(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t count = base64_encoded_size(size);
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        for (size_t bit = 0; bit < 6; bit++) {
            value = value << 1 | bit_of(data, size, 6 * i + bit);
        }
        out[i] = (uint8_t)(6 * i < 8 * size ? alphabet[value] : '=');
    }
}

static uint8_t *random_bytes(struct prng *prng, size_t size)
{
    uint8_t *data = xmalloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)prng_next(prng);
    }
    return data;
}

START_TEST(every_variant_equals_the_slow_encoder_and_decodes_back)
{
    struct prng prng = prng_of_seed(4);
    for (size_t run = 0; run < 2000; run++) {
        size_t size = run < 300 ? run : prng_below(&prng, 2000);
        size_t encoded = base64_encoded_size(size);
        // Memory of the exact size, so that a sanitizer sees a step over either end.
        uint8_t *data = random_bytes(&prng, size);
        uint8_t *expected = xmalloc(encoded);
        uint8_t *out = xmalloc(encoded);
        encode_slowly(data, size, expected);

        base64_encode_generic(data, size, out);
        ck_assert(memcmp(out, expected, encoded) == 0);
        memset(out, 0, encoded);
        base64_encode(slice_of(data, size), out);
        ck_assert(memcmp(out, expected, encoded) == 0);
        if (base64_avx2_usable()) {
            size_t done = base64_encode_avx2(data, size, out);
            ck_assert_uint_eq(done % 3, 0);
            ck_assert(done <= size && size - done <= 30);
        }

        struct buf decoded;
        buf_init(&decoded, size);
        ck_assert_int_eq(base64_decode(slice_of(out, encoded), &decoded), 0);
        ck_assert(slice_equal(buf_slice(&decoded), slice_of(data, size)));
        buf_deinit(&decoded);
        free(out);
        free(expected);
        free(data);
    }
}
END_TEST

// Whatever is accepted is the one encoding of what it decodes to.
START_TEST(a_changed_character_is_refused_or_another_text)
{
    struct prng prng = prng_of_seed(5);
    for (unsigned run = 0; run < 20000; run++) {
        size_t size = 1 + prng_below(&prng, 40);
        uint8_t *data = random_bytes(&prng, size);
        uint8_t text[64];
        uint8_t again[64];
        size_t encoded = base64_encoded_size(size);
        base64_encode(slice_of(data, size), text);
        text[prng_below(&prng, encoded)] = (uint8_t)prng_next(&prng);
        struct buf decoded;
        buf_init(&decoded, 64);
        if (base64_decode(slice_of(text, encoded), &decoded) == 0) {
            ck_assert_uint_eq(base64_encoded_size(decoded.size), encoded);
            base64_encode(buf_slice(&decoded), again);
            ck_assert(memcmp(again, text, encoded) == 0);
        }
        buf_deinit(&decoded);
        free(data);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");
    tcase_add_test(tests, every_variant_equals_the_slow_encoder_and_decodes_back);
    tcase_add_test(tests, a_changed_character_is_refused_or_another_text);
    suite_add_tcase(suite, tests);
    return suite;
}
