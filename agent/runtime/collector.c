#include "runtime/collector.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "record/record.h"
#include "source/source.h"

enum {
    CHUNK_BYTES = 256 * 1024,
    STEP_BYTES_MAX = 4 * CHUNK_BYTES, // of reading in one step
    RETRY_MS = 1000,                  // after the queue refused, unless its bell rings before
    SYNC_POLL_MS = 20,                // while the syncer makes a start durable
};

// A file that is being read.
struct tracked {
    struct source *source;
    struct source_file *file;
    struct framer *framer;
    uint64_t expiry_ns;      // of the record that waits in the framer
    uint64_t position;       // behind the last record in the block in the making
    struct fingerprint tail; // of the bytes before `position`, with `touched`
    bool touched;            // to be confirmed when the block is written
    size_t index;            // in collector.tracked
};

struct collector {
    struct io *io;
    struct collector_options options;
    struct record_rules *rules;
    struct source *source;

    struct tracked **tracked;
    size_t tracked_count;
    size_t tracked_capacity;
    struct tracked **touched; // as many places as `tracked`
    size_t touched_count;

    struct tracked *current; // its framer may have records
    uint64_t chunk_end;      // offset in the current file behind the bytes in `chunk`
    size_t chunk_bytes;
    bool has_record; // `record` was taken from the framer and is not in the block yet
    struct record record;
    // Nothing is read before the positions to start from are in the queue and on disk: what is
    // behind them would be passed over when start_at applied once more, to a file that has grown.
    bool starting;
    uint64_t started_ns; // monotonic time at which the queue had them, 0: it has not
    bool blocked;
    uint8_t chunk[CHUNK_BYTES];
};

// ---- what the source tells ----

static void on_generation(void *context, const struct generation *generation)
{
    struct collector *collector = context;
    queue_note_generation(collector->options.queue, generation);
}

static void on_skipped(void *context, const struct generation *generation, uint64_t bytes)
{
    struct collector *collector = context;
    (void)generation;
    queue_add_skipped(collector->options.queue, bytes);
}

static void on_lost(void *context, const struct generation *generation, uint64_t bytes,
                    enum source_loss loss)
{
    struct collector *collector = context;
    const char *flow = collector->options.flow->name;
    const char *path = generation->path;
    unsigned long long size = generation->size_seen;
    if (bytes > 0) {
        queue_add_lost(collector->options.queue, generation->id, bytes, loss == LOSS_EXACT);
    }
    switch (loss) {
    case LOSS_EXACT:
    case LOSS_AT_LEAST:
        log_warning("flow %s: %s%llu bytes of %s were gone before they could be read", flow,
                    loss == LOSS_EXACT ? "" : "at least ", (unsigned long long)bytes, path);
        break;
    case LOSS_PERHAPS:
        queue_note_perhaps_lost(collector->options.queue, generation->id, true);
        log_warning("flow %s: %s was gone after the start; what was written to it behind byte %llu"
                    " is lost, if anything",
                    flow, path, size);
        break;
    case LOSS_CUT:
        log_warning("flow %s: %s ends early, after %llu bytes of content; what followed is lost,"
                    " if anything",
                    flow, path, size);
        break;
    case LOSS_DAMAGED:
        if (bytes > 0) {
            log_warning(
                "flow %s: %s is damaged after %llu bytes of content; at least %llu bytes that"
                " followed are lost",
                flow, path, size, (unsigned long long)bytes);
        } else {
            log_warning("flow %s: %s is damaged after %llu bytes of content; what followed is lost,"
                        " if anything",
                        flow, path, size);
        }
        break;
    case LOSS_NONE:
        queue_note_perhaps_lost(collector->options.queue, generation->id, false);
        break;
    }
}

static void on_copied(void *context, const struct generation *generation, uint64_t original)
{
    struct collector *collector = context;
    queue_note_copy(collector->options.queue, generation->id, original);
}

