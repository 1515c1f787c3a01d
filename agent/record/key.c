#include "record/key.h"

#include "base/cursor.h"
#include "base/json_scan.h"
#include "base/utf8.h"

static void cut_key(struct buf *key)
{
    struct slice kept = utf8_prefix_utf16_units(buf_slice(key), KEY_UNITS_MAX);
    buf_truncate(key, kept.size);
}

bool key_from_field(struct slice data, struct slice path, struct buf *key)
{
    struct slice value;
    buf_clear(key);
    if (json_find(data, path, &value) != 0) {
        return false;
    }
    switch (json_kind_of(value)) {
    case JSON_STRING:
        if (json_unescape(value, key) != 0) {
            return false;
        }
        break;
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        buf_append_slice(key, value);
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        return false;
    }
    cut_key(key);
    return key->size != 0;
}

__extension__ typedef unsigned __int128 uint128;

// A folded multiplication: 128 bits of product, whose halves are mixed.
static uint64_t fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Odd constants with about as many ones as zeros: digits of pi and e.
static const uint64_t mix[4] = {
    0x243f6a8885a308d3,
    0x13198a2e03707345,
    0xb7e151628aed2a6b,
    0x9f84d9045190cfef,
};

static void append_hex(struct buf *out, uint64_t value)
{
    for (unsigned shift = 64; shift > 0; shift -= 4) {
        buf_append_byte(out, (uint8_t) "0123456789abcdef"[value >> (shift - 4) & 15]);
    }
}

// Two lanes over blocks of 16 bytes, the last one padded with zeros; the size goes into the start
// values. It spreads records over shards and tells them apart; it withstands no attacker.
void key_from_hash(struct slice data, struct buf *key)
{
    uint64_t left = mix[0] ^ data.size;
    uint64_t right = mix[1] + data.size;
    while (data.size != 0) {
        uint8_t block[16] = {0};
        size_t size = data.size < sizeof block ? data.size : sizeof block;
        memcpy(block, data.data, size);
        data = slice_skip(data, size);
        uint64_t low = load_u64(block);
        uint64_t high = load_u64(block + 8);
        uint64_t before = left;
        left = fold(left ^ low, mix[2]) + (right ^ high);
        right = fold(right ^ high, mix[3]) + (before ^ low);
    }
    buf_clear(key);
    append_hex(key, fold(left ^ mix[1], right ^ mix[2]) ^ left);
    append_hex(key, fold(right ^ mix[0], left ^ mix[3]) + right);
}
