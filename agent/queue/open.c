// Recovery: from whatever the directory holds to a queue that accepts appends.
//
// What is trusted: a sealed segment (its footer was written after everything before it was synced),
// and of the unsealed tail what lies before the first gap. Everything behind the gap is discarded,
// positions too, so that it is read again from its source.
//
// Crash argument. First the cleaned acknowledgement file is synced: it settles the sequences that
// no record has, and what it settled before stays so when the log loses more meanwhile; the books
// are compared with the log at each opening. Then the kept part of the tail, without what is
// settled, is copied into a new segment of a new epoch: written under another name, synced,
// renamed, the directory synced. Before the rename the old files hold. After it the new segment
// says from which sequence on it replaces older ones; should they still be there, the next recovery
// removes them. No record is appended before all of that is done, and new sequences begin behind
// every sequence that was ever offered or settled, so no old acknowledgement covers a new record.
#include <stdlib.h>

#include "base/alloc.h"
#include "queue/missing.h"
#include "queue/recovery.h"

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
            positions_move(&queue->positions, &position, block_records_end(header));
        }
        queue->totals = header->totals;
    }
}

int recovery_pass_over(const struct recovery *recovery, const struct segment *segment, bool sound,
                       const struct block_header *header, uint64_t *offset)
{
    if (sound && header->payload_bytes <= segment->written - *offset - BLOCK_HEADER_BYTES) {
        *offset += BLOCK_HEADER_BYTES + header->payload_bytes;
        return 0;
    }
    int error =
        segment_find_block(recovery->queue->io, segment->fd, *offset + 1, segment->written, offset);
    if (error == E_NOT_FOUND) {
        *offset = segment->written;
        return 0;
    }
    return error;
}

// Reads a segment's blocks in order and applies them. Stops at the first gap of an unsealed one;
// returns 1 when there was none, 0, or what the disk says.
static int apply_segment(struct recovery *recovery, struct found_segment *found)
{
    struct segment *segment = found->segment;
    uint64_t limit = segment->sealed ? segment->written : found->size;
    uint64_t sequence = segment->first_sequence;
    uint64_t offset = segment->data_offset;
    int whole = 1;
    while (offset < limit) {
        struct block_header header;
        bool sound;
        int result = segment_read_block(recovery->queue->io, segment->fd, offset, limit, &header,
                                        &sound, &recovery->payload);
        if (result < 0 && !recovery_is_damage(result)) {
            return result;
        }
        if (result == 1 && header.first_sequence >= sequence && header.kind != BLOCK_FOOTER) {
            apply_block(recovery, &header);
            sequence = block_end_sequence(&header);
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
            continue;
        }
        whole = 0;
        if (!segment->sealed) {
            break;
        }
        int error = recovery_pass_over(recovery, segment, sound, &header, &offset);
        if (error != 0) {
            return error;
        }
    }
    if (segment->sealed) {
        recovery->queue->totals = segment->end_totals;
    } else {
        segment->written = offset < limit ? offset : limit;
        segment->end_sequence = sequence;
        segment->end_totals = recovery->queue->totals;
    }
    if (whole == 0 || found->header.is_copy) {
        // Whose records could not be read, or are in front of a snapshot that is later than they.
        positions_end_before(&recovery->queue->positions, segment->end_sequence);
    }
    return whole;
}

// The newest segment, up to the first unsealed one, whose snapshot can be read.
static int find_snapshot(struct recovery *recovery, size_t *out_index)
{
    struct queue *queue = recovery->queue;
    size_t last = recovery->tail < recovery->count ? recovery->tail + 1 : recovery->count;
    *out_index = 0;
    for (size_t i = last; i > 0; i--) {
        struct found_segment *found = &recovery->found[i - 1];
        int error =
            segment_read_snapshot(queue->io, found->segment->fd, &found->header, &queue->positions);
        if (error == 0) {
            positions_end_before(&queue->positions, found->header.first_sequence);
            *out_index = i - 1;
            return 0;
        }
        if (!recovery_is_damage(error)) {
            return error;
        }
        found->segment->without_snapshot = true;
        uint64_t next_id = queue->positions.next_id;
        positions_deinit(&queue->positions);
        queue->positions.next_id = next_id;
    }
    recovery->report->positions_lost = recovery->count > 0;
    return 0;
}

