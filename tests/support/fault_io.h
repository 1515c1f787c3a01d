// A struct io that wraps another one and fails on command: the Nth call of a function gets an
// error, or a transfer comes short. Any thread may use it.
//
//     struct fault_io fault;
//     fault_io_init(&fault, io_posix());
//     fault_io_fail(&fault, "fdatasync", 2, 1, -EIO); // the second fdatasync from now
//     queue_open(&fault.io, ...);
//     fault_io_deinit(&fault);
//
// To fail every call of a run in turn, use the name FAULT_ANY with nth = 1, 2, 3 … until
// fault_io_struck() says that nothing failed any more.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"

#define FAULT_ANY "*"

// The functions of struct io that can fail, and so be named.
#define FAULT_IO_LIST(X) \
    X(open)              \
    X(pread)             \
    X(data_start)        \
    X(pwrite)            \
    X(ftruncate)         \
    X(fdatasync)         \
    X(sync_dir)          \
    X(rename)            \
    X(unlink)            \
    X(mkdir)             \
    X(list)              \
    X(readlink)          \
    X(stat)              \
    X(fstat)             \
    X(lock)              \
    X(allocate)          \
    X(free_bytes)        \
    X(fs_magic)          \
    X(notify_open)       \
    X(notify_add)        \
    X(notify_read)       \
    X(boot_id)

enum fault_call {
#define X(name) FAULT_CALL_##name,
    FAULT_IO_LIST(X)
#undef X
        FAULT_CALL_ANY, // counts them all
    FAULT_CALL_COUNT
};

enum { FAULTS_MAX = 16 };

struct fault {
    enum fault_call call;
    uint64_t first; // numbers of calls, counted from 1
    uint64_t last;
    int error;        // or 0:
    size_t bytes_max; // the transfer moves at most this many
};

struct fault_io {
    struct io io; // must stay the first member
    struct io *inner;
    pthread_mutex_t mutex;
    uint64_t calls[FAULT_CALL_COUNT];
    struct fault faults[FAULTS_MAX];
    unsigned fault_count;
    uint64_t struck;
};

// Borrows `inner`, which serves every call that does not fail.
void fault_io_init(struct fault_io *fault, struct io *inner);
void fault_io_deinit(struct fault_io *fault);

// The `nth` call of `function` from now (1 is the next one) and the count - 1 calls after it return
// `error` (negative) and do nothing. `function` is a member of struct io ("pwrite"), or FAULT_ANY.
void fault_io_fail(struct fault_io *fault, const char *function, uint64_t nth, uint64_t count,
                   int error);
// These calls of "pread", "pwrite" or both (FAULT_ANY) move at most `bytes_max` bytes.
void fault_io_shorten(struct fault_io *fault, const char *function, uint64_t nth, uint64_t count,
                      size_t bytes_max);
// Takes all faults back. The counts stay.
void fault_io_heal(struct fault_io *fault);

// Number of calls since the start, those that failed included.
uint64_t fault_io_calls(struct fault_io *fault, const char *function);
// Number of calls that a fault has changed.
uint64_t fault_io_struck(struct fault_io *fault);
