// What a run says of itself: a trace that can be read, and the reason why it failed.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "simulation/sim.h"

static double seconds(const struct sim *sim)
{
    return (double)(sim->io.now_ns % (1000000 * NS_PER_S)) / (double)NS_PER_S;
}

void sim_trace(const struct sim *sim, const char *actor, const char *format, ...)
{
    if (!sim->trace) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    printf("%12.6f  %-9s  ", seconds(sim), actor);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
}

void sim_fail(const struct sim *sim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "seed %llu, at %.6f: ", (unsigned long long)sim->seed, seconds(sim));
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    fflush(NULL);
    _Exit(EXIT_FAILURE);
}

// ---- what was drawn ----

static void trace_flow(const struct sim *sim)
{
    static const char *const syncs[] = {
        [SYNC_INTERVAL] = "every second", [SYNC_ALWAYS] = "always", [SYNC_OS] = "by the system"};
    const struct flow_config *flow = &sim->flow;
    printf("flow       /log/app.log* to %s; %s%s%s\n",
           flow->to.service == SERVICE_KINESIS ? "Kinesis Data Streams" : "Firehose",
           sim->multiline ? "records of several lines" : "a record a line",
           flow->record.filter.exclude.count > 0 ? ", some filtered" : "",
           sim->poison_odds > 0 ? ", some refused for ever" : "");
    printf("queue      %llu KiB, %s when full, synced %s\n",
           (unsigned long long)flow->queue.max_size >> 10,
           flow->queue.when_full == WHEN_FULL_BLOCK ? "waits" : "drops the oldest",
           syncs[flow->queue.sync]);
    printf("calls      up to %llu records, %llu at a time, %llu ms to an answer\n",
           (unsigned long long)flow->batch.max_records,
           (unsigned long long)flow->batch.in_flight_max,
           (unsigned long long)(sim->latency_ns / NS_PER_MS));
}

static void trace_weather(const struct sim_weather *weather)
{
    const struct {
        const char *name;
        unsigned thousandths;
    } items[] = {
        {"not sent", weather->not_sent},
        {"requests lost", weather->lost_request},
        {"answers lost", weather->lost_answer},
        {"arrive when given up", weather->late},
        {"arrive twice", weather->twice},
        {"answers cut", weather->bad_answer},
        {"answers garbage", weather->garbage},
        {"500", weather->server_error},
        {"throttled", weather->slow_down},
        {"records throttled", weather->record_throttled},
        {"records failed", weather->record_failed},
    };
    printf("network    ");
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_COUNT(items); i++) {
        if (items[i].thousandths > 0) {
            printf("%s%.1f %% %s", separator, items[i].thousandths / 10.0, items[i].name);
            separator = ", ";
        }
    }
    printf("%s\n\n     seconds  who        what\n",
           separator[0] == '\0' ? "does what it should" : "");
}

void sim_trace_start(const struct sim *sim)
{
    if (sim->trace) {
        trace_flow(sim);
        trace_weather(&sim->weather);
    }
}

void sim_trace_end(const struct sim *sim)
{
    unsigned filtered = 0;
    unsigned letters = 0;
    unsigned accepted = 0;
    unsigned excused = 0;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        const struct sim_line *line = &sim->lines[i];
        accepted += line->accepted > 0;
        filtered += line->accepted == 0 && line->filtered;
        letters += line->accepted == 0 && line->poison;
        excused += line->accepted == 0 && line->excused;
    }
    sim_trace(sim, "world",
              "%u lines were written: %u arrived, %u filtered, %u dead letters, %u gone before "
              "they could be read; %llu repeats",
              sim->line_count, accepted, filtered, letters, excused,
              (unsigned long long)sim->repeats);
}

// ---- ranges of lines ----

static void write_range(struct sim *sim)
{
    const char *separator = sim->ranges.size == 0 ? "" : ", ";
    if (sim->range_last == 0) {
        return;
    }
    buf_appendf(&sim->ranges, "%s%u", separator, sim->range_first);
    if (sim->range_first != sim->range_last) {
        buf_appendf(&sim->ranges, "-%u", sim->range_last);
    }
}

void sim_ranges_add(struct sim *sim, unsigned number)
{
    if (!sim->trace) {
        return;
    }
    if (sim->range_last != 0 && number == sim->range_last + 1) {
        sim->range_last = number;
        return;
    }
    write_range(sim);
    sim->range_first = number;
    sim->range_last = number;
}

const char *sim_ranges_take(struct sim *sim)
{
    write_range(sim);
    sim->range_last = 0;
    if (sim->ranges.size == 0) {
        return "none";
    }
    buf_append_byte(&sim->ranges, '\0');
    const char *text = (const char *)sim->ranges.data;
    buf_clear(&sim->ranges);
    return text;
}
