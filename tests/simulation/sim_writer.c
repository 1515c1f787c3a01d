// The programs that write logs.
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

bool sim_has_lines_left(const struct sim *sim)
{
    return sim->line_count + 8 < SIM_LINES_MAX;
}

// ---- what programs append ----

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

void sim_write_records(struct sim *sim, const char *path)
{
    unsigned first = sim->line_count + 1;
    for (uint64_t i = 1 + sim_below(sim, 5); i > 0 && sim_has_lines_left(sim); i--) {
        write_record(sim, path);
    }
    sim_trace(sim, "writer", "lines %u-%u to %s", first, sim->line_count, path);
}

// More than a block takes.
static void write_flood(struct sim *sim, const char *path)
{
    sim_trace(sim, "writer", "much to %s", path);
    sim->floods_now = true;
    for (unsigned i = 0; i < FLOOD_RECORDS && sim_has_lines_left(sim); i++) {
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

// The program ends amid a line, and its log is rotated.
void sim_write_tail(struct sim *sim, const char *path)
{
    char text[SIM_LINE_BYTES_MAX];
    unsigned number = new_line(sim, false);
    size_t size = sim_line_text(sim, number, text) - 1;
    sim->lines[number].copies = 1;
    sim->lines[number].unended = !sim_is_known(sim, path);
    sim_trace(sim, "writer", "line %u to %s, without a newline", number, path);
    sim_life_add(sim, path, number, size);
    append_text(sim, path, text, size);
}

// One that has not heard of the rotation yet.
static void write_late(struct sim *sim)
{
    static const char PATH[] = "/log/app.log.1";
    struct slice content = simfs_content(sim->files, PATH);
    if (content.size > 0 && content.data[content.size - 1] == '\n') {
        sim_write_records(sim, PATH);
    }
}

void sim_writer_step(struct sim *sim)
{
    uint64_t choice = sim_below(sim, 19);
    bool has_log = simfs_exists(sim->files, "/log/app.log");
    bool has_room = sim_has_lines_left(sim);
    if (sim->floods && has_room && sim_one_in(sim, 40)) {
        write_flood(sim, "/log/app.log");
    } else if (!has_log || choice < 9) {
        if (has_room) {
            sim_write_records(sim, "/log/app.log");
        }
    } else if (choice < 11) {
        if (has_room) {
            write_in_parts(sim, "/log/app.log");
        }
    } else if (choice == 11) {
        if (has_room && sim->first_is_rotated && simfs_exists(sim->files, "/log/app.log.1")) {
            write_late(sim);
        }
    } else {
        sim_files_step(sim);
    }
}
