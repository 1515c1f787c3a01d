// The life of the agent: opening, steps as its threads would make them, and the ways to end.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/books.h"
#include "base/clock.h"
#include "base/error.h"
#include "simulation/sim.h"

// ---- what reaches the disk ----

static void note_fresh_lines(struct sim *sim, struct slice data)
{
    while (data.size > 8) {
        const uint8_t *at = memchr(data.data, 'I', data.size - 8);
        if (at == NULL) {
            return;
        }
        data = slice_skip(data, (size_t)(at - data.data));
        unsigned number = sim_line_number(data.data, data.size);
        if (number != 0 && number <= sim->line_count && sim->fresh_count < SIM_LINES_MAX) {
            sim->fresh[sim->fresh_count++] = number;
        }
        data = slice_skip(data, 1);
    }
}

static void raise_acks(struct sim *sim, enum line_ack from, enum line_ack to)
{
    for (unsigned i = 1; i <= sim->line_count; i++) {
        if (sim->lines[i].ack == from) {
            sim->lines[i].ack = to;
        }
    }
}

static void on_written(void *context, enum disk_file kind, struct slice data)
{
    struct sim *sim = context;
    if (kind == DISK_SEGMENT && sim->appending) {
        note_fresh_lines(sim, data);
    } else if (kind == DISK_ACK) {
        raise_acks(sim, LINE_SETTLED, LINE_WRITTEN);
    }
}

static void on_synced(void *context, enum disk_file kind)
{
    if (kind == DISK_ACK) {
        raise_acks(context, LINE_WRITTEN, LINE_DURABLE);
    }
}

static void on_named(void *context, const char *call, const char *path, int result)
{
    sim_trace(context, "queue", "%s %s%s%s", call, path, result == 0 ? "" : ": ",
              result == 0 ? "" : error_text(result));
}

// ---- what is in the queue ----

static void note_durable(struct sim *sim)
{
    struct queue_usage usage;
    queue_usage(sim->queue, &usage);
    for (unsigned i = 1; i <= sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        if (line->appended && line->sequence <= usage.durable_sequence) {
            line->durable = true;
        }
    }
}

static void begin_appending(struct sim *sim)
{
    sim->appending = true;
    sim->fresh_count = 0;
    sim->io.failures = 0;
}

// What was written is in the queue, unless a call failed: then nobody knows.
static void end_appending(struct sim *sim)
{
    bool known = sim->io.failures == 0 && !simdisk_stopped(sim->disk);
    sim->appending = false;
    for (unsigned i = 0; i < sim->fresh_count; i++) {
        sim->lines[sim->fresh[i]].unsure = !known;
    }
    if (sim->fresh_count == 0 || !known) {
        return;
    }
    struct queue_usage usage;
    queue_usage(sim->queue, &usage);
    for (unsigned i = 0; i < sim->fresh_count; i++) {
        struct sim_line *line = &sim->lines[sim->fresh[i]];
        line->appended = true;
        line->durable = false;
        line->sequence = usage.last_sequence;
        line->order = ++sim->appended_count;
    }
    sim_trace(sim, "collector", "appends %u lines, up to record %llu", sim->fresh_count,
              (unsigned long long)usage.last_sequence);
}

// ---- opening ----

static void ring_syncer(void *context)
{
    struct sim *sim = context;
    sim->syncer_next_ns = 0;
}

static void ring_sender(void *context)
{
    struct sim *sim = context;
    sim->sender_next_ns = 0;
}

static void ring_collector(void *context)
{
    struct sim *sim = context;
    sim->collector_next_ns = 0;
}

static int open_queue(struct sim *sim)
{
    struct queue_options options = {
        .dir = SIM_QUEUE_DIR, .flow = "web", .config = &sim->flow.queue, .stats = &sim->stats};
    return queue_open(&sim->io.io, &options, &sim->queue, &sim->report);
}

static int open_collector(struct sim *sim)
{
    struct collector_options options = {
        .flow = &sim->flow,
        .queue = sim->queue,
        .same_boot = sim->report.same_boot,
        .stats = &sim->stats,
    };
    begin_appending(sim);
    int error = collector_create(&sim->io.io, &options, &sim->collector);
    end_appending(sim);
    return error;
}

static int open_sender(struct sim *sim)
{
    struct sender_options options = {
        .flow = &sim->flow,
        .queue = sim->queue,
        .transport = &sim->transport,
        .credentials = sim->credentials,
        .stats = &sim->stats,
    };
    return sender_create(&sim->io.io, &options, &sim->sender);
}

