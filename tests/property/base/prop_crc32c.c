#include <stdlib.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/crc32c_variants.h"
#include "base/prng.h"
#include "support/test_main.h"

enum { SIZE_MAX_TESTED = 3 * 3 * 1024 + 600 };

// One bit at a time, straight from the definition of the polynomial.
static uint32_t crc32c_bitwise(uint32_t state, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0);
        }
    }
    return state;
}

static void fill(struct prng *prng, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)prng_next(prng);
    }
}

START_TEST(every_variant_equals_the_bitwise_definition)
{
    struct prng prng = prng_of_seed(1);
    // Memory of the exact size, so that a sanitizer sees a read behind the end.
    for (int run = 0; run < 600; run++) {
        size_t size = prng_below(&prng, run < 300 ? 64 : SIZE_MAX_TESTED);
        size_t offset = prng_below(&prng, 8);
        uint8_t *memory = xmalloc(offset + size);
        uint8_t *data = memory + offset;
        fill(&prng, data, size);
        uint32_t state = (uint32_t)prng_next(&prng);
        uint32_t expected = crc32c_bitwise(state, data, size);
        ck_assert_uint_eq(crc32c_generic(state, data, size), expected);
        if (crc32c_sse42_usable()) {
            ck_assert_uint_eq(crc32c_sse42(state, data, size), expected);
        }
        ck_assert_uint_eq(crc32c(~state, data, size), ~expected);
        free(memory);
    }
}
END_TEST

START_TEST(sum_of_parts_is_the_sum_of_the_whole)
{
    struct prng prng = prng_of_seed(2);
    uint8_t *data = xmalloc(SIZE_MAX_TESTED);
    fill(&prng, data, SIZE_MAX_TESTED);
    uint32_t whole = crc32c(0, data, SIZE_MAX_TESTED);
    for (int run = 0; run < 200; run++) {
        size_t split = prng_below(&prng, SIZE_MAX_TESTED + 1);
        uint32_t front = crc32c(0, data, split);
        ck_assert_uint_eq(crc32c(front, data + split, SIZE_MAX_TESTED - split), whole);
    }
    free(data);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("crc32c");
    TCase *tests = tcase_create("crc32c");
    tcase_add_test(tests, every_variant_equals_the_bitwise_definition);
    tcase_add_test(tests, sum_of_parts_is_the_sum_of_the_whole);
    suite_add_tcase(suite, tests);
    return suite;
}
