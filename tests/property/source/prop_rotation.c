// Random programs of writing, rotating, copying, truncating, deleting and restarting, against a
// model: each line carries an id and must be read exactly once, or its bytes must be gone.
//
// KINTAIL_RUNS sets the number of programs, KINTAIL_SEED the first one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/prng.h"
#include "support/gzip_bytes.h"
#include "support/runs.h"
#include "support/simfs.h"
#include "support/source_owner.h"
#include "support/test_main.h"

enum {
    OPS_MAX = 48,
    NAMES = 4, // app.log, app.log.1 and so on
    RUNS_DEFAULT = 20000,
};

// The steps of a program, with how often each is drawn. Each is harmless where it does not apply.
#define OPS(X)                                                                  \
    X(WRITE, 10)     /* append whole lines to the live log */                   \
    X(WRITE_PART, 3) /* append a line in two pieces */                          \
    X(WRITE_LATE, 4) /* append to the renamed file */                           \
    X(ROTATE, 5)     /* shift the names, and perhaps create the log */          \
    X(COPY, 2)       /* shift the names, copy the log in pieces, truncate it */ \
    X(TRUNCATE, 2)   /* and perhaps write anew at once */                       \
    X(DELETE, 2)     /* a random one */                                         \
    X(REPLACE, 1)    /* rename a new file over the log */                       \
    X(LINK, 1)       /* give a file one more name, or take it away */           \
    X(GZIP, 2)       /* compress a renamed file as gzip(1) does */              \
    X(STEP, 8)       /* a step of the source and some reads */                  \
    X(DRAIN, 4)      /* read everything */                                      \
    X(COMMIT, 5)     /* the owner stores what it has */                         \
    X(ADVANCE, 4)    /* some time passes */                                     \
    X(STOP, 2)       /* commit and stop; the next step starts again */          \
    X(CRASH, 2)      /* stop without commit */                                  \
    X(SETTLE, 3)     /* time passes, everything is read, the model is checked */

enum op_kind {
#define X(name, weight) OP_##name,
    OPS(X)
#undef X
        OP_COUNT
};

static const char *const OP_NAMES[] = {
#define X(name, weight) #name,
    OPS(X)
#undef X
};

static const unsigned OP_WEIGHTS[] = {
#define X(name, weight) (weight),
    OPS(X)
#undef X
};

struct op {
    enum op_kind kind;
    uint64_t seed; // of its own choices
};

struct program {
    uint64_t seed;
    bool births;
    bool reuse;
    bool network;
    uint64_t stride;
    bool header;
    size_t queue_max;
    size_t open_max;
    struct op ops[OPS_MAX];
    size_t count;
};

struct world {
    const struct program *program;
    struct simfs *fs;
    struct owner *owner;
    struct source_config config;
    char *files[1];
    unsigned next_line;
    uint64_t device;
    bool trace;
};

// ---- the writers ----

static void name_of(size_t index, char out_path[64])
{
    if (index == 0) {
        snprintf(out_path, 64, "/d/app.log");
    } else {
        snprintf(out_path, 64, "/d/app.log.%u", (unsigned)index);
    }
}

static void archive_name_of(size_t index, char out_path[64])
{
    name_of(index, out_path);
    size_t size = strlen(out_path);
    snprintf(out_path + size, 64 - size, ".gz");
}

static bool exists(const struct world *world, size_t index)
{
    char path[64];
    name_of(index, path);
    return simfs_exists(world->fs, path);
}

static void append(struct world *world, const char *path, const char *text, size_t size)
{
    bool empty = !simfs_exists(world->fs, path) || simfs_size(world->fs, path) == 0;
    if (world->program->header && empty && size > 0) {
        static const char HEADER[] = "#Fields: the same first line in every file\n";
        simfs_append(world->fs, path, HEADER, strlen(HEADER));
    }
    simfs_append(world->fs, path, text, size);
}

static size_t make_line(struct world *world, struct prng *prng, char out_line[512])
{
    char pad[400];
    memset(pad, '.', sizeof pad);
    size_t size = prng_below(prng, 20) == 0 ? prng_below(prng, 400) : prng_below(prng, 30);
    return (size_t)snprintf(out_line, 512, "L%05u %.*s;\n", ++world->next_line, (int)size, pad);
}