// The order is that of a flow that stops.
static void close_parts(struct sim *sim)
{
    if (sim->collector != NULL) {
        begin_appending(sim);
        collector_free(sim->collector);
        sim->collector = NULL;
        end_appending(sim);
    }
    sender_free(sim->sender);
    sim->sender = NULL;
    if (sim->queue != NULL) {
        note_durable(sim);
        queue_books(sim->queue, &sim->books_at_end);
        sim->knows_books = true;
    }
    queue_close(sim->queue);
    sim->queue = NULL;
}

static int open_parts(struct sim *sim)
{
    int error = open_queue(sim);
    if (error != 0) {
        sim->queue = NULL;
        return error;
    }
    note_durable(sim);
    sim_trace(sim, "agent", "opens: %llu queued, %llu may be repeated, %llu rewound",
              (unsigned long long)sim->report.records_queued,
              (unsigned long long)sim->report.maybe_repeated,
              (unsigned long long)sim->report.records_rewound);
    if (sim->report.positions_lost) {
        sim_fail(sim, "the positions are lost");
    }
    sim_agent_check(sim);
    sim_start_check(sim);
    error = open_collector(sim);
    return error != 0 ? error : open_sender(sim);
}

// ---- ends ----

static const char *const end_names[] = {
    [END_CLOSED] = "stops",
    [END_KILLED] = "is killed",
    [END_CONDEMNED] = "closes its condemned queue",
    [END_POWER] = "loses power",
};

// What the agent cannot know any more after it ended.
static void forget(struct sim *sim, enum sim_end end)
{
    bool rewinds = end == END_CONDEMNED || end == END_POWER;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        bool known = line->ack >= (rewinds ? LINE_DURABLE : LINE_WRITTEN);
        line->in_doubt = line->ack == LINE_SETTLED && sim->io.ack_torn;
        if (line->accepted > 0 && (!known || (rewinds && !line->durable))) {
            line->may_repeat = true;
            line->ack = LINE_OPEN;
        }
        if (rewinds && !line->durable) {
            line->appended = false;
        }
    }
    sim->rewound = sim->rewound || rewinds;
    sim->condemned = sim->condemned || end == END_CONDEMNED;
    sim->knows_books = sim->knows_books && !rewinds;
}

void sim_agent_open(struct sim *sim)
{
    sim_recovery_check(sim);
    sim->running = true;
    int error = open_parts(sim);
    if (error != 0) {
        sim_trace(sim, "agent", "cannot open: %s", error_text(error));
        close_parts(sim);
        sim->running = false;
        sim->knows_offers = false;
        forget(sim, END_CONDEMNED);
        sim_writer_process_ended(sim);
        sim->retry_ns = sim_now(sim) + NS_PER_S;
        return;
    }
    struct queue_bells bells = {
        .context = sim, .syncer = ring_syncer, .sender = ring_sender, .collector = ring_collector};
    queue_set_bells(sim->queue, &bells);
    sim->collector_next_ns = 0;
    sim->sender_next_ns = 0;
    sim->syncer_next_ns = 0;
}

void sim_agent_end(struct sim *sim, enum sim_end end)
{
    if (end == END_CLOSED && queue_condemned(sim->queue)) {
        end = END_CONDEMNED;
    }
    sim_trace(sim, "agent", "%s", end_names[end]);
    sim->knows_submitted = !simdisk_stopped(sim->disk) && !queue_condemned(sim->queue);
    if (end == END_KILLED || end == END_POWER) {
        simdisk_stop(sim->disk);
    }
    close_parts(sim);
    if (end == END_CLOSED && simdisk_stopped(sim->disk)) {
        end = sim_any_death(sim);
        sim_trace(sim, "agent", "and %s meanwhile", end_names[end]);
    }
    if (end == END_CLOSED && sim->io.failures > 0) {
        end = END_CONDEMNED; // what could not be synced may be gone
    }
    sim->running = false;
    sim->last_end = end;
    sim_service_hang_up(sim);
    if (end == END_POWER) {
        simdisk_lose_power(sim->disk);
        sim->io.booted_ns = sim_now(sim) - NS_PER_S;
    } else {
        simdisk_restart(sim->disk);
    }
    forget(sim, end);
    sim_writer_process_ended(sim);
    sim->retry_ns = end == END_CONDEMNED ? sim_now(sim) + NS_PER_S : 0;
}