// Whether a segment begins where the log ends. What is missing between them may be settled, as are
// the sequences that an earlier recovery passed over, or lie in a segment that was set aside, now
// or before a recovery made a copy.
static bool follows_log(const struct recovery *recovery, const struct found_segment *found)
{
    uint64_t first = found->segment->first_sequence;
    uint64_t end = recovery->end;
    return first == end || (first > end && (found->header.is_copy || first == recovery->lost_end ||
                                            window_count(&recovery->queue->ack.window, end - 1,
                                                         first - 1) == first - end));
}

// The same for a segment behind one that was not synced: blocks between them may be missing
// although what they held is settled, or when they held no record. Nothing of theirs was counted,
// then.
static bool follows_unsynced(const struct recovery *recovery, const struct found_segment *found)
{
    bool whole =
        memcmp(&found->header.totals, &recovery->queue->totals, sizeof found->header.totals) == 0;
    return follows_log(recovery, found) && (whole || found->header.is_copy);
}

// The first gap of the tail is in front of the segment at `index`: nothing from there on counts.
static int discard_from(struct recovery *recovery, size_t index)
{
    int error = 0;
    while (error == 0 && recovery->count > index) {
        error = recovery_unlink(recovery, recovery->count - 1);
        recovery->report->segments_discarded++;
    }
    return error;
}

// The sealed segments are whole. An unsealed one that does not follow them has lost what was in
// front of it: that was not synced, or it could not be missing.
static int check_start_of_tail(struct recovery *recovery)
{
    size_t tail = recovery->tail;
    if (tail == recovery->count || (tail == 0 && !recovery->ack_found)) {
        return 0;
    }
    recovery->end = tail > 0 ? recovery->found[tail - 1].segment->end_sequence : 1;
    return follows_log(recovery, &recovery->found[tail]) ? 0 : discard_from(recovery, tail);
}

// Takes what the segment says of files: the blocks in front of it that say so may be missing.
static int take_snapshot(struct recovery *recovery, const struct found_segment *found)
{
    struct queue *queue = recovery->queue;
    struct positions positions = {0};
    int error = segment_read_snapshot(queue->io, found->segment->fd, &found->header, &positions);
    if (error != 0) {
        positions_deinit(&positions);
        return error;
    }
    positions_deinit(&queue->positions);
    queue->positions = positions;
    positions_end_before(&queue->positions, found->header.first_sequence);
    return 0;
}

// Enters a segment behind one that is not sealed. `cut`: the end of that one cannot be read, as
// when the process died in its footer. E_CORRUPT: there is a gap.
static int enter_segment(struct recovery *recovery, const struct found_segment *found, bool cut)
{
    bool follows = follows_unsynced(recovery, found);
    if (cut) {
        follows =
            follows && !found->header.is_copy && found->segment->first_sequence == recovery->end;
    }
    return follows ? take_snapshot(recovery, found) : E_CORRUPT;
}

// Reads the segments from `start` on, up to the first gap.
static int apply_segments(struct recovery *recovery, size_t start)
{
    bool cut = false;
    for (size_t i = start; i < recovery->count; i++) {
        struct found_segment *found = &recovery->found[i];
        int error = i > recovery->tail ? enter_segment(recovery, found, cut) : 0;
        if (error != 0) {
            return recovery_is_damage(error) ? discard_from(recovery, i) : error;
        }
        int whole = apply_segment(recovery, found);
        if (whole < 0) {
            return whole;
        }
        recovery->end = found->segment->end_sequence;
        cut = whole == 0;
    }
    return 0;
}

// Rebuilds positions and totals, and finds where the log ends.
static int read_log(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    int error = check_start_of_tail(recovery);
    size_t start = 0;
    if (error == 0) {
        error = find_snapshot(recovery, &start);
    }
    if (error != 0 || recovery->count == 0) {
        recovery->end = 1;
        return error;
    }
    queue->totals = recovery->found[start].header.totals;
    error = apply_segments(recovery, start);
    const struct found_segment *newest = &recovery->found[recovery->count - 1];
    queue->files_digest = newest->header.files_digest;
    recovery->report->same_boot = strcmp(newest->header.boot_id, queue->boot_id) == 0;
    return error;
}

// ---- acknowledgements ----

