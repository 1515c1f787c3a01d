// Writing the block in the making: room for it, the segment that it goes to, and what it changes.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "queue/queue_internal.h"

// ---- rolling over ----

static uint64_t segment_bytes(const struct queue_config *config)
{
    uint64_t share = config->max_size / 8;
    return share < SEGMENT_BYTES_DEFAULT ? share : SEGMENT_BYTES_DEFAULT;
}

uint64_t queue_descriptors(const struct queue_config *config)
{
    // Segments that a stop has ended before they were full, acknowledgements, dead letters.
    enum { OTHERS = 16 };
    return config->max_size / segment_bytes(config) + OTHERS;
}

static uint64_t segment_bytes_max(const struct queue *queue)
{
    uint64_t bytes = segment_bytes(&queue->config);
    // A snapshot is at most an eighth of a segment.
    uint64_t snapshot = queue->positions.count * 8 * 256;
    return bytes > snapshot ? bytes : snapshot;
}

struct segment_header queue_segment_header(const struct queue *queue)
{
    struct segment_header header = {
        .epoch = queue->epoch,
        .first_sequence = queue->next_sequence,
        .replaces_from = queue->next_sequence,
        .created_ns = queue->io->real_ns(queue->io),
        .files_digest = queue->files_digest,
        .totals = queue->totals,
    };
    memcpy(header.boot_id, queue->boot_id, sizeof header.boot_id);
    size_t length = strlen(queue->flow);
    memcpy(header.flow, queue->flow, length < FLOW_NAME_MAX ? length : FLOW_NAME_MAX);
    return header;
}

// Creates the file of a segment. What has its name already is left from a try that failed and could
// not be taken back: the epoch belongs to this opening alone.
static int create_file(struct queue *queue, const char *path, struct segment_header *header)
{
    int fd = segment_create(queue->io, path, header, &queue->positions);
    if (fd == -EEXIST) {
        int error = queue->io->unlink(queue->io, path);
        fd = error != 0 ? error : segment_create(queue->io, path, header, &queue->positions);
    }
    return fd;
}

// Makes a segment durable before there is a record in it, so that no later opening has its epoch.
static int sync_new(struct queue *queue, struct segment *segment)
{
    int error = queue->io->fdatasync(queue->io, segment->fd);
    if (error == 0) {
        error = queue->io->sync_dir(queue->io, queue->dir);
    }
    if (error != 0) {
        queue_condemn(queue);
        return E_CONDEMNED;
    }
    segment->synced = segment->data_offset;
    return 0;
}

// Makes a new current segment. The collector alone changes what is read here without the lock.
static int roll(struct queue *queue)
{
    // A segment without records has the same first sequence as its successor: a new epoch keeps
    // their names apart, and its snapshot replaces it.
    bool replaces =
        queue->current != NULL && queue->current->first_sequence == queue->next_sequence;
    if (replaces) {
        pthread_mutex_lock(&queue->lock);
        queue->epoch++;
        pthread_mutex_unlock(&queue->lock);
    }
    struct segment_header header = queue_segment_header(queue);
    struct segment *segment = xcalloc(1, sizeof *segment);
    segment_name(header.first_sequence, header.epoch, segment->name);
    char *path = queue_path(queue, segment->name);
    segment->fd = create_file(queue, path, &header);
    free(path);
    if (segment->fd < 0) {
        int error = segment->fd;
        free(segment);
        return error;
    }
    segment->epoch = header.epoch;
    segment->first_sequence = header.first_sequence;
    segment->end_sequence = header.first_sequence;
    segment->start_totals = header.totals;
    segment->end_totals = header.totals;
    segment->data_offset = segment_data_offset(&header);
    segment->written = segment->data_offset;
    if (replaces && sync_new(queue, segment) != 0) {
        segment_free(queue->io, segment);
        return E_CONDEMNED;
    }
    pthread_mutex_lock(&queue->lock);
    if (queue->current != NULL) {
        queue->current->finished = true;
    }
    queue_add_segment(queue, segment);
    queue->current = segment;
    queue->dir_dirty = true;
    pthread_mutex_unlock(&queue->lock);
    queue_ring(queue->bells.syncer, queue->bells.context);
    return 0;
}

