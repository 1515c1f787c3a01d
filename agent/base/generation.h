// What is known of one generation of a file: its identity, how far it was read, and where. `source`
// decides by it, `queue` stores it beside the data; neither knows the other.
//
// A generation is one life of one file under whatever name: it ends when the file is deleted,
// truncated or its inode is reused. Its id is unique within a queue directory for ever.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// A digest of some bytes of the file. length 0 means "nothing known", and matches anything.
struct fingerprint {
    uint32_t length;
    uint64_t hash;
};

enum {
    HEAD_BYTES_MAX = 1024, // the head is the first bytes of the file, as many as there are
    TAIL_BYTES_MAX = 256,  // the tail is the bytes just before the position
};

struct fingerprint fingerprint_of(struct slice bytes);
// The fingerprint of the bytes behind `fingerprint` with `bytes` after them.
struct fingerprint fingerprint_extend(struct fingerprint fingerprint, struct slice bytes);
static inline bool fingerprint_equal(struct fingerprint a, struct fingerprint b)
{
    return a.length == b.length && a.hash == b.hash;
}

// A digest of a path.
#define GENERATION_NAME_MAX 0x7fffffffu
uint32_t generation_name(const char *path);

enum generation_state {
    GENERATION_LIVE,    // may still grow
    GENERATION_ENDED,   // read to its proven end; remembered so that it is not read again
    GENERATION_DELETED, // its last name is gone; remembered for a while
    GENERATION_FORGET,  // told to the queue: drop it from the table
};

struct generation {
    uint64_t id;
    uint64_t device;
    uint64_t inode;
    uint64_t birth_ns; // 0 where the filesystem has none
    struct fingerprint head;
    uint64_t position;       // offset of the first byte that is not yet in the queue
    struct fingerprint tail; // of the bytes just before `position`
    uint64_t size_seen;      // the largest size a stat has shown, so that losses can be counted
    uint64_t seen_s;         // real time (seconds) of the last change of state
    enum generation_state state : 8;
    bool after_cut : 1; // it began when the file was cut to nothing
    // Digest of the name under which it began to live (generation_name). It is rotated when its
    // path is another one: the writer's file, if there is one, is not this one any more.
    uint32_t first_name : 31;
    uint32_t skipped : 1; // start_at passed over the beginning of it
    char *path;           // last known name, owned by whoever owns the struct
};
