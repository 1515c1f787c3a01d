#include "sink/shards.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "sink/pace.h"

enum {
    SHARD_ID_SIZE = 129, // a shard id has at most 128 characters
    BURST_START = 64,
    BURST_MAX = 512,
};

// A shard that was not refused for so long is not throttled any more.
#define FORGET_NS (10 * NS_PER_S)

struct shard {
    char id[SHARD_ID_SIZE]; // "" when the slot is free
    uint8_t lowest[KEY_HASH_BYTES];
    uint8_t highest[KEY_HASH_BYTES];
    unsigned failures; // bursts in a row of which nothing was accepted
    unsigned burst;    // records that may be on their way
    unsigned charged;  // records that are
    unsigned accepted; // in the answer that is being read
    unsigned refused;
    uint64_t resume_ns;
    uint64_t refused_ns; // the last time
};

struct shards {
    struct shard slot[SHARDS_MAX];
    int used; // slots at or above were never used
    int count;
};

void key_hash(struct slice key, uint8_t out_hash[KEY_HASH_BYTES])
{
    unsigned size = 0;
    int ok = EVP_Digest(key.data, key.size, out_hash, &size, EVP_md5(), NULL);
    ASSERT(ok == 1 && size == KEY_HASH_BYTES);
}

struct slice shard_of_message(struct slice message)
{
    static const char mark[] = "shardId-";
    const uint8_t *at =
        message.size == 0 ? NULL : memmem(message.data, message.size, mark, sizeof mark - 1);
    if (at == NULL) {
        return slice_of(NULL, 0);
    }
    struct slice rest = slice_skip(message, (size_t)(at - message.data));
    size_t length = sizeof mark - 1;
    while (length < rest.size && rest.data[length] >= '0' && rest.data[length] <= '9') {
        length++;
    }
    return slice_of(rest.data, length);
}

struct shards *shards_create(void)
{
    return xcalloc(1, sizeof(struct shards));
}

void shards_free(struct shards *shards)
{
    free(shards);
}

bool shards_any(const struct shards *shards)
{
    return shards->count > 0;
}

int shards_find(const struct shards *shards, const uint8_t hash[KEY_HASH_BYTES])
{
    for (int i = 0; i < shards->used; i++) {
        const struct shard *shard = &shards->slot[i];
        if (shard->id[0] != '\0' && memcmp(hash, shard->lowest, KEY_HASH_BYTES) >= 0 &&
            memcmp(hash, shard->highest, KEY_HASH_BYTES) <= 0) {
            return i;
        }
    }
    return SHARD_NONE;
}

bool shards_may_send(const struct shards *shards, int slot, uint64_t now_ns)
{
    const struct shard *shard = &shards->slot[slot];
    return now_ns >= shard->resume_ns && shard->charged < shard->burst;
}

void shards_charge(struct shards *shards, int slot)
{
    shards->slot[slot].charged++;
}

void shards_release(struct shards *shards, int slot)
{
    ASSERT(shards->slot[slot].charged > 0);
    shards->slot[slot].charged--;
}

static struct shard *find_id(struct shards *shards, struct slice id)
{
    for (int i = 0; i < shards->used; i++) {
        struct shard *shard = &shards->slot[i];
        if (shard->id[0] != '\0' && slice_equal_text(id, shard->id)) {
            return shard;
        }
    }
    return NULL;
}

static struct shard *add(struct shards *shards, struct slice id, const uint8_t hash[KEY_HASH_BYTES])
{
    int i = 0;
    while (i < SHARDS_MAX && shards->slot[i].id[0] != '\0') {
        i++;
    }
    if (i == SHARDS_MAX || id.size == 0 || id.size >= SHARD_ID_SIZE) {
        return NULL;
    }
    struct shard *shard = &shards->slot[i];
    *shard = (struct shard){.burst = BURST_START};
    memcpy(shard->id, id.data, id.size);
    memcpy(shard->lowest, hash, KEY_HASH_BYTES);
    memcpy(shard->highest, hash, KEY_HASH_BYTES);
    shards->count++;
    shards->used = i >= shards->used ? i + 1 : shards->used;
    return shard;
}

int shards_refused(struct shards *shards, struct slice id, const uint8_t hash[KEY_HASH_BYTES])
{
    struct shard *shard = find_id(shards, id);
    if (shard == NULL) {
        shard = add(shards, id, hash);
    }
    if (shard == NULL) {
        return SHARD_NONE;
    }
    if (memcmp(hash, shard->lowest, KEY_HASH_BYTES) < 0) {
        memcpy(shard->lowest, hash, KEY_HASH_BYTES);
    }
    if (memcmp(hash, shard->highest, KEY_HASH_BYTES) > 0) {
        memcpy(shard->highest, hash, KEY_HASH_BYTES);
    }
    shard->refused++;
    return (int)(shard - shards->slot);
}

void shards_accepted(struct shards *shards, struct slice id)
{
    struct shard *shard = find_id(shards, id);
    if (shard != NULL) {
        shard->accepted++;
    }
}

// The next burst grows while two thirds pass, and halves when less than half does: a shard at its
// limit is then used up to it, and one that refuses at random too.
static unsigned next_burst(const struct shard *shard)
{
    unsigned total = shard->accepted + shard->refused;
    if (shard->accepted * 3 >= total * 2) {
        unsigned more = shard->burst + shard->burst / 4 + 1;
        return more > BURST_MAX ? BURST_MAX : more;
    }
    if (shard->accepted * 2 < total) {
        return shard->burst > 1 ? shard->burst / 2 : 1;
    }
    return shard->burst;
}

static void weigh(struct shard *shard, struct prng *prng, uint64_t now_ns)
{
    shard->burst = next_burst(shard);
    if (shard->refused == 0) {
        shard->failures = 0;
        return;
    }
    shard->failures = shard->accepted > 0 ? 1 : shard->failures + 1;
    shard->refused_ns = now_ns;
    shard->resume_ns = now_ns + backoff_ns(prng, shard->failures);
}

void shards_answer_done(struct shards *shards, struct prng *prng, uint64_t now_ns)
{
    for (int i = 0; i < shards->used; i++) {
        struct shard *shard = &shards->slot[i];
        if (shard->id[0] != '\0' && shard->accepted + shard->refused > 0) {
            weigh(shard, prng, now_ns);
            shard->accepted = 0;
            shard->refused = 0;
        }
    }
}

void shards_expire(struct shards *shards, uint64_t now_ns,
                   bool (*waiting)(const void *context, int slot), const void *context)
{
    for (int i = 0; i < shards->used; i++) {
        struct shard *shard = &shards->slot[i];
        if (shard->id[0] != '\0' && shard->charged == 0 && now_ns >= shard->resume_ns &&
            now_ns - shard->refused_ns >= FORGET_NS && !waiting(context, i)) {
            shard->id[0] = '\0';
            shards->count--;
        }
    }
}

uint64_t shards_next_ns(const struct shards *shards, uint64_t now_ns)
{
    uint64_t next = TIME_NEVER;
    for (int i = 0; i < shards->used; i++) {
        const struct shard *shard = &shards->slot[i];
        if (shard->id[0] != '\0' && shard->resume_ns > now_ns && shard->resume_ns < next) {
            next = shard->resume_ns;
        }
    }
    return next;
}
