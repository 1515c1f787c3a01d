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

// The value of a character; above 63 for what is not in the alphabet.
static uint32_t sextet(uint8_t character)
{
    return (uint32_t)values[character] - 1;
}

// The last group: three or two characters when it is padded, and no bits behind the end.
static bool decode_last(const uint8_t *text, size_t padding, uint8_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        uint32_t value = sextet(text[i]);
        if (value > 63) {
            return false;
        }
        group |= value << (18 - 6 * i);
    }
    for (size_t i = 0; i < 3 - padding; i++) {
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    }
    return (group & ((1u << (8 * padding)) - 1)) == 0;
}

static bool decode(struct slice in, size_t padding, uint8_t *out)
{
    const uint8_t *last = in.data + in.size - 4;
    for (const uint8_t *at = in.data; at < last; at += 4, out += 3) {
        uint32_t a = sextet(at[0]);
        uint32_t b = sextet(at[1]);
        uint32_t c = sextet(at[2]);
        uint32_t d = sextet(at[3]);
        if ((a | b | c | d) > 63) {
            return false;
        }
        out[0] = (uint8_t)(a << 2 | b >> 4);
        out[1] = (uint8_t)(b << 4 | c >> 2);
        out[2] = (uint8_t)(c << 6 | d);
    }
    return decode_last(last, padding, out);
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
