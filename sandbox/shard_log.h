// The records of one shard, oldest first, in memory or in files of a directory.
//
// A file is named `<shard index>-<first counter>.log` and holds frames, little-endian:
//     u32 CRC32C of what follows, u32 data size, u16 key size, u64 counter, u64 arrival (real ns),
//     key, data
// Frames are only appended. What a process that was killed left half written is cut off when the
// directory is opened again. Files whose records are all expired are deleted, except the newest.
//
// A log belongs to whoever holds the lock of the service.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"

// Memory shared by all logs without a directory.
struct log_memory {
    uint64_t bytes;
    uint64_t bytes_max;
};

enum log_kind { LOG_IN_MEMORY, LOG_IN_FILES, LOG_DISCARD };

struct log_options {
    struct io *io;
    enum log_kind kind;
    const char *dir; // of LOG_IN_FILES; must exist
    struct log_memory *memory;
    uint32_t shard;
};

struct log_record {
    uint64_t counter;
    uint64_t arrival_ns;
    struct slice key;
    struct slice data;
};

struct shard_log;

// Opens or makes the log; `first_counter` numbers the first record of a new one. On failure returns
// a negative error of the file system.
NODISCARD int shard_log_open(const struct log_options *options, uint64_t first_counter,
                             struct shard_log **out_log);
void shard_log_free(struct shard_log *log);

// Adds a record and returns its counter. It is not readable before the commit. E_FULL (as a
// negative number) when the memory of all logs is used up.
NODISCARD int64_t shard_log_append(struct shard_log *log, struct slice key, struct slice data,
                                   uint64_t arrival_ns);
// Makes what was appended readable and, in files, hands it to the operating system. After an error
// everything since the last commit is gone.
NODISCARD int shard_log_commit(struct shard_log *log);

// The counter that the next record gets.
uint64_t shard_log_end(const struct shard_log *log);
// The counter of the oldest record that is kept; shard_log_end when there is none.
uint64_t shard_log_begin(const struct shard_log *log);
// The counter of the first record that arrived at or after a time.
uint64_t shard_log_at_time(const struct shard_log *log, uint64_t real_ns);
// Lets go of whole runs of records that arrived before a time.
void shard_log_expire(struct shard_log *log, uint64_t before_ns);
uint64_t shard_log_bytes(const struct shard_log *log);

// Hands out records from `counter` on, in order, until there are no more or `each` returns false
// (that record counts as not read). The slices live during the call only.
typedef bool log_each_fn(void *context, const struct log_record *record);
NODISCARD int shard_log_read(const struct shard_log *log, uint64_t counter, log_each_fn *each,
                             void *context);
