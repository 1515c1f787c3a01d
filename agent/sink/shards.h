// Shards that are being throttled. What a throttle names is slowed, and nothing else: records whose
// keys fall into such a shard wait, or get a key that falls elsewhere.
//
// Where a shard lies is learnt from the records that it refused: their hashes (MD5 of the partition
// key) span a part of its range, and ranges are contiguous. So nothing is asked of the service, and
// a resharded stream needs no notice: what is no longer named is forgotten.
//
// A throttled shard gets one burst at a time. Its size follows the share of it that is accepted; a
// refusal puts a pause in front of the next one, longer each time that nothing was accepted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/slice.h"

enum {
    SHARDS_MAX = 256, // throttled at the same time and remembered
    KEY_HASH_BYTES = 16,
    SHARD_NONE = -1,
};

// The place of a partition key in the ring of a stream. Source: developer guide, "Partition key".
void key_hash(struct slice key, uint8_t out_hash[KEY_HASH_BYTES]);
// "shardId-000000000001" of "Rate exceeded for shard shardId-000000000001 in stream …"; empty when
// the text names none.
struct slice shard_of_message(struct slice message);

struct shards; // opaque

struct shards *shards_create(void);
void shards_free(struct shards *shards);
// Whether any shard is being throttled: while none is, nobody needs to hash keys.
bool shards_any(const struct shards *shards);
// Slot of the throttled shard that a hash is known to fall into, or SHARD_NONE.
int shards_find(const struct shards *shards, const uint8_t hash[KEY_HASH_BYTES]);
// Whether one more record may go to it now.
bool shards_may_send(const struct shards *shards, int slot, uint64_t now_ns);
// A record is on its way to the shard; it came back or was given up.
void shards_charge(struct shards *shards, int slot);
void shards_release(struct shards *shards, int slot);

// What an answer says, record by record, and then its end. A refusal returns the shard's slot, or
// SHARD_NONE when there are too many.
int shards_refused(struct shards *shards, struct slice shard, const uint8_t hash[KEY_HASH_BYTES]);
void shards_accepted(struct shards *shards, struct slice shard);
void shards_answer_done(struct shards *shards, struct prng *prng, uint64_t now_ns);
// Forgets shards that are not throttled any more. `waiting` tells whether records wait for a slot.
void shards_expire(struct shards *shards, uint64_t now_ns,
                   bool (*waiting)(const void *context, int slot), const void *context);
// When the next pause is over; TIME_NEVER when none is.
uint64_t shards_next_ns(const struct shards *shards, uint64_t now_ns);
