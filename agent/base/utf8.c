#include "base/utf8.h"

#include "base/cursor.h"

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; // U+FFFD

static size_t ascii_prefix(struct slice text)
{
    size_t at = 0;
    while (at + 8 <= text.size && (load_u64(text.data + at) & 0x8080808080808080u) == 0) {
        at += 8;
    }
    while (at < text.size && text.data[at] < 0x80) {
        at++;
    }
    return at;
}

// RFC 3629 section 4: the lead byte gives the length, and narrows the range of the second byte.
struct utf8_step utf8_step(struct slice text)
{
    uint8_t lead = text.data[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t length = 1;
    if (lead < 0x80) {
        return (struct utf8_step){.length = 1, .valid = true};
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return (struct utf8_step){.length = 1, .valid = false};
    }
    if (lead < 0xe0) {
        length = 2;
    } else if (lead < 0xf0) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    }
    for (size_t i = 1; i < length; i++) {
        if (i == text.size || text.data[i] < low || text.data[i] > high) {
            return (struct utf8_step){.length = i, .valid = false};
        }
        low = 0x80;
        high = 0xbf;
    }
    return (struct utf8_step){.length = length, .valid = true};
}

size_t utf8_valid_prefix(struct slice text)
{
    size_t at = 0;
    for (;;) {
        at += ascii_prefix(slice_skip(text, at));
        if (at == text.size) {
            return at;
        }
        struct utf8_step step = utf8_step(slice_skip(text, at));
        if (!step.valid) {
            return at;
        }
        at += step.length;
    }
}

bool utf8_valid(struct slice text)
{
    return utf8_valid_prefix(text) == text.size;
}

size_t utf8_append_valid(struct buf *out, struct slice text)
{
    size_t replaced = 0;
    for (;;) {
        size_t valid = utf8_valid_prefix(text);
        buf_append(out, text.data, valid);
        text = slice_skip(text, valid);
        if (text.size == 0) {
            return replaced;
        }
        text = slice_skip(text, utf8_step(text).length);
        buf_append(out, replacement, sizeof replacement);
        replaced++;
    }
}

size_t utf8_encode(uint32_t code_point, uint8_t out_bytes[4])
{
    if (code_point < 0x80) {
        out_bytes[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out_bytes[0] = (uint8_t)(0xc0 | code_point >> 6);
        out_bytes[1] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if ((code_point >= 0xd800 && code_point <= 0xdfff) || code_point > 0x10ffff) {
        memcpy(out_bytes, replacement, sizeof replacement);
        return sizeof replacement;
    }
    if (code_point < 0x10000) {
        out_bytes[0] = (uint8_t)(0xe0 | code_point >> 12);
        out_bytes[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        out_bytes[2] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out_bytes[0] = (uint8_t)(0xf0 | code_point >> 18);
    out_bytes[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
    out_bytes[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
    out_bytes[3] = (uint8_t)(0x80 | (code_point & 0x3f));
    return 4;
}

// Every byte but a continuation starts a character; a lead byte of four starts one with two units.
static size_t units_of(uint8_t byte)
{
    return (size_t)((byte & 0xc0) != 0x80) + (size_t)(byte >= 0xf0);
}

size_t utf8_utf16_units(struct slice text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.size; i++) {
        units += units_of(text.data[i]);
    }
    return units;
}

struct slice utf8_prefix_utf16_units(struct slice text, size_t units_max)
{
    size_t units = 0;
    for (size_t i = 0; i < text.size; i++) {
        units += units_of(text.data[i]);
        if (units > units_max) {
            return slice_of(text.data, i);
        }
    }
    return text;
}
