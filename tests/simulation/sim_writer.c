// The programs that write logs, rotate them and take them away, and what that means for each line.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "simulation/sim.h"

enum { FLOOD_PADDING = 8000, FLOOD_RECORDS = 45 };

// ---- lines ----

size_t sim_line_text(const struct sim *sim, unsigned number, char out_text[SIM_LINE_BYTES_MAX])
{
    const struct sim_line *line = &sim->lines[number];
    size_t size = (size_t)snprintf(out_text, 32, "%sI%06u %s", line->continues ? "+" : "", number,
                                   line->continues  ? ""
                                   : line->filtered ? "drop "
                                   : line->poison   ? "bad "
                                                    : "");
    memset(out_text + size, 'a' + (int)(number % 26), line->padding);
    size += line->padding;
    out_text[size] = '\n';
    return size + 1;
}

unsigned sim_line_number(const uint8_t *text, size_t size)
{
    size_t at = size > 0 && text[0] == '+';
    unsigned number = 0;
    if (size < at + 8 || text[at] != 'I') {
        return 0;
    }
    for (size_t i = at + 1; i < at + 7; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        number = number * 10 + text[i] - '0';
    }
    return number <= SIM_LINES_MAX ? number : 0;
}

static unsigned new_line(struct sim *sim, bool continues)
{
    unsigned number = ++sim->line_count;
    unsigned most = sim_one_in(sim, 10) ? sim->padding_max : 40;
    unsigned padding = sim->floods_now ? FLOOD_PADDING : (unsigned)sim_below(sim, most + 1);
    sim->lines[number] = (struct sim_line){
        .padding = (uint16_t)padding,
        .continues = continues,
        .filtered = continues ? sim->lines[number - 1].filtered
                              : sim->flow.record.filter.exclude.count > 0 && sim_one_in(sim, 8),
    };
    sim->lines[number].poison = continues ? sim->lines[number - 1].poison
                                          : !sim->lines[number].filtered && sim->poison_odds > 0 &&
                                                sim_one_in(sim, sim->poison_odds);
    return number;
}

static bool has_lines_left(const struct sim *sim)
{
    return sim->line_count + 8 < SIM_LINES_MAX;
}

// ---- what files hold ----

static void name_of(size_t index, char out_path[32])
{
    if (index == 0) {
        snprintf(out_path, 32, "/log/app.log");
    } else {
        snprintf(out_path, 32, "/log/app.log.%u", (unsigned)index);
    }
}

static void let_go(struct sim *sim, struct sim_line *line, bool readable)
{
    line->copies--;
    if (line->copies == 0 && line->accepted == 0 && !line->filtered && !line->appended &&
        !readable) {
        line->excused = true;
        sim->late_losses++;
    }
}

enum hold { HOLD, LET_GO_READABLE, LET_GO };

// A file with these lines comes, or goes.
static void hold_lines(struct sim *sim, const char *path, enum hold hold)
{
    struct slice rest = simfs_content(sim->files, path);
    while (rest.size > 0) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        if (newline == NULL) {
            return;
        }
        unsigned number = sim_line_number(rest.data, rest.size);
        if (number != 0 && hold == HOLD) {
            sim->lines[number].copies++;
        } else if (number != 0) {
            let_go(sim, &sim->lines[number], hold == LET_GO_READABLE);
        }
        rest = slice_skip(rest, (size_t)(newline - rest.data) + 1);
    }
}

void sim_writer_process_ended(struct sim *sim)
{
    for (unsigned i = 1; i <= sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        if (line->copies == 0 && !line->appended && line->accepted == 0 && !line->filtered &&
            !line->excused) {
            line->excused = true;
            sim->late_losses++;
        }
    }
}

static bool is_quiet_since(const struct sim *sim, uint64_t ns)
{
    enum { QUIET_MS = 10000 };
    return ns == 0 || sim_now(sim) > ns + QUIET_MS * NS_PER_MS;
}

// Whether the agent is still able to read what a file has that goes. Not when it was truncated a
// moment ago: until it is quiet nobody can tell it from the copy that was made of it. Nor when it
// could not be read.
static bool can_be_read(const struct sim *sim, const char *path)
{
    return sim->running && !sim->logs_fail && is_quiet_since(sim, sim->cut_ns) &&
           is_quiet_since(sim, sim->logs_failed_ns) && simfs_is_open(sim->files, path);
}

static void take_away(struct sim *sim, const char *path)
{
    hold_lines(sim, path, can_be_read(sim, path) ? LET_GO_READABLE : LET_GO);
}

// ---- operations ----

static void append_text(struct sim *sim, const char *path, const char *text, size_t size)
{
    simfs_append(sim->files, path, text, size);
}

// Appends a record of one line or, with multiline, of several, in one write.
static void write_record(struct sim *sim, const char *path)
{
    char text[4 * SIM_LINE_BYTES_MAX];
    unsigned lines = sim->multiline ? 1 + (unsigned)sim_below(sim, 4) : 1;
    size_t size = 0;
    for (unsigned i = 0; i < lines; i++) {
        unsigned number = new_line(sim, i > 0);
        size_t bytes = sim_line_text(sim, number, text + size);
        sim->lines[number].copies = 1;
        sim_life_add(sim, path, number, bytes);
        size += bytes;
    }
    append_text(sim, path, text, size);
}

static void write_records(struct sim *sim, const char *path)
{
    unsigned first = sim->line_count + 1;
    for (uint64_t i = 1 + sim_below(sim, 5); i > 0 && has_lines_left(sim); i--) {
        write_record(sim, path);
    }
    sim_trace(sim, "writer", "lines %u-%u to %s", first, sim->line_count, path);
}

