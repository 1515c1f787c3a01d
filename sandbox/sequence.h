// Sequence numbers that look and sort like those of Kinesis Data Streams.
//
// A number has 186 bits. Written as 47 hexadecimal digits: `2`; 9 digits for the second in which
// the shard was made; 1 digit for the low nibble of the shard's index; 16 digits for a counter that
// grows within the shard; `00`; 9 digits for the second of the put; 8 digits for the shard's index;
// `2`. The wire form is decimal, 56 digits.
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"

enum { SEQUENCE_TEXT_SIZE = 58 };

// The counter of the number that ends a closed shard.
#define SEQUENCE_COUNTER_END UINT64_C(0x7fffffffffffffff)

struct sequence {
    uint64_t created_s; // of the shard; below 2^36, as is put_s
    uint64_t counter;
    uint64_t put_s;
    uint32_t shard;
};

void sequence_format(const struct sequence *sequence, char out_text[SEQUENCE_TEXT_SIZE]);
// E_SYNTAX when the text is no number of this layout.
NODISCARD int sequence_parse(struct slice text, struct sequence *out_sequence);
