// The invariants that are held while the agent runs and at its start, by the letters of the README.
// Those of recovery are in sim_recovery.c.
#include <stdio.h>
#include <string.h>

#include "base/books.h"
#include "simulation/sim.h"

enum {
    SNAPSHOTS_BYTES = 16384,
    BAD_FILES = 8,
    OTHERS_BYTES = 65536, // acknowledgements, and what is known against files
};

// ---- (e) a limit is a limit, and (g) the books balance ----

// Bytes of the files of the queue.
struct disk_bytes {
    struct sim *sim;
    uint64_t segments;
    uint64_t aside;
    uint64_t others;
    uint64_t letters;
};

static int add_letters(void *context, const char *name, enum file_kind kind)
{
    struct disk_bytes *bytes = context;
    char path[300];
    snprintf(path, sizeof path, SIM_QUEUE_DIR "/dead/%s", name);
    bytes->letters += kind == FILE_REGULAR ? simdisk_size(bytes->sim->disk, path) : 0;
    return 0;
}

static int add_file(void *context, const char *name, enum file_kind kind)
{
    struct disk_bytes *bytes = context;
    char path[300];
    snprintf(path, sizeof path, SIM_QUEUE_DIR "/%s", name);
    if (kind == FILE_REGULAR) {
        uint64_t size = simdisk_size(bytes->sim->disk, path);
        bool aside = strstr(name, ".bad") != NULL;
        *(aside                          ? &bytes->aside
          : strstr(name, ".seg") != NULL ? &bytes->segments
                                         : &bytes->others) += size;
    }
    return 0;
}

// The limit and two segments; a segment takes one block, and grows with what is known of files.
static void check_disk(struct sim *sim)
{
    struct disk_bytes bytes = {.sim = sim};
    struct io *disk = simdisk_io(sim->disk);
    if (disk->list(disk, SIM_QUEUE_DIR, add_file, &bytes) != 0) {
        return;
    }
    (void)disk->list(disk, SIM_QUEUE_DIR "/dead", add_letters, &bytes);
    const struct queue_config *config = &sim->flow.queue;
    uint64_t segment = config->max_size / 8 + SNAPSHOTS_BYTES + sim->io.block_bytes_max;
    // One that drops begins another segment, so that there is one to drop.
    uint64_t segments = config->when_full == WHEN_FULL_DROP_OLDEST ? 3 : 2;
    uint64_t most = config->max_size + segments * segment;
    if (bytes.segments > most || bytes.aside > BAD_FILES * segment || bytes.others > OTHERS_BYTES ||
        bytes.letters > config->dead_letter_max_size) {
        sim_fail(sim,
                 "(e) %llu bytes in segments, allowed %llu; %llu set aside, %llu of dead letters, "
                 "%llu in other files",
                 (unsigned long long)bytes.segments, (unsigned long long)most,
                 (unsigned long long)bytes.aside, (unsigned long long)bytes.letters,
                 (unsigned long long)bytes.others);
    }
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
                 "(g) the books do not balance: read %llu (%llu bytes), filtered %llu (%llu), "
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
    check_disk(sim);
}

// ---- (f) what may be repeated is reported ----

// The machine lost power: what was sent since a time may be repeated too, and whatever was repeated
// since then may be missing in the number.
static void note_bound(struct sim *sim)
{
    uint64_t bound_ns = sim->report.unsure_since_ns;
    sim->unsure_ns = bound_ns;
    for (unsigned i = 1; i <= sim->line_count; i++) {
        struct sim_line *line = &sim->lines[i];
        if (line->may_repeat && (line->unsure_ns == 0 || line->unsure_ns > bound_ns)) {
            line->unsure_ns = bound_ns;
        }
    }
    uint64_t kept = 0;
    for (uint64_t i = 0; i < sim->repeat_count; i++) {
        if (sim->repeats_ns[i] < bound_ns) {
            sim->repeats_ns[kept++] = sim->repeats_ns[i];
        }
    }
    sim->repeat_count = kept;
}

void sim_note_repeat(struct sim *sim, const struct sim_line *line)
{
    bool is_bounded = line->unsure_ns != 0 && line->sent_ns >= line->unsure_ns;
    if (!is_bounded && sim->repeat_count < SIM_LINES_MAX) {
        sim->repeats_ns[sim->repeat_count++] = sim->io.io.real_ns(&sim->io.io);
    }
}

static void check_offers(struct sim *sim)
{
    if (sim->report.maybe_repeated != sim->repeats_expected) {
        sim_fail(sim, "(f) %llu records are reported, of a copy of the disk %llu",
                 (unsigned long long)sim->report.maybe_repeated,
                 (unsigned long long)sim->repeats_expected);
    }
    if (sim->report.unsure_since_ns != 0) {
        note_bound(sim);
    }
    for (unsigned i = 1; i <= sim->line_count; i++) {
        sim->lines[i].offered = false;
    }
    sim->knows_offers = true;
}

// ---- at the start ----

// What was read stays so, unless power was lost.
static void check_books(struct sim *sim)
{
    struct books books;
    queue_books(sim->queue, &books);
    const struct books *before = &sim->books_at_end;
    if (sim->knows_books &&
        (books.read.records < before->read.records || books.read.bytes < before->read.bytes ||
         books.filtered.records < before->filtered.records ||
         books.acknowledged.records < before->acknowledged.records ||
         books.dead_lettered.records < before->dead_lettered.records)) {
        sim_fail(
            sim,
            "(g) the books were read %llu, filtered %llu, acknowledged %llu; are %llu, %llu, %llu",
            (unsigned long long)before->read.records, (unsigned long long)before->filtered.records,
            (unsigned long long)before->acknowledged.records,
            (unsigned long long)books.read.records, (unsigned long long)books.filtered.records,
            (unsigned long long)books.acknowledged.records);
    }
    sim->knows_books = false;
}

void sim_start_check(struct sim *sim)
{
    check_books(sim);
    check_offers(sim);
}