bool sim_agent_supervise(struct sim *sim)
{
    if (simdisk_stopped(sim->disk)) {
        sim_agent_end(sim, sim_any_death(sim));
    } else if (sim->running && queue_condemned(sim->queue)) {
        sim_agent_end(sim, END_CONDEMNED);
    }
    if (!sim->running && sim_now(sim) >= sim->retry_ns) {
        sim_agent_open(sim);
        if (simdisk_stopped(sim->disk)) {
            sim_agent_end(sim, sim_any_death(sim));
        }
    }
    return sim->running;
}

// ---- steps ----

static uint64_t monotonic(struct sim *sim)
{
    return sim->io.io.monotonic_ns(&sim->io.io);
}

// The time of the world at which the agent's clock shows `ns`.
static uint64_t world_ns(const struct sim *sim, uint64_t ns)
{
    return ns == TIME_NEVER ? TIME_NEVER : ns + sim->io.booted_ns;
}

static void take_turn(struct sim *sim, enum sim_part part)
{
    uint64_t now_ns = monotonic(sim);
    uint64_t next_ns = TIME_NEVER;
    uint64_t *next[] = {&sim->collector_next_ns, &sim->sender_next_ns, &sim->syncer_next_ns};
    int error = 0;
    *next[part] = TIME_NEVER; // its bell may ring meanwhile
    sim->part = part;
    if (part == PART_COLLECTOR) {
        error = collector_step(sim->collector, now_ns, &next_ns);
    } else if (part == PART_SENDER) {
        next_ns = sender_step(sim->sender, now_ns);
    } else {
        next_ns = queue_sync_step(sim->queue, now_ns);
    }
    sim->part = PART_NONE;
    next_ns = world_ns(sim, next_ns);
    *next[part] = next_ns < *next[part] ? next_ns : *next[part];
    if (error != 0 && !queue_condemned(sim->queue)) {
        sim_fail(sim, "a collector ends: %s", error_text(error));
    }
}

void sim_part_step(struct sim *sim, enum sim_part part)
{
    enum sim_part before = sim->part;
    sim->part = PART_NONE;
    if (part == PART_COLLECTOR) {
        begin_appending(sim);
    }
    take_turn(sim, part);
    if (part == PART_COLLECTOR) {
        end_appending(sim);
    } else if (part == PART_SYNCER) {
        note_durable(sim);
    }
    sim->part = before;
}

// Another thread takes its turn while one is in a call on the disk. Not where the one at work holds
// a lock of the acknowledgement file.
static void on_pause(void *context, enum disk_file kind)
{
    struct sim *sim = context;
    bool holds_lock = kind == DISK_ACK || (sim->part == PART_SENDER && kind != DISK_SEGMENT);
    if (sim->part == PART_NONE || sim->interrupted || holds_lock || simdisk_stopped(sim->disk) ||
        !sim_one_in(sim, 5)) {
        return;
    }
    enum sim_part other = (enum sim_part)((sim->part + 1 + sim_below(sim, 2)) % PART_NONE);
    sim->interrupted = true;
    sim_part_step(sim, other);
    sim->interrupted = false;
}

bool sim_agent_done(struct sim *sim)
{
    return sim->running && collector_caught_up(sim->collector, monotonic(sim)) &&
           sender_idle(sim->sender) && queue_drained(sim->queue);
}

const char *sim_agent_state(struct sim *sim)
{
    if (!sim->running) {
        return "it does not run";
    }
    if (!collector_caught_up(sim->collector, monotonic(sim))) {
        return "the collector has more to read";
    }
    return sender_idle(sim->sender) ? "the queue is not drained" : "the sender is not idle";
}

// ---- life ----

void sim_agent_give_keys(struct sim *sim)
{
    struct credentials keys = {.access_key_id = xstrdup("AKIDEXAMPLE"),
                               .secret_access_key = xstrdup("secret")};
    credentials_store_set(sim->credentials, &keys, "the simulation");
    sim->keys_expired = false;
}

void sim_agent_init(struct sim *sim)
{
    sim->io.context = sim;
    sim->part = PART_NONE;
    sim->io.pause = on_pause;
    sim->io.written = on_written;
    sim->io.synced = on_synced;
    sim->io.named = on_named;
    sim->credentials = credentials_store_create();
    sim_agent_give_keys(sim);
}

void sim_agent_deinit(struct sim *sim)
{
    if (sim->running) {
        close_parts(sim);
    }
    credentials_store_free(sim->credentials);
}
