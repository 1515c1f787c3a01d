// Which records go into the next request.
#include <stdlib.h>

#include "base/assert.h"
#include "base/reason.h"
#include "base/utf8.h"
#include "sink/sender_state.h"

enum {
    DEAD_LETTERS_A_STEP = 16, // each one is synced
    KEY_DRAWS_MAX = 64,
};

static const char key_alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void draw_key(struct prng *prng, char key[LIMITS_RANDOM_KEY])
{
    uint64_t random = prng_next(prng);
    for (unsigned i = 0; i < LIMITS_RANDOM_KEY; i++) {
        key[i] = key_alphabet[(random & UINT16_MAX) % (sizeof key_alphabet - 1)];
        random >>= 16;
    }
}

// Slot of the throttled shard that the key falls into, or SHARD_NONE.
static int slot_of(const struct sender *sender, struct slice key)
{
    uint8_t hash[KEY_HASH_BYTES];
    key_hash(key, hash);
    return shards_find(sender->shards, hash);
}

// Draws a key that falls into no shard that must be spared now. Returns false when there seems to
// be none.
static bool draw_free_key(struct sender *sender, char key[LIMITS_RANDOM_KEY], size_t size,
                          struct offer *offer, uint64_t now_ns)
{
    for (unsigned i = 0; i < KEY_DRAWS_MAX; i++) {
        draw_key(&sender->prng, key);
        if (!shards_any(sender->shards)) {
            return true;
        }
        int slot = slot_of(sender, slice_of(key, size));
        if (slot == SHARD_NONE || shards_may_send(sender->shards, slot, now_ns)) {
            offer->slot = (uint16_t)(slot + 1);
            return true;
        }
    }
    return false;
}

// A partition key as the services take it: valid UTF-8 of at most 256 UTF-16 units.
static struct slice acceptable_key(struct slice key)
{
    key.size = utf8_valid_prefix(key);
    return key.size <= LIMITS_KEY_UNITS ? key : utf8_prefix_utf16_units(key, LIMITS_KEY_UNITS);
}

enum placing {
    PLACED,
    PLACED_ELSEWHERE, // parked or set aside
    NOT_PLACED,       // there is no room in this batch, or no key at this time
};

static enum placing add_with_key(struct sender *sender, struct batch *batch,
                                 const struct queued_record *record, struct slice key,
                                 struct offer *offer)
{
    size_t more = limits_count(&sender->limits, record->data.size, key.size);
    if (!limits_fit(&sender->limits, batch->count, batch->counted_bytes, more)) {
        return NOT_PLACED;
    }
    if (offer->slot != 0) {
        shards_charge(sender->shards, offer->slot - 1);
    }
    batch->urgent |= offer->refusals > 0 || offer->unanswered;
    batch_add(batch, &sender->limits, record->data, key, offer);
    return PLACED;
}

static enum placing place_keyed(struct sender *sender, struct batch *batch,
                                const struct queued_record *record, struct slice key,
                                struct offer *offer, uint64_t now_ns)
{
    offer->keyed = true;
    if (shards_any(sender->shards)) {
        int slot = slot_of(sender, key);
        if (slot != SHARD_NONE && !shards_may_send(sender->shards, slot, now_ns)) {
            parked_behind(sender->parked, offer, slot);
            return PLACED_ELSEWHERE;
        }
        offer->slot = (uint16_t)(slot + 1);
    }
    return add_with_key(sender, batch, record, key, offer);
}

