// Recovery: from whatever the directory holds to a queue that accepts appends.
//
// What is trusted: a sealed segment (its footer was written after everything before it was synced),
// and of the unsealed tail what lies before the first gap. Everything behind the gap is discarded,
// positions too, so that it is read again from its source.
//
// Crash argument. The kept part of the tail is copied into a new segment of a new epoch: written
// under another name, synced, renamed, the directory synced. Before the rename the old files hold.
// After it the new segment says from which sequence on it replaces older ones; should they still be
// there, the next recovery removes them. Then the cleaned acknowledgement file is synced, and only
// then are the old files removed. No record is appended before all of that is done, and new
// sequences begin behind every sequence that was ever offered or settled, so no old acknowledgement
// covers a new record.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "queue/queue_internal.h"

enum { NAMES_MAX = 1 << 20 };

struct found_segment {
    struct segment *segment;
    struct segment_header header;
    uint64_t size; // of the file
    bool header_bad;
};

struct recovery {
    struct queue *queue;
    struct queue_report *report;
    struct found_segment *found; // in the order of their sequences
    size_t count;
    size_t tail;  // index of the first unsealed segment, `count` when there is none
    uint64_t end; // first sequence behind the last valid record
    struct buf payload;
};

// ---- finding ----

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

static void forget_found(struct recovery *recovery, size_t index)
{
    struct found_segment *found = &recovery->found[index];
    if (found->segment->fd >= 0) {
        recovery->queue->io->close(recovery->queue->io, found->segment->fd);
    }
    free(found->segment);
    recovery->count--;
    memmove(found, found + 1, (recovery->count - index) * sizeof *found);
}

static void unlink_found(struct recovery *recovery, size_t index)
{
    struct queue *queue = recovery->queue;
    char *path = queue_path(queue, recovery->found[index].segment->name);
    (void)queue->io->unlink(queue->io, path);
    free(path);
    forget_found(recovery, index);
}

static int set_aside(struct recovery *recovery, size_t index)
{
    struct queue *queue = recovery->queue;
    char *path = queue_path(queue, recovery->found[index].segment->name);
    char *bad_path = xasprintf("%s.bad", path);
    int error = queue->io->rename(queue->io, path, bad_path);
    free(bad_path);
    free(path);
    recovery->report->segments_bad++;
    forget_found(recovery, index);
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
    if (segment_read_footer(io, segment->fd, found->size, &footer) &&
        footer.epoch == segment->epoch) {
        segment->sealed = true;
        segment->finished = true;
        segment->written = found->size - BLOCK_HEADER_BYTES;
        segment->synced = segment->written;
        segment->end_sequence = footer.first_sequence;
    }
    return 0;
}

// Removes what a later opening has replaced, and sets bad headers aside.
static int sort_out(struct recovery *recovery)
{
    for (size_t i = recovery->count; i > 0; i--) {
        if (!recovery->found[i - 1].header_bad) {
            continue;
        }
        // A file whose header never reached the disk has nothing that anybody was told of.
        bool newest = i == recovery->count;
        if (newest && recovery->found[i - 1].size <= SEGMENT_PAGE_BYTES) {
            unlink_found(recovery, i - 1);
            continue;
        }
        int error = set_aside(recovery, i - 1);
        if (error != 0) {
            return error;
        }
    }
    for (size_t i = 0; i < recovery->count; i++) {
        const struct segment_header newer = recovery->found[i].header;
        for (size_t k = recovery->count; k > 0; k--) {
            const struct segment *older = recovery->found[k - 1].segment;
            if (older->epoch < newer.epoch && older->first_sequence >= newer.replaces_from &&
                !(older->sealed && older->end_sequence <= newer.first_sequence &&
                  older->end_sequence > older->first_sequence)) {
                unlink_found(recovery, k - 1);
                i -= k - 1 < i ? 1 : 0;
            }
        }
    }
    return 0;
}

static int find_segments(struct recovery *recovery)
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
    recovery->tail = 0;
    while (recovery->tail < recovery->count && recovery->found[recovery->tail].segment->sealed) {
        recovery->tail++;
    }
    return error;
}

// ---- reading ----

static void apply_block(struct recovery *recovery, const struct block_header *header)
{
    struct queue *queue = recovery->queue;
    struct slice payload = buf_slice(&recovery->payload);
    if (header->kind == BLOCK_SOURCE) {
        // A payload whose checksum holds is one of ours; a bug in it must not stop recovery.
        if (positions_decode(&queue->positions, payload) != 0) {
            recovery->report->positions_lost = true;
        }
    } else if (header->kind == BLOCK_DATA) {
        struct block_position position;
        for (uint32_t i = 0; block_position_at(header, payload, i, &position) == 0; i++) {
            positions_move(&queue->positions, &position);
        }
        queue->totals = header->totals;
    }
}

