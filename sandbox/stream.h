// One data stream: what it is called, its shards, its retention, and how it is kept in a directory.
//
// A stream belongs to whoever holds the lock of the service. Its description is a small JSON file
// that is replaced as a whole; the records are in the logs of its shards.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "sandbox/shards.h"

enum { STREAM_NAME_MAX = 128, ON_DEMAND_SHARDS = 4, STREAM_ID_SIZE = 32 };

enum stream_status { STREAM_CREATING, STREAM_ACTIVE, STREAM_UPDATING, STREAM_DELETING };

struct stream {
    char name[STREAM_NAME_MAX + 1];
    bool on_demand;
    enum stream_status status;
    uint64_t settles_ns; // monotonic: when CREATING, UPDATING or DELETING is over
    uint64_t created_ns; // real
    uint32_t retention_hours;
    uint32_t record_kib_max;
    struct shard_set shards;
    char *dir; // NULL when nothing is kept in files
    // Calls that changed the shard count in the last 24 hours (real time).
    uint64_t resized_ns[10];
    uint64_t refused_unrouted; // records refused before a shard was known
};

// What all streams share.
struct stream_world {
    struct io *io;
    enum log_kind log_kind;
    const char *data_dir; // NULL without files
    struct log_memory memory;
};

struct stream_options {
    const char *name;
    uint32_t shard_count;
    bool on_demand;
    uint32_t record_kib_max;
};

// Makes a stream and, with a data directory, its files. The status is ACTIVE.
NODISCARD int stream_create(struct stream_world *world, const struct stream_options *options,
                            uint64_t real_ns, uint64_t monotonic_ns, struct stream **out_stream);
// Reads a stream back from its directory.
NODISCARD int stream_load(struct stream_world *world, const char *dir, uint64_t monotonic_ns,
                          struct stream **out_stream);
// Writes the description, so that a kill at any moment leaves the old or the new one.
NODISCARD int stream_save(struct stream_world *world, const struct stream *stream);
// Removes the files.
void stream_remove(struct stream_world *world, struct stream *stream);
void stream_free(struct stream *stream);

// Gives logs and buckets to shards that do not have them, after a split or merge.
NODISCARD int stream_equip(struct stream_world *world, struct stream *stream,
                           uint64_t monotonic_ns);
// Lets go of records that arrived before a time.
void stream_expire(struct stream *stream, uint64_t before_ns);
// Number of shards that take records.
uint32_t stream_open_shards(const struct stream *stream);
const char *stream_status_text(const struct stream *stream);
