// The collector's side of a queue, and what all sides share.
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crc32c.h"
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

static void builder_reset(struct builder *builder, const struct read_totals *totals)
{
    buf_clear(&builder->block);
    uint8_t *header = buf_extend(&builder->block, BLOCK_HEADER_BYTES);
    memset(header, 0, BLOCK_HEADER_BYTES);
    buf_clear(&builder->sources);
    buf_shrink(&builder->sources, BLOCK_TARGET_BYTES);
    header = buf_extend(&builder->sources, BLOCK_HEADER_BYTES);
    memset(header, 0, BLOCK_HEADER_BYTES);
    builder->record_count = 0;
    builder->position_count = 0;
    builder->ended.count = 0;
    builder->next_origin = (struct record_origin){0};
    builder->totals = *totals;
}

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

// ---- the block in the making ----

void queue_note_generation(struct queue *queue, const struct generation *generation)
{
    generation_encode(generation, NULL, &queue->builder.sources);
    if (generation->state == GENERATION_ENDED || generation->state == GENERATION_DELETED) {
        id_list_add(&queue->builder.ended, generation->id);
    }
    ASSERT(!queue->builder.sources.overflow);
}

void queue_note_files_digest(struct queue *queue, uint64_t files_digest)
{
    queue->files_digest = files_digest;
}

bool queue_add_record(struct queue *queue, struct record_origin origin, struct slice data,
                      struct slice key, uint32_t source_bytes, uint16_t reason)
{
    struct builder *builder = &queue->builder;
    if (builder->record_count > 0 && queue_block_full(queue)) {
        return false;
    }
    if (origin.generation != builder->next_origin.generation ||
        origin.offset != builder->next_origin.offset) {
        block_append_origin(&builder->block, origin);
    }
    block_append_record(&builder->block, data, key, source_bytes, reason);
    ASSERT(!builder->block.overflow);
    builder->next_origin = (struct record_origin){origin.generation, origin.offset + source_bytes};
    builder->record_count++;
    builder->totals.read_records++;
    builder->totals.read_bytes += source_bytes;
    return true;
}

void queue_add_filtered(struct queue *queue, uint64_t records, uint64_t bytes)
{
    struct read_totals *totals = &queue->builder.totals;
    totals->read_records += records;
    totals->read_bytes += bytes;
    totals->filtered_records += records;
    totals->filtered_bytes += bytes;
}

void queue_add_skipped(struct queue *queue, uint64_t bytes)
{
    queue->builder.totals.skipped_bytes += bytes;
}

static void append_position(struct builder *builder, const struct block_position *entry)
{
    if (builder->position_count == builder->position_capacity) {
        builder->position_capacity = builder->position_capacity * 2 + 16;
        builder->positions = xreallocarray(builder->positions, builder->position_capacity,
                                           sizeof *builder->positions);
    }
    builder->positions[builder->position_count++] = *entry;
}

void queue_add_lost(struct queue *queue, uint64_t generation_id, uint64_t bytes, bool exact)
{
    struct builder *builder = &queue->builder;
    struct read_totals *totals = &builder->totals;
    *(exact ? &totals->lost_bytes : &totals->lost_bytes_at_least) += bytes;
    uint32_t kind = exact ? REMARK_LOST : REMARK_LOST_AT_LEAST;
    for (size_t i = builder->position_count; i > 0; i--) {
        struct block_position *entry = &builder->positions[i - 1];
        if (entry->generation == (generation_id | BLOCK_REMARK) && entry->tail.length == kind) {
            entry->position += bytes;
            return;
        }
    }
    // The collector alone changes remarks.
    const struct remark *before = positions_remark(&queue->positions, generation_id);
    uint64_t known = 0;
    if (before != NULL) {
        known = exact ? before->lost_bytes : before->lost_bytes_at_least;
    }
    struct block_position entry = {generation_id | BLOCK_REMARK, known + bytes, {.length = kind}};
    append_position(builder, &entry);
}

void queue_note_copy(struct queue *queue, uint64_t generation_id, uint64_t original_id)
{
    struct block_position entry = {
        generation_id | BLOCK_REMARK, original_id, {.length = REMARK_COPY_OF}};
    append_position(&queue->builder, &entry);
}

void queue_set_position(struct queue *queue, uint64_t generation_id, uint64_t position,
                        struct fingerprint tail)
{
    struct builder *builder = &queue->builder;
    struct block_position entry = {generation_id, position, tail};
    for (size_t i = builder->position_count; i > 0; i--) {
        if (builder->positions[i - 1].generation == generation_id) {
            builder->positions[i - 1] = entry;
            return;
        }
    }
    append_position(builder, &entry);
}

bool queue_block_full(const struct queue *queue)
{
    return queue->builder.block.size >= BLOCK_TARGET_BYTES;
}

static bool has_data(const struct queue *queue)
{
    const struct builder *builder = &queue->builder;
    return builder->record_count > 0 || builder->position_count > 0 ||
           memcmp(&builder->totals, &queue->totals, sizeof builder->totals) != 0;
}

static bool has_sources(const struct queue *queue)
{
    return queue->builder.sources.size > BLOCK_HEADER_BYTES;
}

bool queue_block_empty(const struct queue *queue)
{
    return !has_data(queue) && !has_sources(queue);
}

// ---- rolling over ----

static uint64_t segment_bytes_max(const struct queue *queue)
{
    uint64_t share = queue->config.max_size / 8;
    uint64_t bytes = share < SEGMENT_BYTES_DEFAULT ? share : SEGMENT_BYTES_DEFAULT;
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

// Makes a new current segment. The collector alone changes what is read here without the lock.
static int roll(struct queue *queue)
{
    // A segment without records has the same first sequence as its successor: a new epoch keeps
    // their names apart, and its snapshot replaces it.
    if (queue->current != NULL && queue->current->first_sequence == queue->next_sequence) {
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
    if (has_sources(queue)) {
        finish_block(queue, &builder->sources, BLOCK_SOURCE, 0);
        error = io_pwrite_all(queue->io, fd, builder->sources.data, builder->sources.size, offset);
        offset += builder->sources.size;
    }
    if (error == 0 && has_data(queue)) {
        size_t records_end = builder->block.size;
        for (size_t i = 0; i < builder->position_count; i++) {
            block_append_position(&builder->block, &builder->positions[i]);
        }
        ASSERT(!builder->block.overflow);
        finish_block(queue, &builder->block, BLOCK_DATA, records_end - BLOCK_HEADER_BYTES);
        error = io_pwrite_all(queue->io, fd, builder->block.data, builder->block.size, offset);
        offset += builder->block.size;
        buf_truncate(&builder->block, records_end);
    }
    if (error != 0) {
        (void)queue->io->ftruncate(queue->io, fd, start);
    }
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
