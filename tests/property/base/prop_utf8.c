#include <stdlib.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "base/utf8.h"
#include "support/test_main.h"

// The reference knows nothing of lead bytes and ranges: it writes down every code point by the
// table of RFC 3629 section 3 and remembers the encodings and all their beginnings.
enum { SEQUENCES = 1 << 24 };

struct reference {
    uint8_t whole[SEQUENCES / 8]; // encodings of up to three bytes
    uint8_t begun[SEQUENCES / 8]; // proper beginnings of up to three bytes
};

static uint32_t key_of(const uint8_t *bytes, size_t size)
{
    uint32_t key = 0;
    for (size_t i = 0; i < size; i++) {
        key = key << 8 | bytes[i];
    }
    return key;
}

static void mark(uint8_t *set, uint32_t key)
{
    set[key / 8] |= (uint8_t)(1u << (key % 8));
}

static bool marked(const uint8_t *set, uint32_t key)
{
    return (set[key / 8] >> (key % 8) & 1) != 0;
}

static size_t encode(uint32_t code_point, uint8_t bytes[4])
{
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1;) {
        bytes[i] = (uint8_t)(0x80 + code_point % 64);
        code_point /= 64;
    }
    bytes[0] = (uint8_t)(leads[size] + code_point);
    return size;
}

// Beginnings and encodings of different lengths never share a key: a lead byte of more than one
// byte is not zero.
static struct reference *reference_create(void)
{
    struct reference *reference = xcalloc(1, sizeof *reference);
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (code_point >= 0xd800 && code_point <= 0xdfff) {
            continue;
        }
        uint8_t bytes[4];
        size_t size = encode(code_point, bytes);
        if (size < 4) {
            mark(reference->whole, key_of(bytes, size));
        }
        for (size_t front = 1; front < size; front++) {
            mark(reference->begun, key_of(bytes, front));
        }
    }
    return reference;
}

static struct utf8_step expected_step(const struct reference *reference, const uint8_t *bytes,
                                      size_t size)
{
    size_t begun = 0;
    for (size_t length = 1; length <= size && length <= 3; length++) {
        uint32_t key = key_of(bytes, length);
        if (marked(reference->whole, key) && (length == 1 || bytes[0] >= 0x80)) {
            return (struct utf8_step){.length = length, .valid = true};
        }
        if (begun == length - 1 && marked(reference->begun, key)) {
            begun = length;
        }
    }
    // The last byte of four is a continuation byte like any other.
    if (begun == 3 && size >= 4 && bytes[3] >= 0x80 && bytes[3] <= 0xbf) {
        return (struct utf8_step){.length = 4, .valid = true};
    }
    return (struct utf8_step){.length = begun == 0 ? 1 : begun, .valid = false};
}

static bool step_agrees(const struct reference *reference, const uint8_t *bytes, size_t size)
{
    struct utf8_step expected = expected_step(reference, bytes, size);
    struct utf8_step step = utf8_step(slice_of(bytes, size));
    return step.length == expected.length && step.valid == expected.valid;
}

START_TEST(every_sequence_of_up_to_three_bytes_is_judged_as_by_definition)
{
    struct reference *reference = reference_create();
    uint32_t key = 0;
    bool agrees = true;
    for (; key < SEQUENCES && agrees; key++) {
        const uint8_t bytes[] = {(uint8_t)(key >> 16), (uint8_t)(key >> 8), (uint8_t)key};
        agrees = step_agrees(reference, bytes, 3) &&
                 (key >= 0x10000 || step_agrees(reference, bytes + 1, 2)) &&
                 (key >= 0x100 || step_agrees(reference, bytes + 2, 1));
    }
    ck_assert_msg(agrees, "%06x", key - 1);
    free(reference);
}
END_TEST

START_TEST(sampled_sequences_of_four_bytes_are_judged_as_by_definition)
{
    struct reference *reference = reference_create();
    struct prng prng = prng_of_seed(7);
    bool agrees = true;
    uint8_t bytes[4] = {0};
    for (int run = 0; run < 2000000 && agrees; run++) {
        uint64_t bits = prng_next(&prng);
        for (size_t i = 0; i < 4; i++) {
            // Mostly where it matters: leads of four bytes, continuation bytes.
            uint8_t byte = (uint8_t)(bits >> (8 * i));
            bool near = (bits >> (40 + 2 * i) & 3) != 0;
            bytes[i] = !near ? byte : (uint8_t)(i == 0 ? 0xe0 | byte : 0x80 | (byte & 0x3f));
        }
        agrees = step_agrees(reference, bytes, 4);
    }
    ck_assert_msg(agrees, "%08x", key_of(bytes, 4));
    free(reference);
}
END_TEST