// Finds the record a place: in the batch, among the parked, among the dead letters.
static enum placing place(struct sender *sender, struct batch *batch,
                          const struct queued_record *record, struct offer *offer, uint64_t now_ns)
{
    offer->slot = 0;
    if (record->reason != 0) {
        sender_dead_letter(sender, record, offer, record->reason, "", now_ns);
        return PLACED_ELSEWHERE;
    }
    struct slice key = acceptable_key(record->key);
    bool keyed = key.size > 0 && sender->limits.service == SERVICE_KINESIS;
    char random_key[LIMITS_RANDOM_KEY];
    size_t random_size = limits_random_key(&sender->limits, record->data.size);
    bool fits = keyed || sender->limits.service == SERVICE_FIREHOSE ? true : random_size > 0;
    if (!fits || limits_count(&sender->limits, record->data.size, keyed ? key.size : 0) >
                     sender->limits.record_bytes) {
        sender_dead_letter(sender, record, offer, REASON_TOO_LARGE, "", now_ns);
        return PLACED_ELSEWHERE;
    }
    if (keyed) {
        return place_keyed(sender, batch, record, key, offer, now_ns);
    }
    if (sender->limits.service == SERVICE_FIREHOSE) {
        return add_with_key(sender, batch, record, slice_of(NULL, 0), offer);
    }
    if (!draw_free_key(sender, random_key, random_size, offer, now_ns)) {
        return NOT_PLACED;
    }
    return add_with_key(sender, batch, record, slice_of(random_key, random_size), offer);
}

// ---- where records come from ----

static struct offer offer_of(const struct queued_record *record)
{
    return (struct offer){.place = record->place, .source_bytes = record->source_bytes};
}

// Takes an offer that has waited long enough.
static bool take_parked(struct sender *sender, uint64_t now_ns, struct offer *out_offer)
{
    if (parked_take_due(sender->parked, now_ns, out_offer)) {
        return true;
    }
    if (!shards_any(sender->shards)) {
        return false;
    }
    for (int slot = 0; slot < SHARDS_MAX; slot++) {
        if (parked_any_behind(sender->parked, slot) &&
            shards_may_send(sender->shards, slot, now_ns)) {
            return parked_take_behind(sender->parked, slot, out_offer);
        }
    }
    return false;
}

// Holds the next record to offer. Returns 1, 0 when there is none, or an error.
static int hold_next(struct sender *sender, uint64_t now_ns)
{
    struct held *held = &sender->held;
    if (held->any && held->fresh) {
        return 1;
    }
    while (held->any || take_parked(sender, now_ns, &held->offer)) {
        int got = sender_reread(sender, &held->offer, &held->record);
        held->any = got != 0;
        held->fresh = got == 1;
        if (got != 0) {
            return got;
        }
    }
    int got = queue_next(sender->queue, &held->record);
    if (got == 1) {
        held->offer = offer_of(&held->record);
        held->any = true;
        held->fresh = true;
    }
    return got;
}

// ---- filling ----

static struct batch *open_batch(struct sender *sender, const struct encoder *encoder,
                                size_t records, size_t bytes, uint64_t now_ns)
{
    struct batch *batch = batch_take(sender->pool, encoder->body_bytes_max(records, bytes));
    if (batch != NULL) {
        batch_open(batch, encoder, sender->flow->to.stream);
        batch->opened_ns = now_ns;
    }
    return batch;
}

void sender_close_filling(struct sender *sender)
{
    struct batch *batch = sender->filling;
    if (batch == NULL) {
        return;
    }
    sender->filling = NULL;
    if (batch->count == 0) {
        batch_give_back(sender->pool, batch);
        return;
    }
    batch_finish(batch, sender->flow->to.stream);
    batch_list_push(&sender->ready, batch);
}

// Makes sure that there is a batch which has room for the held record's bytes.
static bool ensure_filling(struct sender *sender, uint64_t now_ns)
{
    const struct limits *limits = &sender->limits;
    size_t needed = sender->held.record.data.size + sender->held.record.key.size;
    bool large = needed > limits->call_bytes;
    if (sender->filling != NULL && large && sender->filling->count == 0) {
        sender_close_filling(sender);
    }
    if (sender->filling == NULL) {
        sender->filling = large ? open_batch(sender, sender->encoder, 1, needed, now_ns)
                                : open_batch(sender, sender->encoder, limits->call_records,
                                             limits->call_bytes, now_ns);
    }
    return sender->filling != NULL;
}

