#include "base/base64.h"

#include "base/base64_variants.h"
#include "base/error.h"

static const uint8_t alphabet[64] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};

// The value of a character plus one; 0 for what is not in the alphabet.
#define TWO(character, value) [(character)] = (value) + 1, [(character) + 1] = (value) + 2
#define SIX(character, value) \
    TWO(character, value), TWO((character) + 2, (value) + 2), TWO((character) + 4, (value) + 4)
#define LETTERS(first, value)                                                          \
    SIX(first, value), SIX((first) + 6, (value) + 6), SIX((first) + 12, (value) + 12), \
        SIX((first) + 18, (value) + 18), TWO((first) + 24, (value) + 24)
static const uint8_t values[256] = {LETTERS('A', 0), LETTERS('a', 26), SIX('0', 52), TWO('6', 58),
                                    TWO('8', 60),    ['+'] = 63,       ['/'] = 64};

void base64_encode_generic(const uint8_t *data, size_t size, uint8_t *out)
{
    for (; size >= 3; data += 3, size -= 3, out += 4) {
        uint32_t group = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = alphabet[group >> 6 & 63];
        out[3] = alphabet[group & 63];
    }
    if (size != 0) {
        uint32_t group = (uint32_t)data[0] << 16 | (size == 2 ? (uint32_t)data[1] << 8 : 0);
        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = size == 2 ? alphabet[group >> 6 & 63] : '=';
        out[3] = '=';
    }
}

void base64_encode(struct slice in, uint8_t *out)
{
    size_t done = 0;
    if (base64_avx2_usable()) {
        done = base64_encode_avx2(in.data, in.size, out);
    }
    struct slice rest = slice_skip(in, done);
    base64_encode_generic(rest.data, rest.size, out + done / 3 * 4);
}

// Number of padding characters at the end, of at least four characters.
static size_t padding_of(struct slice in)
{
    if (in.data[in.size - 1] != '=') {
        return 0;
    }
    return in.data[in.size - 2] == '=' ? 2 : 1;
}

// Decodes `count` characters, 2 to 4, to count - 1 bytes.
static bool decode_group(const uint8_t *text, size_t count, uint8_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t value = values[text[i]];
        if (value == 0) {
            return false;
        }
        group |= (value - 1) << (18 - 6 * i);
    }
    for (size_t i = 0; i < count - 1; i++) {
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    }
    return (group & ((1u << (8 * (4 - count))) - 1)) == 0;
}

static bool decode(struct slice in, size_t padding, uint8_t *out)
{
    size_t last = in.size - 4;
    for (size_t at = 0; at < last; at += 4, out += 3) {
        if (!decode_group(in.data + at, 4, out)) {
            return false;
        }
    }
    return decode_group(in.data + last, 4 - padding, out);
}

int base64_decode(struct slice in, struct buf *out)
{
    if (in.size % 4 != 0) {
        return E_SYNTAX;
    }
    if (in.size == 0) {
        return 0;
    }
    size_t padding = padding_of(in);
    size_t before = out->size;
    uint8_t *room = buf_extend(out, in.size / 4 * 3 - padding);
    if (room == NULL) {
        return E_TOO_LARGE;
    }
    if (!decode(in, padding, room)) {
        buf_truncate(out, before);
        return E_SYNTAX;
    }
    return 0;
}
