// Recovery, last part: what is kept of the unsealed tail is copied into a new segment, which
// replaces it. The crash argument is in open.c.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/crash_point.h"
#include "queue/recovery.h"

// Whether a block is needed any more: the snapshot of the replacement has the positions.
static bool is_kept(const struct queue *queue, const struct block_header *header)
{
    return header->kind == BLOCK_DATA &&
           block_end_sequence(header) > queue->ack.window.frontier + 1;
}

// Copies the blocks of the tail that hold unsettled records to the new segment. Returns the offset
// behind the last one or an error.
static int64_t copy_blocks(struct recovery *recovery, int fd, uint64_t to)
{
    struct queue *queue = recovery->queue;
    struct buf block;
    buf_init(&block, (size_t)BLOCK_PAYLOAD_MAX + BLOCK_HEADER_BYTES);
    int error = 0;
    for (size_t i = recovery->tail; error == 0 && i < recovery->count; i++) {
        const struct segment *segment = recovery->found[i].segment;
        uint64_t offset = segment->data_offset;
        while (error == 0 && offset < segment->written) {
            struct block_header header;
            bool sound;
            int result = segment_read_block(queue->io, segment->fd, offset, segment->written,
                                            &header, &sound, &recovery->payload);
            if (result != 1) {
                error = result < 0 ? result : E_CORRUPT;
                break;
            }
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
            if (!is_kept(queue, &header)) {
                continue;
            }
            buf_clear(&block);
            uint8_t *place = buf_extend(&block, BLOCK_HEADER_BYTES);
            block_header_encode(&header, place);
            buf_append_slice(&block, buf_slice(&recovery->payload));
            error = io_pwrite_all(queue->io, fd, block.data, block.size, to);
            to += block.size;
        }
    }
    buf_deinit(&block);
    return error != 0 ? error : (int64_t)to;
}

// Finds the first block of the tail that has to be copied: its first sequence, and the totals in
// front of it. Without one, where the next block will be.
static int find_first_kept(struct recovery *recovery, struct segment_header *header)
{
    struct queue *queue = recovery->queue;
    struct read_totals totals = recovery->found[recovery->tail].segment->start_totals;
    for (size_t i = recovery->tail; i < recovery->count; i++) {
        const struct segment *segment = recovery->found[i].segment;
        uint64_t offset = segment->data_offset;
        while (offset < segment->written) {
            struct block_header block;
            bool sound;
            int result = segment_read_block(queue->io, segment->fd, offset, segment->written,
                                            &block, &sound, &recovery->payload);
            if (result != 1) {
                return result < 0 ? result : E_CORRUPT;
            }
            if (is_kept(queue, &block)) {
                header->first_sequence = block.first_sequence;
                header->totals = totals;
                return 0;
            }
            totals = block.totals;
            offset += BLOCK_HEADER_BYTES + block.payload_bytes;
        }
    }
    header->first_sequence = queue->next_sequence;
    header->totals = queue->totals;
    return 0;
}

static int new_header(struct recovery *recovery, struct segment_header *out_header)
{
    *out_header = queue_segment_header(recovery->queue);
    out_header->replaces_from = recovery->found[recovery->tail].segment->first_sequence;
    out_header->is_copy = true;
    return find_first_kept(recovery, out_header);
}

// Writes the replacement under its other name, syncs it and gives it its own.
static int write_replacement(struct recovery *recovery, struct segment *segment,
                             struct segment_header *header, const char *tmp_path, const char *path)
{
    struct queue *queue = recovery->queue;
    struct io *io = queue->io;
    segment->fd = segment_create(io, tmp_path, header, &queue->positions);
    if (segment->fd < 0) {
        return segment->fd;
    }
    segment->data_offset = segment_data_offset(header);
    int64_t end = copy_blocks(recovery, segment->fd, segment->data_offset);
    CRASH_POINT("before the sync of a copy");
    int error = end < 0 ? (int)end : io->fdatasync(io, segment->fd);
    if (error == 0) {
        segment->written = (uint64_t)end;
        segment->synced = segment->written;
        CRASH_POINT("before the rename of a copy");
        error = io->rename(io, tmp_path, path);
        CRASH_POINT("after the rename of a copy");
    }
    if (error == 0 && io->sync_dir(io, queue->dir) != 0) {
        error = -EIO; // whatever it says: the copy has its name, so the tail must not be used
    }
    if (error != 0) {
        io->close(io, segment->fd);
        (void)io->unlink(io, tmp_path);
    }
    return error;
}

// Makes the segment that replaces the tail. On an error the files of the tail still count.
static int make_replacement(struct recovery *recovery, struct segment **out_segment)
{
    struct segment_header header;
    int error = new_header(recovery, &header);
    if (error != 0) {
        return error;
    }
    struct segment *segment = xcalloc(1, sizeof *segment);
    segment_name(header.first_sequence, header.epoch, segment->name);
    segment->epoch = header.epoch;
    segment->first_sequence = header.first_sequence;
    segment->start_totals = header.totals;
    segment->end_totals = recovery->queue->totals;
    segment->end_sequence =
        recovery->end > header.first_sequence ? recovery->end : header.first_sequence;
    char *path = queue_path(recovery->queue, segment->name);
    char *tmp_path = xasprintf("%s.tmp", path);
    error = write_replacement(recovery, segment, &header, tmp_path, path);
    free(tmp_path);
    free(path);
    if (error != 0) {
        free(segment);
        return error;
    }
    *out_segment = segment;
    return 0;
}

// Without room for a copy the tail stays where it is: cut to what is valid, complete, to be sealed
// by the syncer. Appends wait until there is room for a new segment.
static void keep_tail_in_place(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    for (size_t i = recovery->tail; i < recovery->count; i++) {
        struct segment *segment = recovery->found[i].segment;
        (void)queue->io->ftruncate(queue->io, segment->fd, segment->written);
        segment->write_again = true;
        segment->finished = true;
    }
}

static void adopt_segments(struct recovery *recovery, size_t from, size_t until)
{
    for (size_t i = from; i < until; i++) {
        queue_add_segment(recovery->queue, recovery->found[i].segment);
    }
    size_t count = until - from;
    if (count == 0) {
        return;
    }
    recovery->count -= count;
    memmove(recovery->found + from, recovery->found + until,
            (recovery->count - from) * sizeof *recovery->found);
}

int recovery_commit(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct segment *replacement = NULL;
    int error = queue_write_acks(queue);
    if (error == 0) {
        CRASH_POINT("before the sync of the cleaned ack slot");
        error = ackslot_sync(&queue->slot);
    }
    CRASH_POINT("after the cleaned ack slot");
    if (error == 0 && recovery->tail < recovery->count) {
        error = make_replacement(recovery, &replacement);
        if (recovery_is_no_space(error)) {
            keep_tail_in_place(recovery);
            recovery->tail_stays = true;
            recovery->tail = recovery->count;
            error = 0;
        }
    }
    if (error == 0) {
        error = queue->io->sync_dir(queue->io, queue->dir);
    }
    CRASH_POINT("before the removal of the old tail");
    adopt_segments(recovery, 0, recovery->tail);
    if (replacement != NULL) {
        queue_add_segment(queue, replacement);
        queue->current = replacement;
    }
    // One that stayed would count again when its replacement has been given back.
    while (error == 0 && recovery->count > 0) {
        error = recovery_unlink(recovery, recovery->count - 1);
        CRASH_POINT("after the removal of the old tail");
    }
    return error;
}
