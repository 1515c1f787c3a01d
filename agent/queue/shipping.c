// What a queue can say about the shipping of one generation.
#include <stdlib.h>

#include "base/alloc.h"
#include "queue/queue_internal.h"

enum { COPIES_MAX = 8 }; // of copies

static bool shipping_of(const struct queue *queue, uint64_t id, struct queue_shipping *out)
{
    const struct generation *generation = positions_find(&queue->positions, id);
    if (generation == NULL) {
        return false;
    }
    uint64_t end = positions_end(&queue->positions, id);
    uint64_t settled = queue->settled_frontier + 1;
    struct harm harm = harms_of(&queue->harms, id);
    *out = (struct queue_shipping){
        .position = generation->position,
        .queued = end > settled ? end - settled : 0,
        .end = end,
        .settled = settled,
        .head = generation->head,
        .tail = generation->tail,
        .tail_position = generation->position,
        .skipped = generation->skipped,
        .dropped = harm.dropped,
        .dead_lettered = harm.dead_lettered,
        .damaged = harm.damaged != 0,
    };
    const struct remark *remark = positions_remark(&queue->positions, id);
    if (remark != NULL) {
        out->lost_bytes = remark->lost_bytes;
        out->lost_bytes_at_least = remark->lost_bytes_at_least;
        out->copy_of = remark->copy_of;
        out->perhaps_lost = remark->perhaps_lost % 2 == 1;
    }
    out->harmed = out->skipped || out->damaged || out->perhaps_lost || out->lost_bytes > 0 ||
                  out->lost_bytes_at_least > 0 || out->dropped > 0 || out->dead_lettered > 0;
    return true;
}

// What holds for the original holds for its copy. A copy whose original is not remembered any more
// stands for itself.
static void add_original(const struct queue *queue, struct queue_shipping *shipping)
{
    struct queue_shipping original = *shipping;
    for (int i = 0; i < COPIES_MAX && original.copy_of != 0; i++) {
        if (!shipping_of(queue, original.copy_of, &original)) {
            return;
        }
        shipping->end = original.end > shipping->end ? original.end : shipping->end;
        shipping->queued = original.queued > shipping->queued ? original.queued : shipping->queued;
        shipping->position =
            original.position < shipping->position ? original.position : shipping->position;
        shipping->skipped |= original.skipped;
        shipping->damaged |= original.damaged;
        shipping->perhaps_lost |= original.perhaps_lost;
        shipping->lost_bytes += original.lost_bytes;
        shipping->lost_bytes_at_least += original.lost_bytes_at_least;
        shipping->dropped += original.dropped;
        shipping->dead_lettered += original.dead_lettered;
        shipping->harmed |= original.harmed;
    }
}

bool queue_shipping(struct queue *queue, uint64_t generation_id, struct queue_shipping *out)
{
    pthread_mutex_lock(&queue->lock);
    bool known = shipping_of(queue, generation_id, out);
    if (known) {
        add_original(queue, out);
    }
    pthread_mutex_unlock(&queue->lock);
    return known;
}

void queue_each_harmed(struct queue *queue,
                       void (*each)(void *context, const struct generation *generation,
                                    const struct queue_shipping *shipping),
                       void *context)
{
    pthread_mutex_lock(&queue->lock);
    const struct positions *positions = &queue->positions;
    const struct harms *harms = &queue->harms;
    size_t remark = 0;
    size_t harm = 0;
    for (size_t i = 0; i < positions->count; i++) {
        uint64_t id = positions->items[i].id;
        while (remark < positions->remark_count && positions->remarks[remark].generation < id) {
            remark++;
        }
        while (harm < harms->count && harms->items[harm].generation < id) {
            harm++;
        }
        bool is_noted =
            id < harms->all_below ||
            (remark < positions->remark_count && positions->remarks[remark].generation == id) ||
            (harm < harms->count && harms->items[harm].generation == id);
        struct queue_shipping shipping;
        if (is_noted && shipping_of(queue, id, &shipping) && shipping.harmed) {
            struct generation generation = positions->items[i];
            generation.path = positions_path(positions, &positions->items[i]);
            each(context, &generation, &shipping);
            free(generation.path);
        }
    }
    pthread_mutex_unlock(&queue->lock);
}

bool queue_generation(struct queue *queue, uint64_t generation_id, struct generation *out)
{
    pthread_mutex_lock(&queue->lock);
    const struct generation *generation = positions_find(&queue->positions, generation_id);
    if (generation != NULL) {
        *out = *generation;
        out->path = positions_path(&queue->positions, generation);
    }
    pthread_mutex_unlock(&queue->lock);
    return generation != NULL;
}

void queue_track_ended(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->tracks_ended = true;
    for (size_t i = 0; i < queue->positions.count; i++) {
        const struct generation *generation = &queue->positions.items[i];
        if (generation->state == GENERATION_ENDED || generation->state == GENERATION_DELETED) {
            id_list_add(&queue->ended, generation->id);
        }
    }
    pthread_mutex_unlock(&queue->lock);
}

uint64_t *queue_take_ended(struct queue *queue, size_t *out_count)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t *ids = queue->ended.count > 0 ? queue->ended.items : NULL;
    *out_count = queue->ended.count;
    if (ids != NULL) {
        queue->ended = (struct id_list){0};
    }
    pthread_mutex_unlock(&queue->lock);
    return ids;
}

bool queue_checkpoint(struct queue *queue, uint64_t time_ns)
{
    pthread_mutex_lock(&queue->lock);
    bool done = queue->checkpoint_ns > time_ns;
    bool rings = !done && queue->checkpoint_wanted_ns <= time_ns;
    if (rings) {
        queue->checkpoint_wanted_ns = time_ns + 1;
    }
    pthread_mutex_unlock(&queue->lock);
    if (rings) {
        queue_ring(queue->bells.syncer, queue->bells.context);
    }
    return done;
}
