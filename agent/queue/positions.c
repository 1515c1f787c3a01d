#include "queue/positions.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/error.h"

void positions_deinit(struct positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        free(positions->items[i].path);
    }
    free(positions->items);
    *positions = (struct positions){0};
}

// Index of the first item whose id is not below `id`.
static size_t lower_bound(const struct positions *positions, uint64_t id)
{
    size_t low = 0;
    size_t high = positions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (positions->items[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct generation *find(const struct positions *positions, uint64_t id)
{
    size_t index = lower_bound(positions, id);
    return index < positions->count && positions->items[index].id == id ? &positions->items[index]
                                                                        : NULL;
}

const struct generation *positions_find(const struct positions *positions, uint64_t id)
{
    return find(positions, id);
}

static void remove_id(struct positions *positions, uint64_t id)
{
    struct generation *item = find(positions, id);
    if (item == NULL) {
        return;
    }
    free(item->path);
    size_t behind = positions->count - (size_t)(item - positions->items) - 1;
    memmove(item, item + 1, behind * sizeof *item);
    positions->count--;
}

static struct generation *insert(struct positions *positions, uint64_t id)
{
    if (positions->count == positions->capacity) {
        positions->capacity = positions->capacity * 2 + 16;
        positions->items =
            xreallocarray(positions->items, positions->capacity, sizeof *positions->items);
    }
    size_t index = lower_bound(positions, id);
    struct generation *item = &positions->items[index];
    memmove(item + 1, item, (positions->count - index) * sizeof *item);
    positions->count++;
    *item = (struct generation){.id = id};
    return item;
}

void positions_note(struct positions *positions, const struct generation *generation)
{
    if (generation->id >= positions->next_id) {
        positions->next_id = generation->id + 1;
    }
    if (generation->state == GENERATION_FORGET) {
        remove_id(positions, generation->id);
        return;
    }
    struct generation *item = find(positions, generation->id);
    if (item == NULL) {
        item = insert(positions, generation->id);
    }
    char *path = xstrdup(generation->path);
    // The analyzer does not follow the memmove of remove_id.
    free(item->path); // NOLINT(clang-analyzer-unix.Malloc)
    *item = *generation;
    item->path = path;
}

void positions_move(struct positions *positions, const struct block_position *position)
{
    struct generation *item = find(positions, position->generation);
    if (item != NULL) {
        item->position = position->position;
        item->tail = position->tail;
    }
}

void generation_encode(const struct generation *generation, struct buf *out)
{
    size_t path_bytes = strlen(generation->path);
    put_u64(out, generation->id);
    put_u64(out, generation->device);
    put_u64(out, generation->inode);
    put_u64(out, generation->birth_ns);
    put_u32(out, generation->head.length);
    put_u64(out, generation->head.hash);
    put_u64(out, generation->position);
    put_u32(out, generation->tail.length);
    put_u64(out, generation->tail.hash);
    put_u64(out, generation->size_seen);
    put_u64(out, generation->seen_s);
    put_u16(out, (uint16_t)generation->state);
    put_u16(out, (uint16_t)path_bytes);
    buf_append(out, generation->path, path_bytes);
}

int positions_decode(struct positions *positions, struct slice bytes)
{
    struct cursor cursor = cursor_of(bytes);
    while (cursor.rest.size > 0) {
        struct generation generation = {.id = cursor_u64(&cursor)};
        generation.device = cursor_u64(&cursor);
        generation.inode = cursor_u64(&cursor);
        generation.birth_ns = cursor_u64(&cursor);
        generation.head.length = cursor_u32(&cursor);
        generation.head.hash = cursor_u64(&cursor);
        generation.position = cursor_u64(&cursor);
        generation.tail.length = cursor_u32(&cursor);
        generation.tail.hash = cursor_u64(&cursor);
        generation.size_seen = cursor_u64(&cursor);
        generation.seen_s = cursor_u64(&cursor);
        uint16_t state = cursor_u16(&cursor);
        struct slice path = cursor_bytes(&cursor, cursor_u16(&cursor));
        if (cursor.failed || state > GENERATION_FORGET || generation.id >= UINT64_MAX / 2) {
            return E_CORRUPT;
        }
        generation.state = (enum generation_state)state;
        generation.path = xstrndup(path);
        positions_note(positions, &generation);
        free(generation.path);
    }
    return 0;
}
