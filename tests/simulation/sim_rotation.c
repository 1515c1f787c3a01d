// The programs that rotate logs, compress them and take them away, and what that means for each
// line.
#include <stdio.h>
#include <string.h>

#include "simulation/sim.h"
#include "support/gzip_bytes.h"

// ---- what files hold ----

// The first SIM_NAMES are plain, the others compressed.
static void name_of(size_t index, char out_path[SIM_PATH_BYTES])
{
    const char *suffix = index >= SIM_NAMES ? ".gz" : "";
    unsigned number = (unsigned)(index % SIM_NAMES);
    if (index == 0) {
        snprintf(out_path, SIM_PATH_BYTES, "/log/app.log");
    } else {
        snprintf(out_path, SIM_PATH_BYTES, "/log/app.log.%u%s", number, suffix);
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

struct holding {
    struct sim *sim;
    enum hold hold;
};

static void hold_line(void *context, unsigned number)
{
    const struct holding *holding = context;
    struct sim_line *line = &holding->sim->lines[number];
    if (holding->hold == HOLD) {
        line->copies++;
    } else {
        let_go(holding->sim, line, holding->hold == LET_GO_READABLE);
    }
}

// A file with these lines comes, or goes.
static void hold_lines(struct sim *sim, const char *path, enum hold hold)
{
    struct holding holding = {sim, hold};
    sim_life_each(sim, path, hold_line, &holding);
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

// Whether the agent is still able to read what a file has that goes.
static bool can_be_read(const struct sim *sim, const char *path)
{
    return sim->running && simfs_is_open(sim->files, path);
}

static void take_away(struct sim *sim, const char *path)
{
    hold_lines(sim, path, can_be_read(sim, path) ? LET_GO_READABLE : LET_GO);
}

// ---- operations ----

static bool exists(const struct sim *sim, size_t index)
{
    char path[32];
    name_of(index, path);
    return simfs_exists(sim->files, path);
}

static void shift_name(struct sim *sim, size_t from_index, size_t to_index)
{
    char from[SIM_PATH_BYTES];
    char to[SIM_PATH_BYTES];
    name_of(from_index, from);
    name_of(to_index, to);
    if (simfs_exists(sim->files, from)) {
        if (simfs_exists(sim->files, to)) {
            take_away(sim, to);
        }
        simfs_rename(sim->files, from, to);
        sim_life_move(sim, from, to);
    }
}

static void shift_names(struct sim *sim)
{
    for (size_t i = SIM_NAMES - 1; i > 1; i--) {
        shift_name(sim, i - 1, i);
        shift_name(sim, SIM_NAMES + i - 1, SIM_NAMES + i);
    }
}

static void rotate(struct sim *sim)
{
    if (sim_one_in(sim, 4) && sim_has_lines_left(sim)) {
        sim_write_tail(sim, "/log/app.log");
    }
    sim_trace(sim, "writer", "rotates");
    shift_names(sim);
    sim_step_something(sim);
    simfs_rename(sim->files, "/log/app.log", "/log/app.log.1");
    sim_life_move(sim, "/log/app.log", "/log/app.log.1");
    sim->first_is_rotated = true;
    sim_step_something(sim);
    if (sim_one_in(sim, 2)) {
        simfs_append(sim->files, "/log/app.log", "", 0);
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
bool sim_is_known(const struct sim *sim, const char *path)
{
    struct slice content = simfs_content(sim->files, path);
    unsigned first = sim_line_number(content.data, content.size);
    return simfs_is_open(sim->files, path) && sim->lines[first].durable;
}

static void copy_and_truncate(struct sim *sim)
{
    sim_trace(sim, "writer", "copies and truncates");
    bool seen = sim_is_known(sim, "/log/app.log");
    shift_names(sim);
    size_t size = (size_t)simfs_size(sim->files, "/log/app.log");
    static const char COPY[] = "/log/app.log.1";
    simfs_append(sim->files, COPY, "", 0);
    sim_life_copy(sim, "/log/app.log", COPY);
    sim->first_is_rotated = false;
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
}

static void cut(struct sim *sim)
{
    sim_trace(sim, "writer", "truncates");
    hold_lines(sim, "/log/app.log", LET_GO);
    simfs_truncate(sim->files, "/log/app.log", 0);
    sim_life_end(sim, "/log/app.log");
}

// As logrotate does: the archive grows beside the log, which goes when it is whole.
static void compress_one(struct sim *sim)
{
    char path[SIM_PATH_BYTES];
    char archive[SIM_PATH_BYTES];
    size_t index = 1 + (size_t)sim_below(sim, SIM_NAMES - 1);
    name_of(index, path);
    name_of(SIM_NAMES + index, archive);
    if (!simfs_exists(sim->files, path) || simfs_exists(sim->files, archive)) {
        return;
    }
    sim_trace(sim, "writer", "compresses %s", path);
    bool seen = sim_is_known(sim, path);
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX);
    gzip_bytes(&bytes, simfs_content(sim->files, path));
    size_t first = sim_one_in(sim, 2) ? bytes.size : (size_t)sim_below(sim, bytes.size);
    simfs_append(sim->files, archive, bytes.data, first);
    if (sim->flow.source.compressed) {
        sim_life_copy(sim, path, archive);
        hold_lines(sim, archive, HOLD);
    }
    step_if(sim, seen);
    simfs_append(sim->files, archive, bytes.data + first, bytes.size - first);
    buf_deinit(&bytes);
    step_if(sim, seen);
    take_away(sim, path);
    simfs_unlink(sim->files, path);
    sim_life_end(sim, path);
}

static void delete_one(struct sim *sim)
{
    char path[SIM_PATH_BYTES];
    name_of((size_t)sim_below(sim, 2 * (size_t)SIM_NAMES), path);
    if (simfs_exists(sim->files, path)) {
        sim_trace(sim, "writer", "deletes %s", path);
        take_away(sim, path);
        simfs_unlink(sim->files, path);
        sim_life_end(sim, path);
    }
}

void sim_files_step(struct sim *sim)
{
    switch (sim_below(sim, 7)) {
    case 0:
    case 1:
        rotate(sim);
        break;
    case 2:
        if (sim->never_copies) {
            rotate(sim);
        } else if (!exists(sim, 1) || sim_one_in(sim, 2)) {
            copy_and_truncate(sim);
        }
        break;
    case 3:
        if (sim_one_in(sim, 2)) {
            cut(sim);
        }
        break;
    case 4:
    case 5:
        if (sim->compresses) {
            compress_one(sim);
        }
        break;
    default:
        delete_one(sim);
    }
}
