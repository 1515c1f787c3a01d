// The life of the agent: opening, steps as its threads would make them, and the ways to end.
#include <errno.h>
#include <string.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/books.h"
#include "base/clock.h"
#include "base/error.h"
#include "simulation/sim.h"

enum {
    ACK_SLOT_BYTES_MIN = 4096, // less is a part of one
    SNAPSHOTS_BYTES = 65536,
};

#define STATE_DIR "/state"
#define QUEUE_DIR STATE_DIR "/web"

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
    } else if (kind == DISK_ACK && data.size >= ACK_SLOT_BYTES_MIN) {
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
    sim->appending = false;
    if (sim->fresh_count == 0 || sim->io.failures > 0 || simdisk_stopped(sim->disk)) {
        return;
    }
    struct queue_usage usage;
    queue_usage(sim->queue, &usage);
    for (unsigned i = 0; i < sim->fresh_count; i++) {
        struct sim_line *line = &sim->lines[sim->fresh[i]];
        line->appended = true;
        line->durable = false;
        line->sequence = usage.last_sequence;
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
        .dir = QUEUE_DIR, .flow = "web", .config = &sim->flow.queue, .stats = &sim->stats};
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
        if (line->accepted > 0 && (!known || (rewinds && !line->durable))) {
            line->may_repeat = true;
            line->ack = LINE_OPEN;
        }
        if (rewinds && !line->durable) {
            line->appended = false;
        }
    }
    sim->rewound = sim->rewound || rewinds;
}

void sim_agent_open(struct sim *sim)
{
    sim->running = true;
    int error = open_parts(sim);
    if (error != 0) {
        sim_trace(sim, "agent", "cannot open: %s", error_text(error));
        close_parts(sim);
        sim->running = false;
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
    sim_trace(sim, "agent", "%s", end_names[end]);
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

void sim_collector_step(struct sim *sim)
{
    uint64_t next_ns = TIME_NEVER;
    begin_appending(sim);
    int error = collector_step(sim->collector, monotonic(sim), &next_ns);
    end_appending(sim);
    if (error != 0 && !queue_condemned(sim->queue)) {
        sim_fail(sim, "a collector ends: %s", error_text(error));
    }
    sim->collector_next_ns = world_ns(sim, next_ns);
}

void sim_sender_step(struct sim *sim)
{
    sim->sender_next_ns = world_ns(sim, sender_step(sim->sender, monotonic(sim)));
}

void sim_syncer_step(struct sim *sim)
{
    sim->syncer_next_ns = world_ns(sim, queue_sync_step(sim->queue, monotonic(sim)));
    note_durable(sim);
}

bool sim_agent_done(struct sim *sim)
{
    return sim->running && collector_caught_up(sim->collector, monotonic(sim)) &&
           sender_idle(sim->sender) && queue_drained(sim->queue);
}

void sim_agent_check(struct sim *sim)
{
    if (!sim->running || simdisk_stopped(sim->disk) || queue_condemned(sim->queue)) {
        return;
    }
    struct books books;
    queue_books(sim->queue, &books);
    if (!books_balance(&books)) {
        sim_fail(sim,
                 "the books do not balance: read %llu (%llu bytes), filtered %llu (%llu), "
                 "acknowledged %llu (%llu), dead letters %llu, damaged %llu, queued %llu (%llu)",
                 (unsigned long long)books.read.records, (unsigned long long)books.read.bytes,
                 (unsigned long long)books.filtered.records,
                 (unsigned long long)books.filtered.bytes,
                 (unsigned long long)books.acknowledged.records,
                 (unsigned long long)books.acknowledged.bytes,
                 (unsigned long long)books.dead_lettered.records,
                 (unsigned long long)books.damaged.records,
                 (unsigned long long)books.queued.records, (unsigned long long)books.queued.bytes);
    }
    // Two segments, which grow with what is known of files; what was set aside has its own bound.
    const struct queue_config *config = &sim->flow.queue;
    uint64_t slots = 16384;
    uint64_t segment =
        config->max_size / 8 < SNAPSHOTS_BYTES ? SNAPSHOTS_BYTES : config->max_size / 8;
    uint64_t limit = config->max_size + 2 * segment + slots + config->dead_letter_max_size;
    if (!sim->rewound && simdisk_used(sim->disk) > limit) {
        sim_fail(sim, "%llu bytes on disk, allowed %llu",
                 (unsigned long long)simdisk_used(sim->disk), (unsigned long long)limit);
    }
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