// Reads a segment's blocks in order and applies them. Stops at the first gap; returns whether it
// came to the end of the file without one.
static bool apply_segment(struct recovery *recovery, struct found_segment *found, uint64_t limit)
{
    struct segment *segment = found->segment;
    uint64_t sequence = segment->first_sequence;
    uint64_t offset = segment->data_offset;
    bool whole = true;
    while (offset < limit) {
        struct block_header header;
        bool sound;
        int result = segment_read_block(recovery->queue->io, segment->fd, offset, limit, &header,
                                        &sound, &recovery->payload);
        if (result != 1 || header.first_sequence < sequence || header.kind == BLOCK_FOOTER) {
            whole = false;
            if (!segment->sealed || !sound) {
                break;
            }
        } else {
            apply_block(recovery, &header);
            sequence = block_end_sequence(&header);
        }
        offset += BLOCK_HEADER_BYTES + header.payload_bytes;
    }
    if (!segment->sealed) {
        segment->written = offset < limit ? offset : limit;
        segment->end_sequence = sequence;
    }
    return whole;
}

// The newest segment, up to the first unsealed one, whose snapshot can be read.
static size_t find_snapshot(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    size_t last = recovery->tail < recovery->count ? recovery->tail + 1 : recovery->count;
    for (size_t i = last; i > 0; i--) {
        struct found_segment *found = &recovery->found[i - 1];
        if (segment_read_snapshot(queue->io, found->segment->fd, &found->header,
                                  &queue->positions) == 0) {
            return i - 1;
        }
        uint64_t next_id = queue->positions.next_id;
        positions_deinit(&queue->positions);
        queue->positions.next_id = next_id;
    }
    recovery->report->positions_lost = recovery->count > 0;
    return 0;
}

// Rebuilds positions and totals, and finds where the log ends.
static void read_log(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    size_t start = find_snapshot(recovery);
    if (recovery->count == 0) {
        recovery->end = 1;
        return;
    }
    queue->totals = recovery->found[start].header.totals;
    for (size_t i = start; i < recovery->count; i++) {
        struct found_segment *found = &recovery->found[i];
        struct segment *segment = found->segment;
        bool follows = i <= recovery->tail || segment->first_sequence == recovery->end;
        bool whole = follows && apply_segment(recovery, found,
                                              segment->sealed ? segment->written : found->size);
        if (follows) {
            recovery->end = segment->end_sequence;
        }
        if (!whole && i >= recovery->tail) {
            // The first gap of the tail: nothing behind it counts.
            while (recovery->count > i + (follows ? 1 : 0)) {
                unlink_found(recovery, recovery->count - 1);
                recovery->report->records_discarded++;
            }
            break;
        }
    }
    const struct found_segment *newest = &recovery->found[recovery->count - 1];
    queue->files_digest = newest->header.files_digest;
    recovery->report->same_boot = strcmp(newest->header.boot_id, queue->boot_id) == 0;
}

// ---- acknowledgements ----

// Source bytes of the records that are not settled, by reading all of them.
static uint64_t count_queued_bytes(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    uint64_t bytes = 0;
    for (size_t i = 0; i < recovery->count; i++) {
        const struct segment *segment = recovery->found[i].segment;
        uint64_t offset = segment->data_offset;
        struct block_header header;
        bool sound;
        int result;
        while ((result = segment_read_block(queue->io, segment->fd, offset, segment->written,
                                            &header, &sound, &recovery->payload)) == 1 ||
               sound) {
            struct block_walk walk = block_walk_of(&header, buf_slice(&recovery->payload));
            struct block_record record;
            uint64_t sequence = header.first_sequence;
            while (result == 1 && header.kind == BLOCK_DATA &&
                   block_walk_next(&walk, &record) == 1) {
                bytes += window_has(&queue->ack.window, sequence++) ? 0 : record.source_bytes;
            }
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
            if (offset > segment->written) {
                break;
            }
        }
    }
    return bytes;
}

