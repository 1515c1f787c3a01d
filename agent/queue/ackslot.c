#include "queue/ackslot.h"

#include <fcntl.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"

enum {
    ACK_MAGIC = 0x4b43414b, // "KACK"
    ACK_VERSION = 1,
    CRC_OFFSET = 8,
    SLOT_STRIDE = 8192,
    FIELDS_BYTES = 128,
    SLOT_BYTES = FIELDS_BYTES + WINDOW_BYTES,
};

static void put_tally(struct buf *out, struct tally tally)
{
    put_u64(out, tally.records);
    put_u64(out, tally.bytes);
}

static struct tally take_tally(struct cursor *cursor)
{
    uint64_t records = cursor_u64(cursor);
    return (struct tally){.records = records, .bytes = cursor_u64(cursor)};
}

static void encode(const struct ack_state *state, uint64_t generation, uint8_t *out)
{
    struct buf fields = {.data = out, .capacity = SLOT_BYTES, .size_max = SLOT_BYTES};
    put_u32(&fields, ACK_MAGIC);
    put_u32(&fields, ACK_VERSION);
    put_u32(&fields, 0);
    put_u32(&fields, WINDOW_RECORDS);
    put_u64(&fields, generation);
    put_u64(&fields, state->epoch);
    put_u64(&fields, state->window.frontier);
    put_u64(&fields, state->submitted);
    put_u64(&fields, state->totals.maybe_repeated);
    put_tally(&fields, state->totals.acknowledged);
    put_tally(&fields, state->totals.dead_lettered);
    put_tally(&fields, state->totals.dropped);
    put_tally(&fields, state->totals.damaged);
    put_u64(&fields, state->first_sequence);
    buf_append(&fields, state->window.bits, WINDOW_BYTES);
    ASSERT(!fields.overflow && fields.size == SLOT_BYTES);
    store_u32(out + CRC_OFFSET, crc32c(0, out, SLOT_BYTES));
}

static bool decode(uint8_t *bytes, struct ack_state *out_state, uint64_t *out_generation)
{
    struct cursor cursor = cursor_of(slice_of(bytes, SLOT_BYTES));
    uint32_t magic = cursor_u32(&cursor);
    uint32_t version = cursor_u32(&cursor);
    uint32_t crc = cursor_u32(&cursor);
    store_u32(bytes + CRC_OFFSET, 0);
    if (magic != ACK_MAGIC || version != ACK_VERSION || crc != crc32c(0, bytes, SLOT_BYTES) ||
        cursor_u32(&cursor) != WINDOW_RECORDS) {
        return false;
    }
    *out_generation = cursor_u64(&cursor);
    out_state->epoch = cursor_u64(&cursor);
    out_state->window.frontier = cursor_u64(&cursor);
    out_state->submitted = cursor_u64(&cursor);
    out_state->totals.maybe_repeated = cursor_u64(&cursor);
    out_state->totals.acknowledged = take_tally(&cursor);
    out_state->totals.dead_lettered = take_tally(&cursor);
    out_state->totals.dropped = take_tally(&cursor);
    out_state->totals.damaged = take_tally(&cursor);
    out_state->first_sequence = cursor_u64(&cursor);
    memcpy(out_state->window.bits, bytes + FIELDS_BYTES, WINDOW_BYTES);
    window_restore(&out_state->window);
    return true;
}

// Reads the slot that counts. E_NOT_FOUND when there is none; `*out_size` is the size of the file.
static int read_slots(struct io *io, int fd, struct ack_state *out_state, uint64_t *out_generation,
                      uint64_t *out_size)
{
    uint8_t bytes[SLOT_BYTES];
    bool found = false;
    *out_size = 0;
    for (uint64_t slot = 0; slot < 2; slot++) {
        int64_t count = io_pread_all(io, fd, bytes, sizeof bytes, slot * SLOT_STRIDE);
        if (count < 0) {
            return (int)count;
        }
        *out_size += (uint64_t)count;
        struct ack_state state = {0};
        uint64_t generation;
        if (count == SLOT_BYTES && decode(bytes, &state, &generation) &&
            (!found || generation > *out_generation)) {
            found = true;
            *out_state = state;
            *out_generation = generation;
        }
    }
    return found ? 0 : E_NOT_FOUND;
}

int ackslot_open(struct ackslot *slot, struct io *io, const char *path, struct ack_state *out_state,
                 bool *out_found, bool *out_damaged)
{
    int fd = io->open(io, path, O_RDWR | O_CREAT, 0640);
    if (fd < 0) {
        return fd;
    }
    *slot = (struct ackslot){.io = io, .fd = fd};
    uint64_t size;
    int error = read_slots(io, fd, out_state, &slot->generation, &size);
    if (error != 0 && error != E_NOT_FOUND) {
        ackslot_close(slot);
        return error;
    }
    *out_found = error == 0;
    *out_damaged = error != 0 && size > 0;
    return 0;
}

int ackslot_read(struct io *io, const char *path, struct ack_state *out_state)
{
    int fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    uint64_t generation;
    uint64_t size;
    int error = read_slots(io, fd, out_state, &generation, &size);
    io->close(io, fd);
    return error;
}

void ackslot_close(struct ackslot *slot)
{
    if (slot->io != NULL) {
        slot->io->close(slot->io, slot->fd);
        slot->io = NULL;
    }
}

int ackslot_write(struct ackslot *slot, const struct ack_state *state)
{
    uint8_t bytes[SLOT_BYTES];
    uint64_t generation = slot->generation + 1;
    encode(state, generation, bytes);
    int error =
        io_pwrite_all(slot->io, slot->fd, bytes, sizeof bytes, generation % 2 * SLOT_STRIDE);
    if (error == 0) {
        slot->generation = generation;
    }
    return error;
}

int ackslot_sync(struct ackslot *slot)
{
    return slot->io->fdatasync(slot->io, slot->fd);
}