// Source bytes of the records of a block that are not settled.
static uint64_t queued_bytes_of(const struct recovery *recovery, const struct block_header *header)
{
    struct block_walk walk = block_walk_of(header, buf_slice(&recovery->payload));
    struct block_record record;
    uint64_t sequence = header->first_sequence;
    uint64_t bytes = 0;
    while (header->kind == BLOCK_DATA && block_walk_next(&walk, &record) == 1) {
        bytes += window_has(&recovery->queue->ack.window, sequence++) ? 0 : record.source_bytes;
    }
    return bytes;
}

// The same of all records, by reading them.
static int count_queued_bytes(struct recovery *recovery, uint64_t *out_bytes)
{
    *out_bytes = 0;
    for (size_t i = 0; i < recovery->count; i++) {
        const struct segment *segment = recovery->found[i].segment;
        uint64_t offset = segment->data_offset;
        while (offset < segment->written) {
            struct block_header header;
            bool sound;
            int result = segment_read_block(recovery->queue->io, segment->fd, offset,
                                            segment->written, &header, &sound, &recovery->payload);
            if (result < 0 && !recovery_is_damage(result)) {
                return result;
            }
            if (result == 1) {
                *out_bytes += queued_bytes_of(recovery, &header);
            }
            int error = recovery_pass_over(recovery, segment, sound, &header, &offset);
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

static void take_away(uint64_t *value, uint64_t *excess)
{
    uint64_t part = *value < *excess ? *value : *excess;
    *value -= part;
    *excess -= part;
}

static struct tally tally_of_appended(const struct queue *queue)
{
    return (struct tally){queue->totals.read_records - queue->totals.filtered_records,
                          appended_bytes_of(&queue->totals)};
}

// What is queued and settled, as far as it was said before.
static struct tally sum_of_books(const struct queue *queue, const struct tally *queued)
{
    const struct settled_totals *totals = &queue->ack.totals;
    const struct tally *tallies[] = {&totals->acknowledged, &totals->dead_lettered,
                                     &totals->dropped, &totals->damaged};
    struct tally sum = *queued;
    for (size_t i = 0; i < ARRAY_COUNT(tallies); i++) {
        sum.records += tallies[i]->records;
        sum.bytes += tallies[i]->bytes;
    }
    return sum;
}

// Makes the settled tallies what the log says that they must be. Records whose blocks did not
// survive are read and counted again, so they are not settled any more; records that are missing
// are damaged, or were acknowledged where nothing says so any more.
static int rewind_books(struct recovery *recovery, struct tally queued)
{
    int error = count_queued_bytes(recovery, &queued.bytes);
    if (error != 0) {
        return error;
    }
    struct queue *queue = recovery->queue;
    struct settled_totals *totals = &queue->ack.totals;
    struct tally appended = tally_of_appended(queue);
    struct tally sum = sum_of_books(queue, &queued);
    struct tally excess = {sum.records > appended.records ? sum.records - appended.records : 0,
                           sum.bytes > appended.bytes ? sum.bytes - appended.bytes : 0};
    struct tally *missing = recovery->ack_found ? &totals->damaged : &totals->acknowledged;
    missing->records += appended.records + excess.records - sum.records;
    missing->bytes += appended.bytes + excess.bytes - sum.bytes;
    if (recovery->report->records_rewound < excess.records) {
        recovery->report->records_rewound = excess.records;
    }
    struct tally *tallies[] = {&totals->acknowledged, &totals->dead_lettered, &totals->dropped,
                               &totals->damaged};
    for (size_t i = 0; i < ARRAY_COUNT(tallies); i++) {
        take_away(&tallies[i]->records, &excess.records);
        take_away(&tallies[i]->bytes, &excess.bytes);
    }
    return 0;
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
static int settle_up(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct ack_state *ack = &queue->ack;
    struct queue_report *report = recovery->report;
    uint64_t oldest = recovery->count > 0 ? recovery->found[0].segment->first_sequence : 1;
    uint64_t last_valid = recovery->end - 1;
    bool rewind = !recovery->ack_found && recovery->count > 0;
    if (ack->window.frontier + 1 < oldest) {
        // Without acknowledgements: what was given back was settled. With them it is damaged.
        rewind = true;
        uint64_t first = ack->window.frontier + 1;
        uint64_t missing = window_jump(&ack->window, oldest - 1);
        report->records_damaged = recovery->ack_found ? missing : 0;
        if (report->records_damaged > 0) {
            queue_mark_missing(queue, first, oldest);
        }
    }
    // What an earlier recovery settled because no record had it does not count again.
    uint64_t known = last_valid;
    if (ack->first_sequence > known + 1) {
        known = ack->first_sequence - 1;
    }
    if (ack->window.highest > known) {
        uint64_t settled = window_count(&ack->window, known, ack->window.highest);
        report->records_rewound = settled;
        rewind = rewind || settled > 0;
    }
    report->records_queued = last_valid - window_count(&ack->window, 0, last_valid);
    // A recovery that was cut short may have hidden that the log was rewound, not what it counts.
    struct tally queued = {.records = report->records_queued};
    rewind = rewind || sum_of_books(queue, &queued).records != tally_of_appended(queue).records;
    int error = rewind ? rewind_books(recovery, queued) : 0;
    if (error != 0) {
        return error;
    }
    uint64_t offered =
        ack->submitted > ack->window.frontier ? ack->submitted - ack->window.frontier : 0;
    uint64_t answered = window_count(&ack->window, ack->window.frontier, ack->submitted);
    report->maybe_repeated = offered - answered + report->records_rewound;
    queue->next_sequence = first_new_sequence(recovery);
    ack->first_sequence = queue->next_sequence;
    // Sequences that no record has are settled, so that nothing waits for them.
    uint64_t settled_to = ack->window.frontier > last_valid ? ack->window.frontier : last_valid;
    for (uint64_t sequence = settled_to + 1; sequence < queue->next_sequence; sequence++) {
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
    return 0;
}

// Above every epoch that was used: what this opening makes has the name of nothing that is there.
static uint64_t next_epoch(const struct recovery *recovery, const struct ack_state *ack)
{
    uint64_t epoch = ack->epoch > recovery->bad_epoch ? ack->epoch : recovery->bad_epoch;
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
    for (size_t i = queue->segment_count; i > 0; i--) {
        const struct segment *segment = queue->segments[i - 1];
        if (segment->synced < segment->written) {
            queue->durable_sequence = segment->first_sequence - 1; // a tail that stayed in place
        }
    }
    queue->settled_frontier = queue->ack.window.frontier;
    queue->settled_set = queue->ack.window.set;
    queue->settled_totals = queue->ack.totals;
    queue->settled_bytes = settled_bytes_of(&queue->ack.totals);
    queue->appended_bytes = appended_bytes_of(&queue->totals);
    queue->taker.sequence = queue->ack.window.frontier + 1;
}

// The acknowledgements that were not synced when the machine stopped may be missing.
static uint64_t unsure_since(const struct queue *queue)
{
    const struct ack_state *ack = &queue->ack;
    return !ack->closed && strcmp(ack->boot_id, queue->boot_id) != 0 ? ack->written_ns : 0;
}

int queue_recover(struct queue *queue, struct queue_report *out_report)
{
    struct recovery recovery = {.queue = queue, .report = out_report};
    buf_init(&recovery.payload, BLOCK_PAYLOAD_MAX);
    if (queue->io->boot_id(queue->io, queue->boot_id) != 0) {
        queue->boot_id[0] = '\0';
    }
    char *path = queue_path(queue, "ack");
    int error = ackslot_open(&queue->slot, queue->io, path, &queue->ack, &recovery.ack_found,
                             &out_report->acks_lost);
    free(path);
    out_report->unsure_since_ns = unsure_since(queue);
    queue->ack.closed = false;
    if (error == 0) {
        error = recovery_find_segments(&recovery);
    }
    if (error == 0) {
        queue->epoch = next_epoch(&recovery, &queue->ack);
        out_report->fresh = recovery.count == 0 && !recovery.ack_found;
        error = read_log(&recovery);
    }
    if (error == 0) {
        path = queue_path(queue, "harm");
        error = harms_open(&queue->harms, queue->io, path, &queue->positions);
        free(path);
    }
    if (error == 0) {
        error = settle_up(&recovery);
    }
    if (error == 0) {
        bool urgent = queue->harms.urgent;
        error = queue_write_harms(queue);
        error = urgent ? error : 0;
    }
    if (error == 0) {
        error = recovery_commit(&recovery);
    }
    if (error == 0) {
        error = recovery_set_aside(&recovery);
    }
    if (error == 0) {
        start_from(queue);
    }
    while (recovery.count > 0) {
        recovery_forget(&recovery, recovery.count - 1);
    }
    free(recovery.found);
    free(recovery.bad);
    buf_deinit(&recovery.payload);
    return error;
}
