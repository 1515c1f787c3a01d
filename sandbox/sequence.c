#include "sandbox/sequence.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/u128.h"

enum { LIMBS = 3 };
#define SECONDS_MASK ((UINT64_C(1) << 36) - 1)
#define TEN_TO_19    UINT64_C(10000000000000000000)

// A 192-bit number, least significant limb first.
struct wide {
    uint64_t limb[LIMBS];
};

// Puts `value` in at a bit position; the bits there must be 0.
static void wide_put(struct wide *wide, unsigned bit, uint64_t value)
{
    u128 shifted = (u128)value << bit % 64;
    wide->limb[bit / 64] |= (uint64_t)shifted;
    if (bit / 64 + 1 < LIMBS) {
        wide->limb[bit / 64 + 1] |= (uint64_t)(shifted >> 64);
    }
}

static uint64_t wide_get(const struct wide *wide, unsigned bit, unsigned bits)
{
    u128 pair = wide->limb[bit / 64];
    if (bit / 64 + 1 < LIMBS) {
        pair |= (u128)wide->limb[bit / 64 + 1] << 64;
    }
    uint64_t value = (uint64_t)(pair >> bit % 64);
    return bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1);
}

static uint64_t wide_divide(struct wide *wide, uint64_t divisor)
{
    uint64_t remainder = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        u128 part = (u128)remainder << 64 | wide->limb[i];
        wide->limb[i] = (uint64_t)(part / divisor);
        remainder = (uint64_t)(part % divisor);
    }
    return remainder;
}

// False when the product does not fit.
static bool wide_multiply_add(struct wide *wide, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < LIMBS; i++) {
        u128 part = (u128)wide->limb[i] * factor + carry;
        wide->limb[i] = (uint64_t)part;
        carry = (uint64_t)(part >> 64);
    }
    return carry == 0;
}

static struct wide wide_of(const struct sequence *sequence)
{
    struct wide wide = {{0}};
    wide_put(&wide, 0, 2);
    wide_put(&wide, 4, sequence->shard);
    wide_put(&wide, 36, sequence->put_s & SECONDS_MASK);
    wide_put(&wide, 80, sequence->counter);
    wide_put(&wide, 144, sequence->shard & 0xf);
    wide_put(&wide, 148, sequence->created_s & SECONDS_MASK);
    wide_put(&wide, 184, 2);
    return wide;
}

void sequence_format(const struct sequence *sequence, char out_text[SEQUENCE_TEXT_SIZE])
{
    struct wide wide = wide_of(sequence);
    uint64_t low = wide_divide(&wide, TEN_TO_19);
    uint64_t middle = wide_divide(&wide, TEN_TO_19);
    snprintf(out_text, SEQUENCE_TEXT_SIZE, "%" PRIu64 "%019" PRIu64 "%019" PRIu64, wide.limb[0],
             middle, low);
}

int sequence_parse(struct slice text, struct sequence *out_sequence)
{
    struct wide wide = {{0}};
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || !wide_multiply_add(&wide, 10, digit)) {
            return E_SYNTAX;
        }
    }
    struct sequence sequence = {
        .created_s = wide_get(&wide, 148, 36),
        .counter = wide_get(&wide, 80, 64),
        .put_s = wide_get(&wide, 36, 36),
        .shard = (uint32_t)wide_get(&wide, 4, 32),
    };
    struct wide again = wide_of(&sequence);
    if (memcmp(&again, &wide, sizeof(wide)) != 0) {
        return E_SYNTAX;
    }
    *out_sequence = sequence;
    return 0;
}
