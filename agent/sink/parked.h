// Records that were refused and wait for another try: their places only; the data stays in the
// queue. Some wait for a time, some for a throttled shard. The queue's window bounds their number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sink/offer.h"

struct parked; // opaque

struct parked *parked_create(void);
void parked_free(struct parked *parked);
size_t parked_count(const struct parked *parked);

// Waits until `due_ns`.
void parked_until(struct parked *parked, const struct offer *offer, uint64_t due_ns);
// Takes the one that is due first, if it is due; of equals the one with the lowest sequence.
bool parked_take_due(struct parked *parked, uint64_t now_ns, struct offer *out_offer);
uint64_t parked_next_ns(const struct parked *parked); // TIME_NEVER when none

// Waits for a slot of struct shards, first in first out.
void parked_behind(struct parked *parked, const struct offer *offer, int slot);
bool parked_take_behind(struct parked *parked, int slot, struct offer *out_offer);
bool parked_any_behind(const struct parked *parked, int slot);

// Forgets every record up to this sequence number.
void parked_forget(struct parked *parked, uint64_t sequence);
