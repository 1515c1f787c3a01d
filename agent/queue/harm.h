// What became of records of a generation other than being delivered: a small file beside the
// acknowledgements, replaced as a whole before they say that such records are settled. What is in
// memory is under the lock of the queue; the file is written by the sender's thread.
//
// Crash argument: the file is synced and has its name before the acknowledgement that it is about
// is written. Until then the records are queued, and are settled and counted once more: it may say
// too much, never too little. Of counts it may say too little: they are written within a second,
// but that a generation is harmed at all is written at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/io.h"
#include "queue/positions.h"

struct harm {
    uint64_t generation;
    uint64_t dropped;       // records
    uint64_t dead_lettered; // records
    uint64_t damaged;       // 1: some of it may have been in what could not be read
};

struct harms {
    struct harm *items; // ids ascend
    size_t count;
    size_t capacity;
    uint64_t all_below;  // every generation with a lower id may have been damaged
    uint64_t written_ns; // monotonic time of the last write
    bool dirty;          // something was added since
    bool urgent;         // a generation was harmed that was not before
};

// Reads the file at `path`; of generations that are not in `positions` nothing is kept. A damaged
// file is no error: everything known then counts as damaged.
NODISCARD int harms_open(struct harms *harms, struct io *io, const char *path,
                         const struct positions *positions);
void harms_deinit(struct harms *harms);

// Adds counts to those of a generation.
void harms_add(struct harms *harms, const struct harm *harm);
void harms_forget(struct harms *harms, uint64_t generation);
// What is known against a generation; all zero when it is nothing.
struct harm harms_of(const struct harms *harms, uint64_t generation);

// Whether the file has to be written before an acknowledgement is.
bool harms_due(const struct harms *harms, uint64_t now_ns);
// Appends the file to `out` and takes it as written; when the write fails, say so.
void harms_encode(struct harms *harms, uint64_t now_ns, struct buf *out);
void harms_failed(struct harms *harms);
// Replaces the file at `path` in `dir` durably.
NODISCARD int harms_write(struct io *io, const char *dir, const char *path, struct slice content);
