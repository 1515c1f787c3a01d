// Records that were set aside: a directory of files made of BLOCK_DEAD blocks, bounded in size; the
// oldest file goes when there is no room. Belongs to the sender's thread.
//
// Crash argument: a letter is written, then synced, then its record is settled. Before the sync it
// may be lost, but its record is still queued and comes again. Between the sync and the settlement
// it is there twice over: in the queue too; deadletter_open remembers what the files hold,
// makes it durable, and the second write is left out.
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"
#include "queue/block.h"

struct deadletter; // opaque

struct dead_record {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t time_ns; // real time at which it was set aside
    uint64_t offset;  // of its first byte in `path`
    uint32_t source_bytes;
    uint16_t reason;     // base/reason.h
    struct slice path;   // "" when it is not known
    struct slice detail; // what the service said, if it said something
    struct slice key;
    struct slice data;
};

// `dir` is created with the first letter. Letters with a sequence above `frontier` are remembered.
NODISCARD int deadletter_open(struct io *io, const char *dir, uint64_t bytes_max, uint64_t frontier,
                              struct deadletter **out_deadletter);
void deadletter_close(struct deadletter *deadletter);
// Not synced.
NODISCARD int deadletter_write(struct deadletter *deadletter, const struct dead_record *record);
// Makes what was written durable. E_CONDEMNED when it cannot any more: close, and open again.
NODISCARD int deadletter_sync(struct deadletter *deadletter);

// Calls `each` for every letter, oldest first. Damaged ones are passed over. Reads only.
NODISCARD int deadletter_each(struct io *io, const char *dir,
                              void (*each)(void *context, const struct dead_record *record),
                              void *context);
