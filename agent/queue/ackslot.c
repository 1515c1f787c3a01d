#include "queue/ackslot.h"

#include <fcntl.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"

enum {
    ACK_MAGIC = 0x4b43414b, // "KACK"
    ACK_VERSION = 2,
    ACK_VERSION_TWO_SLOTS = 1,
    CRC_OFFSET = 8,
    SLOTS = 4,
    SLOT_STRIDE = 8192,
    FILE_BYTES = SLOTS * SLOT_STRIDE,
    FIELDS_BYTES = 128,
    SLOT_BYTES_V1 = FIELDS_BYTES + WINDOW_BYTES,
    SLOT_BYTES = SLOT_BYTES_V1 + 12 + BOOT_ID_BYTES,
    FLAG_CLOSED = 1,
};

// No queue gets that far.
static const uint64_t number_max = UINT64_MAX / 2;

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
    put_u32(&fields, SLOT_BYTES);
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
    put_u64(&fields, state->written_ns);
    put_u32(&fields, state->closed ? FLAG_CLOSED : 0);
    buf_append(&fields, state->boot_id, sizeof state->boot_id);
    ASSERT(!fields.overflow && fields.size == SLOT_BYTES);
    store_u32(out + CRC_OFFSET, crc32c(0, out, SLOT_BYTES));
}

// Bytes of a slot, 0 when it is not whole. Magic, version, checksum and size are at the same places
// in every version from 2 on.
static size_t whole_size(uint8_t *bytes, size_t count)
{
    struct cursor cursor = cursor_of(slice_of(bytes, count));
    uint32_t magic = cursor_u32(&cursor);
    uint32_t version = cursor_u32(&cursor);
    uint32_t crc = cursor_u32(&cursor);
    uint32_t size = cursor_u32(&cursor);
    if (version == ACK_VERSION_TWO_SLOTS) {
        size = size == WINDOW_RECORDS ? SLOT_BYTES_V1 : 0;
    }
    if (cursor.failed || magic != ACK_MAGIC || size < FIELDS_BYTES || size > count) {
        return 0;
    }
    store_u32(bytes + CRC_OFFSET, 0);
    return crc == crc32c(0, bytes, size) ? size : 0;
}

// E_NOT_FOUND: the slot is empty or torn.
static int decode(uint8_t *bytes, size_t count, struct ack_state *out_state,
                  uint64_t *out_generation)
{
    size_t size = whole_size(bytes, count);
    if (size == 0) {
        return E_NOT_FOUND;
    }
    struct cursor cursor = cursor_of(slice_of(bytes, size));
    (void)cursor_u32(&cursor);
    uint32_t version = cursor_u32(&cursor);
    if (version > ACK_VERSION) {
        return E_VERSION;
    }
    (void)cursor_u64(&cursor);
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
    struct slice bits = cursor_bytes(&cursor, WINDOW_BYTES);
    if (version > ACK_VERSION_TWO_SLOTS) {
        out_state->written_ns = cursor_u64(&cursor);
        out_state->closed = (cursor_u32(&cursor) & FLAG_CLOSED) != 0;
        struct slice boot_id = cursor_bytes(&cursor, BOOT_ID_BYTES);
        if (!cursor.failed) {
            memcpy(out_state->boot_id, boot_id.data, BOOT_ID_BYTES - 1);
        }
    }
    bool sound = *out_generation <= number_max && out_state->epoch <= number_max &&
                 out_state->window.frontier <= number_max &&
                 out_state->submitted <= out_state->window.frontier + WINDOW_RECORDS &&
                 out_state->first_sequence <= number_max;
    if (cursor.failed || !sound) {
        return E_NOT_FOUND;
    }
    memcpy(out_state->window.bits, bits.data, WINDOW_BYTES);
    window_restore(&out_state->window);
    return 0;
}

struct slots_found {
    uint64_t size; // of the file, as far as there are slots
    bool used;     // it holds something else than zeros
    uint64_t generation;
    unsigned index;
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

// Reads the slot that counts. E_NOT_FOUND when there is none.
static int read_slots(struct io *io, int fd, struct ack_state *out_state,
                      struct slots_found *out_found)
{
    uint8_t bytes[SLOT_STRIDE];
    int result = E_NOT_FOUND;
    *out_found = (struct slots_found){0};
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint64_t offset = (uint64_t)slot * SLOT_STRIDE;
        int64_t count = io_pread_all(io, fd, bytes, sizeof bytes, offset);
        if (count < 0) {
            return (int)count;
        }
        if (count > 0) {
            out_found->size = offset + (uint64_t)count;
        }
        out_found->used = out_found->used || !is_zero(bytes, (size_t)count);
        struct ack_state state = {0};
        uint64_t generation;
        int error = decode(bytes, (size_t)count, &state, &generation);
        if (error == E_VERSION) {
            return error;
        }
        if (error == 0 && (result != 0 || generation > out_found->generation)) {
            result = 0;
            *out_state = state;
            out_found->generation = generation;
            out_found->index = slot;
        }
    }
    return result;
}

