// The shards of one stream: their hash ranges, and how they split and merge.
//
// Open shards always cover 0 … 2^128-1 without gap or overlap. A shard that is split or merged is
// closed: it takes no more records and names no new ones; its children name it as their parent.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sandbox/bucket.h"
#include "sandbox/sequence.h"
#include "sandbox/shard_log.h"
#include "sandbox/u128.h"

enum { SHARD_ID_SIZE = 32, NO_SHARD = -1 };

struct shard_counts {
    uint64_t records;
    uint64_t bytes;
    uint64_t throttled; // records refused because the shard's rate was used up
    uint64_t injected;  // records refused on command
};

struct shard {
    uint32_t index;
    int64_t parent;          // index, or NO_SHARD
    int64_t adjacent_parent; // of a merge
    u128 first;
    u128 last;
    uint64_t created_ns; // real time
    uint64_t created_s;  // as in sequence numbers: after that of every parent
    uint64_t closed_ns;  // real time; 0 while open

    struct shard_log *log; // owned
    struct bucket write_bytes;
    struct bucket write_records;
    struct bucket read_bytes;
    struct bucket read_calls;
    struct bucket iterator_calls;
    struct shard_counts counts;
};

struct shard_set {
    struct shard **all; // by index
    size_t count;
    struct shard **open; // by hash range
    size_t open_count;
};

void shard_id(const struct shard *shard, char out_id[SHARD_ID_SIZE]);
// The numbers that a shard's range begins and (when closed) ends with.
void shard_first_sequence(const struct shard *shard, char out_text[SEQUENCE_TEXT_SIZE]);
void shard_last_sequence(const struct shard *shard, char out_text[SEQUENCE_TEXT_SIZE]);

// New shards have neither log nor buckets: whoever asks for them adds both.
void shard_set_init(struct shard_set *set, uint32_t shard_count, uint64_t real_ns);
void shard_set_deinit(struct shard_set *set);
// Adds a shard as it was saved; the order must be by index. Call shard_set_reopen afterwards.
struct shard *shard_set_restore(struct shard_set *set, const struct shard *saved);
// Builds the table of open shards. False when they do not cover every hash exactly once.
bool shard_set_reopen(struct shard_set *set);

struct shard *shard_set_route(const struct shard_set *set, u128 hash);
// NULL when there is no such shard.
struct shard *shard_set_find(const struct shard_set *set, struct slice id);

// `start` becomes the first hash of the upper child; it must lie inside the shard's range, behind
// its first hash.
void shard_set_split(struct shard_set *set, struct shard *shard, u128 start, uint64_t real_ns);
bool shards_adjacent(const struct shard *a, const struct shard *b);
void shard_set_merge(struct shard_set *set, struct shard *shard, struct shard *adjacent,
                     uint64_t real_ns);
// Splits and merges until `target` open shards of the same width are left.
void shard_set_resize(struct shard_set *set, uint32_t target, uint64_t real_ns);
