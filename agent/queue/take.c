// The sender's side of a queue: records come out in order, are settled in any order, and the
// acknowledgement file says what is settled.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "queue/missing.h"
#include "queue/queue_internal.h"

// ---- blocks ----

// The cached block at a place, or the least recently used one to read it into. The block under the
// cursor stays.
static struct cached_block *cache_slot(struct taker *taker, uint64_t segment, uint64_t offset)
{
    struct cached_block *oldest = NULL;
    for (size_t i = 0; i < CACHE_BLOCKS; i++) {
        struct cached_block *block = &taker->cache[i];
        if (block->used && block->segment == segment && block->offset == offset) {
            return block;
        }
        if (block != taker->block && (oldest == NULL || block->last_use < oldest->last_use)) {
            oldest = block;
        }
    }
    oldest->used = false;
    return oldest;
}

// Reads the block at a place through the cache. Results as segment_read_block.
static int load_block(struct queue *queue, const struct segment *segment, uint64_t offset,
                      uint64_t limit, struct cached_block **out_block, struct block_header *header,
                      bool *out_sound)
{
    struct taker *taker = &queue->taker;
    struct cached_block *block = cache_slot(taker, segment->id, offset);
    block->last_use = ++taker->uses;
    int result = 1;
    if (!block->used) {
        result = segment_read_block(queue->io, segment->fd, offset, limit, &block->header,
                                    out_sound, &block->payload);
        block->segment = segment->id;
        block->offset = offset;
        block->used = result == 1;
    }
    *header = block->header;
    *out_block = block;
    return result;
}

// What may be read now.
struct view {
    struct segment *segment; // NULL: nothing was written yet
    uint64_t limit;          // end of its blocks that may be handed out
    bool is_whole;           // no block will come behind the limit
    bool is_last;
};

// The segment under the cursor; moves the cursor to the first one at the start.
static struct view view_of(struct queue *queue)
{
    struct taker *taker = &queue->taker;
    struct view view = {0};
    pthread_mutex_lock(&queue->lock);
    struct segment *segment = queue_find_segment(queue, taker->segment);
    if (segment == NULL && queue->segment_count > 0) {
        segment = queue->segments[0];
        taker->segment = segment->id;
        taker->offset = segment->data_offset;
        taker->appended_bytes = appended_bytes_of(&segment->start_totals);
        if (taker->sequence < segment->first_sequence) {
            taker->sequence = segment->first_sequence;
        }
    }
    if (segment != NULL) {
        view.segment = segment;
        view.limit = queue->config.sync == SYNC_ALWAYS ? segment->synced : segment->written;
        view.is_whole = segment->finished && view.limit == segment->written;
        view.is_last = segment == queue->segments[queue->segment_count - 1];
    }
    queue->taking_segment = taker->segment;
    pthread_mutex_unlock(&queue->lock);
    return view;
}

static void enter_next_segment(struct queue *queue)
{
    struct taker *taker = &queue->taker;
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i + 1 < queue->segment_count; i++) {
        if (queue->segments[i]->id == taker->segment) {
            struct segment *next = queue->segments[i + 1];
            taker->segment = next->id;
            taker->offset = next->data_offset;
            queue->taking_segment = next->id;
            break;
        }
    }
    bool removable = queue->segments[0]->end_sequence <= queue->settled_frontier + 1;
    pthread_mutex_unlock(&queue->lock);
    if (removable) {
        queue_ring(queue->bells.syncer, queue->bells.context);
    }
}

// ---- damage ----

// Settles the sequences up to `next` that are not there as damaged. False when the ones before must
// be settled first, because the gap reaches beyond the window.
static bool settle_gap(struct queue *queue, uint64_t next, uint64_t gap_bytes)
{
    struct taker *taker = &queue->taker;
    struct window *window = &queue->ack.window;
    if (!window_reaches(window, next - 1) && window->frontier + 1 < taker->sequence) {
        return false;
    }
    uint64_t missing = 0;
    if (window->frontier + 1 >= taker->sequence) {
        missing = window_jump(window, next - 1);
    } else {
        for (uint64_t sequence = taker->sequence; sequence < next; sequence++) {
            missing += window_settle(window, sequence) ? 1 : 0;
        }
    }
    if (missing > 0) {
        queue_mark_missing(queue, taker->sequence, next);
        queue->ack.totals.damaged.records += missing;
        queue->ack.totals.damaged.bytes += gap_bytes;
        taker->settled_bytes += gap_bytes;
        queue->ack_dirty = true;
    }
    taker->sequence = next;
    return true;
}

