// One struct io over two simulated ones: what lies below /state is on a disk that can lose power,
// everything else on a filesystem where programs write logs. Both share one clock. An observer
// hears what reaches the files of the queue.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"
#include "base/prng.h"
#include "base/slice.h"
#include "support/simdisk.h"
#include "support/simfs.h"

enum disk_file { DISK_OTHER, DISK_SEGMENT, DISK_ACK, DISK_DEAD };

enum { SIM_DISK_FDS = 256, SIM_DISK_FD_BASE = 1000 };

struct sim_io {
    struct io io; // must stay the first member
    struct io *files;
    struct io *disk;
    struct prng prng;
    uint64_t now_ns;        // of the world
    uint64_t booted_ns;     // where the monotonic clock began
    int64_t real_ahead_ns;  // of the agent's real clock
    size_t block_bytes_max; // the longest write to a segment
    uint64_t failures;      // calls on the disk that failed
    uint64_t ack_end;       // behind the last write of acknowledgements
    size_t ack_bytes;       // of the slot in the making
    bool ack_torn;          // nobody knows what the last write of acknowledgements left
    enum disk_file kinds[SIM_DISK_FDS];
    void *context;
    // Before a call on the disk in which another thread may run; `kind` is that of the file.
    void (*pause)(void *context, enum disk_file kind);
    // Data was written to a segment or another file, or a slot of acknowledgements is whole.
    void (*written)(void *context, enum disk_file kind, struct slice data);
    void (*synced)(void *context, enum disk_file kind);
    // A name on the disk was made, changed or removed.
    void (*named)(void *context, const char *call, const char *path, int result);
};

// Borrows both; the observer is set by the caller.
void sim_io_init(struct sim_io *sim, struct io *files, struct io *disk, uint64_t seed);
