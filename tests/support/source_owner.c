#include "support/source_owner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/number.h"
#include "base/stats.h"

enum { KNOWN_MAX = 512, READERS_MAX = 512 };

// What the owner keeps of one file.
struct reader {
    struct source_file *file;
    struct buf partial;
    uint64_t position;  // behind the last whole line
    unsigned last_line; // its id: a writer counts upwards
};

struct store {
    struct generation known[KNOWN_MAX];
    size_t count;
    uint64_t lost;
};

struct owner {
    struct io *io;
    const struct source_config *config;
    struct source *source; // NULL: stopped
    struct stats stats;
    struct store working;
    struct store committed;
    struct reader *readers[READERS_MAX];
    size_t reader_count;
    unsigned times_read[OWNER_LINES_MAX]; // committed or not
    unsigned uncommitted[OWNER_LINES_MAX * 2];
    size_t uncommitted_count;
    uint64_t newlines_missing;
    bool first_start;
    bool rebooted;
    bool trace;
    bool faults_expected;
    char failure[256];
};

void owner_complain(struct owner *owner, const char *format, ...)
{
    if (owner->failure[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(owner->failure, sizeof owner->failure, format, args);
        va_end(args);
    }
}

// ---- what the owner stores ----

static void copy_generation(struct generation *to, const struct generation *from)
{
    free(to->path);
    *to = *from;
    to->path = xstrdup(from->path);
}

static void copy_store(struct store *to, const struct store *from)
{
    for (size_t i = from->count; i < to->count; i++) {
        free(to->known[i].path);
        to->known[i].path = NULL;
    }
    for (size_t i = 0; i < from->count; i++) {
        copy_generation(&to->known[i], &from->known[i]);
    }
    to->count = from->count;
    to->lost = from->lost;
}

static void free_store(struct store *store)
{
    for (size_t i = 0; i < KNOWN_MAX; i++) {
        free(store->known[i].path);
    }
}

static struct generation *find_known(struct store *store, uint64_t id)
{
    for (size_t i = 0; i < store->count; i++) {
        if (store->known[i].id == id) {
            return &store->known[i];
        }
    }
    return NULL;
}

static void on_generation(void *context, const struct generation *generation)
{
    struct owner *owner = context;
    struct store *store = &owner->working;
    struct generation *known = find_known(store, generation->id);
    if (owner->trace) {
        printf("    generation %u inode %u position %u size %u state %d %s\n",
               (unsigned)generation->id, (unsigned)generation->inode,
               (unsigned)generation->position, (unsigned)generation->size_seen,
               (int)generation->state, generation->path);
    }
    if (generation->state == GENERATION_FORGET) {
        if (known != NULL) {
            free(known->path);
            *known = store->known[--store->count];
            store->known[store->count].path = NULL;
        }
        return;
    }
    if (known == NULL) {
        ASSERT(store->count < KNOWN_MAX);
        known = &store->known[store->count++];
    }
    copy_generation(known, generation);
}

static void on_skipped(void *context, const struct generation *generation, uint64_t bytes)
{
    (void)generation;
    owner_complain(context, "%u bytes skipped", (unsigned)bytes);
}

static void on_lost(void *context, const struct generation *generation, uint64_t bytes,
                    enum source_loss loss)
{
    struct owner *owner = context;
    owner->working.lost += bytes;
    if (owner->trace) {
        printf("    lost %u of %u (%s)\n", (unsigned)bytes, (unsigned)generation->id,
               loss == LOSS_EXACT ? "exact" : "at least");
    }
}

static void drop_reader(struct owner *owner, struct reader *reader)
{
    for (size_t i = 0; i < owner->reader_count; i++) {
        if (owner->readers[i] == reader) {
            owner->readers[i] = owner->readers[--owner->reader_count];
            break;
        }
    }
    buf_deinit(&reader->partial);
    free(reader);
}

static void on_closed(void *context, struct source_file *file)
{
    struct reader *reader = source_file_user(file);
    if (reader == NULL) {
        owner_complain(context, "a file was closed that was never handed out");
        return;
    }
    source_file_set_user(file, NULL);
    drop_reader(context, reader);
}

// ---- the owner reads ----

static struct reader *reader_of(struct owner *owner, struct source_file *file)
{
    struct reader *reader = source_file_user(file);
    if (reader == NULL) {
        ASSERT(owner->reader_count < READERS_MAX);
        reader = xcalloc(1, sizeof *reader);
        reader->file = file;
        reader->position = source_file_generation(file)->position;
        buf_init(&reader->partial, SIZE_MAX);
        owner->readers[owner->reader_count++] = reader;
        source_file_set_user(file, reader);
    }
    return reader;
}

// The id of a line "L00012 text;", 0 for any other.
unsigned owner_line_id(struct slice line)
{
    uint64_t id;
    bool shaped = line.size >= 8 && line.data[0] == 'L' && line.data[6] == ' ' &&
                  line.data[line.size - 1] == ';';
    return shaped && number_parse_u64(slice_of(line.data + 1, 5), &id) == 0 ? (unsigned)id : 0;
}

static void take_line(struct owner *owner, struct reader *reader, struct slice line)
{
    unsigned id = owner_line_id(line);
    if (id == 0) {
        return;
    }
    if (owner->trace) {
        printf("    line %u\n", id);
    }
    if (id < reader->last_line) {
        owner_complain(owner, "line %u was read behind line %u of the same file", id,
                       reader->last_line);
    }
    reader->last_line = id;
    if (++owner->times_read[id] > 1) {
        owner_complain(owner, "line %u was read twice", id);
    }
    owner->uncommitted[owner->uncommitted_count++] = id;
}

static void take_lines(struct owner *owner, struct reader *reader)
{
    const uint8_t *newline;
    while (reader->partial.size > 0 &&
           (newline = memchr(reader->partial.data, '\n', reader->partial.size)) != NULL) {
        size_t size = (size_t)(newline - reader->partial.data);
        take_line(owner, reader, slice_of(reader->partial.data, size));
        buf_consume(&reader->partial, size + 1);
        reader->position += size + 1;
    }
}

// Reads one chunk. False when there is nothing to read.
bool owner_read_some(struct owner *owner, size_t size)
{
    uint8_t room[4096];
    uint64_t now_ns = owner->io->monotonic_ns(owner->io);
    struct source_file *file = source_next(owner->source, now_ns);
    if (file == NULL) {
        return false;
    }
    struct reader *reader = reader_of(owner, file);
    int64_t count = source_read(owner->source, file, room, size, now_ns);
    if (count < 0) {
        if (!owner->faults_expected) {
            owner_complain(owner, "reading failed: %d", (int)count);
        }
        return false;
    }
    buf_append(&reader->partial, room, (size_t)count);
    take_lines(owner, reader);
    if (count == 0 && source_file_ended(file) && reader->partial.size > 0) {
        take_line(owner, reader, buf_slice(&reader->partial));
        owner->newlines_missing++;
        reader->position += reader->partial.size;
        buf_clear(&reader->partial);
    }
    return true;
}

void owner_commit(struct owner *owner)
{
    if (owner->source == NULL) {
        return;
    }
    for (size_t i = 0; i < owner->reader_count; i++) {
        struct reader *reader = owner->readers[i];
        const struct generation *generation = source_file_generation(reader->file);
        struct fingerprint tail = generation->tail;
        if (generation->position != reader->position) {
            tail = source_tail(owner->source, reader->file, reader->position);
        }
        struct generation *known = find_known(&owner->working, generation->id);
        if (known == NULL) {
            owner_complain(owner, "generation %u was read before it was told",
                           (unsigned)generation->id);
            return;
        }
        known->position = reader->position;
        known->tail = tail;
        source_confirm(owner->source, reader->file, reader->position, tail);
    }
    copy_store(&owner->committed, &owner->working);
    owner->uncommitted_count = 0;
}

static uint64_t next_id(const struct store *store)
{
    uint64_t id = 1;
    for (size_t i = 0; i < store->count; i++) {
        id = store->known[i].id >= id ? store->known[i].id + 1 : id;
    }
    return id;
}

static void start(struct owner *owner)
{
    if (owner->source != NULL) {
        return;
    }
    struct source_options options = {
        .config = owner->config,
        .known = owner->committed.known,
        .known_count = owner->committed.count,
        .same_boot = !owner->rebooted,
        .fresh = owner->first_start,
        .next_id = next_id(&owner->committed),
        .events = {.context = owner,
                   .generation = on_generation,
                   .skipped = on_skipped,
                   .lost = on_lost,
                   .closed = on_closed},
        .stats = &owner->stats,
    };
    copy_store(&owner->working, &owner->committed);
    int error = source_open(owner->io, &options, &owner->source);
    ASSERT(error == 0);
    owner->first_start = false;
    owner->rebooted = false;
    owner_commit(owner);
}

void owner_stop(struct owner *owner)
{
    if (owner->source == NULL) {
        return;
    }
    source_close(owner->source);
    owner->source = NULL;
    while (owner->reader_count > 0) {
        drop_reader(owner, owner->readers[0]);
    }
    while (owner->uncommitted_count > 0) {
        owner->times_read[owner->uncommitted[--owner->uncommitted_count]]--;
    }
}

void owner_step(struct owner *owner)
{
    start(owner);
    uint64_t now_ns = owner->io->monotonic_ns(owner->io);
    (void)source_step(owner->source, now_ns);
}

void owner_drain(struct owner *owner)
{
    for (int round = 0; round < 8; round++) {
        owner_step(owner);
        unsigned reads = 0;
        while (owner->failure[0] == '\0' && owner_read_some(owner, 4096)) {
            if (++reads > 100000) {
                owner_complain(owner, "reading does not end");
            }
        }
    }
}

// ---- life, and what is known ----

struct owner *owner_create(struct io *io, const struct source_config *config, bool trace)
{
    struct owner *owner = xcalloc(1, sizeof *owner);
    owner->io = io;
    owner->config = config;
    owner->trace = trace;
    owner->first_start = true;
    return owner;
}

void owner_free(struct owner *owner)
{
    owner_stop(owner);
    free_store(&owner->working);
    free_store(&owner->committed);
    free(owner);
}

bool owner_is_running(const struct owner *owner)
{
    return owner->source != NULL;
}

void owner_expect_faults(struct owner *owner)
{
    owner->faults_expected = true;
}

struct source *owner_source(const struct owner *owner)
{
    return owner->source;
}

void owner_reboot(struct owner *owner)
{
    ASSERT(owner->source == NULL);
    owner->rebooted = true;
}

unsigned owner_times_read(const struct owner *owner, unsigned id)
{
    return owner->times_read[id];
}

uint64_t owner_lost_bytes(const struct owner *owner)
{
    uint64_t lost = owner->working.lost;
    return lost > owner->newlines_missing ? lost - owner->newlines_missing : 0;
}

const char *owner_failure(const struct owner *owner)
{
    return owner->failure[0] == '\0' ? NULL : owner->failure;
}

struct lookup {
    const char *path;
    char *state;
};

static void look_up(void *context, const struct source_file_info *info)
{
    struct lookup *lookup = context;
    if (strcmp(info->path, lookup->path) == 0) {
        free(lookup->state);
        lookup->state = xstrdup(info->state);
    }
}

char *owner_state_of(const struct owner *owner, const char *path)
{
    struct lookup lookup = {.path = path};
    source_files(owner->source, look_up, &lookup);
    return lookup.state;
}

static void print_file(void *context, const struct source_file_info *info)
{
    (void)context;
    printf("    %s: %u of %u, %s\n", info->path, (unsigned)info->position, (unsigned)info->size,
           info->state);
}

void owner_print_files(const struct owner *owner)
{
    source_files(owner->source, print_file, NULL);
}