// Bytes of the sources that the records of a block stand for.
static uint64_t source_bytes_of(const struct cached_block *block)
{
    struct block_walk walk = block_walk_of(&block->header, buf_slice(&block->payload));
    struct block_record record;
    uint64_t bytes = 0;
    while (block_walk_next(&walk, &record) == 1) {
        bytes += record.source_bytes;
    }
    return bytes;
}

static void mark_damaged(struct queue *queue, struct segment *segment)
{
    pthread_mutex_lock(&queue->lock);
    segment->damaged = true;
    pthread_mutex_unlock(&queue->lock);
}

// ---- taking ----

// Puts the next data block under the cursor. 1, 0 when there is none now, or an error.
static int enter_block(struct queue *queue, struct cached_block *block)
{
    struct taker *taker = &queue->taker;
    const struct block_header *header = &block->header;
    if (header->first_sequence > taker->sequence) {
        uint64_t before = appended_bytes_of(&header->totals) - source_bytes_of(block);
        uint64_t gap_bytes = before > taker->appended_bytes ? before - taker->appended_bytes : 0;
        if (!settle_gap(queue, header->first_sequence, gap_bytes)) {
            return 0;
        }
    }
    taker->block = block;
    taker->walk = block_walk_of(header, buf_slice(&block->payload));
    taker->sequence = header->first_sequence;
    taker->appended_bytes = appended_bytes_of(&header->totals);
    taker->offset += BLOCK_HEADER_BYTES + header->payload_bytes;
    return 1;
}

// Moves the cursor over what cannot be read. 1 when it found something to go on with.
static int pass_over_damage(struct queue *queue, const struct view *view, bool header_sound,
                            const struct block_header *header)
{
    struct taker *taker = &queue->taker;
    mark_damaged(queue, view->segment);
    if (header_sound && header->payload_bytes <= view->limit - taker->offset - BLOCK_HEADER_BYTES) {
        taker->offset += BLOCK_HEADER_BYTES + header->payload_bytes;
        return 1;
    }
    uint64_t offset;
    int error =
        segment_find_block(queue->io, view->segment->fd, taker->offset + 1, view->limit, &offset);
    if (error != 0 && error != E_NOT_FOUND) {
        return error; // later
    }
    taker->offset = error == 0 ? offset : view->limit;
    return 1;
}

// What the end of a segment says about records that are missing there.
static bool settle_end_of_segment(struct queue *queue, const struct segment *segment)
{
    struct taker *taker = &queue->taker;
    pthread_mutex_lock(&queue->lock);
    uint64_t end = segment->end_sequence;
    uint64_t bytes = appended_bytes_of(&segment->end_totals);
    pthread_mutex_unlock(&queue->lock);
    if (end <= taker->sequence) {
        return true;
    }
    uint64_t gap_bytes = bytes > taker->appended_bytes ? bytes - taker->appended_bytes : 0;
    if (!settle_gap(queue, end, gap_bytes)) {
        return false;
    }
    taker->appended_bytes += gap_bytes;
    return true;
}

// Finds the next data block. 1 when one is under the cursor, 0 when there is none now, or an error.
static int next_block(struct queue *queue)
{
    struct taker *taker = &queue->taker;
    taker->block = NULL;
    for (;;) {
        struct view view = view_of(queue);
        if (view.segment == NULL) {
            return 0;
        }
        if (taker->offset >= view.limit) {
            if (!view.is_whole || !settle_end_of_segment(queue, view.segment) || view.is_last) {
                return 0;
            }
            enter_next_segment(queue);
            continue;
        }
        struct cached_block *block;
        struct block_header header;
        bool sound = true;
        int result =
            load_block(queue, view.segment, taker->offset, view.limit, &block, &header, &sound);
        if (result == E_CORRUPT || result == E_TRUNCATED || result == E_VERSION) {
            result = pass_over_damage(queue, &view, sound, &header);
            if (result < 0) {
                return result;
            }
            continue;
        }
        if (result < 0) {
            return result;
        }
        if (header.kind == BLOCK_DATA && block_end_sequence(&header) > taker->sequence) {
            return enter_block(queue, block);
        }
        taker->offset += BLOCK_HEADER_BYTES + header.payload_bytes;
        // Sources are not read again, and those of a start can be many.
        block->used = false;
        buf_clear(&block->payload);
        buf_shrink(&block->payload, BLOCK_TARGET_BYTES);
    }
}