// More than a block takes.
static void write_flood(struct sim *sim, const char *path)
{
    sim_trace(sim, "writer", "much to %s", path);
    sim->floods_now = true;
    for (unsigned i = 0; i < FLOOD_RECORDS && has_lines_left(sim); i++) {
        write_record(sim, path);
    }
    sim->floods_now = false;
}

static void write_in_parts(struct sim *sim, const char *path)
{
    char text[SIM_LINE_BYTES_MAX];
    unsigned number = new_line(sim, false);
    size_t size = sim_line_text(sim, number, text);
    // At least its number: nothing else tells it from what another file begins with.
    size_t first = 8 + (size_t)sim_below(sim, size - 8);
    sim->lines[number].copies = 1;
    sim_trace(sim, "writer", "line %u to %s in two parts", number, path);
    sim_life_add(sim, path, number, size);
    append_text(sim, path, text, first);
    sim_step_something(sim);
    append_text(sim, path, text + first, size - first);
}

static bool exists(const struct sim *sim, size_t index)
{
    char path[32];
    name_of(index, path);
    return simfs_exists(sim->files, path);
}

static void shift_names(struct sim *sim)
{
    char from[32];
    char to[32];
    for (size_t i = SIM_NAMES - 1; i > 1; i--) {
        name_of(i - 1, from);
        name_of(i, to);
        if (simfs_exists(sim->files, from)) {
            if (simfs_exists(sim->files, to)) {
                take_away(sim, to);
            }
            simfs_rename(sim->files, from, to);
            sim_life_move(sim, from, to);
        }
    }
}

static void rotate(struct sim *sim)
{
    sim_trace(sim, "writer", "rotates");
    shift_names(sim);
    sim_step_something(sim);
    simfs_rename(sim->files, "/log/app.log", "/log/app.log.1");
    sim_life_move(sim, "/log/app.log", "/log/app.log.1");
    sim_step_something(sim);
    if (sim_one_in(sim, 2)) {
        append_text(sim, "/log/app.log", "", 0);
    }
    if (sim_one_in(sim, 3) && has_lines_left(sim)) {
        write_records(sim, "/log/app.log.1");
    }
}

static void step_if(struct sim *sim, bool wanted)
{
    if (wanted) {
        sim_step_something(sim);
    }
}

// Who sees a log and its copy for the first time cannot tell which is which, nor who lost power
// before what was known of the log was synced.
static bool is_known(const struct sim *sim, const char *path)
{
    struct slice content = simfs_content(sim->files, path);
    unsigned first = sim_line_number(content.data, content.size);
    return simfs_is_open(sim->files, path) &&
           (first == 0 || sim->lines[first].durable || sim->lines[first].filtered);
}

static void copy_and_truncate(struct sim *sim)
{
    sim_trace(sim, "writer", "copies and truncates");
    bool seen = is_known(sim, "/log/app.log");
    shift_names(sim);
    size_t size = (size_t)simfs_size(sim->files, "/log/app.log");
    static const char COPY[] = "/log/app.log.1";
    simfs_append(sim->files, COPY, "", 0);
    sim_life_copy(sim, "/log/app.log", COPY);
    for (size_t done = 0; done < size;) {
        step_if(sim, seen);
        size_t part = sim_one_in(sim, 2) ? size - done : 1 + (size_t)sim_below(sim, size - done);
        simfs_copy_bytes(sim->files, "/log/app.log", COPY, done, part);
        done += part;
    }
    hold_lines(sim, COPY, HOLD);
    step_if(sim, seen);
    hold_lines(sim, "/log/app.log", LET_GO);
    simfs_truncate(sim->files, "/log/app.log", 0);
    sim_life_end(sim, "/log/app.log");
    sim->cut_ns = sim_now(sim);
}

static void cut(struct sim *sim)
{
    sim_trace(sim, "writer", "truncates");
    hold_lines(sim, "/log/app.log", LET_GO);
    simfs_truncate(sim->files, "/log/app.log", 0);
    sim_life_end(sim, "/log/app.log");
    sim->cut_ns = sim_now(sim);
}

static void delete_one(struct sim *sim)
{
    char path[32];
    name_of((size_t)sim_below(sim, SIM_NAMES), path);
    if (simfs_exists(sim->files, path)) {
        sim_trace(sim, "writer", "deletes %s", path);
        take_away(sim, path);
        simfs_unlink(sim->files, path);
        sim_life_end(sim, path);
    }
}

void sim_writer_step(struct sim *sim)
{
    uint64_t choice = sim_below(sim, 16);
    if (sim->floods && has_lines_left(sim) && sim_one_in(sim, 40)) {
        write_flood(sim, "/log/app.log");
        return;
    }
    if (!exists(sim, 0) || choice < 9) {
        if (has_lines_left(sim)) {
            write_records(sim, "/log/app.log");
        }
        return;
    }
    switch (choice) {
    case 9:
    case 10:
        if (has_lines_left(sim)) {
            write_in_parts(sim, "/log/app.log");
        }
        break;
    case 11:
    case 12:
        rotate(sim);
        break;
    case 13:
        if (sim->never_copies) {
            rotate(sim);
        } else if (!exists(sim, 1) || sim_one_in(sim, 2)) {
            copy_and_truncate(sim);
        }
        break;
    case 14:
        if (sim_one_in(sim, 2)) {
            cut(sim);
        }
        break;
    default:
        delete_one(sim);
    }
}
