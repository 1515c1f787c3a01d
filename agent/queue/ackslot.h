// The acknowledgement file: four slots 8 KiB apart. The slot with the highest generation and a
// matching checksum counts. A write never goes to the slot that was written last, to the one that
// the last completed sync covers, or to one that a sync under way is to cover: of four, one is
// left.
//
// Crash argument for a write: before it, the slot written last holds; while it, this slot's
// checksum fails and the one written last holds, which says less was settled: those records are
// sent again; after it, this one holds. When the power goes, before, during or after, any slot that
// was not synced may be torn; the one that was synced holds, or a later one that came to the disk
// whole. So what is sent again is at most what was sent since the last completed sync.
//
// A sync: until it is done the slot of the one before it is kept.
//
// An opening: which slot was synced last is not known. The one that counts is written over itself,
// because after a sync that failed its pages may count as clean although they never came to the
// disk, and synced. Every sector of it has its old or its new content, which are the same, and no
// other slot is touched before it is done.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/books.h"
#include "base/compiler.h"
#include "base/io.h"
#include "queue/segment.h"
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
    uint64_t written_ns; // real time at which it was written; 0: an older program did
    bool closed;         // nothing was offered after it
    char boot_id[BOOT_ID_BYTES];
};

struct ackslot {
    struct io *io;
    int fd;
    pthread_mutex_t lock;      // of everything below
    uint64_t generation;       // of the slot that counts
    unsigned last;             // index of that slot
    unsigned kept;             // bits of the slots that are or may soon be the last one synced
    pthread_mutex_t sync_lock; // one sync at a time
};

// Opens or creates `path`, and makes the slot that counts durable. `*out_found` says whether there
// is one; `*out_damaged` whether the file had content but no slot that counts. E_VERSION: a newer
// program wrote it; nothing was changed.
NODISCARD int ackslot_open(struct ackslot *slot, struct io *io, const char *path,
                           struct ack_state *out_state, bool *out_found, bool *out_damaged);
void ackslot_close(struct ackslot *slot);
// Reads only, for inspection: E_NOT_FOUND when no slot counts.
NODISCARD int ackslot_read(struct io *io, const char *path, struct ack_state *out_state);
// Writes the next slot; not synced. Any thread, also while a sync is under way.
NODISCARD int ackslot_write(struct ackslot *slot, const struct ack_state *state);
// Makes everything durable that was written before it. Any thread. After an error the queue has to
// be closed and opened again.
NODISCARD int ackslot_sync(struct ackslot *slot);
