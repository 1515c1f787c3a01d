// The table of all generations that a queue knows, in memory: what a snapshot writes, what recovery
// rebuilds, what a source block changes. Ordered by id.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/generation.h"
#include "base/slice.h"
#include "queue/block.h"

struct positions {
    struct generation *items; // ids ascend; paths owned
    size_t count;
    size_t capacity;
    uint64_t next_id; // first id that was never used
};

void positions_deinit(struct positions *positions);
// Takes over what the generation says (copied); GENERATION_FORGET removes it.
void positions_note(struct positions *positions, const struct generation *generation);
// Moves a position. An unknown id is ignored: its generation was forgotten since.
void positions_move(struct positions *positions, const struct block_position *position);
const struct generation *positions_find(const struct positions *positions, uint64_t id);

// One generation in the form that source blocks and snapshots share.
void generation_encode(const struct generation *generation, struct buf *out);
// Reads every generation of `bytes` into the table. E_CORRUPT when it does not add up.
NODISCARD int positions_decode(struct positions *positions, struct slice bytes);
