// What recovery owes, seen on a copy of the disk at each start. The invariants are those of the
// README, by their letters; the others are held in sim_agent.c, sim_service.c and sim_world.c.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "queue/ackslot.h"
#include "queue/deadletter.h"
#include "simulation/sim.h"

struct found_record {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t hash;
    uint64_t line; // its first one
};

// What an opening finds.
struct found {
    struct sim *sim;
    struct queue_report report;
    struct books books;
    struct found_record *records;
    size_t count;
    struct generation *generations;
    size_t generation_count;
    uint64_t last_sequence;
    bool lines[SIM_LINES_MAX + 1]; // in the queue
    bool letters[SIM_LINES_MAX + 1];
};

static void free_found(struct found *found)
{
    free(found->records);
    free(found->generations);
    free(found);
}

static void take_line(void *context, unsigned number)
{
    struct found *found = context;
    found->lines[number] = true;
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
            sim_fail(sim, "(b) record %llu twice or out of order",
                     (unsigned long long)record.place.sequence);
        }
        sim_record_lines(sim, record.data, take_line, out);
        out->records[out->count++] = (struct found_record){
            record.epoch, record.place.sequence, fingerprint_of(record.data).hash,
            sim_line_number(record.data.data, record.data.size)};
    }
    if (result < 0) {
        sim_fail(sim, "the copy of the queue cannot be read: %s", error_text(result));
    }
}

static void take_letter_line(void *context, unsigned number)
{
    struct found *found = context;
    found->letters[number] = true;
}

static void take_letter(void *context, const struct dead_record *letter)
{
    struct found *found = context;
    sim_record_lines(found->sim, letter->data, take_letter_line, found);
}

static struct queue *open_copy(struct sim *sim, struct io *io, struct found *out)
{
    struct queue_options options = {
        .dir = SIM_QUEUE_DIR, .flow = "web", .config = &sim->flow.queue, .stats = &sim->stats};
    struct queue *queue;
    int error = queue_open(io, &options, &queue, &out->report);
    if (error != 0) {
        sim_fail(sim, "(d) a copy of the disk cannot be opened: %s", error_text(error));
    }
    return queue;
}

static struct queue *look(struct sim *sim, struct io *io, struct found **out_found)
{
    struct found *found = xcalloc(1, sizeof *found);
    found->sim = sim;
    struct queue *queue = open_copy(sim, io, found);
    struct queue_usage usage;
    found->generations = queue_generations(queue, &found->generation_count);
    queue_books(queue, &found->books);
    queue_usage(queue, &usage);
    found->last_sequence = usage.last_sequence;
    take_records(sim, queue, found);
    int error = deadletter_each(io, SIM_QUEUE_DIR "/dead", take_letter, found);
    if (error != 0 && error != -ENOENT) {
        sim_fail(sim, "the dead letters of a copy cannot be read: %s", error_text(error));
    }
    *out_found = found;
    return queue;
}

// ---- (a) what lies in front of a persisted position is safe ----

static bool is_settled(const struct sim *sim, unsigned number)
{
    const struct sim_line *line = &sim->lines[number];
    return line->accepted > 0 || line->filtered || line->excused ||
           sim->flow.queue.when_full == WHEN_FULL_DROP_OLDEST;
}

static bool is_safe(void *context, unsigned number)
{
    const struct found *found = context;
    return found->lines[number] || found->letters[number] || is_settled(found->sim, number);
}

static void check_positions(struct sim *sim, struct found *found)
{
    for (size_t i = 0; i < found->generation_count; i++) {
        const struct generation *generation = &found->generations[i];
        unsigned missing;
        if (!sim_life_covers(sim, generation, is_safe, found, &missing)) {
            sim_fail(sim, "(a) %s was read up to byte %llu, but line %u is nowhere",
                     generation->path, (unsigned long long)generation->position, missing);
        }
    }
}

// ---- (b) a prefix of what was appended ----

// What was synced, or written when the power stayed, is there; what is lost is the end.
static void check_prefix(struct sim *sim, const struct found *found)
{
    uint64_t end = 0;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        if (found->lines[i] && sim->lines[i].order > end) {
            end = sim->lines[i].order;
        }
    }
    for (unsigned i = 1; i <= sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        if (line->order == 0 || found->lines[i] || found->letters[i] || is_settled(sim, i)) {
            continue;
        }
        if (line->appended || line->order < end) {
            sim_fail(sim, "(b) line %u was %s and is not in the queue", i,
                     line->appended ? "safe there" : "appended before others that are there");
        }
        line->order = 0;
    }
}

// ---- (c) a number is of one record ----

static void check_numbers(struct sim *sim, const struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct found_record *record = &found->records[i];
        if (record->sequence >= sim->number_count) {
            size_t count = (size_t)record->sequence + 256;
            sim->numbers = xreallocarray(sim->numbers, count, sizeof *sim->numbers);
            memset(sim->numbers + sim->number_count, 0,
                   (count - sim->number_count) * sizeof *sim->numbers);
            sim->number_count = count;
        }
        struct sim_number *number = &sim->numbers[record->sequence];
        if (record->epoch < number->epoch ||
            (record->epoch == number->epoch && record->hash != number->hash)) {
            sim_fail(sim, "(c) number %llu of epoch %llu is given to a second record, line %llu",
                     (unsigned long long)record->sequence, (unsigned long long)record->epoch,
                     (unsigned long long)record->line);
        }
        *number = (struct sim_number){record->epoch, record->hash};
    }
}

