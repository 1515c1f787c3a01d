#include "queue/harm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"

enum {
    HARM_MAGIC = 0x4d524148, // "HARM"
    HARM_VERSION = 1,
    CRC_OFFSET = 8,
    HEADER_BYTES = 24,
    ITEM_BYTES = 32,
    FILE_BYTES_MAX = 64 << 20,
};

// ---- in memory ----

static size_t lower_bound(const struct harms *harms, uint64_t id)
{
    size_t low = 0;
    size_t high = harms->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (harms->items[middle].generation < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool has_at(const struct harms *harms, size_t index, uint64_t id)
{
    return index < harms->count && harms->items[index].generation == id;
}

void harms_add(struct harms *harms, const struct harm *harm)
{
    size_t index = lower_bound(harms, harm->generation);
    if (!has_at(harms, index, harm->generation)) {
        if (harms->count == harms->capacity) {
            harms->capacity = harms->capacity * 2 + 8;
            harms->items = xreallocarray(harms->items, harms->capacity, sizeof *harms->items);
        }
        struct harm *place = &harms->items[index];
        memmove(place + 1, place, (harms->count - index) * sizeof *place);
        harms->count++;
        *place = (struct harm){.generation = harm->generation};
        harms->urgent = true;
    }
    struct harm *item = &harms->items[index];
    item->dropped += harm->dropped;
    item->dead_lettered += harm->dead_lettered;
    item->damaged |= harm->damaged;
    harms->dirty = true;
}

void harms_forget(struct harms *harms, uint64_t generation)
{
    size_t index = lower_bound(harms, generation);
    if (has_at(harms, index, generation)) {
        harms->count--;
        memmove(harms->items + index, harms->items + index + 1,
                (harms->count - index) * sizeof *harms->items);
        harms->dirty = true;
    }
}

struct harm harms_of(const struct harms *harms, uint64_t generation)
{
    size_t index = lower_bound(harms, generation);
    struct harm harm = {.generation = generation};
    if (has_at(harms, index, generation)) {
        harm = harms->items[index];
    }
    harm.damaged |= generation < harms->all_below ? 1 : 0;
    return harm;
}

void harms_deinit(struct harms *harms)
{
    free(harms->items);
    *harms = (struct harms){0};
}

// ---- the file ----

bool harms_due(const struct harms *harms, uint64_t now_ns)
{
    return harms->urgent || (harms->dirty && now_ns >= harms->written_ns + NS_PER_S);
}

void harms_encode(struct harms *harms, uint64_t now_ns, struct buf *out)
{
    size_t start = out->size;
    put_u32(out, HARM_MAGIC);
    put_u32(out, HARM_VERSION);
    put_u32(out, 0);
    put_u32(out, (uint32_t)harms->count);
    put_u64(out, harms->all_below);
    for (size_t i = 0; i < harms->count; i++) {
        const struct harm *harm = &harms->items[i];
        put_u64(out, harm->generation);
        put_u64(out, harm->dropped);
        put_u64(out, harm->dead_lettered);
        put_u64(out, harm->damaged);
    }
    uint8_t *bytes = out->data + start;
    store_u32(bytes + CRC_OFFSET, crc32c(0, bytes, out->size - start));
    harms->dirty = false;
    harms->urgent = false;
    harms->written_ns = now_ns;
}

void harms_failed(struct harms *harms)
{
    harms->dirty = true;
    harms->urgent = true;
}

int harms_write(struct io *io, const char *dir, const char *path, struct slice content)
{
    char *tmp_path = xasprintf("%s.tmp", path);
    int fd = io->open(io, tmp_path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    int error = fd < 0 ? fd : io_pwrite_all(io, fd, content.data, content.size, 0);
    if (error == 0) {
        CRASH_POINT("before the sync of the harm");
        error = io->fdatasync(io, fd);
    }
    if (fd >= 0) {
        io->close(io, fd);
    }
    if (error == 0) {
        CRASH_POINT("before the rename of the harm");
        error = io->rename(io, tmp_path, path);
        CRASH_POINT("after the rename of the harm");
    }
    if (error == 0) {
        error = io->sync_dir(io, dir);
    } else {
        (void)io->unlink(io, tmp_path);
    }
    free(tmp_path);
    return error;
}

static int decode(struct harms *harms, uint8_t *bytes, size_t size,
                  const struct positions *positions)
{
    struct cursor cursor = cursor_of(slice_of(bytes, size));
    uint32_t magic = cursor_u32(&cursor);
    uint32_t version = cursor_u32(&cursor);
    uint32_t crc = cursor_u32(&cursor);
    uint32_t count = cursor_u32(&cursor);
    uint64_t all_below = cursor_u64(&cursor);
    if (cursor.failed || magic != HARM_MAGIC || size != HEADER_BYTES + (size_t)count * ITEM_BYTES) {
        return E_CORRUPT;
    }
    store_u32(bytes + CRC_OFFSET, 0);
    if (crc != crc32c(0, bytes, size)) {
        return E_CORRUPT;
    }
    if (version != HARM_VERSION) {
        return E_VERSION;
    }
    harms->all_below = all_below;
    for (uint32_t i = 0; i < count; i++) {
        struct harm harm = {.generation = cursor_u64(&cursor)};
        harm.dropped = cursor_u64(&cursor);
        harm.dead_lettered = cursor_u64(&cursor);
        harm.damaged = cursor_u64(&cursor);
        if (positions_find(positions, harm.generation) != NULL) {
            harms_add(harms, &harm);
        }
    }
    return 0;
}

int harms_open(struct harms *harms, struct io *io, const char *path,
               const struct positions *positions)
{
    *harms = (struct harms){0};
    uint8_t *bytes;
    size_t size;
    int error = io_read_file(io, path, FILE_BYTES_MAX, &bytes, &size);
    if (error == -ENOENT) {
        return 0;
    }
    if (error == 0) {
        error = decode(harms, bytes, size, positions);
        free(bytes);
        harms->urgent = false;
    }
    if (error == E_CORRUPT || error == E_TOO_LARGE) {
        harms->all_below = positions->next_id;
        harms->urgent = true;
        error = 0;
    }
    // Ids may be given again when the power went: what nobody knows any more is not written again.
    harms->dirty = true;
    return error;
}
