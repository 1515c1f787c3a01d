// Recovery, first part: which segments are there, and which of them count.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/crash_point.h"
#include "queue/recovery.h"

enum { NAMES_MAX = 1 << 20 };

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static int note_name(void *context, const char *name, enum file_kind kind)
{
    struct recovery *recovery = context;
    struct queue *queue = recovery->queue;
    if (kind == FILE_DIRECTORY) {
        return 0;
    }
    if (has_suffix(name, ".tmp")) {
        char *path = queue_path(queue, name);
        (void)queue->io->unlink(queue->io, path);
        CRASH_POINT("after the removal of an unfinished file");
        free(path);
        return 0;
    }
    uint64_t first_sequence;
    uint64_t epoch;
    if (!segment_parse_name(name, &first_sequence, &epoch) || recovery->count == NAMES_MAX) {
        return 0;
    }
    recovery->found = xreallocarray(recovery->found, recovery->count + 1, sizeof *recovery->found);
    struct segment *segment = xcalloc(1, sizeof *segment);
    snprintf(segment->name, sizeof segment->name, "%s", name);
    segment->fd = -1;
    segment->first_sequence = first_sequence;
    segment->epoch = epoch;
    recovery->found[recovery->count++] = (struct found_segment){.segment = segment};
    return 0;
}

static int compare_found(const void *a, const void *b)
{
    const struct segment *left = ((const struct found_segment *)a)->segment;
    const struct segment *right = ((const struct found_segment *)b)->segment;
    if (left->first_sequence != right->first_sequence) {
        return left->first_sequence < right->first_sequence ? -1 : 1;
    }
    return left->epoch < right->epoch ? -1 : left->epoch > right->epoch;
}

void recovery_forget(struct recovery *recovery, size_t index)
{
    struct found_segment *found = &recovery->found[index];
    if (found->segment->fd >= 0) {
        recovery->queue->io->close(recovery->queue->io, found->segment->fd);
    }
    free(found->segment);
    recovery->count--;
    memmove(found, found + 1, (recovery->count - index) * sizeof *found);
}

int recovery_unlink(struct recovery *recovery, size_t index)
{
    struct queue *queue = recovery->queue;
    char *path = queue_path(queue, recovery->found[index].segment->name);
    int error = queue->io->unlink(queue->io, path);
    free(path);
    recovery_forget(recovery, index);
    return error;
}

// Takes a segment without a sound header out of the log. One with a footer was whole once, and the
// log goes on behind it.
static int pass_over_bad(struct recovery *recovery, size_t index)
{
    struct queue *queue = recovery->queue;
    const struct found_segment *found = &recovery->found[index];
    struct block_header footer;
    int sealed = segment_read_footer(queue->io, found->segment->fd, found->size, &footer);
    if (sealed < 0) {
        return sealed;
    }
    if (sealed == 1 && footer.epoch == found->segment->epoch &&
        footer.first_sequence > recovery->lost_end) {
        recovery->lost_end = footer.first_sequence;
    }
    recovery->bad = xreallocarray(recovery->bad, recovery->bad_count + 1, sizeof *recovery->bad);
    struct bad_segment *bad = &recovery->bad[recovery->bad_count++];
    memcpy(bad->name, found->segment->name, sizeof bad->name);
    bad->sealed = sealed == 1;
    if (found->segment->epoch > recovery->bad_epoch) {
        recovery->bad_epoch = found->segment->epoch;
    }
    recovery->report->segments_bad++;
    recovery_forget(recovery, index);
    return 0;
}

int recovery_set_aside(struct recovery *recovery)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < recovery->bad_count; i++) {
        const struct bad_segment *bad = &recovery->bad[i];
        // A tail that was not copied still has to be found behind it.
        if (!recovery->tail_stays || !bad->sealed) {
            error = queue_set_aside(recovery->queue, bad->name);
        }
    }
    return error;
}

// Opens a segment and reads its header. 0 also when the header is bad.
static int open_found(struct recovery *recovery, struct found_segment *found)
{
    struct queue *queue = recovery->queue;
    struct io *io = queue->io;
    struct segment *segment = found->segment;
    char *path = queue_path(queue, segment->name);
    segment->fd = io->open(io, path, O_RDWR, 0);
    free(path);
    if (segment->fd < 0) {
        return segment->fd;
    }
    struct file_stat stat;
    int error = io->fstat(io, segment->fd, &stat);
    if (error != 0) {
        return error;
    }
    found->size = stat.size;
    error = segment_read_header(io, segment->fd, &found->header);
    if (error == E_CORRUPT || error == E_TRUNCATED) {
        found->header_bad = true;
        return 0;
    }
    if (error != 0) {
        return error;
    }
    if (strncmp(found->header.flow, queue->flow, FLOW_NAME_MAX) != 0) {
        return E_CONFIG;
    }
    if (found->header.first_sequence != segment->first_sequence ||
        found->header.epoch != segment->epoch) {
        found->header_bad = true;
        return 0;
    }
    segment->data_offset = segment_data_offset(&found->header);
    segment->start_totals = found->header.totals;
    struct block_header footer;
    int has_footer = segment_read_footer(io, segment->fd, found->size, &footer);
    if (has_footer < 0) {
        return has_footer;
    }
    if (has_footer == 1 && footer.epoch == segment->epoch) {
        segment->sealed = true;
        segment->finished = true;
        segment->written = found->size - BLOCK_HEADER_BYTES;
        segment->synced = segment->written;
        segment->end_sequence = footer.first_sequence;
        segment->end_totals = footer.totals;
    }
    return 0;
}