static void fill_record(const struct cached_block *block, uint64_t sequence,
                        const struct block_record *from, struct queued_record *out_record)
{
    *out_record = (struct queued_record){
        .place = {.sequence = sequence,
                  .segment = block->segment,
                  .block_offset = block->offset,
                  .data_offset = from->offset},
        .data = from->data,
        .key = from->key,
        .source_bytes = from->source_bytes,
        .reason = from->reason,
        .epoch = block->header.epoch,
        .origin = from->origin,
    };
}

int queue_next(struct queue *queue, struct queued_record *out_record)
{
    struct taker *taker = &queue->taker;
    for (;;) {
        if (!window_reaches(&queue->ack.window, taker->sequence)) {
            return 0;
        }
        struct block_record record;
        int result = taker->block == NULL ? 0 : block_walk_next(&taker->walk, &record);
        if (result == 1) {
            uint64_t sequence = taker->sequence++;
            if (sequence < taker->not_before || window_has(&queue->ack.window, sequence)) {
                continue;
            }
            fill_record(taker->block, sequence, &record, out_record);
            return 1;
        }
        result = next_block(queue);
        if (result != 1) {
            return result;
        }
    }
}

void queue_rest(struct queue *queue)
{
    struct taker *taker = &queue->taker;
    for (size_t i = 0; i < CACHE_BLOCKS; i++) {
        struct cached_block *block = &taker->cache[i];
        if (block != taker->block) {
            block->used = false;
            buf_clear(&block->payload);
            buf_shrink(&block->payload, 0);
        }
    }
}

int queue_reread(struct queue *queue, const struct record_place *place,
                 struct queued_record *out_record)
{
    pthread_mutex_lock(&queue->lock);
    const struct segment *segment = queue_find_segment(queue, place->segment);
    uint64_t limit = segment == NULL ? 0 : segment->written;
    pthread_mutex_unlock(&queue->lock);
    if (segment == NULL || place->block_offset >= limit) {
        return E_NOT_FOUND;
    }
    struct cached_block *block;
    struct block_header header;
    bool sound;
    int result = load_block(queue, segment, place->block_offset, limit, &block, &header, &sound);
    if (result != 1) {
        return result < 0 ? result : E_NOT_FOUND;
    }
    struct block_walk walk = block_walk_of(&block->header, buf_slice(&block->payload));
    walk.offset = place->data_offset;
    struct block_record record;
    if (place->data_offset >= walk.end || block_walk_next(&walk, &record) != 1) {
        return E_CORRUPT;
    }
    fill_record(block, place->sequence, &record, out_record);
    return 0;
}

// ---- settling ----

int queue_submitted(struct queue *queue, uint64_t sequence)
{
    if (sequence <= queue->ack.submitted && !queue->repeats_dirty) {
        return 0;
    }
    uint64_t before = queue->ack.submitted;
    if (sequence > before) {
        queue->ack.submitted = sequence;
    }
    queue->ack_dirty = true;
    int error = queue_persist_acks(queue);
    if (error != 0) {
        queue->ack.submitted = before;
    }
    if (error == 0 && queue->config.sync == SYNC_ALWAYS) {
        error = queue_sync_acks(queue);
    }
    return error;
}

// A record cannot be read again: its block is damaged.
static void mark_block(struct queue *queue, const struct record_place *place)
{
    if (queue->damaged.segment != place->segment ||
        queue->damaged.block_offset != place->block_offset) {
        queue->damaged = *place;
        queue_mark_missing(queue, place->sequence, place->sequence + 1);
    }
}