static void write_lines(struct world *world, const char *path, struct prng *prng)
{
    char line[512];
    for (uint64_t i = prng_below(prng, 6) + 1; i > 0 && world->next_line + 2 < OWNER_LINES_MAX;
         i--) {
        size_t size = make_line(world, prng, line);
        append(world, path, line, size);
    }
}

static void shift_names(struct world *world)
{
    char from[64];
    char to[64];
    for (size_t i = NAMES - 1; i > 1; i--) {
        name_of(i - 1, from);
        name_of(i, to);
        if (simfs_exists(world->fs, from)) {
            simfs_rename(world->fs, from, to);
        }
        archive_name_of(i - 1, from);
        archive_name_of(i, to);
        if (simfs_exists(world->fs, from)) {
            simfs_rename(world->fs, from, to);
        }
    }
}

static void maybe_step(struct world *world, struct prng *prng)
{
    if (owner_is_running(world->owner) && prng_below(prng, 3) == 0) {
        owner_step(world->owner);
        for (uint64_t i = prng_below(prng, 4); i > 0; i--) {
            (void)owner_read_some(world->owner, 1 + prng_below(prng, 200));
        }
    }
}

static void do_rotate(struct world *world, struct prng *prng)
{
    if (!exists(world, 0)) {
        return;
    }
    shift_names(world);
    maybe_step(world, prng);
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    maybe_step(world, prng);
    if (prng_below(prng, 2) == 0) {
        append(world, "/d/app.log", "", 0);
    }
    if (prng_below(prng, 3) == 0) {
        write_lines(world, "/d/app.log", prng);
    }
    if (prng_below(prng, 3) == 0) {
        write_lines(world, "/d/app.log.1", prng);
    }
}

static void do_copy(struct world *world, struct prng *prng)
{
    const struct program *program = world->program;
    // Without births a copy in a used inode may pass for what had that inode before.
    if (!exists(world, 0) || (program->reuse && !program->births)) {
        return;
    }
    shift_names(world);
    if (exists(world, 1)) {
        simfs_unlink(world->fs, "/d/app.log.1");
    }
    size_t size = (size_t)simfs_size(world->fs, "/d/app.log");
    size_t done = 0;
    simfs_append(world->fs, "/d/app.log.1", "", 0);
    while (done < size) {
        maybe_step(world, prng);
        size_t part = prng_below(prng, 2) == 0 ? size - done : 1 + prng_below(prng, size - done);
        uint8_t *copy = xmalloc(part);
        memcpy(copy, simfs_content(world->fs, "/d/app.log").data + done, part);
        simfs_append(world->fs, "/d/app.log.1", copy, part);
        free(copy);
        done += part;
    }
    maybe_step(world, prng);
    // What is written between copying and truncating is in no copy. That the copy is shorter than
    // what was read is only known to who saw both, which polling may not.
    bool raced = prng_below(prng, 4) == 0 && !program->network;
    if (raced) {
        write_lines(world, "/d/app.log", prng);
        maybe_step(world, prng);
    }
    simfs_truncate(world->fs, "/d/app.log", 0);
    if (raced && owner_is_running(world->owner)) {
        owner_drain(world->owner);
        owner_commit(world->owner);
    }
    if (prng_below(prng, 2) == 0) {
        maybe_step(world, prng);
        write_lines(world, "/d/app.log", prng);
    }
}

static void do_write_part(struct world *world, struct prng *prng)
{
    char line[512];
    if (world->next_line + 2 >= OWNER_LINES_MAX) {
        return;
    }
    size_t size = make_line(world, prng, line);
    // At least its id: nothing else tells it from what another file begins with.
    size_t first = 7 + prng_below(prng, size - 7);
    append(world, "/d/app.log", line, first);
    maybe_step(world, prng);
    append(world, "/d/app.log", line + first, size - first);
}