static void check_offers(struct sim *sim, const struct found *found, const struct ack_state *ack)
{
    if (found->last_sequence < ack->submitted) {
        sim_fail(sim, "(c) records from %llu on were offered, up to %llu, and are given out again",
                 (unsigned long long)found->last_sequence + 1, (unsigned long long)ack->submitted);
    }
    for (size_t i = 0; i < found->count; i++) {
        const struct found_record *record = &found->records[i];
        if (ack->epoch >= record->epoch && window_has(&ack->window, record->sequence)) {
            sim_fail(sim, "(c) record %llu is settled and in the queue",
                     (unsigned long long)record->sequence);
        }
    }
}

// ---- (f) what may be repeated is what was offered and is not acknowledged ----

// By what was written down, or after a loss of power synced.
static void check_acknowledged(const struct sim *sim, const struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        uint64_t number = found->records[i].line;
        if (sim->lines[number].ack >= LINE_WRITTEN) {
            sim_fail(sim, "(f) line %llu is acknowledged and in the queue",
                     (unsigned long long)number);
        }
    }
}

// What was offered is in the queue and covered, unless it was settled.
static void check_offered(const struct sim *sim, const bool *covered)
{
    bool drops = sim->flow.queue.when_full == WHEN_FULL_DROP_OLDEST;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        bool is_open = line->ack < LINE_WRITTEN && !line->in_doubt;
        if (line->offered && is_open && !line->poison && line->copies > 0 && !drops &&
            !covered[i]) {
            sim_fail(sim, "(f) line %u was offered and is not reported", i);
        }
    }
}

// What is covered was offered, or lies in front of what was. Where the process died between the
// note of an offer and the offer, the note is all there is.
static void check_covered(const struct sim *sim, const bool *covered)
{
    uint64_t last = 0;
    uint64_t more = 0;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        last = line->offered && line->order > last ? line->order : last;
    }
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        more += covered[i] && !line->offered && !line->unsure && line->order > last;
    }
    if (sim->knows_submitted && more > 0) {
        sim_fail(sim, "(f) %llu records are reported that were not offered",
                 (unsigned long long)more);
    }
}

// The report counts the records of the queue up to the last number that was noted as offered: no
// more, no less. The process alone died, or the queue was closed, and the last opening succeeded.
static void check_report(const struct sim *sim, const struct found *found,
                         const struct ack_state *ack)
{
    bool covered[SIM_LINES_MAX + 1] = {false};
    uint64_t count = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct found_record *record = &found->records[i];
        if (record->sequence <= ack->submitted) {
            count++;
            covered[record->line] = true;
        }
    }
    if (found->report.maybe_repeated != count ||
        found->books.maybe_repeated != ack->totals.maybe_repeated + count) {
        sim_fail(sim, "(f) %llu records may be repeated, %llu are reported and counted",
                 (unsigned long long)count, (unsigned long long)found->report.maybe_repeated);
    }
    check_offered(sim, covered);
    check_covered(sim, covered);
}

// ---- (d) recovery can be done again, and ends in a queue that takes records ----

static bool same_tally(const struct tally *a, const struct tally *b)
{
    return a->records == b->records && a->bytes == b->bytes;
}

static bool same_positions(const struct found *a, const struct found *b)
{
    if (a->generation_count != b->generation_count) {
        return false;
    }
    for (size_t i = 0; i < a->generation_count; i++) {
        if (a->generations[i].id != b->generations[i].id ||
            a->generations[i].position != b->generations[i].position) {
            return false;
        }
    }
    return true;
}

// In which respect they differ, NULL: in none.
static const char *difference(const struct found *a, const struct found *b)
{
    size_t records = a->count * sizeof *a->records;
    const struct books *x = &a->books;
    const struct books *y = &b->books;
    if (a->count != b->count || (records > 0 && memcmp(a->records, b->records, records) != 0)) {
        return "records";
    }
    if (!same_positions(a, b)) {
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
        sim_fail(sim, "(d) a recovered queue takes no record: %s", error_text(error));
    }
}

static void check_again(struct sim *sim, struct io *io, const struct found *first)
{
    struct found *second;
    struct queue *queue = look(sim, io, &second);
    const char *what = difference(first, second);
    if (what != NULL) {
        sim_fail(sim, "(d) recovery finds other %s the second time; %zu records up to %llu first",
                 what, first->count, (unsigned long long)first->last_sequence);
    }
    check_append(sim, queue);
    queue_close(queue);
    free_found(second);
}

// ---- all of it ----

void sim_recovery_check(struct sim *sim)
{
    struct simdisk *disk = simdisk_copy(sim->disk, sim_below(sim, UINT64_MAX));
    struct io *io = simdisk_io(disk);
    simdisk_set_capacity(disk, UINT64_MAX);
    struct ack_state *ack = xcalloc(1, sizeof *ack);
    bool has_acks = ackslot_read(io, SIM_QUEUE_DIR "/ack", ack) == 0;
    struct found *found;
    struct queue *queue = look(sim, io, &found);
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_restart(disk);
    sim->repeats_expected = found->report.maybe_repeated;
    check_positions(sim, found);
    check_prefix(sim, found);
    check_numbers(sim, found);
    check_acknowledged(sim, found);
    if (has_acks) {
        check_offers(sim, found, ack);
    }
    if (has_acks && sim->knows_offers && sim->last_end <= END_KILLED) {
        check_report(sim, found, ack);
    }
    if (sim_one_in(sim, 3)) {
        check_again(sim, io, found);
    }
    free_found(found);
    free(ack);
    simdisk_free(disk);
}
