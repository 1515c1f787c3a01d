// One run: what is drawn from the seed, the loop, and what must hold when everything is well again.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "queue/deadletter.h"
#include "simulation/sim.h"

enum {
    STEPS_MAX = 300,
    STEPS_AT_ONE_TIME_MAX = 1000,
    FINISH_SECONDS_MAX = 3 * 3600,
};

// How many steps there are, on average, between two ends of the agent or two troubles.
struct climate {
    uint64_t ends;
    uint64_t troubles; // 0: there are none
};

// ---- chance, time ----

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
    return prng_below(&sim->prng, bound);
}

bool sim_one_in(struct sim *sim, uint64_t count)
{
    return prng_below(&sim->prng, count) == 0;
}

uint64_t sim_now(const struct sim *sim)
{
    return sim->io.now_ns;
}

void sim_advance(struct sim *sim, uint64_t ns)
{
    sim->io.now_ns += ns;
    simfs_advance_ns(sim->files, ns);
    simdisk_advance_ns(sim->disk, ns);
    sim_service_step(sim);
}

// ---- what is drawn ----

static char file_pattern[] = "/log/app.log*";
static char *file_patterns[] = {file_pattern};
static char drop_pattern[] = "^I[0-9]+ drop ";
static char *drop_patterns[] = {drop_pattern};
static char start_pattern[] = "^I";
static char newline[] = "\n";
static char flow_name[] = "web";
static char stream_name[] = "stream";
static char region_name[] = "eu-west-1";

static void draw_destination(struct sim *sim)
{
    struct destination_config *to = &sim->flow.to;
    static const enum wire wires[] = {WIRE_AUTO, WIRE_CBOR, WIRE_JSON};
    to->service = sim_one_in(sim, 3) ? SERVICE_FIREHOSE : SERVICE_KINESIS;
    to->stream = stream_name;
    to->region = region_name;
    to->partition_key = sim_one_in(sim, 3) ? PARTITION_KEY_HASH : PARTITION_KEY_RANDOM;
    to->wire = wires[sim_below(sim, 3)];
    to->max_record_size = 1 << 20;
    sim->flow.batch = (struct batch_config){.max_records = 1 + sim_below(sim, 30),
                                            .max_size = 1 << 20,
                                            .in_flight_max = 1 + sim_below(sim, 16),
                                            .max_delay_ms = sim_one_in(sim, 2) ? 100 : 1000};
    sim->flow.memory = 256 << 10;
    sim->latency_ns = (sim_one_in(sim, 4) ? 500 : 10) * NS_PER_MS;
}

static void draw_flow(struct sim *sim)
{
    struct flow_config *flow = &sim->flow;
    static const enum sync_mode modes[] = {SYNC_INTERVAL, SYNC_ALWAYS, SYNC_OS};
    flow->name = flow_name;
    flow->source = (struct source_config){
        .files = {.items = file_patterns, .count = 1},
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 5000,
        .open_files_max = 100,
    };
    sim->multiline = sim_one_in(sim, 3);
    flow->record.lines = (struct lines_config){
        .max_line = 1 << 20, .partial_line_timeout_ms = sim_one_in(sim, 2) ? 2000 : 0};
    flow->record.record_end = newline;
    if (sim->multiline) {
        flow->record.multiline = (struct multiline_config){
            .start = start_pattern, .max_lines = 100, .max_bytes = 1 << 20, .timeout_ms = 1000};
    }
    if (sim_one_in(sim, 4)) {
        flow->record.filter.exclude = (struct string_list){drop_patterns, 1};
    }
    flow->queue = (struct queue_config){
        .max_size = (sim_one_in(sim, 3) ? 64U : 256U) << 10,
        .when_full = sim_one_in(sim, 5) ? WHEN_FULL_DROP_OLDEST : WHEN_FULL_BLOCK,
        .sync = modes[sim_below(sim, 3)],
        .sync_interval_ms = 1000,
    };
    sim->poison_odds = sim_one_in(sim, 3) ? 20 : 0;
    flow->queue.dead_letter_max_size = sim->poison_odds > 0 ? 256 << 10 : 16 << 10;
    sim->blames_call = sim_one_in(sim, 2);
    sim->padding_max = sim_one_in(sim, 3) ? 6000 : 300;
    sim->floods = sim_one_in(sim, 10);
    if (sim->floods) {
        flow->queue.dead_letter_max_size = 16 << 20;
    }
    sim->never_copies = sim_one_in(sim, 4);
    sim->compresses = !sim->never_copies && sim_one_in(sim, 2);
    flow->source.compressed = sim->compresses && !sim_one_in(sim, 4);
    flow->source.compressed_max_size = 1 << 30;
    draw_destination(sim);
}

static unsigned *weather_item(struct sim_weather *weather, size_t index)
{
    unsigned *items[] = {&weather->not_sent,     &weather->lost_request,
                         &weather->lost_answer,  &weather->late,
                         &weather->twice,        &weather->bad_answer,
                         &weather->garbage,      &weather->server_error,
                         &weather->slow_down,    &weather->record_throttled,
                         &weather->record_failed};
    return index < ARRAY_COUNT(items) ? items[index] : NULL;
}

