// One request in the making, waiting or in flight: its body, and which records of the queue are in
// it. Batches come from a pool that bounds the memory of all bodies.
//
// Diagnostics: an exhausted pool is back-pressure: batch_take returns NULL until a batch is given
// back.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "sink/encode.h"
#include "sink/limits.h"
#include "sink/offer.h"

struct batch {
    struct batch *next;
    const struct encoder *encoder;
    struct buf body;
    struct offer *offers; // LIMITS_CALL_RECORDS of them
    size_t count;
    size_t counted_bytes; // as the service counts them
    size_t reserved_bytes;
    uint64_t opened_ns;           // when its first record was taken
    uint64_t submitted_ns;        // when it was last submitted
    uint64_t credentials_version; // of the keys that signed it
    bool urgent;                  // holds records that have waited already
    bool whole;                   // the body is finished
    bool trial;                   // sent as JSON because CBOR was refused
    bool flawed;                  // refused as it is, and cut in two to find out why
    uint64_t flawed_since;        // accepted calls when it was first refused
};

struct batch_pool; // opaque

struct batch_pool *batch_pool_create(size_t memory);
void batch_pool_free(struct batch_pool *pool);
// A batch whose body has room for `body_bytes`, or NULL when the bodies in use leave none. A body
// larger than the whole pool is given out when no other is in use.
struct batch *batch_take(struct batch_pool *pool, size_t body_bytes);
void batch_give_back(struct batch_pool *pool, struct batch *batch);
// Frees the memory that batches which were given back still hold.
void batch_pool_trim(struct batch_pool *pool);

void batch_open(struct batch *batch, const struct encoder *encoder, const char *stream);
// Appends a record that fits, with the offer that stands for it.
void batch_add(struct batch *batch, const struct limits *limits, struct slice data,
               struct slice key, const struct offer *offer);
// Finishes the body; again is nothing.
void batch_finish(struct batch *batch, const char *stream);
// Highest sequence number in the batch.
uint64_t batch_last_sequence(const struct batch *batch);
// The partition key of a record as it stands in the body.
struct slice batch_key(const struct batch *batch, const struct offer *offer);

// A list of batches, first in first out.
struct batch_list {
    struct batch *first;
    struct batch **end;
};

void batch_list_init(struct batch_list *list);
void batch_list_push(struct batch_list *list, struct batch *batch);
void batch_list_push_front(struct batch_list *list, struct batch *batch);
struct batch *batch_list_pop(struct batch_list *list); // NULL when empty
