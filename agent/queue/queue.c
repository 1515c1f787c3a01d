// A queue's life, what is read of it from any thread, and what all sides share.
#include "queue/queue.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crash_point.h"
#include "base/error.h"
#include "queue/queue_internal.h"

// ---- shared ----

char *queue_path(const struct queue *queue, const char *name)
{
    return xasprintf("%s/%s", queue->dir, name);
}

struct segment *queue_find_segment(const struct queue *queue, uint64_t id)
{
    for (size_t i = 0; i < queue->segment_count; i++) {
        if (queue->segments[i]->id == id) {
            return queue->segments[i];
        }
    }
    return NULL;
}

void queue_add_segment(struct queue *queue, struct segment *segment)
{
    queue->segments =
        xreallocarray(queue->segments, queue->segment_count + 1, sizeof *queue->segments);
    queue->segments[queue->segment_count++] = segment;
    segment->id = ++queue->next_segment_id;
}

uint64_t queue_bytes(const struct queue *queue)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < queue->segment_count; i++) {
        bytes += queue->segments[i]->written;
    }
    return bytes;
}

void id_list_add(struct id_list *list, uint64_t id)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = id;
}

void queue_ring(void (*bell)(void *context), void *context)
{
    if (bell != NULL) {
        bell(context);
    }
}

void segment_free(struct io *io, struct segment *segment)
{
    io->close(io, segment->fd);
    free(segment);
}

// ---- life ----

static void free_queue(struct queue *queue)
{
    for (size_t i = 0; i < queue->segment_count; i++) {
        segment_free(queue->io, queue->segments[i]);
    }
    for (size_t i = 0; i < CACHE_BLOCKS; i++) {
        buf_deinit(&queue->taker.cache[i].payload);
    }
    free(queue->segments);
    positions_deinit(&queue->positions);
    harms_deinit(&queue->harms);
    ackslot_close(&queue->slot);
    deadletter_close(queue->deadletter);
    buf_deinit(&queue->builder.block);
    buf_deinit(&queue->builder.sources);
    free(queue->builder.positions);
    free(queue->builder.ended.items);
    free(queue->ended.items);
    pthread_mutex_destroy(&queue->lock);
    free(queue->dir);
    free(queue->flow);
    free(queue);
}

static struct queue *create(struct io *io, const struct queue_options *options)
{
    struct queue *queue = xcalloc(1, sizeof *queue);
    queue->io = io;
    queue->config = *options->config;
    queue->dir = xstrdup(options->dir);
    queue->flow = xstrdup(options->flow);
    queue->min_free = options->min_free;
    queue->has_room = options->has_room;
    queue->has_room_context = options->has_room_context;
    queue->stats = options->stats;
    pthread_mutex_init(&queue->lock, NULL);
    for (size_t i = 0; i < CACHE_BLOCKS; i++) {
        buf_init(&queue->taker.cache[i].payload, BLOCK_PAYLOAD_MAX);
    }
    buf_init(&queue->builder.block, BLOCK_PAYLOAD_MAX);
    buf_init(&queue->builder.sources, BLOCK_PAYLOAD_MAX);
    return queue;
}

// Makes the directory and its own entry durable: what is synced in it later must not go with it.
static int make_dir(struct io *io, const char *dir)
{
    int error = io_mkdir_all(io, dir, 0750);
    if (error != 0) {
        return error;
    }
    const char *slash = strrchr(dir, '/');
    ASSERT(slash != NULL);
    size_t length = slash == dir ? 1 : (size_t)(slash - dir);
    char *parent = xstrndup(slice_of(dir, length));
    CRASH_POINT("before the sync of the directory of a flow");
    error = io->sync_dir(io, parent);
    free(parent);
    return error;
}

int queue_open(struct io *io, const struct queue_options *options, struct queue **out_queue,
               struct queue_report *out_report)
{
    int error = make_dir(io, options->dir);
    if (error != 0) {
        return error;
    }
    struct queue *queue = create(io, options);
    *out_report = (struct queue_report){0};
    error = queue_recover(queue, out_report);
    if (error == 0) {
        char *dir = queue_path(queue, "dead");
        error = deadletter_open(io, dir, queue->config.dead_letter_max_size,
                                queue->ack.window.frontier, &queue->deadletter);
        free(dir);
    }
    if (error != 0) {
        free_queue(queue);
        return error;
    }
    builder_reset(&queue->builder, &queue->totals);
    *out_queue = queue;
    return 0;
}