static void draw_weather(struct sim *sim)
{
    sim->weather = (struct sim_weather){0};
    if (sim_one_in(sim, 3)) {
        return;
    }
    unsigned *item;
    for (size_t i = 0; (item = weather_item(&sim->weather, i)) != NULL; i++) {
        *item = sim_one_in(sim, 3) ? (unsigned)sim_below(sim, 300) : 0;
    }
}

// ---- steps ----

static void step_agent(struct sim *sim, uint64_t choice)
{
    if (!sim_agent_supervise(sim)) {
        return;
    }
    sim_part_step(sim, (enum sim_part)choice);
    sim_agent_check(sim);
}

void sim_step_something(struct sim *sim)
{
    if (sim_one_in(sim, 3)) {
        step_agent(sim, sim_below(sim, 3));
    }
}

static void pass_time(struct sim *sim)
{
    static const uint64_t spans_ns[] = {NS_PER_MS, 20 * NS_PER_MS, NS_PER_S, 15 * NS_PER_S};
    sim_advance(sim, sim_below(sim, spans_ns[sim_below(sim, ARRAY_COUNT(spans_ns))]));
}

// ---- as threads do ----

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// Each part at its time, or when its bell rings.
static void step_what_is_due(struct sim *sim)
{
    const uint64_t *times[] = {&sim->collector_next_ns, &sim->sender_next_ns, &sim->syncer_next_ns};
    if (sim_service_next_ns(sim) <= sim_now(sim)) {
        sim->sender_next_ns = 0;
    }
    for (uint64_t part = 0; part < ARRAY_COUNT(times); part++) {
        if (!sim->running || *times[part] <= sim_now(sim)) {
            step_agent(sim, part);
        }
    }
}

static uint64_t next_due_ns(const struct sim *sim)
{
    if (!sim->running) {
        return sim->retry_ns;
    }
    uint64_t next_ns = least(sim->collector_next_ns, sim->sender_next_ns);
    return least(least(next_ns, sim->syncer_next_ns), sim_service_next_ns(sim));
}

// Time goes on when nothing is due, so who never rests is found.
static void live_until(struct sim *sim, uint64_t end_ns, bool until_done)
{
    unsigned steps_here = 0;
    while (sim_now(sim) < end_ns) {
        step_what_is_due(sim);
        if (until_done && sim_agent_done(sim)) {
            return;
        }
        uint64_t next_ns = next_due_ns(sim);
        if (next_ns == TIME_NEVER) {
            sim_fail(sim, "(h) the agent waits for nothing");
        }
        if (next_ns > sim_now(sim)) {
            sim_advance(sim, least(next_ns, end_ns) - sim_now(sim));
            steps_here = 0;
        } else if (++steps_here > STEPS_AT_ONE_TIME_MAX) {
            sim_fail(sim, "(h) the agent spins");
        }
    }
    if (until_done) {
        sim_fail(sim, "(h) the agent does not come to an end: %s", sim_agent_state(sim));
    }
}

static void live_a_while(struct sim *sim)
{
    sim_trace(sim, "world", "for a while every part steps when it is due");
    sim->collector_next_ns = 0; // what programs wrote is announced
    live_until(sim, sim_now(sim) + sim_below(sim, 3 * NS_PER_S), false);
}

static void run_until_done(struct sim *sim)
{
    live_until(sim, sim_now(sim) + FINISH_SECONDS_MAX * NS_PER_S, true);
}

static void step(struct sim *sim, const struct climate *climate)
{
    if (sim_one_in(sim, climate->ends)) {
        sim_end_agent(sim);
    } else if (climate->troubles != 0 && sim_one_in(sim, climate->troubles)) {
        sim_trouble_step(sim);
    } else if (climate->troubles != 0 && sim_one_in(sim, 12)) {
        sim_trouble_end(sim);
    }
    uint64_t choice = sim_below(sim, 13);
    if (choice < 3) {
        sim_writer_step(sim);
    } else if (choice < 10) {
        step_agent(sim, (choice - 3) % 3);
    } else if (choice < 12) {
        pass_time(sim);
    } else {
        live_a_while(sim);
    }
}

// ---- the end ----

static void count_letter(void *context, const struct dead_record *letter)
{
    struct sim *sim = context;
    unsigned number = sim_line_number(letter->data.data, letter->data.size);
    if (number == 0 || number > sim->line_count || !sim->lines[number].poison) {
        sim_fail(sim, "a dead letter that nobody refused: line %u", number);
    }
    sim->lines[number].letters++;
}

// A file that was never seen under another name than its last one may still be written to, and get
// its newline.
static bool is_waiting(const struct sim *sim, const struct sim_line *line)
{
    return line->unended && line->copies > 0 && sim->flow.record.lines.partial_line_timeout_ms == 0;
}