// Makes the acknowledged tally what the log and the other tallies say: records whose blocks did not
// survive are read and counted again, so they are not acknowledged any more.
static void rewind_books(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct settled_totals *totals = &queue->ack.totals;
    uint64_t others = totals->dead_lettered.bytes + totals->dropped.bytes + totals->damaged.bytes;
    uint64_t other_records =
        totals->dead_lettered.records + totals->dropped.records + totals->damaged.records;
    uint64_t appended = appended_bytes_of(&queue->totals);
    uint64_t appended_records = queue->totals.read_records - queue->totals.filtered_records;
    uint64_t queued = count_queued_bytes(recovery);
    uint64_t queued_records =
        recovery->end - 1 - window_count(&queue->ack.window, 0, recovery->end - 1);
    totals->acknowledged.bytes = appended > others + queued ? appended - others - queued : 0;
    totals->acknowledged.records = appended_records > other_records + queued_records
                                       ? appended_records - other_records - queued_records
                                       : 0;
}

// First sequence for new records: behind everything that was ever stored, offered or settled.
static uint64_t first_new_sequence(const struct recovery *recovery)
{
    const struct ack_state *ack = &recovery->queue->ack;
    uint64_t last = recovery->end - 1;
    last = ack->window.frontier > last ? ack->window.frontier : last;
    last = ack->window.highest > last ? ack->window.highest : last;
    last = ack->submitted > last ? ack->submitted : last;
    return last + 1;
}

// Brings the acknowledgements in line with the log.
static void settle_up(struct recovery *recovery, bool ack_found)
{
    struct queue *queue = recovery->queue;
    struct ack_state *ack = &queue->ack;
    struct queue_report *report = recovery->report;
    uint64_t oldest = recovery->count > 0 ? recovery->found[0].segment->first_sequence : 1;
    uint64_t last_valid = recovery->end - 1;
    bool rewind = !ack_found && recovery->count > 0;
    if (ack->window.frontier + 1 < oldest) {
        // What lies below the oldest segment was given back, so it was settled.
        rewind = rewind || ack->window.frontier > 0 || ack_found;
        (void)window_jump(&ack->window, oldest - 1);
    }
    if (ack->window.highest > last_valid) {
        uint64_t settled = window_count(&ack->window, last_valid, ack->window.highest);
        report->records_rewound = settled;
        rewind = rewind || settled > 0;
    }
    uint64_t offered =
        ack->submitted > ack->window.frontier ? ack->submitted - ack->window.frontier : 0;
    uint64_t answered = window_count(&ack->window, ack->window.frontier, ack->submitted);
    report->maybe_repeated = offered - answered + report->records_rewound;
    queue->next_sequence = first_new_sequence(recovery);
    report->records_queued = last_valid - window_count(&ack->window, 0, last_valid);
    if (rewind) {
        rewind_books(recovery);
    }
    // Sequences that no record has are settled, so that nothing waits for them.
    for (uint64_t sequence = last_valid + 1; sequence < queue->next_sequence; sequence++) {
        if (ack->window.set == 0 && ack->window.frontier >= sequence - 1) {
            (void)window_jump(&ack->window, queue->next_sequence - 1);
            break;
        }
        (void)window_settle(&ack->window, sequence);
    }
    ack->totals.maybe_repeated += report->maybe_repeated;
    // Offers are counted from here on again; first_new_sequence keeps what they cover apart.
    ack->submitted = ack->window.frontier;
    ack->epoch = queue->epoch;
}

