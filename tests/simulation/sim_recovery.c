// What recovery owes, seen on a copy of the disk: it ends in a queue that accepts records, finds
// the same again when it is cut short right behind its end, and gives nothing but what was written,
// in order, under numbers that no other record was offered with.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "queue/ackslot.h"
#include "simulation/sim.h"

#define QUEUE_DIR "/state/web"

struct found_record {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t hash;
};

// What an opening finds.
struct found {
    struct books books;
    struct found_record *records;
    size_t count;
    uint64_t *positions;
    size_t position_count;
    uint64_t last_sequence;
};

static void free_found(struct found *found)
{
    free(found->records);
    free(found->positions);
}

static void take_positions(struct queue *queue, struct found *out)
{
    struct generation *items = queue_generations(queue, &out->position_count);
    out->positions = xcalloc(out->position_count + 1, sizeof *out->positions);
    for (size_t i = 0; i < out->position_count; i++) {
        out->positions[i] = items[i].position;
    }
    free(items);
}

static void take_records(struct sim *sim, struct queue *queue, struct found *out)
{
    struct queued_record record;
    size_t capacity = 0;
    int result;
    while ((result = queue_next(queue, &record)) == 1) {
        if (out->count == capacity) {
            capacity = capacity * 2 + 64;
            out->records = xreallocarray(out->records, capacity, sizeof *out->records);
        }
        if (out->count > 0 && record.place.sequence <= out->records[out->count - 1].sequence) {
            sim_fail(sim, "record %llu twice or out of order",
                     (unsigned long long)record.place.sequence);
        }
        if (record.reason == 0) {
            sim_record_check(sim, record.data);
        }
        out->records[out->count++] = (struct found_record){record.epoch, record.place.sequence,
                                                           fingerprint_of(record.data).hash};
    }
    if (result < 0) {
        sim_fail(sim, "the copy of the queue cannot be read: %s", error_text(result));
    }
}

static struct queue *open_copy(struct sim *sim, struct io *io)
{
    struct queue_options options = {
        .dir = QUEUE_DIR, .flow = "web", .config = &sim->flow.queue, .stats = &sim->stats};
    struct queue *queue;
    struct queue_report report;
    int error = queue_open(io, &options, &queue, &report);
    if (error != 0) {
        sim_fail(sim, "a copy of the disk cannot be opened: %s", error_text(error));
    }
    return queue;
}

static void look(struct sim *sim, struct queue *queue, struct found *out)
{
    struct queue_usage usage;
    *out = (struct found){0};
    take_positions(queue, out);
    queue_books(queue, &out->books);
    queue_usage(queue, &usage);
    out->last_sequence = usage.last_sequence;
    take_records(sim, queue, out);
}

static bool same_tally(const struct tally *a, const struct tally *b)
{
    return a->records == b->records && a->bytes == b->bytes;
}

// In which respect they differ, NULL: in none.
static const char *difference(const struct found *a, const struct found *b)
{
    size_t records = a->count * sizeof *a->records;
    size_t positions = a->position_count * sizeof *a->positions;
    const struct books *x = &a->books;
    const struct books *y = &b->books;
    if (a->count != b->count || (records > 0 && memcmp(a->records, b->records, records) != 0)) {
        return "records";
    }
    if (a->position_count != b->position_count ||
        memcmp(a->positions, b->positions, positions) != 0) {
        return "positions";
    }
    if (a->last_sequence != b->last_sequence) {
        return "a last number";
    }
    if (!same_tally(&x->read, &y->read) || !same_tally(&x->filtered, &y->filtered) ||
        !same_tally(&x->queued, &y->queued)) {
        return "books of what was read";
    }
    return same_tally(&x->acknowledged, &y->acknowledged) &&
                   same_tally(&x->dead_lettered, &y->dead_lettered) &&
                   same_tally(&x->damaged, &y->damaged) && same_tally(&x->dropped, &y->dropped)
               ? NULL
               : "books of what is settled";
}

static void check_append(struct sim *sim, struct queue *queue)
{
    struct record_origin origin = {.generation = 1};
    bool stored =
        queue_add_record(queue, origin, slice_of_text("one more"), slice_of_text(""), 8, 0);
    int error = stored ? queue_append(queue) : E_FULL;
    if (error != 0 && error != E_FULL) {
        sim_fail(sim, "a recovered queue takes no record: %s", error_text(error));
    }
}

void sim_recovery_check(struct sim *sim)
{
    struct simdisk *disk = simdisk_copy(sim->disk, sim_below(sim, UINT64_MAX));
    struct io *io = simdisk_io(disk);
    simdisk_set_capacity(disk, UINT64_MAX);
    struct ack_state *ack = xcalloc(1, sizeof *ack);
    bool has_acks = ackslot_read(io, QUEUE_DIR "/ack", ack) == 0;
    struct found first;
    struct found second;
    struct queue *queue = open_copy(sim, io);
    look(sim, queue, &first);
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_restart(disk);
    queue = open_copy(sim, io);
    look(sim, queue, &second);
    if (has_acks && first.last_sequence < ack->submitted) {
        sim_fail(sim, "records from %llu on were offered, up to %llu, and are given out again",
                 (unsigned long long)first.last_sequence + 1, (unsigned long long)ack->submitted);
    }
    const char *what = difference(&first, &second);
    if (what != NULL) {
        sim_fail(sim, "recovery finds other %s the second time; %zu records up to %llu first", what,
                 first.count, (unsigned long long)first.last_sequence);
    }
    check_append(sim, queue);
    queue_close(queue);
    free_found(&first);
    free_found(&second);
    free(ack);
    simdisk_free(disk);
}