static void do_link(struct world *world, struct prng *prng)
{
    char path[64];
    name_of(prng_below(prng, NAMES), path);
    if (simfs_exists(world->fs, "/d/app.log.link")) {
        simfs_unlink(world->fs, "/d/app.log.link");
    } else if (simfs_exists(world->fs, path)) {
        simfs_link(world->fs, path, "/d/app.log.link");
    }
}

static void do_gzip(struct world *world, struct prng *prng)
{
    char path[64];
    char archive[64];
    size_t index = 1 + prng_below(prng, NAMES - 1);
    name_of(index, path);
    archive_name_of(index, archive);
    // gzip(1) leaves a file with another link alone. No original is kept, as by gzip -k: when both
    // are renamed before they are seen, all of it comes twice.
    if (!simfs_exists(world->fs, path) || simfs_exists(world->fs, "/d/app.log.link")) {
        return;
    }
    if (simfs_exists(world->fs, archive)) {
        simfs_unlink(world->fs, archive);
    }
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX);
    gzip_bytes(&bytes, simfs_content(world->fs, path));
    for (size_t done = 0; done < bytes.size;) {
        size_t part = 1 + prng_below(prng, bytes.size - done);
        simfs_append(world->fs, archive, bytes.data + done, part);
        done += part;
        maybe_step(world, prng);
    }
    buf_deinit(&bytes);
    simfs_unlink(world->fs, path);
}

static void do_delete(struct world *world, struct prng *prng)
{
    char path[64];
    name_of(prng_below(prng, NAMES), path);
    if (simfs_exists(world->fs, path)) {
        simfs_unlink(world->fs, path);
        if (prng_below(prng, 2) == 0) {
            write_lines(world, "/d/app.log", prng);
        }
    }
}

static void do_truncate(struct world *world, struct prng *prng)
{
    if (exists(world, 0)) {
        simfs_truncate(world->fs, "/d/app.log", 0);
        for (uint64_t i = prng_below(prng, 4); i > 0; i--) {
            write_lines(world, "/d/app.log", prng);
        }
    }
}

static void do_stop(struct world *world, struct prng *prng, bool orderly)
{
    if (orderly) {
        owner_commit(world->owner);
    }
    owner_stop(world->owner);
    // Without times of birth the path takes part after a reboot, so names would have to stay.
    if (prng_below(prng, 4) == 0 && world->program->births) {
        simfs_set_device(world->fs, ++world->device);
        owner_reboot(world->owner);
    }
}

// ---- the model ----

static void check_content(struct world *world, const char *path, struct slice rest)
{
    while (rest.size > 0) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        if (newline == NULL) {
            return;
        }
        size_t size = (size_t)(newline - rest.data);
        unsigned id = owner_line_id(slice_of(rest.data, size));
        if (id != 0 && owner_times_read(world->owner, id) != 1) {
            owner_complain(world->owner, "line %u of %s was read %u times", id, path,
                           owner_times_read(world->owner, id));
        }
        rest = slice_skip(rest, size + 1);
    }
}

static void check_file(struct world *world, const char *path)
{
    if (simfs_exists(world->fs, path)) {
        check_content(world, path, simfs_content(world->fs, path));
    }
}

static void check_archive(struct world *world, const char *path)
{
    enum { CONTENT_MAX = 1 << 20 };
    if (!simfs_exists(world->fs, path)) {
        return;
    }
    struct slice bytes = simfs_content(world->fs, path);
    uint8_t *room = xmalloc(CONTENT_MAX);
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)bytes.data,
                       .avail_in = (unsigned)bytes.size,
                       .next_out = room,
                       .avail_out = CONTENT_MAX};
    ASSERT(inflateInit2(&stream, MAX_WBITS + 16) == Z_OK);
    ASSERT(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    check_content(world, path, slice_of(room, stream.total_out));
    inflateEnd(&stream);
    free(room);
}

