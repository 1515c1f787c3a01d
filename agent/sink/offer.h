// A record on its way: where it lies in the queue, and what the sender knows about it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue.h"

struct offer {
    struct record_place place;
    uint32_t source_bytes;
    uint32_t key_offset; // of the key in the body of its batch
    uint16_t key_size;   // there, escapes included
    uint16_t slot;       // 1 + slot in struct shards that it is charged to; 0: none
    uint8_t refusals;    // so far, saturating
    bool keyed;          // its partition key is its own, not drawn
    bool unanswered;     // offered before, and the answer was lost
};

// One more refusal; a large count stays what it is.
static inline void offer_refused(struct offer *offer)
{
    if (offer->refusals < UINT8_MAX) {
        offer->refusals++;
    }
}