// Whether a segment holds nothing that a newer one does not.
static bool is_replaced(const struct segment *older, const struct segment_header *newer)
{
    return older->epoch < newer->epoch && older->first_sequence >= newer->replaces_from &&
           !(older->sealed && older->end_sequence <= newer->first_sequence &&
             older->end_sequence > older->first_sequence);
}

// Whether the snapshot of a segment can be read. A segment that was being created when the power
// went may have its header alone: then it replaces nothing. 1, 0, or what the disk says.
static int has_snapshot(const struct recovery *recovery, const struct found_segment *found)
{
    struct positions positions = {0};
    int error =
        segment_read_snapshot(recovery->queue->io, found->segment->fd, &found->header, &positions);
    positions_deinit(&positions);
    if (error != 0 && !recovery_is_damage(error)) {
        return error;
    }
    return error == 0 ? 1 : 0;
}

// Brings the snapshot of a segment to the disk, when it may be in memory alone.
static int keep_snapshot(const struct recovery *recovery, const struct found_segment *found)
{
    struct io *io = recovery->queue->io;
    if (found->segment->sealed) {
        return 0;
    }
    int error = segment_write_again(io, found->segment->fd, found->segment->data_offset);
    return error != 0 ? error : io->fdatasync(io, found->segment->fd);
}

// Removes a segment whose replacement is whole.
static int remove_older(struct recovery *recovery, size_t older, const struct found_segment *newer)
{
    int whole = has_snapshot(recovery, newer);
    if (whole != 1) {
        return whole;
    }
    int error = keep_snapshot(recovery, newer);
    CRASH_POINT("before the removal of a replaced segment");
    if (error == 0) {
        // One that stayed would come back when its replacement has been replaced.
        error = recovery_unlink(recovery, older);
    }
    return error == 0 ? 1 : error;
}

// Removes what a later opening has replaced, once the name of the replacement is on disk.
static int remove_replaced(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    bool synced = false;
    for (size_t i = 0; i < recovery->count; i++) {
        const struct segment_header newer = recovery->found[i].header;
        for (size_t k = recovery->count; k > 0; k--) {
            if (!is_replaced(recovery->found[k - 1].segment, &newer)) {
                continue;
            }
            int removed = synced ? 0 : queue->io->sync_dir(queue->io, queue->dir);
            if (removed == 0) {
                synced = true;
                removed = remove_older(recovery, k - 1, &recovery->found[i]);
            }
            if (removed < 0) {
                return removed;
            }
            i -= removed == 1 && k - 1 < i ? 1 : 0;
        }
    }
    return 0;
}

// Removes what is left of a file that was being created, and sets bad headers aside.
static int sort_out(struct recovery *recovery)
{
    for (size_t i = recovery->count; i > 0; i--) {
        const struct found_segment *found = &recovery->found[i - 1];
        // A file whose snapshot is not whole has nothing that anybody was told of.
        bool unborn =
            !found->header_bad && recovery->count > 1 && found->size < found->segment->data_offset;
        if (unborn) {
            int error = recovery_unlink(recovery, i - 1);
            if (error != 0) {
                return error;
            }
        }
        if (unborn || !found->header_bad) {
            continue;
        }
        // A file whose header never reached the disk has nothing that anybody was told of.
        bool newest = i == recovery->count;
        if (newest && recovery->found[i - 1].size <= SEGMENT_PAGE_BYTES) {
            int error = recovery_unlink(recovery, i - 1);
            if (error != 0) {
                return error;
            }
            continue;
        }
        int error = pass_over_bad(recovery, i - 1);
        if (error != 0) {
            return error;
        }
    }
    return remove_replaced(recovery);
}

// The sync of the newest footer may have failed, and then it is in memory alone. Everything in
// front of it had been synced before it was written.
static int seal_again(struct recovery *recovery)
{
    struct io *io = recovery->queue->io;
    const struct segment *segment = recovery->found[recovery->tail - 1].segment;
    uint8_t footer[BLOCK_HEADER_BYTES];
    int64_t count = io_pread_all(io, segment->fd, footer, sizeof footer, segment->written);
    if (count != (int64_t)sizeof footer) {
        return count < 0 ? (int)count : E_AGAIN;
    }
    int error = io_pwrite_all(io, segment->fd, footer, sizeof footer, segment->written);
    CRASH_POINT("after a footer over itself");
    if (recovery_is_no_space(error)) {
        return 0; // a filesystem that copies on write; the footer is most likely there
    }
    return error == 0 ? io->fdatasync(io, segment->fd) : error;
}

// Segments are sealed in their order: one without a footer in front of one that has it is damaged.
static void find_tail(struct recovery *recovery)
{
    recovery->tail = recovery->count;
    while (recovery->tail > 0 && !recovery->found[recovery->tail - 1].segment->sealed) {
        recovery->tail--;
    }
    for (size_t i = 0; i + 1 < recovery->tail; i++) {
        struct segment *segment = recovery->found[i].segment;
        if (!segment->sealed) {
            segment->sealed = true;
            segment->finished = true;
            segment->damaged = true;
            segment->written = recovery->found[i].size;
            segment->synced = segment->written;
            segment->end_sequence = recovery->found[i + 1].segment->first_sequence;
            segment->end_totals = recovery->found[i + 1].segment->start_totals;
        }
    }
}

int recovery_find_segments(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    int error = queue->io->list(queue->io, queue->dir, note_name, recovery);
    if (error != 0) {
        return error;
    }
    if (recovery->count > 0) {
        qsort(recovery->found, recovery->count, sizeof *recovery->found, compare_found);
    }
    for (size_t i = 0; error == 0 && i < recovery->count; i++) {
        error = open_found(recovery, &recovery->found[i]);
    }
    if (error == 0) {
        error = sort_out(recovery);
    }
    find_tail(recovery);
    return error == 0 && recovery->tail > 0 ? seal_again(recovery) : error;
}