static void forget(struct collector *collector, struct tracked *tracked)
{
    for (size_t i = 0; tracked->touched && i < collector->touched_count; i++) {
        if (collector->touched[i] == tracked) {
            collector->touched[i] = collector->touched[--collector->touched_count];
            break;
        }
    }
    struct tracked *last = collector->tracked[--collector->tracked_count];
    collector->tracked[tracked->index] = last;
    last->index = tracked->index;
    source_file_set_user(tracked->file, NULL);
    framer_free(tracked->framer);
    free(tracked);
}

static void on_closed(void *context, struct source_file *file)
{
    struct collector *collector = context;
    struct tracked *tracked = source_file_user(file);
    if (tracked != NULL) {
        ASSERT(tracked != collector->current);
        forget(collector, tracked);
    }
}

// ---- files ----

static int64_t peek(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    struct tracked *tracked = context;
    return source_peek(tracked->source, tracked->file, offset, room, size);
}

static struct tracked *track(struct collector *collector, struct source_file *file)
{
    struct tracked *tracked = source_file_user(file);
    if (tracked != NULL) {
        return tracked;
    }
    if (collector->tracked_count == collector->tracked_capacity) {
        collector->tracked_capacity = collector->tracked_capacity * 2 + 16;
        collector->tracked = xreallocarray(collector->tracked, collector->tracked_capacity,
                                           sizeof(struct tracked *));
        collector->touched = xreallocarray(collector->touched, collector->tracked_capacity,
                                           sizeof(struct tracked *));
    }
    tracked = xcalloc(1, sizeof *tracked);
    const struct generation *generation = source_file_generation(file);
    uint64_t position = generation->position;
    struct framer_peek framer_peek = {
        .context = tracked, .read = peek, .after_cut = generation->after_cut};
    *tracked = (struct tracked){
        .source = collector->source,
        .file = file,
        .framer = framer_create(collector->rules, position, &framer_peek),
        .expiry_ns = TIME_NEVER,
        .position = position,
        .index = collector->tracked_count,
    };
    collector->tracked[collector->tracked_count++] = tracked;
    source_file_set_user(file, tracked);
    return tracked;
}

// When the record that waits in the framer is complete as it is: not while there is more to read,
// which a full queue may have kept from being read in time.
static uint64_t expiry_of(const struct tracked *tracked)
{
    return source_file_has_more(tracked->file) ? TIME_NEVER : tracked->expiry_ns;
}

static struct tracked *find_expired(const struct collector *collector, uint64_t now_ns)
{
    for (size_t i = 0; i < collector->tracked_count; i++) {
        if (expiry_of(collector->tracked[i]) <= now_ns) {
            return collector->tracked[i];
        }
    }
    return NULL;
}

static uint64_t earliest_expiry(const struct collector *collector)
{
    uint64_t earliest = TIME_NEVER;
    for (size_t i = 0; i < collector->tracked_count; i++) {
        uint64_t expiry_ns = expiry_of(collector->tracked[i]);
        earliest = expiry_ns < earliest ? expiry_ns : earliest;
    }
    return earliest;
}

// ---- the block in the making ----

static struct fingerprint tail_of(struct collector *collector, struct tracked *tracked)
{
    uint64_t chunk_start = collector->chunk_end - collector->chunk_bytes;
    uint64_t position = tracked->position;
    if (tracked == collector->current && position >= chunk_start + TAIL_BYTES_MAX &&
        position <= collector->chunk_end) {
        const uint8_t *end = collector->chunk + (position - chunk_start);
        return fingerprint_of(slice_of(end - TAIL_BYTES_MAX, TAIL_BYTES_MAX));
    }
    return source_tail(collector->source, tracked->file, position);
}

// Puts the position behind the records of the current file into the block.
static void store_position(struct collector *collector)
{
    struct tracked *tracked = collector->current;
    if (tracked == NULL) {
        return;
    }
    const struct generation *generation = source_file_generation(tracked->file);
    if (tracked->position != generation->position) {
        tracked->tail = tail_of(collector, tracked);
        queue_set_position(collector->options.queue, generation->id, tracked->position,
                           tracked->tail);
    } else {
        tracked->tail = generation->tail;
    }
    if (!tracked->touched) {
        tracked->touched = true;
        collector->touched[collector->touched_count++] = tracked;
    }
}