static void check_letters(struct sim *sim)
{
    int error = deadletter_each(&sim->io.io, SIM_QUEUE_DIR "/dead", count_letter, sim);
    if (error != 0 && error != -ENOENT) {
        sim_fail(sim, "the dead letters cannot be read: %s", error_text(error));
    }
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        bool wanted = line->poison && !line->continues && !line->excused &&
                      !is_waiting(sim, line) && sim->flow.queue.when_full != WHEN_FULL_DROP_OLDEST;
        if (wanted && line->letters == 0) {
            sim_fail(sim, "(h) the dead letter of line %u is lost", i);
        }
        if (line->letters > 1 && !sim->rewound) {
            sim_fail(sim, "(f) line %u has %u dead letters", i, line->letters);
        }
    }
}

// Returns how many records were dropped.
static uint64_t check_lines(const struct sim *sim)
{
    uint64_t dropped = 0;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        if (line->accepted == 0 && !line->filtered && !line->excused && !line->poison &&
            !is_waiting(sim, line)) {
            if (sim->flow.queue.when_full != WHEN_FULL_DROP_OLDEST) {
                sim_fail(sim, "(h) line %u is lost", i);
            }
            dropped += line->continues ? 0 : 1;
        }
    }
    return dropped;
}

static void check_books(struct sim *sim, uint64_t dropped)
{
    struct books books;
    queue_books(sim->queue, &books);
    bool is_bounded = !sim->rewound || (!sim->condemned && !sim->clock_was_set);
    if (is_bounded && sim->repeat_count > books.maybe_repeated * (sim->multiline ? 8 : 1)) {
        sim_fail(sim, "(f) %llu repeats, %llu reported", (unsigned long long)sim->repeat_count,
                 (unsigned long long)books.maybe_repeated);
    }
    bool drops = sim->flow.queue.when_full == WHEN_FULL_DROP_OLDEST;
    if (books.queued.records != 0 || books.damaged.records != 0 ||
        (!drops && books.dropped.records != 0) || dropped > books.dropped.records) {
        sim_fail(sim, "(g) %llu queued, %llu damaged, %llu dropped at the end, %llu missing",
                 (unsigned long long)books.queued.records,
                 (unsigned long long)books.damaged.records,
                 (unsigned long long)books.dropped.records, (unsigned long long)dropped);
    }
}

static void finish(struct sim *sim)
{
    sim_trace(sim, "world", "all is well from now on");
    sim->weather = (struct sim_weather){0};
    memset(sim->slow_until_ns, 0, sizeof sim->slow_until_ns);
    sim->collector_next_ns = 0;
    sim->sender_next_ns = 0;
    sim->syncer_next_ns = 0;
    sim_trouble_end(sim);
    sim->keys_expired = false;
    sim->stream_missing = false;
    simdisk_stop_after(sim->disk, 0);
    sim_advance(sim, 30 * NS_PER_S); // every call that was given up has arrived
    run_until_done(sim);
    // What is held back until it is known to be no copy, or the end of a file, takes a while.
    for (unsigned i = 0; i < 3; i++) {
        sim_advance(sim, 11 * NS_PER_S);
        run_until_done(sim);
    }
    uint64_t dropped = check_lines(sim);
    check_letters(sim);
    check_books(sim, dropped);
}

// ---- life ----

static struct sim *sim_create(uint64_t seed, bool trace)
{
    struct sim *sim = xcalloc(1, sizeof *sim);
    sim->seed = seed;
    sim->trace = trace;
    sim->prng = prng_of_seed(seed);
    sim->files = simfs_create();
    simfs_mkdir(sim->files, "/log");
    simfs_set_open_max(sim->files, SIM_DISK_FD_BASE);
    sim->disk = simdisk_create(prng_next(&sim->prng));
    struct io *disk = simdisk_io(sim->disk);
    (void)disk->mkdir(disk, "/state", 0700);
    (void)disk->sync_dir(disk, "/");
    fault_io_init(&sim->fault, disk);
    fault_io_init(&sim->log_fault, simfs_io(sim->files));
    sim_io_init(&sim->io, &sim->log_fault.io, &sim->fault.io, prng_next(&sim->prng));
    sim->io.now_ns = sim->io.files->monotonic_ns(sim->io.files);
    sim_service_init(sim);
    draw_flow(sim);
    sim_agent_init(sim);
    return sim;
}

static void sim_free(struct sim *sim)
{
    sim_agent_deinit(sim);
    sim_service_deinit(sim);
    fault_io_deinit(&sim->fault);
    fault_io_deinit(&sim->log_fault);
    sim_lives_free(sim);
    free(sim->numbers);
    simdisk_free(sim->disk);
    simfs_free(sim->files);
    free(sim);
}

void sim_run(uint64_t seed, bool trace)
{
    struct sim *sim = sim_create(seed, trace);
    draw_weather(sim);
    struct climate climate = {.ends = 10 + sim_below(sim, 200)};
    climate.troubles = sim_one_in(sim, 3) ? 0 : 5 + sim_below(sim, 60);
    sim->keeps_power = sim_one_in(sim, 2);
    sim_trace_start(sim);
    for (uint64_t steps = 30 + sim_below(sim, STEPS_MAX); steps > 0; steps--) {
        step(sim, &climate);
    }
    finish(sim);
    sim_trace_end(sim);
    sim_free(sim);
}