// Text made of characters, stray bytes and cut characters.
static void random_text(struct prng *prng, struct buf *text)
{
    buf_clear(text);
    size_t pieces = prng_below(prng, 30);
    for (size_t i = 0; i < pieces; i++) {
        uint8_t bytes[4];
        size_t size =
            utf8_encode((uint32_t)prng_below(prng, (uint64_t)1 << prng_below(prng, 22)), bytes);
        switch (prng_below(prng, 4)) {
        case 0:
            buf_append_text(text, "a run of plain text");
            break;
        case 1:
            buf_append_byte(text, (uint8_t)prng_next(prng));
            break;
        case 2:
            size = 1 + prng_below(prng, size);
            buf_append(text, bytes, size);
            break;
        default:
            buf_append(text, bytes, size);
            break;
        }
    }
}

START_TEST(replacing_equals_a_walk_step_by_step)
{
    struct prng prng = prng_of_seed(8);
    struct buf text;
    struct buf out;
    struct buf expected;
    buf_init(&text, 1000);
    buf_init(&out, 4000);
    buf_init(&expected, 4000);
    for (int run = 0; run < 20000; run++) {
        random_text(&prng, &text);
        buf_clear(&out);
        buf_clear(&expected);
        size_t replaced = 0;
        size_t valid_prefix = SIZE_MAX;
        for (size_t at = 0; at < text.size;) {
            struct utf8_step step = utf8_step(slice_skip(buf_slice(&text), at));
            if (step.valid) {
                buf_append(&expected, text.data + at, step.length);
            } else {
                buf_append_text(&expected, "\xef\xbf\xbd");
                valid_prefix = replaced == 0 ? at : valid_prefix;
                replaced++;
            }
            at += step.length;
        }
        ck_assert_uint_eq(utf8_append_valid(&out, buf_slice(&text)), replaced);
        ck_assert(slice_equal(buf_slice(&out), buf_slice(&expected)));
        ck_assert(utf8_valid(buf_slice(&out)));
        ck_assert_uint_eq(utf8_valid_prefix(buf_slice(&text)),
                          replaced == 0 ? text.size : valid_prefix);
        ck_assert(utf8_valid(buf_slice(&text)) == (replaced == 0));
    }
    buf_deinit(&expected);
    buf_deinit(&out);
    buf_deinit(&text);
}
END_TEST

START_TEST(a_prefix_by_units_is_the_longest_that_fits)
{
    struct prng prng = prng_of_seed(9);
    struct buf text;
    struct buf valid;
    buf_init(&text, 1000);
    buf_init(&valid, 4000);
    for (int run = 0; run < 5000; run++) {
        random_text(&prng, &text);
        buf_clear(&valid);
        (void)utf8_append_valid(&valid, buf_slice(&text));
        struct slice whole = buf_slice(&valid);
        size_t units_max = prng_below(&prng, utf8_utf16_units(whole) + 2);
        struct slice prefix = utf8_prefix_utf16_units(whole, units_max);
        ck_assert(utf8_valid(prefix));
        ck_assert(slice_starts_with(whole, prefix));
        ck_assert_uint_le(utf8_utf16_units(prefix), units_max);
        struct slice rest = slice_skip(whole, prefix.size);
        if (rest.size != 0) {
            struct slice next = slice_of(rest.data, utf8_step(rest).length);
            ck_assert_uint_gt(utf8_utf16_units(prefix) + utf8_utf16_units(next), units_max);
        }
    }
    buf_deinit(&valid);
    buf_deinit(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("utf8");
    tcase_add_test(tests, every_sequence_of_up_to_three_bytes_is_judged_as_by_definition);
    tcase_add_test(tests, sampled_sequences_of_four_bytes_are_judged_as_by_definition);
    tcase_add_test(tests, replacing_equals_a_walk_step_by_step);
    tcase_add_test(tests, a_prefix_by_units_is_the_longest_that_fits);
    suite_add_tcase(suite, tests);
    return suite;
}