// Whether the segment before the current one is not sealed yet: there is at most one such.
static bool predecessor_is_open(const struct queue *queue)
{
    for (size_t i = 0; i < queue->segment_count; i++) {
        if (queue->segments[i] != queue->current && !queue->segments[i]->sealed) {
            return true;
        }
    }
    return false;
}

static bool wants_roll(const struct queue *queue, uint64_t bytes, bool over)
{
    const struct segment *current = queue->current;
    if (current == NULL) {
        return true;
    }
    uint64_t segment_max = segment_bytes_max(queue);
    bool settled = queue->settled_frontier + 1 >= queue->next_sequence;
    // When all of it is settled it can be given back, once it is worth the trouble.
    uint64_t worthwhile = queue->short_of_space || over ? current->data_offset : segment_max / 4;
    return current->written + bytes > segment_max || (settled && current->written > worthwhile);
}

static bool reaches_min_free(const struct queue *queue, uint64_t bytes)
{
    uint64_t free_bytes;
    return queue->min_free > 0 && queue->io->free_bytes(queue->io, queue->dir, &free_bytes) == 0 &&
           free_bytes < queue->min_free + bytes;
}

// What stands in the way of a block.
struct obstacles {
    bool lacks_space; // the disk
    bool crowded;     // the limit over all flows
    bool full;
    bool rolls;
    bool must_wait; // for the seal of the segment before
};

// A limit is exceeded by one block rather than that nothing ever happens: when everything is
// settled, and, where the oldest segment is to be dropped, when there is no other one to drop.
static void look_for_obstacles(const struct queue *queue, uint64_t bytes, struct obstacles *out)
{
    const struct segment *current = queue->current;
    bool over = out->crowded || queue_bytes(queue) + bytes > queue->config.max_size;
    bool settled = queue->settled_frontier + 1 >= queue->next_sequence;
    bool empty = current != NULL && current->written == current->data_offset;
    bool makes_droppable = queue->config.when_full == WHEN_FULL_DROP_OLDEST &&
                           queue->segment_count == 1 && current != NULL && !empty;
    out->rolls = wants_roll(queue, bytes, over) || (makes_droppable && (over || out->lacks_space));
    bool gives_back = out->rolls && (settled || makes_droppable);
    out->full = (over && !gives_back && !(settled && empty)) || (out->lacks_space && !gives_back);
    out->must_wait = out->rolls && predecessor_is_open(queue);
}

static int make_room(struct queue *queue, uint64_t bytes)
{
    struct obstacles obstacles = {
        .lacks_space = reaches_min_free(queue, bytes),
        .crowded = queue->has_room != NULL && !queue->has_room(queue->has_room_context),
    };
    pthread_mutex_lock(&queue->lock);
    bool condemned = queue->condemned;
    look_for_obstacles(queue, bytes, &obstacles);
    queue->collector_waits = obstacles.full || obstacles.must_wait;
    queue->drop_wanted = obstacles.full && queue->config.when_full == WHEN_FULL_DROP_OLDEST;
    pthread_mutex_unlock(&queue->lock);
    if (condemned) {
        return E_CONDEMNED;
    }
    if (obstacles.full || obstacles.must_wait) {
        queue_ring(obstacles.full ? queue->bells.sender : queue->bells.syncer,
                   queue->bells.context);
        return obstacles.lacks_space ? E_MIN_FREE : E_FULL;
    }
    int error = obstacles.rolls ? roll(queue) : 0;
    return error == 0 && obstacles.lacks_space ? E_MIN_FREE : error;
}

// ---- appending ----

static void finish_block(struct queue *queue, struct buf *block, enum block_kind kind,
                         size_t records_bytes)
{
    struct slice payload = slice_skip(buf_slice(block), BLOCK_HEADER_BYTES);
    struct block_header header = {
        .kind = kind,
        .payload_bytes = (uint32_t)payload.size,
        .payload_crc = crc32c(0, payload.data, payload.size),
        .records_bytes = (uint32_t)records_bytes,
        .record_count = kind == BLOCK_DATA ? queue->builder.record_count : 0,
        .epoch = queue->current->epoch,
        .first_sequence = queue->next_sequence,
        .time_ns = queue->io->real_ns(queue->io),
        .totals = kind == BLOCK_DATA ? queue->builder.totals : queue->totals,
    };
    block_header_encode(&header, block->data);
}