// The slot that counts as it is, to the disk.
static int write_again(struct io *io, int fd, unsigned index)
{
    uint8_t bytes[SLOT_STRIDE];
    uint64_t offset = (uint64_t)index * SLOT_STRIDE;
    int64_t count = io_pread_all(io, fd, bytes, sizeof bytes, offset);
    if (count < 0) {
        return (int)count;
    }
    CRASH_POINT("before an ack slot over itself");
    int error = io_pwrite_all(io, fd, bytes, (size_t)count, offset);
    CRASH_POINT("after an ack slot over itself");
    return error == 0 ? io->fdatasync(io, fd) : error;
}

// Takes the room for all slots as far as there is any, so that a disk that is full later does not
// stop acknowledgements.
static void take_room(struct io *io, int fd, uint64_t size)
{
    static const uint8_t zeros[SLOT_STRIDE];
    int error = 0;
    while (error == 0 && size < FILE_BYTES) {
        size_t part = (size_t)(SLOT_STRIDE - size % SLOT_STRIDE);
        error = io_pwrite_all(io, fd, zeros, part, size);
        size += part;
        CRASH_POINT("amid the room for ack slots");
    }
}

int ackslot_open(struct ackslot *slot, struct io *io, const char *path, struct ack_state *out_state,
                 bool *out_found, bool *out_damaged)
{
    int fd = io->open(io, path, O_RDWR | O_CREAT, 0640);
    if (fd < 0) {
        return fd;
    }
    struct slots_found found;
    int error = read_slots(io, fd, out_state, &found);
    *out_found = error == 0;
    *out_damaged = error == E_NOT_FOUND && found.used;
    if (error == 0) {
        error = write_again(io, fd, found.index);
    } else if (error == E_NOT_FOUND) {
        error = 0;
    }
    if (error != 0) {
        io->close(io, fd);
        return error;
    }
    take_room(io, fd, found.size);
    *slot = (struct ackslot){.io = io, .fd = fd, .generation = found.generation};
    slot->last = found.index;
    slot->kept = 1U << found.index;
    pthread_mutex_init(&slot->lock, NULL);
    pthread_mutex_init(&slot->sync_lock, NULL);
    return 0;
}

int ackslot_read(struct io *io, const char *path, struct ack_state *out_state)
{
    int fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    struct slots_found found;
    int error = read_slots(io, fd, out_state, &found);
    io->close(io, fd);
    return error;
}

void ackslot_close(struct ackslot *slot)
{
    if (slot->io != NULL) {
        slot->io->close(slot->io, slot->fd);
        pthread_mutex_destroy(&slot->lock);
        pthread_mutex_destroy(&slot->sync_lock);
        slot->io = NULL;
    }
}

int ackslot_write(struct ackslot *slot, const struct ack_state *state)
{
    uint8_t bytes[SLOT_BYTES];
    pthread_mutex_lock(&slot->lock);
    encode(state, slot->generation + 1, bytes);
    unsigned taken = slot->kept | 1U << slot->last;
    unsigned index = 0;
    while ((taken >> index & 1) != 0) {
        index++;
    }
    ASSERT(index < SLOTS);
    CRASH_POINT("before an ack slot");
    int error =
        io_pwrite_all(slot->io, slot->fd, bytes, sizeof bytes, (uint64_t)index * SLOT_STRIDE);
    CRASH_POINT("after an ack slot");
    if (error == 0) {
        slot->generation++;
        slot->last = index;
    }
    pthread_mutex_unlock(&slot->lock);
    return error;
}

int ackslot_sync(struct ackslot *slot)
{
    pthread_mutex_lock(&slot->sync_lock);
    pthread_mutex_lock(&slot->lock);
    unsigned before = slot->kept;
    unsigned covered = 1U << slot->last;
    slot->kept = before | covered;
    pthread_mutex_unlock(&slot->lock);
    CRASH_POINT("before the sync of the ack file");
    int error = slot->io->fdatasync(slot->io, slot->fd);
    CRASH_POINT("after the sync of the ack file");
    pthread_mutex_lock(&slot->lock);
    slot->kept = error == 0 ? covered : before;
    pthread_mutex_unlock(&slot->lock);
    pthread_mutex_unlock(&slot->sync_lock);
    return error;
}