void queue_settle(struct queue *queue, const struct record_place *place, uint32_t source_bytes,
                  enum settlement settlement)
{
    if (!window_settle(&queue->ack.window, place->sequence)) {
        return;
    }
    struct tally *tallies[] = {
        [SETTLED_ACKNOWLEDGED] = &queue->ack.totals.acknowledged,
        [SETTLED_DEAD_LETTERED] = &queue->ack.totals.dead_lettered,
        [SETTLED_DROPPED] = &queue->ack.totals.dropped,
        [SETTLED_DAMAGED] = &queue->ack.totals.damaged,
    };
    if (settlement == SETTLED_DAMAGED) {
        mark_block(queue, place);
    }
    tallies[settlement]->records++;
    tallies[settlement]->bytes += source_bytes;
    queue->taker.settled_bytes += source_bytes;
    queue->ack_dirty = true;
}

void queue_count_repeated(struct queue *queue, uint64_t records)
{
    queue->ack.totals.maybe_repeated += records;
    queue->ack_dirty = true;
    queue->repeats_dirty = true;
}

int queue_write_harms(struct queue *queue)
{
    uint64_t now_ns = queue->io->monotonic_ns(queue->io);
    struct buf content;
    buf_init(&content, SIZE_MAX);
    pthread_mutex_lock(&queue->lock);
    bool due = harms_due(&queue->harms, now_ns);
    if (due) {
        harms_encode(&queue->harms, now_ns, &content);
    }
    pthread_mutex_unlock(&queue->lock);
    int error = 0;
    if (due) {
        char *path = queue_path(queue, "harm");
        error = harms_write(queue->io, queue->dir, path, buf_slice(&content));
        free(path);
    }
    if (error != 0) {
        pthread_mutex_lock(&queue->lock);
        harms_failed(&queue->harms);
        pthread_mutex_unlock(&queue->lock);
    }
    buf_deinit(&content);
    return error;
}

int queue_write_acks(struct queue *queue)
{
    queue->ack.written_ns = queue->io->real_ns(queue->io);
    memcpy(queue->ack.boot_id, queue->boot_id, sizeof queue->ack.boot_id);
    return ackslot_write(&queue->slot, &queue->ack);
}

int queue_persist_acks(struct queue *queue)
{
    if (!queue->ack_dirty) {
        return 0;
    }
    int error = deadletter_sync(queue->deadletter);
    if (error == E_CONDEMNED) {
        queue_condemn(queue);
    }
    if (error == 0) {
        error = queue_write_harms(queue);
    }
    if (error == 0) {
        error = queue_write_acks(queue);
    }
    if (error != 0) {
        return error;
    }
    queue->ack_dirty = false;
    queue->repeats_dirty = false;
    uint64_t now_ns = queue->io->monotonic_ns(queue->io);
    pthread_mutex_lock(&queue->lock);
    bool was_clean = queue->acks_since_ns == 0;
    queue->acks_since_ns = was_clean ? now_ns : queue->acks_since_ns;
    queue->settled_frontier = queue->ack.window.frontier;
    queue->settled_set = queue->ack.window.set;
    queue->settled_totals = queue->ack.totals;
    queue->settled_bytes += queue->taker.settled_bytes;
    queue->taker.settled_bytes = 0;
    bool removable =
        queue->segment_count > 1 && queue->segments[0]->end_sequence <= queue->settled_frontier + 1;
    bool collector_waits = queue->collector_waits;
    pthread_mutex_unlock(&queue->lock);
    if (removable || (was_clean && queue->config.sync != SYNC_OS)) {
        queue_ring(queue->bells.syncer, queue->bells.context);
    }
    if (collector_waits) {
        queue_ring(queue->bells.collector, queue->bells.context);
    }
    return 0;
}

// ---- setting aside, dropping ----