// What is known against generations that were forgotten is of no use to anyone.
static void forget_harms(struct queue *queue)
{
    for (size_t i = queue->harms.count; i > 0; i--) {
        uint64_t id = queue->harms.items[i - 1].generation;
        if (positions_find(&queue->positions, id) == NULL) {
            harms_forget(&queue->harms, id);
        }
    }
}

// Takes over what the block says, after it was written.
static void publish(struct queue *queue, uint64_t end, uint64_t now_ns)
{
    struct builder *builder = &queue->builder;
    pthread_mutex_lock(&queue->lock);
    struct slice sources = slice_skip(buf_slice(&builder->sources), BLOCK_HEADER_BYTES);
    size_t known = queue->positions.count;
    int error = positions_decode(&queue->positions, sources);
    ASSERT(error == 0);
    if (queue->positions.count < known) {
        forget_harms(queue);
    }
    uint64_t end_sequence =
        builder->record_count > 0 ? queue->next_sequence + builder->record_count : 0;
    for (size_t i = 0; i < builder->position_count; i++) {
        positions_move(&queue->positions, &builder->positions[i], end_sequence);
    }
    for (size_t i = 0; queue->tracks_ended && i < builder->ended.count; i++) {
        id_list_add(&queue->ended, builder->ended.items[i]);
    }
    queue->appended_bytes +=
        appended_bytes_of(&builder->totals) - appended_bytes_of(&queue->totals);
    queue->totals = builder->totals;
    queue->next_sequence += builder->record_count;
    queue->current->written = end;
    queue->current->end_sequence = queue->next_sequence;
    queue->current->end_totals = queue->totals;
    bool was_clean = queue->dirty_since_ns == 0;
    if (was_clean) {
        queue->dirty_since_ns = now_ns;
    }
    bool much = end - queue->current->synced > SYNC_BYTES_MAX;
    pthread_mutex_unlock(&queue->lock);
    if (was_clean || much) {
        queue_ring(queue->bells.syncer, queue->bells.context);
    }
    if (queue->config.sync != SYNC_ALWAYS && builder->record_count > 0) {
        queue_ring(queue->bells.sender, queue->bells.context);
    }
}

// Writes sources and data behind one another. What a failed write leaves behind `written` is no
// part of the segment: the next write goes over it.
static int write_blocks(struct queue *queue, uint64_t *out_end)
{
    struct builder *builder = &queue->builder;
    int fd = queue->current->fd;
    uint64_t start = queue->current->written;
    uint64_t offset = start;
    int error = 0;
    if (builder_has_sources(queue)) {
        finish_block(queue, &builder->sources, BLOCK_SOURCE, 0);
        CRASH_POINT("before a source block");
        error = io_pwrite_all(queue->io, fd, builder->sources.data, builder->sources.size, offset);
        offset += builder->sources.size;
    }
    if (error == 0 && builder_has_data(queue)) {
        size_t records_end = builder->block.size;
        for (size_t i = 0; i < builder->position_count; i++) {
            block_append_position(&builder->block, &builder->positions[i]);
        }
        ASSERT(!builder->block.overflow);
        finish_block(queue, &builder->block, BLOCK_DATA, records_end - BLOCK_HEADER_BYTES);
        CRASH_POINT("before a data block");
        error = io_pwrite_all(queue->io, fd, builder->block.data, builder->block.size, offset);
        offset += builder->block.size;
        buf_truncate(&builder->block, records_end);
    }
    if (error != 0) {
        (void)queue->io->ftruncate(queue->io, fd, start);
    }
    CRASH_POINT("after a block");
    *out_end = offset;
    return error;
}

int queue_append(struct queue *queue)
{
    struct builder *builder = &queue->builder;
    if (queue_block_empty(queue)) {
        return 0;
    }
    uint64_t bytes = builder->block.size + builder->sources.size +
                     builder->position_count * BLOCK_POSITION_BYTES;
    uint64_t end;
    int error = make_room(queue, bytes);
    if (error == 0) {
        error = write_blocks(queue, &end);
    }
    queue->short_of_space = error == -ENOSPC || error == -EDQUOT || error == E_MIN_FREE;
    if (error != 0) {
        return error;
    }
    publish(queue, end, queue->io->monotonic_ns(queue->io));
    stats_add(queue->stats, STAT_QUEUE_BLOCKS, 1);
    builder_reset(builder, &queue->totals);
    return 0;
}