static bool is_full(const struct sender *sender, const struct batch *batch)
{
    return !limits_fit(&sender->limits, batch->count, batch->counted_bytes,
                       limits_count(&sender->limits, 1, 0));
}

static enum fill fill_from_queue(struct sender *sender, uint64_t now_ns)
{
    while (sender->dead_letters < DEAD_LETTERS_A_STEP) {
        int got = hold_next(sender, now_ns);
        if (got == 0) {
            return FILL_STARVED;
        }
        if (got < 0) {
            sender_queue_failed(sender, "read", got, now_ns);
            return FILL_BLOCKED;
        }
        if (!ensure_filling(sender, now_ns)) {
            return FILL_BLOCKED;
        }
        size_t before = sender->filling->count;
        enum placing placing =
            place(sender, sender->filling, &sender->held.record, &sender->held.offer, now_ns);
        if (placing != NOT_PLACED) {
            sender->held.any = false;
            sender->filling->opened_ns = before == 0 ? now_ns : sender->filling->opened_ns;
        } else if (before == 0) {
            return FILL_STARVED; // no key for it at this time
        }
        if (placing == NOT_PLACED || is_full(sender, sender->filling)) {
            sender_close_filling(sender);
            return FILL_READY;
        }
    }
    return FILL_BLOCKED;
}

static struct regroup *take_regroup(struct sender *sender, uint64_t now_ns)
{
    struct regroup **link = &sender->regroups;
    while (*link != NULL && (*link)->due_ns > now_ns) {
        link = &(*link)->next;
    }
    struct regroup *regroup = *link;
    if (regroup != NULL) {
        *link = regroup->next;
        sender->flawed_groups -= regroup->flawed;
    }
    return regroup;
}

static const struct encoder *encoder_for(const struct sender *sender, const struct regroup *regroup)
{
    return regroup->trial ? &encoder_kinesis_json : sender->encoder;
}

// Encodes a regroup as a request of its own.
static void fill_from_regroup(struct sender *sender, struct regroup *regroup, struct batch *batch,
                              uint64_t now_ns)
{
    for (size_t i = 0; i < regroup->count; i++) {
        struct offer *offer = &regroup->offers[i];
        struct queued_record record;
        int got = sender_reread(sender, offer, &record);
        if (got < 0 || (got == 1 && place(sender, batch, &record, offer, now_ns) == NOT_PLACED)) {
            parked_until(sender->parked, offer, now_ns);
        }
    }
    batch->urgent = true;
    batch->trial = regroup->trial;
    batch->flawed = regroup->flawed;
    batch->flawed_since = regroup->flawed_since;
}

static enum fill fill_from_regroups(struct sender *sender, uint64_t now_ns)
{
    const struct limits *limits = &sender->limits;
    size_t bytes =
        limits->call_bytes > limits->record_bytes ? limits->call_bytes : limits->record_bytes;
    struct batch *batch = open_batch(sender, sender->encoder, limits->call_records, bytes, now_ns);
    if (batch == NULL) {
        return FILL_BLOCKED;
    }
    struct regroup *regroup = take_regroup(sender, now_ns);
    batch_open(batch, encoder_for(sender, regroup), sender->flow->to.stream);
    fill_from_regroup(sender, regroup, batch, now_ns);
    free(regroup);
    if (batch->count == 0) {
        batch_give_back(sender->pool, batch);
    } else {
        batch_finish(batch, sender->flow->to.stream);
        batch_list_push(&sender->ready, batch);
    }
    return FILL_READY;
}

enum fill sender_fill(struct sender *sender, uint64_t now_ns)
{
    if (now_ns < sender->queue_retry_ns) {
        return FILL_BLOCKED;
    }
    if (sender_regroup_next_ns(sender) <= now_ns) {
        return fill_from_regroups(sender, now_ns);
    }
    return fill_from_queue(sender, now_ns);
}