static bool framer_is_idle(const struct tracked *tracked)
{
    return tracked->expiry_ns == TIME_NEVER && framer_memory(tracked->framer) == 0 &&
           framer_position(tracked->framer) == framer_end(tracked->framer);
}

static void confirm_positions(struct collector *collector)
{
    while (collector->touched_count > 0) {
        struct tracked *tracked = collector->touched[--collector->touched_count];
        tracked->touched = false;
        struct source_file *file = tracked->file;
        uint64_t position = tracked->position;
        struct fingerprint tail = tracked->tail;
        if (tracked != collector->current && framer_is_idle(tracked)) {
            forget(collector, tracked);
        }
        source_confirm(collector->source, file, position, tail);
    }
}

// Writes the block in the making.
static int flush(struct collector *collector)
{
    const struct collector_options *options = &collector->options;
    if (queue_block_empty(options->queue)) {
        confirm_positions(collector);
        return 0;
    }
    int error = queue_append(options->queue);
    if (error == 0) {
        collector->blocked = false;
        confirm_positions(collector);
        return 0;
    }
    if (!collector->blocked) {
        collector->blocked = true;
        stats_add(options->stats, STAT_QUEUE_WAITS, 1);
    }
    if (error != E_FULL && error != E_CONDEMNED) {
        log_warning("flow %s: cannot write to the queue: %s; reading waits", options->flow->name,
                    error_text(error));
    }
    return error;
}

// ---- records ----

static void tell_hole(const struct collector *collector, uint64_t bytes)
{
    char path[PATH_MAX];
    log_info("flow %s: %s begins with a hole of %llu bytes, which are passed over",
             collector->options.flow->name, source_file_path(collector->current->file, path),
             (unsigned long long)bytes);
}

// Puts the record at hand into the block. False when the block has no room for it.
static bool store_record(struct collector *collector)
{
    struct queue *queue = collector->options.queue;
    const struct record *record = &collector->record;
    if (record->fate == RECORD_FILTERED) {
        queue_add_filtered(queue, 1, record->source_bytes);
        if (record->hole) {
            tell_hole(collector, record->source_bytes);
        }
        return true;
    }
    uint16_t reason = record->fate == RECORD_DEAD_LETTER ? (uint16_t)record->reason : REASON_NONE;
    const struct tracked *tracked = collector->current;
    struct record_origin origin = {.generation = source_file_generation(tracked->file)->id,
                                   .offset = tracked->position};
    return queue_add_record(queue, origin, record->data, record->key,
                            (uint32_t)record->source_bytes, reason);
}

// Takes every record out of the current framer. On an error the rest stays where it is.
static int drain_current(struct collector *collector)
{
    struct tracked *tracked = collector->current;
    struct queue *queue = collector->options.queue;
    for (;;) {
        if (!collector->has_record && !framer_next(tracked->framer, &collector->record)) {
            return 0;
        }
        collector->has_record = true;
        bool stored = store_record(collector);
        if (stored) {
            collector->has_record = false;
            tracked->position = framer_position(tracked->framer);
        }
        if (!stored || queue_block_full(queue)) {
            store_position(collector);
            int error = flush(collector);
            if (error != 0) {
                return error;
            }
        }
    }
}

// Finishes what was begun with the current file.
static int finish_current(struct collector *collector, uint64_t now_ns)
{
    int error = drain_current(collector);
    if (error != 0) {
        return error;
    }
    struct tracked *tracked = collector->current;
    if (source_file_has_more(tracked->file)) {
        bool waits = framer_position(tracked->framer) != framer_end(tracked->framer);
        tracked->expiry_ns = waits ? now_ns : TIME_NEVER;
    } else {
        tracked->expiry_ns = framer_expire(tracked->framer, now_ns);
    }
    error = drain_current(collector);
    if (error != 0) {
        return error;
    }
    // A position moves without a record too: behind a header, or what a policy skipped.
    tracked->position = framer_position(tracked->framer);
    store_position(collector);
    collector->current = NULL;
    collector->chunk_bytes = 0;
    return 0;
}

