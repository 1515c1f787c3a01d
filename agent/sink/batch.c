#include "sink/batch.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    BODY_BYTES_MAX = 64 << 20, // above every limit; a body never comes near
};

struct batch_pool {
    size_t memory;
    size_t used;         // reserved by batches that are out
    struct batch *spare; // given back, with their memory
    size_t spare_bytes;
};

struct batch_pool *batch_pool_create(size_t memory)
{
    struct batch_pool *pool = xcalloc(1, sizeof *pool);
    pool->memory = memory;
    return pool;
}

static void free_batch(struct batch *batch)
{
    buf_deinit(&batch->body);
    free(batch->offers);
    free(batch);
}

static struct batch *pop_spare(struct batch_pool *pool)
{
    struct batch *batch = pool->spare;
    pool->spare = batch->next;
    pool->spare_bytes -= batch->body.capacity;
    return batch;
}

void batch_pool_trim(struct batch_pool *pool)
{
    while (pool->spare != NULL) {
        free_batch(pop_spare(pool));
    }
}

void batch_pool_free(struct batch_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    ASSERT(pool->used == 0);
    batch_pool_trim(pool);
    free(pool);
}

static struct batch *new_batch(void)
{
    struct batch *batch = xcalloc(1, sizeof *batch);
    buf_init(&batch->body, BODY_BYTES_MAX);
    batch->offers = xreallocarray(NULL, LIMITS_CALL_RECORDS, sizeof *batch->offers);
    return batch;
}

struct batch *batch_take(struct batch_pool *pool, size_t body_bytes)
{
    if (pool->used > 0 && (pool->used >= pool->memory || body_bytes > pool->memory - pool->used)) {
        return NULL;
    }
    struct batch *batch = pool->spare == NULL ? new_batch() : pop_spare(pool);
    while (pool->spare != NULL && pool->used + body_bytes + pool->spare_bytes > pool->memory) {
        free_batch(pop_spare(pool));
    }
    buf_reserve(&batch->body, body_bytes);
    batch->reserved_bytes = body_bytes;
    pool->used += body_bytes;
    return batch;
}

void batch_give_back(struct batch_pool *pool, struct batch *batch)
{
    pool->used -= batch->reserved_bytes;
    if (pool->used + pool->spare_bytes + batch->body.capacity > pool->memory) {
        free_batch(batch);
        return;
    }
    struct buf body = batch->body;
    struct offer *offers = batch->offers;
    *batch = (struct batch){.body = body, .offers = offers, .next = pool->spare};
    pool->spare = batch;
    pool->spare_bytes += body.capacity;
}

void batch_open(struct batch *batch, const struct encoder *encoder, const char *stream)
{
    batch->encoder = encoder;
    buf_clear(&batch->body);
    encoder->begin(&batch->body, stream);
}

void batch_add(struct batch *batch, const struct limits *limits, struct slice data,
               struct slice key, const struct offer *offer)
{
    ASSERT(batch->count < LIMITS_CALL_RECORDS && !batch->whole);
    size_t key_size;
    size_t key_offset = batch->encoder->record(&batch->body, data, key, &key_size);
    struct offer *added = &batch->offers[batch->count++];
    *added = *offer;
    added->key_offset = (uint32_t)key_offset;
    added->key_size = (uint16_t)key_size;
    batch->counted_bytes += limits_count(limits, data.size, key.size);
}

void batch_finish(struct batch *batch, const char *stream)
{
    if (!batch->whole) {
        batch->encoder->end(&batch->body, stream);
        ASSERT(!batch->body.overflow);
        batch->whole = true;
    }
}

uint64_t batch_last_sequence(const struct batch *batch)
{
    uint64_t last = 0;
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t sequence = batch->offers[i].place.sequence;
        last = sequence > last ? sequence : last;
    }
    return last;
}

struct slice batch_key(const struct batch *batch, const struct offer *offer)
{
    return slice_of(batch->body.data + offer->key_offset, offer->key_size);
}

void batch_list_init(struct batch_list *list)
{
    *list = (struct batch_list){.end = &list->first};
}

void batch_list_push(struct batch_list *list, struct batch *batch)
{
    batch->next = NULL;
    *list->end = batch;
    list->end = &batch->next;
}

void batch_list_push_front(struct batch_list *list, struct batch *batch)
{
    batch->next = list->first;
    list->first = batch;
    if (batch->next == NULL) {
        list->end = &batch->next;
    }
}

struct batch *batch_list_pop(struct batch_list *list)
{
    struct batch *batch = list->first;
    if (batch != NULL) {
        list->first = batch->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
    }
    return batch;
}
