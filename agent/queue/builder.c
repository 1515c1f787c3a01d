// The block in the making: what the collector puts into the next append.
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "queue/queue_internal.h"

void builder_reset(struct builder *builder, const struct read_totals *totals)
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

void queue_note_perhaps_lost(struct queue *queue, uint64_t generation_id, bool perhaps)
{
    struct builder *builder = &queue->builder;
    const struct remark *before = positions_remark(&queue->positions, generation_id);
    uint64_t turns = before == NULL ? 0 : before->perhaps_lost;
    for (size_t i = 0; i < builder->position_count; i++) {
        const struct block_position *entry = &builder->positions[i];
        if (entry->generation == (generation_id | BLOCK_REMARK) &&
            entry->tail.length == REMARK_PERHAPS_LOST) {
            turns = entry->position;
        }
    }
    if (turns % 2 != (perhaps ? 1 : 0)) {
        struct block_position entry = {
            generation_id | BLOCK_REMARK, turns + 1, {.length = REMARK_PERHAPS_LOST}};
        append_position(builder, &entry);
    }
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

bool builder_has_data(const struct queue *queue)
{
    const struct builder *builder = &queue->builder;
    return builder->record_count > 0 || builder->position_count > 0 ||
           memcmp(&builder->totals, &queue->totals, sizeof builder->totals) != 0;
}

bool builder_has_sources(const struct queue *queue)
{
    return queue->builder.sources.size > BLOCK_HEADER_BYTES;
}

bool queue_block_empty(const struct queue *queue)
{
    return !builder_has_data(queue) && !builder_has_sources(queue);
}