// ---- the tail ----

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
            if (header.kind != BLOCK_DATA ||
                block_end_sequence(&header) <= queue->ack.window.frontier + 1) {
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

// First sequence of the first block of the tail that has to be copied.
static uint64_t first_kept_sequence(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    for (size_t i = recovery->tail; i < recovery->count; i++) {
        const struct segment *segment = recovery->found[i].segment;
        uint64_t offset = segment->data_offset;
        struct block_header header;
        bool sound;
        while (segment_read_block(queue->io, segment->fd, offset, segment->written, &header, &sound,
                                  &recovery->payload) == 1) {
            if (header.kind == BLOCK_DATA &&
                block_end_sequence(&header) > queue->ack.window.frontier + 1) {
                return header.first_sequence;
            }
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
        }
    }
    return queue->next_sequence;
}

static struct segment_header new_header(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct segment_header header = {
        .epoch = queue->epoch,
        .first_sequence = first_kept_sequence(recovery),
        .replaces_from = recovery->found[recovery->tail].segment->first_sequence,
        .created_ns = queue->io->real_ns(queue->io),
        .files_digest = queue->files_digest,
        .totals = queue->totals,
    };
    memcpy(header.boot_id, queue->boot_id, sizeof header.boot_id);
    size_t length = strlen(queue->flow);
    memcpy(header.flow, queue->flow, length < FLOW_NAME_MAX ? length : FLOW_NAME_MAX);
    return header;
}

// Makes the segment that replaces the tail. On an error nothing has changed.
static int make_replacement(struct recovery *recovery, struct segment **out_segment)
{
    struct queue *queue = recovery->queue;
    struct io *io = queue->io;
    struct segment_header header = new_header(recovery);
    struct segment *segment = xcalloc(1, sizeof *segment);
    segment_name(header.first_sequence, header.epoch, segment->name);
    char *path = queue_path(queue, segment->name);
    char *tmp_path = xasprintf("%s.tmp", path);
    int error = 0;
    segment->fd = segment_create(io, tmp_path, &header, &queue->positions);
    if (segment->fd < 0) {
        error = segment->fd;
    } else {
        segment->epoch = header.epoch;
        segment->first_sequence = header.first_sequence;
        segment->start_totals = recovery->found[recovery->tail].segment->start_totals;
        segment->data_offset = segment_data_offset(&header);
        int64_t end = copy_blocks(recovery, segment->fd, segment->data_offset);
        error = end < 0 ? (int)end : 0;
        segment->written = end < 0 ? 0 : (uint64_t)end;
        segment->synced = segment->written;
        segment->end_sequence =
            recovery->end > header.first_sequence ? recovery->end : header.first_sequence;
        if (error == 0) {
            error = io->fdatasync(io, segment->fd);
        }
        if (error == 0) {
            error = io->rename(io, tmp_path, path);
        }
        if (error == 0) {
            error = io->sync_dir(io, queue->dir);
        }
        if (error != 0) {
            io->close(io, segment->fd);
            (void)io->unlink(io, tmp_path);
        }
    }
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

// Writes down what recovery has found, in the order of the crash argument.
static int commit(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct segment *replacement = NULL;
    int error = 0;
    if (recovery->tail < recovery->count) {
        error = make_replacement(recovery, &replacement);
        if (error == -ENOSPC || error == -EDQUOT) {
            keep_tail_in_place(recovery);
            recovery->tail = recovery->count;
            error = 0;
        }
    }
    if (error == 0) {
        error = ackslot_write(&queue->slot, &queue->ack);
    }
    if (error == 0) {
        error = ackslot_sync(&queue->slot);
    }
    if (error == 0) {
        error = queue->io->sync_dir(queue->io, queue->dir);
    }
    adopt_segments(recovery, 0, recovery->tail);
    if (replacement != NULL) {
        queue_add_segment(queue, replacement);
        queue->current = replacement;
    }
    while (error == 0 && recovery->count > 0) {
        unlink_found(recovery, recovery->count - 1);
    }
    return error;
}

static uint64_t next_epoch(const struct recovery *recovery, const struct ack_state *ack)
{
    uint64_t epoch = ack->epoch;
    for (size_t i = 0; i < recovery->count; i++) {
        if (recovery->found[i].segment->epoch > epoch) {
            epoch = recovery->found[i].segment->epoch;
        }
    }
    return epoch + 1;
}

static void start_from(struct queue *queue)
{
    queue->durable_sequence = queue->next_sequence - 1;
    queue->settled_frontier = queue->ack.window.frontier;
    queue->settled_set = queue->ack.window.set;
    queue->settled_totals = queue->ack.totals;
    queue->settled_bytes = settled_bytes_of(&queue->ack.totals);
    queue->appended_bytes = appended_bytes_of(&queue->totals);
    queue->taker.sequence = queue->ack.window.frontier + 1;
}

int queue_recover(struct queue *queue, struct queue_report *out_report)
{
    struct recovery recovery = {.queue = queue, .report = out_report};
    buf_init(&recovery.payload, BLOCK_PAYLOAD_MAX);
    if (queue->io->boot_id(queue->io, queue->boot_id) != 0) {
        queue->boot_id[0] = '\0';
    }
    bool ack_found = false;
    char *path = queue_path(queue, "ack");
    int error = ackslot_open(&queue->slot, queue->io, path, &queue->ack, &ack_found,
                             &out_report->acks_lost);
    free(path);
    if (error == 0) {
        error = find_segments(&recovery);
    }
    if (error == 0) {
        queue->epoch = next_epoch(&recovery, &queue->ack);
        out_report->fresh = recovery.count == 0 && !ack_found;
        read_log(&recovery);
        settle_up(&recovery, ack_found);
        error = commit(&recovery);
    }
    if (error == 0) {
        start_from(queue);
    }
    while (recovery.count > 0) {
        forget_found(&recovery, recovery.count - 1);
    }
    free(recovery.found);
    buf_deinit(&recovery.payload);
    return error;
}