static void settle(struct world *world)
{
    // Where files wait for a descriptor, one is closed only when the end of another is proven.
    int rounds = world->program->open_max < NAMES ? 12 : 3;
    for (int i = 0; i < rounds; i++) {
        owner_drain(world->owner);
        owner_commit(world->owner);
        simfs_advance_ns(world->fs, 11 * NS_PER_S);
    }
    owner_drain(world->owner);
    if (world->trace) {
        owner_print_files(world->owner);
    }
    char path[64];
    for (size_t i = 0; i < NAMES; i++) {
        name_of(i, path);
        check_file(world, path);
        archive_name_of(i, path);
        check_archive(world, path);
    }
    uint64_t read = 0;
    for (unsigned id = 1; id <= world->next_line; id++) {
        read += owner_times_read(world->owner, id);
    }
    // Where births or content that was not read yet tell files apart, their absence may deceive.
    const struct program *program = world->program;
    bool exact = program->births && !program->header && program->open_max > NAMES;
    if (exact && owner_lost_bytes(world->owner) > 0 && read == world->next_line) {
        owner_complain(world->owner, "%u bytes are said to be lost, but every line was read",
                       (unsigned)owner_lost_bytes(world->owner));
    }
}

// ---- programs ----

static void read_a_few(struct world *world, struct prng *prng)
{
    owner_step(world->owner);
    for (uint64_t i = prng_below(prng, 6); i > 0; i--) {
        (void)owner_read_some(world->owner, 1 + prng_below(prng, 300));
    }
}

static void pass_time(struct world *world, struct prng *prng)
{
    simfs_advance_ns(world->fs, prng_below(prng, 3000) * NS_PER_MS);
    if (prng_below(prng, 4) == 0) {
        owner_drain(world->owner);
        simfs_advance_ns(world->fs, 61 * NS_PER_S);
        owner_drain(world->owner);
    }
}

static void replace(struct world *world, struct prng *prng)
{
    write_lines(world, "/d/new", prng);
    if (simfs_exists(world->fs, "/d/new")) {
        simfs_rename(world->fs, "/d/new", "/d/app.log");
    }
}

static void run_op(struct world *world, const struct op *op)
{
    struct prng choices = prng_of_seed(op->seed);
    struct prng *prng = &choices;
    simfs_advance_ns(world->fs, prng_below(prng, 3) * NS_PER_MS);
    switch (op->kind) {
    case OP_WRITE:
        write_lines(world, "/d/app.log", prng);
        break;
    case OP_WRITE_PART:
        do_write_part(world, prng);
        break;
    case OP_WRITE_LATE:
        if (exists(world, 1)) {
            write_lines(world, "/d/app.log.1", prng);
        }
        break;
    case OP_ROTATE:
        do_rotate(world, prng);
        break;
    case OP_COPY:
        do_copy(world, prng);
        break;
    case OP_TRUNCATE:
        do_truncate(world, prng);
        break;
    case OP_DELETE:
        do_delete(world, prng);
        break;
    case OP_REPLACE:
        replace(world, prng);
        break;
    case OP_LINK:
        do_link(world, prng);
        break;
    case OP_GZIP:
        do_gzip(world, prng);
        break;
    case OP_STEP:
        read_a_few(world, prng);
        break;
    case OP_DRAIN:
        owner_drain(world->owner);
        break;
    case OP_COMMIT:
        owner_commit(world->owner);
        break;
    case OP_ADVANCE:
        pass_time(world, prng);
        break;
    case OP_STOP:
        do_stop(world, prng, true);
        break;
    case OP_CRASH:
        do_stop(world, prng, false);
        break;
    case OP_SETTLE:
        settle(world);
        break;
    case OP_COUNT:
        break;
    }
}

static void make_program(struct program *program, uint64_t seed)
{
    struct prng prng = prng_of_seed(seed);
    *program = (struct program){
        .seed = seed,
        .births = prng_below(&prng, 4) != 0,
        .reuse = prng_below(&prng, 2) == 0,
        .network = prng_below(&prng, 8) == 0,
        .stride = 1 + (prng_next(&prng) >> prng_below(&prng, 64)),
        .header = prng_below(&prng, 4) == 0,
        .queue_max = prng_below(&prng, 8) == 0 ? 3 : 16384,
        .open_max = prng_below(&prng, 8) == 0 ? 2 : 100,
        .count = 8 + prng_below(&prng, OPS_MAX - 8),
    };
    unsigned total = 0;
    for (size_t i = 0; i < OP_COUNT; i++) {
        total += OP_WEIGHTS[i];
    }
    for (size_t i = 0; i < program->count; i++) {
        uint64_t pick = prng_below(&prng, total);
        size_t kind = 0;
        while (pick >= OP_WEIGHTS[kind]) {
            pick -= OP_WEIGHTS[kind++];
        }
        program->ops[i] = (struct op){.kind = (enum op_kind)kind, .seed = prng_next(&prng)};
    }
}