void queue_close(struct queue *queue)
{
    if (queue == NULL) {
        return;
    }
    if (!queue->condemned) {
        // A sealed end spares the next opening the copy of the tail.
        if (queue->current != NULL) {
            queue->current->finished = true;
        }
        queue->ack.closed = true;
        queue->ack_dirty = true;
        int error = queue_persist_acks(queue);
        if (error == 0 && queue->harms.dirty) {
            queue->harms.urgent = true; // the counts too
            error = queue_write_harms(queue);
        }
        if (error == 0) {
            error = ackslot_sync(&queue->slot);
        }
        if (error == 0) {
            error = queue_sync_now(queue);
        }
        (void)error; // what did not reach the disk is found again by recovery
    }
    free_queue(queue);
}

void queue_set_bells(struct queue *queue, const struct queue_bells *bells)
{
    queue->bells = *bells;
}

struct generation *queue_generations(const struct queue *queue, size_t *out_count)
{
    const struct positions *positions = &queue->positions;
    size_t bytes = positions->count * sizeof(struct generation);
    for (size_t i = 0; i < positions->count; i++) {
        const struct place *place = &positions->places[i];
        bytes += strlen(place->dir->text) + strlen(place->name) + 1;
    }
    struct generation *copies = xmalloc(bytes + 1);
    char *text = (char *)(copies + positions->count);
    for (size_t i = 0; i < positions->count; i++) {
        const struct place *place = &positions->places[i];
        copies[i] = positions->items[i];
        copies[i].path = text;
        text = stpcpy(stpcpy(text, place->dir->text), place->name) + 1;
    }
    *out_count = positions->count;
    return copies;
}

uint64_t queue_next_generation_id(const struct queue *queue)
{
    return queue->positions.next_id == 0 ? 1 : queue->positions.next_id;
}

bool queue_files_changed(const struct queue *queue, uint64_t files_digest)
{
    return queue->files_digest != files_digest;
}

// ---- any thread ----

void queue_books(struct queue *queue, struct books *out_books)
{
    pthread_mutex_lock(&queue->lock);
    const struct read_totals *read = &queue->totals;
    const struct settled_totals *settled = &queue->settled_totals;
    uint64_t appended = queue->next_sequence - 1;
    *out_books = (struct books){
        .read = {read->read_records, read->read_bytes},
        .filtered = {read->filtered_records, read->filtered_bytes},
        .acknowledged = settled->acknowledged,
        .dead_lettered = settled->dead_lettered,
        .dropped = settled->dropped,
        .damaged = settled->damaged,
        .queued = {appended - queue->settled_frontier - queue->settled_set,
                   queue->appended_bytes - queue->settled_bytes},
        .skipped_bytes = read->skipped_bytes,
        .lost_bytes = read->lost_bytes,
        .lost_bytes_at_least = read->lost_bytes_at_least,
        .maybe_repeated = settled->maybe_repeated,
    };
    pthread_mutex_unlock(&queue->lock);
}

uint64_t queue_size(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t bytes = queue_bytes(queue);
    pthread_mutex_unlock(&queue->lock);
    return bytes;
}

bool queue_drained(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool drained = queue->settled_frontier + 1 >= queue->next_sequence;
    pthread_mutex_unlock(&queue->lock);
    return drained;
}

bool queue_condemned(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool condemned = queue->condemned;
    pthread_mutex_unlock(&queue->lock);
    return condemned;
}

// Real time at which the block with the first unsettled record was written, 0 when there is none.
// Reads at most one header a segment boundary away, so it is cheap enough for status.
static uint64_t oldest_unsettled_ns(const struct queue *queue)
{
    uint64_t wanted = queue->settled_frontier + 1;
    for (size_t i = 0; i < queue->segment_count; i++) {
        const struct segment *segment = queue->segments[i];
        if (wanted >= segment->end_sequence) {
            continue;
        }
        uint64_t offset = segment->data_offset;
        while (offset + BLOCK_HEADER_BYTES <= segment->written) {
            uint8_t bytes[BLOCK_HEADER_BYTES];
            struct block_header header;
            int64_t count = io_pread_all(queue->io, segment->fd, bytes, sizeof bytes, offset);
            if (count != (int64_t)sizeof bytes ||
                block_header_decode(slice_of(bytes, sizeof bytes), &header) != 0) {
                return 0;
            }
            if (block_end_sequence(&header) > wanted) {
                return header.time_ns;
            }
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
        }
    }
    return 0;
}

void queue_usage(struct queue *queue, struct queue_usage *out_usage)
{
    pthread_mutex_lock(&queue->lock);
    *out_usage = (struct queue_usage){
        .bytes = queue_bytes(queue),
        .bytes_max = queue->config.max_size,
        .records = queue->next_sequence - 1 - queue->settled_frontier - queue->settled_set,
        .segments = queue->segment_count,
        .oldest_ns = oldest_unsettled_ns(queue),
        .last_sequence = queue->next_sequence - 1,
        .durable_sequence = queue->durable_sequence,
        .frontier = queue->settled_frontier,
    };
    pthread_mutex_unlock(&queue->lock);
}