static void begin(struct collector *collector, struct tracked *tracked)
{
    collector->current = tracked;
    collector->chunk_end = framer_end(tracked->framer);
    collector->chunk_bytes = 0;
}

// Reads the next chunk of a file. Returns the number of bytes or an error.
static int64_t read_chunk(struct collector *collector, struct source_file *file, uint64_t now_ns)
{
    struct tracked *tracked = track(collector, file);
    if (framer_in_hole(tracked->framer)) {
        framer_pass_hole(tracked->framer, source_pass_hole(collector->source, file));
    }
    begin(collector, tracked);
    int64_t count =
        source_read(collector->source, file, collector->chunk, sizeof collector->chunk, now_ns);
    if (count < 0) {
        // What cannot be read may be the rest of a line that is begun.
        framer_feed(tracked->framer, slice_of(NULL, 0), now_ns);
        collector->current = NULL;
        return count;
    }
    if (count > 0) {
        collector->chunk_bytes = (size_t)count;
        framer_feed(tracked->framer, slice_of(collector->chunk, (size_t)count), now_ns);
        collector->chunk_end = framer_end(tracked->framer);
        stats_add(collector->options.stats, STAT_SOURCE_READ_BYTES, (uint64_t)count);
    } else if (source_file_ended(file)) {
        framer_finish(tracked->framer);
    }
    return count;
}

// Does one piece of work. Returns 1 when there may be more, 0 when every file is read, or an error.
static int step_once(struct collector *collector, uint64_t now_ns, uint64_t *bytes)
{
    if (collector->current == NULL) {
        struct tracked *expired = find_expired(collector, now_ns);
        if (expired != NULL) {
            begin(collector, expired);
        }
    }
    if (collector->current != NULL) {
        int error = finish_current(collector, now_ns);
        return error != 0 ? error : 1;
    }
    struct source_file *file = source_next(collector->source, now_ns);
    if (file == NULL) {
        return flush(collector);
    }
    int64_t count = read_chunk(collector, file, now_ns);
    if (count < 0) {
        char path[PATH_MAX];
        log_warning("flow %s: cannot read %s: %s", collector->options.flow->name,
                    source_file_path(file, path), error_text((int)count));
        return 0;
    }
    *bytes += (uint64_t)count;
    return 1;
}

// Goes on with a start for which the queue had no room. The syncer runs, so it is the one to sync.
static int start_step(struct collector *collector, uint64_t now_ns, uint64_t *out_next_ns)
{
    struct queue *queue = collector->options.queue;
    *out_next_ns = now_ns + RETRY_MS * NS_PER_MS;
    if (collector->started_ns == 0) {
        int error = flush(collector);
        if (error != 0) {
            return error == E_CONDEMNED ? error : 0;
        }
        collector->started_ns = collector->io->monotonic_ns(collector->io);
    }
    if (queue_condemned(queue)) {
        return E_CONDEMNED;
    }
    collector->starting = !queue_checkpoint(queue, collector->started_ns);
    *out_next_ns = now_ns + SYNC_POLL_MS * NS_PER_MS;
    return 0;
}

int collector_step(struct collector *collector, uint64_t now_ns, uint64_t *out_next_ns)
{
    if (collector->starting) {
        int error = start_step(collector, now_ns, out_next_ns);
        if (error != 0 || collector->starting) {
            return error;
        }
    }
    uint64_t next_ns = source_step(collector->source, now_ns);
    uint64_t bytes = 0;
    int result = 1;
    while (result == 1 && bytes < STEP_BYTES_MAX) {
        result = step_once(collector, now_ns, &bytes);
    }
    if (result == E_CONDEMNED) {
        return E_CONDEMNED;
    }
    if (result == 1) {
        *out_next_ns = now_ns;
        return 0;
    }
    uint64_t wanted_ns = result < 0 ? now_ns + RETRY_MS * NS_PER_MS : earliest_expiry(collector);
    *out_next_ns = wanted_ns < next_ns ? wanted_ns : next_ns;
    return 0;
}

