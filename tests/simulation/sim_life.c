// What each file held, by the lives of its content: a life begins when a file is made or cut to
// nothing, and is remembered when the file is gone. What the agent says it has read can so be
// compared with what there was.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "simulation/sim.h"

struct life_line {
    uint64_t end; // offset behind the line
    unsigned number;
};

struct sim_life {
    char path[SIM_PATH_BYTES]; // "" when the file is gone
    struct life_line *lines;
    size_t count;
};

static uint64_t size_of(const struct sim_life *life)
{
    return life->count == 0 ? 0 : life->lines[life->count - 1].end;
}

static struct sim_life *life_at(const struct sim *sim, const char *path)
{
    for (size_t i = sim->life_count; i > 0; i--) {
        if (strcmp(sim->lives[i - 1].path, path) == 0) {
            return &sim->lives[i - 1];
        }
    }
    return NULL;
}

static struct sim_life *begin(struct sim *sim, const char *path)
{
    sim->lives = xreallocarray(sim->lives, sim->life_count + 1, sizeof *sim->lives);
    struct sim_life *life = &sim->lives[sim->life_count++];
    *life = (struct sim_life){0};
    snprintf(life->path, sizeof life->path, "%s", path);
    return life;
}

static void add_line(struct sim_life *life, unsigned number, size_t bytes)
{
    uint64_t end = size_of(life) + bytes;
    if ((life->count & (life->count - 1)) == 0) {
        life->lines =
            xreallocarray(life->lines, life->count == 0 ? 1 : 2 * life->count, sizeof *life->lines);
    }
    life->lines[life->count++] = (struct life_line){.end = end, .number = number};
}

void sim_life_add(struct sim *sim, const char *path, unsigned number, size_t bytes)
{
    struct sim_life *life = life_at(sim, path);
    add_line(life != NULL ? life : begin(sim, path), number, bytes);
}

void sim_life_copy(struct sim *sim, const char *from, const char *to)
{
    struct sim_life *copy = begin(sim, to);
    const struct sim_life *life = life_at(sim, from);
    for (size_t i = 0; life != NULL && i < life->count; i++) {
        add_line(copy, life->lines[i].number,
                 life->lines[i].end - (i == 0 ? 0 : life->lines[i - 1].end));
    }
}

void sim_life_move(struct sim *sim, const char *from, const char *to)
{
    sim_life_end(sim, to);
    struct sim_life *life = life_at(sim, from);
    if (life != NULL) {
        snprintf(life->path, sizeof life->path, "%s", to);
    }
}

void sim_life_end(struct sim *sim, const char *path)
{
    struct sim_life *life = life_at(sim, path);
    if (life != NULL) {
        life->path[0] = '\0';
    }
}

void sim_life_each(struct sim *sim, const char *path, void (*each)(void *context, unsigned number),
                   void *context)
{
    const struct sim_life *life = life_at(sim, path);
    for (size_t i = 0; life != NULL && i < life->count; i++) {
        each(context, life->lines[i].number);
    }
}

void sim_lives_free(struct sim *sim)
{
    for (size_t i = 0; i < sim->life_count; i++) {
        free(sim->lives[i].lines);
    }
    free(sim->lives);
}

// ---- what a generation is of ----

static bool begins_with(const struct sim *sim, const struct sim_life *life, struct fingerprint head)
{
    char text[HEAD_BYTES_MAX + SIM_LINE_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < life->count && size < head.length; i++) {
        size += sim_line_text(sim, life->lines[i].number, text + size);
        size = life->lines[i].end < size ? (size_t)life->lines[i].end : size;
    }
    return size >= head.length &&
           fingerprint_equal(fingerprint_of(slice_of(text, head.length)), head);
}

// The first line in front of the position that is missing, 0: none.
static unsigned missing_line(const struct sim_life *life, uint64_t position, sim_has_line *has_line,
                             void *context)
{
    for (size_t i = 0; i < life->count && life->lines[i].end <= position; i++) {
        if (!has_line(context, life->lines[i].number)) {
            return life->lines[i].number;
        }
    }
    return 0;
}

bool sim_life_covers(const struct sim *sim, const struct generation *generation,
                     sim_has_line *has_line, void *context, unsigned *out_missing)
{
    bool known = false;
    *out_missing = 0;
    for (size_t i = sim->life_count; i > 0; i--) {
        const struct sim_life *life = &sim->lives[i - 1];
        if (size_of(life) < generation->position || !begins_with(sim, life, generation->head)) {
            continue;
        }
        known = true;
        unsigned missing = missing_line(life, generation->position, has_line, context);
        if (missing == 0) {
            return true;
        }
        *out_missing = missing;
    }
    return !known && generation->head.length == 0;
}
