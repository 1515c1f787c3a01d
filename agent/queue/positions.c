#include "queue/positions.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/error.h"

void positions_deinit(struct positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        free(positions->places[i].name);
    }
    dir_names_deinit(&positions->dirs);
    free(positions->items);
    free(positions->places);
    free(positions->remarks);
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

static struct place *place_of(const struct positions *positions, const struct generation *item)
{
    return &positions->places[item - positions->items];
}

char *positions_path(const struct positions *positions, const struct generation *item)
{
    const struct place *place = place_of(positions, item);
    return xasprintf("%s%s", place->dir->text, place->name);
}

uint64_t positions_end(const struct positions *positions, uint64_t id)
{
    const struct generation *item = find(positions, id);
    return item == NULL ? 0 : place_of(positions, item)->end;
}

void positions_end_before(struct positions *positions, uint64_t end)
{
    for (size_t i = 0; i < positions->count; i++) {
        if (positions->items[i].position > 0 && positions->places[i].end < end) {
            positions->places[i].end = end;
        }
    }
}

// ---- remarks ----

static size_t remark_bound(const struct positions *positions, uint64_t id)
{
    size_t low = 0;
    size_t high = positions->remark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (positions->remarks[middle].generation < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct remark *positions_remark(const struct positions *positions, uint64_t id)
{
    size_t index = remark_bound(positions, id);
    bool found = index < positions->remark_count && positions->remarks[index].generation == id;
    return found ? &positions->remarks[index] : NULL;
}

static struct remark *make_remark(struct positions *positions, uint64_t id)
{
    size_t index = remark_bound(positions, id);
    if (index < positions->remark_count && positions->remarks[index].generation == id) {
        return &positions->remarks[index];
    }
    if (positions->remark_count == positions->remark_capacity) {
        positions->remark_capacity = positions->remark_capacity * 2 + 4;
        positions->remarks = xreallocarray(positions->remarks, positions->remark_capacity,
                                           sizeof *positions->remarks);
    }
    struct remark *remark = &positions->remarks[index];
    memmove(remark + 1, remark, (positions->remark_count - index) * sizeof *remark);
    positions->remark_count++;
    *remark = (struct remark){.generation = id};
    return remark;
}

static void remove_remark(struct positions *positions, uint64_t id)
{
    size_t index = remark_bound(positions, id);
    if (index < positions->remark_count && positions->remarks[index].generation == id) {
        positions->remark_count--;
        memmove(positions->remarks + index, positions->remarks + index + 1,
                (positions->remark_count - index) * sizeof *positions->remarks);
    }
}

// Remarks are totals that only grow: what a copied block says once more changes nothing.
static void take_remark(struct positions *positions, uint64_t id, uint32_t kind, uint64_t value)
{
    const struct generation *item = find(positions, id);
    if (value == 0 || item == NULL || item->state == GENERATION_FORGET) {
        return;
    }
    struct remark *remark = make_remark(positions, id);
    uint64_t *place = kind == REMARK_LOST            ? &remark->lost_bytes
                      : kind == REMARK_LOST_AT_LEAST ? &remark->lost_bytes_at_least
                      : kind == REMARK_COPY_OF       ? &remark->copy_of
                      : kind == REMARK_PERHAPS_LOST  ? &remark->perhaps_lost
                                                     : NULL;
    if (place != NULL && *place < value) {
        *place = value;
    }
}

// ---- generations ----

static void drop_path(struct positions *positions, struct place *place)
{
    if (place->dir != NULL) {
        dir_names_drop(&positions->dirs, place->dir);
    }
    free(place->name);
    place->dir = NULL;
    place->name = NULL;
}

static void set_path(struct positions *positions, struct place *place, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    struct slice dir = slice_of(path, (size_t)(name - path));
    if (place->dir != NULL && strcmp(place->name, name) == 0 &&
        slice_equal_text(dir, place->dir->text)) {
        return;
    }
    drop_path(positions, place);
    place->dir = dir_names_take(&positions->dirs, dir);
    place->name = xstrdup(name);
}

// Marks it, for sweep to remove.
static void forget(struct positions *positions, uint64_t id)
{
    remove_remark(positions, id);
    struct generation *item = find(positions, id);
    if (item != NULL && item->state != GENERATION_FORGET) {
        drop_path(positions, place_of(positions, item));
        item->state = GENERATION_FORGET;
        positions->forgotten_count++;
    }
}

// Many files may go at once: those that stay are moved once for all of them.
static void sweep(struct positions *positions)
{
    size_t kept = 0;
    for (size_t i = 0; positions->forgotten_count > 0 && i < positions->count; i++) {
        if (positions->items[i].state != GENERATION_FORGET) {
            positions->items[kept] = positions->items[i];
            positions->places[kept] = positions->places[i];
            kept++;
        }
    }
    positions->count = positions->forgotten_count > 0 ? kept : positions->count;
    positions->forgotten_count = 0;
}

static struct generation *insert(struct positions *positions, uint64_t id)
{
    if (positions->count == positions->capacity) {
        positions->capacity = positions->capacity * 2 + 16;
        positions->items =
            xreallocarray(positions->items, positions->capacity, sizeof *positions->items);
        positions->places =
            xreallocarray(positions->places, positions->capacity, sizeof *positions->places);
    }
    size_t index = lower_bound(positions, id);
    struct generation *item = &positions->items[index];
    struct place *place = &positions->places[index];
    memmove(item + 1, item, (positions->count - index) * sizeof *item);
    memmove(place + 1, place, (positions->count - index) * sizeof *place);
    positions->count++;
    *place = (struct place){0};
    *item = (struct generation){.id = id};
    return item;
}

static void note(struct positions *positions, const struct generation *generation)
{
    if (generation->id >= positions->next_id) {
        positions->next_id = generation->id + 1;
    }
    if (generation->state == GENERATION_FORGET) {
        forget(positions, generation->id);
        return;
    }
    struct generation *item = find(positions, generation->id);
    if (item == NULL) {
        item = insert(positions, generation->id);
    } else if (item->state == GENERATION_FORGET) {
        positions->forgotten_count--;
    }
    set_path(positions, place_of(positions, item), generation->path);
    *item = *generation;
    item->path = NULL;
}

void positions_note(struct positions *positions, const struct generation *generation)
{
    note(positions, generation);
    sweep(positions);
}

void positions_move(struct positions *positions, const struct block_position *position,
                    uint64_t end)
{
    if ((position->generation & BLOCK_REMARK) != 0) {
        take_remark(positions, position->generation & ~BLOCK_REMARK, position->tail.length,
                    position->position);
        return;
    }
    struct generation *item = find(positions, position->generation);
    if (item == NULL) {
        return;
    }
    item->position = position->position;
    item->tail = position->tail;
    struct place *place = place_of(positions, item);
    place->end = place->end > end ? place->end : end;
}

// ---- encoding ----

// What follows the path of an entry, in this order.
enum {
    ENTRY_SKIPPED = 1,       // nothing
    ENTRY_FIRST_NAME = 2,    // 4 bytes: digest of the name under which it began, if not the path
    ENTRY_LOST = 4,          // 8 + 8 bytes: lost exactly, and at least
    ENTRY_COPY = 8,          // 8 bytes: the generation in which it was read
    ENTRY_AFTER_CUT = 16,    // nothing
    ENTRY_PERHAPS_LOST = 32, // 8 bytes: see REMARK_PERHAPS_LOST
    ENTRY_BITS = 63,
};

static unsigned entry_bits(const struct generation *generation, const struct remark *remark)
{
    unsigned bits = generation->skipped ? ENTRY_SKIPPED : 0;
    bits |= generation->after_cut ? ENTRY_AFTER_CUT : 0;
    bits |= generation->first_name != generation_name(generation->path) ? ENTRY_FIRST_NAME : 0;
    if (remark != NULL) {
        bits |= remark->lost_bytes + remark->lost_bytes_at_least > 0 ? ENTRY_LOST : 0;
        bits |= remark->copy_of != 0 ? ENTRY_COPY : 0;
        bits |= remark->perhaps_lost != 0 ? ENTRY_PERHAPS_LOST : 0;
    }
    return bits;
}

void generation_encode(const struct generation *generation, const struct remark *remark,
                       struct buf *out)
{
    size_t path_bytes = strlen(generation->path);
    unsigned bits = entry_bits(generation, remark);
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
    put_u8(out, (uint8_t)generation->state);
    put_u8(out, (uint8_t)bits);
    put_u16(out, (uint16_t)path_bytes);
    buf_append(out, generation->path, path_bytes);
    if ((bits & ENTRY_FIRST_NAME) != 0) {
        put_u32(out, generation->first_name);
    }
    if ((bits & ENTRY_LOST) != 0) {
        put_u64(out, remark->lost_bytes);
        put_u64(out, remark->lost_bytes_at_least);
    }
    if ((bits & ENTRY_COPY) != 0) {
        put_u64(out, remark->copy_of);
    }
    if ((bits & ENTRY_PERHAPS_LOST) != 0) {
        put_u64(out, remark->perhaps_lost);
    }
}

void positions_encode(const struct positions *positions, struct buf *out)
{
    for (size_t i = 0; i < positions->count; i++) {
        struct generation generation = positions->items[i];
        generation.path = positions_path(positions, &positions->items[i]);
        generation_encode(&generation, positions_remark(positions, generation.id), out);
        free(generation.path);
    }
}

// Reads what stands before the path, and returns what follows the path.
static unsigned decode_fields(struct cursor *cursor, struct generation *out_generation)
{
    struct generation generation = {.id = cursor_u64(cursor)};
    generation.device = cursor_u64(cursor);
    generation.inode = cursor_u64(cursor);
    generation.birth_ns = cursor_u64(cursor);
    generation.head.length = cursor_u32(cursor);
    generation.head.hash = cursor_u64(cursor);
    generation.position = cursor_u64(cursor);
    generation.tail.length = cursor_u32(cursor);
    generation.tail.hash = cursor_u64(cursor);
    generation.size_seen = cursor_u64(cursor);
    generation.seen_s = cursor_u64(cursor);
    uint8_t state = cursor_u8(cursor);
    uint8_t bits = cursor_u8(cursor);
    if (state > GENERATION_FORGET || bits > ENTRY_BITS || generation.id >= UINT64_MAX / 2) {
        cursor->failed = true;
    }
    generation.state = cursor->failed ? GENERATION_LIVE : (enum generation_state)state;
    generation.skipped = (bits & ENTRY_SKIPPED) != 0;
    generation.after_cut = (bits & ENTRY_AFTER_CUT) != 0;
    *out_generation = generation;
    return bits;
}

static void decode_entry(struct cursor *cursor, struct generation *out_generation,
                         struct remark *out_remark)
{
    unsigned bits = decode_fields(cursor, out_generation);
    struct slice path = cursor_bytes(cursor, cursor_u16(cursor));
    *out_remark = (struct remark){.generation = out_generation->id};
    out_generation->path = xstrndup(path);
    uint32_t first_name =
        (bits & ENTRY_FIRST_NAME) != 0 ? cursor_u32(cursor) : generation_name(out_generation->path);
    out_generation->first_name = first_name & GENERATION_NAME_MAX;
    if ((bits & ENTRY_LOST) != 0) {
        out_remark->lost_bytes = cursor_u64(cursor);
        out_remark->lost_bytes_at_least = cursor_u64(cursor);
    }
    if ((bits & ENTRY_COPY) != 0) {
        out_remark->copy_of = cursor_u64(cursor);
    }
    if ((bits & ENTRY_PERHAPS_LOST) != 0) {
        out_remark->perhaps_lost = cursor_u64(cursor);
    }
}

int positions_decode(struct positions *positions, struct slice bytes)
{
    struct cursor cursor = cursor_of(bytes);
    while (cursor.rest.size > 0 && !cursor.failed) {
        struct generation generation;
        struct remark remark;
        decode_entry(&cursor, &generation, &remark);
        if (!cursor.failed) {
            note(positions, &generation);
            take_remark(positions, remark.generation, REMARK_LOST, remark.lost_bytes);
            take_remark(positions, remark.generation, REMARK_LOST_AT_LEAST,
                        remark.lost_bytes_at_least);
            take_remark(positions, remark.generation, REMARK_COPY_OF, remark.copy_of);
            take_remark(positions, remark.generation, REMARK_PERHAPS_LOST, remark.perhaps_lost);
        }
        free(generation.path);
    }
    sweep(positions);
    return cursor.failed ? E_CORRUPT : 0;
}
