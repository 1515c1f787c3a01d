#include "queue/missing.h"

#include "queue/block.h"

// Keeps the segment in which records are missing from being given back while it is read. NULL when
// it is gone.
static struct segment *hold_segment(struct queue *queue, uint64_t first, uint64_t *out_limit,
                                    uint64_t *out_taking)
{
    struct segment *found = NULL;
    pthread_mutex_lock(&queue->lock);
    *out_taking = queue->taking_segment;
    for (size_t i = 0; i < queue->segment_count; i++) {
        if (queue->segments[i]->first_sequence <= first) {
            found = queue->segments[i];
        }
    }
    if (found != NULL) {
        queue->taking_segment = found->id;
        *out_limit = found->written;
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

static void let_go(struct queue *queue, uint64_t taking)
{
    pthread_mutex_lock(&queue->lock);
    queue->taking_segment = taking;
    pthread_mutex_unlock(&queue->lock);
}

static void apply_block(struct positions *positions, const struct block_header *header,
                        struct slice payload)
{
    if (header->kind == BLOCK_SOURCE) {
        int error = positions_decode(positions, payload);
        (void)error; // at worst too many are marked
        return;
    }
    struct block_position position;
    for (uint32_t i = 0; block_position_at(header, payload, i, &position) == 0; i++) {
        positions_move(positions, &position, 0);
    }
}

// The positions where the sequence `first` was to be appended. Empty when the log does not tell: a
// segment that recovery made begins with what was read up to its end.
static void read_positions(const struct queue *queue, const struct segment *segment, uint64_t limit,
                           uint64_t first, struct positions *positions)
{
    struct segment_header header;
    if (segment_read_header(queue->io, segment->fd, &header) != 0 || header.is_copy ||
        segment_read_snapshot(queue->io, segment->fd, &header, positions) != 0) {
        positions_deinit(positions);
        return;
    }
    struct buf payload;
    buf_init(&payload, BLOCK_PAYLOAD_MAX);
    uint64_t offset = segment->data_offset;
    struct block_header block;
    bool sound;
    while (segment_read_block(queue->io, segment->fd, offset, limit, &block, &sound, &payload) ==
               1 &&
           block_end_sequence(&block) <= first && block.kind != BLOCK_FOOTER) {
        apply_block(positions, &block, buf_slice(&payload));
        offset += BLOCK_HEADER_BYTES + block.payload_bytes;
    }
    buf_deinit(&payload);
}

// The snapshot of the first segment that begins at `end` or behind. False when there is none.
static bool read_later(struct queue *queue, uint64_t end, struct positions *positions)
{
    struct segment_header header;
    int fd = -1;
    pthread_mutex_lock(&queue->lock);
    for (size_t i = queue->segment_count; i > 0; i--) {
        const struct segment *segment = queue->segments[i - 1];
        if (segment->first_sequence >= end) {
            fd = segment->fd;
        }
    }
    // It comes behind one that is held, so it is not given back meanwhile.
    pthread_mutex_unlock(&queue->lock);
    return fd >= 0 && segment_read_header(queue->io, fd, &header) == 0 &&
           segment_read_snapshot(queue->io, fd, &header, positions) == 0;
}

static void mark_moved(struct queue *queue, uint64_t first, const struct positions *before,
                       const struct positions *after)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct generation *item = &after->items[i];
        const struct generation *old = positions_find(before, item->id);
        uint64_t from = old == NULL ? 0 : old->position;
        if (item->position != from && positions_end(&queue->positions, item->id) > first) {
            struct harm harm = {.generation = item->id, .damaged = 1};
            harms_add(&queue->harms, &harm);
        }
    }
}

void queue_mark_missing(struct queue *queue, uint64_t first, uint64_t end)
{
    struct positions before = {0};
    struct positions after = {0};
    uint64_t limit;
    uint64_t taking;
    const struct segment *segment = hold_segment(queue, first, &limit, &taking);
    if (segment != NULL) {
        read_positions(queue, segment, limit, first, &before);
    }
    bool later = segment != NULL && read_later(queue, end, &after);
    pthread_mutex_lock(&queue->lock);
    mark_moved(queue, first, &before, later ? &after : &queue->positions);
    pthread_mutex_unlock(&queue->lock);
    if (segment != NULL) {
        let_go(queue, taking);
    }
    positions_deinit(&before);
    positions_deinit(&after);
}