// Where a record comes from, also when it was read again by its place. Generation 0: its block
// cannot be read.
static struct record_origin origin_of(struct queue *queue, const struct queued_record *record)
{
    if (record->origin.generation != 0) {
        return record->origin;
    }
    struct record_origin origin = {0};
    pthread_mutex_lock(&queue->lock);
    const struct segment *segment = queue_find_segment(queue, record->place.segment);
    uint64_t limit = segment == NULL ? 0 : segment->written;
    pthread_mutex_unlock(&queue->lock);
    struct cached_block *block;
    struct block_header header;
    bool sound;
    if (segment == NULL || load_block(queue, segment, record->place.block_offset, limit, &block,
                                      &header, &sound) != 1) {
        return origin;
    }
    struct block_walk walk = block_walk_of(&block->header, buf_slice(&block->payload));
    struct block_record other;
    while (block_walk_next(&walk, &other) == 1) {
        if (other.offset == record->place.data_offset) {
            return other.origin;
        }
    }
    return origin;
}

static void add_harm(struct queue *queue, const struct harm *harm)
{
    pthread_mutex_lock(&queue->lock);
    if (positions_find(&queue->positions, harm->generation) != NULL) {
        harms_add(&queue->harms, harm);
    }
    pthread_mutex_unlock(&queue->lock);
}

int queue_write_dead_letter(struct queue *queue, const struct queued_record *record,
                            uint16_t reason, const char *detail)
{
    struct record_origin origin = origin_of(queue, record);
    struct dead_record letter = {
        .epoch = record->epoch,
        .sequence = record->place.sequence,
        .time_ns = queue->io->real_ns(queue->io),
        .offset = origin.offset,
        .source_bytes = record->source_bytes,
        .reason = reason,
        .path = slice_of_text(""),
        .detail = slice_of_text(detail == NULL ? "" : detail),
        .key = record->key,
        .data = record->data,
    };
    pthread_mutex_lock(&queue->lock);
    const struct generation *generation = positions_find(&queue->positions, origin.generation);
    char *path = generation == NULL ? NULL : positions_path(&queue->positions, generation);
    pthread_mutex_unlock(&queue->lock);
    if (path != NULL) {
        letter.path = slice_of_text(path);
    }
    int error = deadletter_write(queue->deadletter, &letter);
    free(path);
    if (error == 0 && origin.generation == 0) {
        mark_block(queue, &record->place);
    } else if (error == 0) {
        struct harm harm = {.generation = origin.generation, .dead_lettered = 1};
        add_harm(queue, &harm);
    }
    if (error == E_CONDEMNED) {
        queue_condemn(queue);
    }
    return error;
}

bool queue_wants_drop(struct queue *queue, uint64_t *out_last)
{
    pthread_mutex_lock(&queue->lock);
    bool wanted = queue->drop_wanted && queue->segment_count > 1;
    if (wanted) {
        *out_last = queue->segments[0]->end_sequence - 1;
    }
    pthread_mutex_unlock(&queue->lock);
    return wanted;
}

int64_t queue_drop_oldest(struct queue *queue)
{
    uint64_t last;
    if (!queue_wants_drop(queue, &last)) {
        return E_NOT_FOUND;
    }
    // Take the records of the segment from its start, then go on where the cursor was.
    struct taker *taker = &queue->taker;
    uint64_t resume = taker->sequence > last ? taker->sequence : last + 1;
    // Nothing may have been taken since the drop before.
    resume = taker->not_before > resume ? taker->not_before : resume;
    taker->not_before = 0;
    taker->block = NULL;
    taker->segment = 0;
    taker->sequence = queue->ack.window.frontier + 1;
    int64_t dropped = 0;
    struct queued_record record;
    struct harm harm = {0};
    while (queue->ack.window.frontier < last && queue_next(queue, &record) == 1 &&
           record.place.sequence <= last) {
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_DROPPED);
        if (record.origin.generation != harm.generation) {
            add_harm(queue, &harm);
            harm = (struct harm){.generation = record.origin.generation};
        }
        harm.dropped++;
        dropped++;
    }
    add_harm(queue, &harm);
    taker->not_before = resume;
    taker->block = NULL;
    taker->segment = 0;
    taker->sequence = queue->ack.window.frontier + 1;
    pthread_mutex_lock(&queue->lock);
    queue->drop_wanted = false;
    queue->taking_segment = 0;
    pthread_mutex_unlock(&queue->lock);
    return dropped;
}
