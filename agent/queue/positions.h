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
#include "queue/dir_names.h"

// What is to be said of few generations.
struct remark {
    uint64_t generation;
    uint64_t lost_bytes; // gone before they could be read, counted exactly
    uint64_t lost_bytes_at_least;
    uint64_t copy_of;      // the generation in which all of it was read, 0: none
    uint64_t perhaps_lost; // odd: it may have had more than was ever seen of it
};

// What a position does not share with the source.
struct place {
    uint64_t end; // the first sequence behind the last of its records
    struct dir_name *dir;
    char *name; // in it; both together are the path
};

struct positions {
    struct generation *items; // ids ascend; their paths are NULL: positions_path
    struct place *places;     // one for each item
    struct dir_names dirs;
    size_t count;
    size_t capacity;
    size_t forgotten_count; // items that are marked with GENERATION_FORGET; 0 between calls
    uint64_t next_id;       // first id that was never used
    struct remark *remarks; // ids ascend
    size_t remark_count;
    size_t remark_capacity;
};

void positions_deinit(struct positions *positions);
// Takes over what the generation says (copied); GENERATION_FORGET removes it.
void positions_note(struct positions *positions, const struct generation *generation);
// Moves a position, or takes over a remark. `end` is the first sequence behind the records of the
// block that says it, 0 when it has none. An unknown id is ignored: its generation was forgotten
// since.
void positions_move(struct positions *positions, const struct block_position *position,
                    uint64_t end);
// Without its path. NULL: unknown.
const struct generation *positions_find(const struct positions *positions, uint64_t id);
// The path of one of the items; owned.
char *positions_path(const struct positions *positions, const struct generation *item);
// First sequence behind the last record of a generation, or a later one. 0: it has none.
uint64_t positions_end(const struct positions *positions, uint64_t id);
// All records of what is known now lie in front of `end`, and where in front of it is not known.
void positions_end_before(struct positions *positions, uint64_t end);
// NULL when there is nothing to be said of it.
const struct remark *positions_remark(const struct positions *positions, uint64_t id);

// One generation in the form that source blocks and snapshots share; `remark` may be NULL.
void generation_encode(const struct generation *generation, const struct remark *remark,
                       struct buf *out);
// All of them, as a snapshot writes them.
void positions_encode(const struct positions *positions, struct buf *out);
// Reads every generation of `bytes` into the table. E_CORRUPT when it does not add up.
NODISCARD int positions_decode(struct positions *positions, struct slice bytes);