// ---- life ----

// A digest of what chooses the files: start_at applies again when it changes.
static uint64_t files_digest(const struct source_config *config)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    const struct string_list *lists[] = {&config->files, &config->exclude};
    for (size_t list = 0; list < ARRAY_COUNT(lists); list++) {
        for (size_t i = 0; i < lists[list]->count; i++) {
            buf_append_text(&text, lists[list]->items[i]);
            buf_append_byte(&text, '\0');
        }
        buf_append_byte(&text, '\0');
    }
    if (config->compressed) {
        buf_append_text(&text, "compressed");
    }
    uint64_t digest = fingerprint_of(buf_slice(&text)).hash;
    buf_deinit(&text);
    return digest;
}

static int open_source(struct collector *collector)
{
    struct queue *queue = collector->options.queue;
    const struct source_config *config = &collector->options.flow->source;
    size_t known_count;
    struct generation *known = queue_generations(queue, &known_count);
    uint64_t digest = files_digest(config);
    struct source_options options = {
        .config = config,
        .known = known,
        .known_count = known_count,
        .same_boot = collector->options.same_boot,
        .fresh = queue_files_changed(queue, digest),
        .next_id = queue_next_generation_id(queue),
        .events = {.context = collector,
                   .generation = on_generation,
                   .skipped = on_skipped,
                   .lost = on_lost,
                   .copied = on_copied,
                   .closed = on_closed},
        .stats = collector->options.stats,
    };
    int error = source_open(collector->io, &options, &collector->source);
    free(known);
    if (error != 0) {
        return error;
    }
    if (options.fresh) {
        queue_note_files_digest(queue, digest);
    }
    if (queue_block_empty(queue)) {
        return 0;
    }
    error = queue_append(queue);
    if (error == 0) {
        collector->started_ns = collector->io->monotonic_ns(collector->io);
        error = queue_sync_now(queue);
    }
    // Only the sender can make room on a full disk or in a full queue, so the flow has to start
    // without.
    collector->starting = error != 0;
    return error == E_CONDEMNED ? error : 0;
}

int collector_create(struct io *io, const struct collector_options *options,
                     struct collector **out_collector)
{
    struct collector *collector = xcalloc(1, sizeof *collector);
    collector->io = io;
    collector->options = *options;
    int error = record_rules_create(&options->flow->record, &options->flow->to, options->stats,
                                    &collector->rules);
    if (error == 0) {
        error = open_source(collector);
    }
    if (error != 0) {
        collector_free(collector);
        return error;
    }
    *out_collector = collector;
    return 0;
}

void collector_free(struct collector *collector)
{
    if (collector == NULL) {
        return;
    }
    if (collector->source != NULL) {
        store_position(collector);
        collector->current = NULL;
        (void)flush(collector);
        source_close(collector->source);
    }
    while (collector->tracked_count > 0) {
        struct tracked *tracked = collector->tracked[--collector->tracked_count];
        framer_free(tracked->framer);
        free(tracked);
    }
    free(collector->tracked);
    free(collector->touched);
    record_rules_free(collector->rules);
    free(collector);
}

// ---- state ----

int collector_notify_fd(const struct collector *collector)
{
    return source_notify_fd(collector->source);
}

bool collector_caught_up(struct collector *collector, uint64_t now_ns)
{
    return collector->current == NULL && queue_block_empty(collector->options.queue) &&
           source_caught_up(collector->source, now_ns);
}

static void list_file(void *context, const struct source_file_info *info)
{
    struct listed_file file = {
        .generation = info->generation,
        .position = info->position,
        .size = info->size,
        .state = info->state,
    };
    file_list_add(context, &file, info->path);
}

void collector_list_files(const struct collector *collector, struct file_list *out)
{
    source_files(collector->source, list_file, out);
}

void collector_find_file(const struct collector *collector, struct file_question *question)
{
    question->knowledge = source_find(collector->source, question->device, question->inode,
                                      question->path, &question->info);
}