static struct world *make_world(const struct program *program, bool trace)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->program = program;
    world->trace = trace;
    world->device = 1;
    world->fs = simfs_create();
    simfs_set_births(world->fs, program->births);
    simfs_set_reuse(world->fs, program->reuse);
    simfs_set_inode_stride(world->fs, program->stride);
    simfs_set_network(world->fs, program->network);
    simfs_set_queue_max(world->fs, program->queue_max);
    simfs_mkdir(world->fs, "/d");
    world->files[0] = xstrdup("/d/app.log*");
    world->config = (struct source_config){
        .files = {.items = world->files, .count = 1},
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = program->open_max,
        .compressed = true,
        .compressed_max_size = UINT64_MAX,
    };
    world->owner = owner_create(simfs_io(world->fs), &world->config, trace);
    return world;
}

static void free_world(struct world *world)
{
    owner_free(world->owner);
    simfs_free(world->fs);
    free(world->files[0]);
    free(world);
}

// Runs a program. Returns whether it failed; `why` is the failure.
static bool run_program(const struct program *program, bool trace, char why[256])
{
    struct world *world = make_world(program, trace);
    for (size_t i = 0; i < program->count && owner_failure(world->owner) == NULL; i++) {
        if (trace) {
            printf("  %s\n", OP_NAMES[program->ops[i].kind]);
        }
        run_op(world, &program->ops[i]);
    }
    if (owner_failure(world->owner) == NULL) {
        settle(world);
    }
    const char *failure = owner_failure(world->owner);
    bool failed = failure != NULL;
    snprintf(why, 256, "%s", failed ? failure : "");
    free_world(world);
    return failed;
}

// Takes out every step without which the program fails as well.
static void shrink(struct program *program)
{
    char why[256];
    bool smaller = true;
    while (smaller) {
        smaller = false;
        for (size_t i = program->count; i-- > 0;) {
            struct program less = *program;
            less.count--;
            memmove(&less.ops[i], &less.ops[i + 1], (less.count - i) * sizeof less.ops[0]);
            if (run_program(&less, false, why)) {
                *program = less;
                smaller = true;
            }
        }
    }
}

static void report(struct program *program, char why[256])
{
    shrink(program);
    printf("seed %llu: births %d reuse %d network %d header %d queue %u open %u\n",
           (unsigned long long)program->seed, program->births, program->reuse, program->network,
           program->header, (unsigned)program->queue_max, (unsigned)program->open_max);
    (void)run_program(program, true, why);
    printf("%s\n", why);
    fflush(stdout);
}

static void check(uint64_t seed)
{
    struct program program;
    char why[256];
    make_program(&program, seed);
    if (run_program(&program, false, why)) {
        report(&program, why);
        ck_abort_msg("seed %llu: %s", (unsigned long long)seed, why);
    }
}

START_TEST(every_line_is_read_once_or_gone)
{
    struct runs runs = runs_wanted(RUNS_DEFAULT);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        check(seed);
    }
}
END_TEST

// An archive that waits to be judged keeps a descriptor that the judging needs; one is taken for
// the rest of a copy that was never read; the inode of its original is used again; files without a
// name keep all descriptors; one was renamed when it was to be judged.
START_TEST(programs_that_failed_once_hold)
{
    static const uint64_t seeds[] = {6135, 75495, 82921, 119444, 141022};
    for (size_t i = 0; i < ARRAY_COUNT(seeds); i++) {
        check(seeds[i]);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("rotation");
    TCase *programs = tcase_create("programs");
    tcase_set_timeout(programs, 3600);
    tcase_add_test(programs, every_line_is_read_once_or_gone);
    tcase_add_test(programs, programs_that_failed_once_hold);
    suite_add_tcase(suite, programs);
    return suite;
}
