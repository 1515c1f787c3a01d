// The acknowledgement file: two slots 8 KiB apart, written in turn, so that a torn write leaves the
// other one whole. The slot with the higher generation and a matching checksum counts.
//
// Crash argument for a write: before it, the other slot holds; during it, this slot's checksum
// fails and the other one holds, which says less was settled: those records are sent again; after
// it, this one holds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/books.h"
#include "base/compiler.h"
#include "base/io.h"
#include "queue/window.h"

// What became of records, since the queue was made.
struct settled_totals {
    struct tally acknowledged;
    struct tally dead_lettered;
    struct tally dropped;
    struct tally damaged;
    uint64_t maybe_repeated;
};

struct ack_state {
    uint64_t epoch;          // of the writer
    uint64_t submitted;      // highest sequence that was offered to the service
    uint64_t first_sequence; // of the writer: the sequences below it that no record has are settled
    struct settled_totals totals;
    struct window window;
};

struct ackslot {
    struct io *io;
    int fd;
    uint64_t generation; // of the slot that counts
};

// Opens or creates `path`. `*out_found` says whether a slot could be read; `*out_damaged` whether
// the file had content but no slot that counts.
NODISCARD int ackslot_open(struct ackslot *slot, struct io *io, const char *path,
                           struct ack_state *out_state, bool *out_found, bool *out_damaged);
void ackslot_close(struct ackslot *slot);
// Reads only, for inspection: E_NOT_FOUND when no slot counts.
NODISCARD int ackslot_read(struct io *io, const char *path, struct ack_state *out_state);
// Writes the next slot; not synced.
NODISCARD int ackslot_write(struct ackslot *slot, const struct ack_state *state);
NODISCARD int ackslot_sync(struct ackslot *slot);
