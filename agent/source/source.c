#include "source/source.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "source/archive.h"
#include "source/state.h"

// ---- life ----

static void init_rings(struct source *source)
{
    struct link *rings[] = {
        &source->ready,     &source->starving, &source->open,      &source->unjudged,
        &source->held,      &source->orphans,  &source->departing, &source->past,
        &source->finishing, &source->beside,   &source->surveys,   &source->archives,
    };
    for (size_t i = 0; i < ARRAY_COUNT(rings); i++) {
        ring_init(rings[i]);
    }
}

static bool look_at_names(struct source *source, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        struct name *name = tree_take(source->tree);
        if (name == NULL) {
            return true;
        }
        look_behind(source, name);
    }
    return false;
}

// Everything that has to be known before anything is read.
static void find_out(struct source *source)
{
    source->starting = true;
    tree_scan(source->tree);
    (void)look_at_names(source, SIZE_MAX);
    search_missing(source);
    struct link *last;
    do {
        last = source->unjudged.next;
        judge_all(source);
        (void)look_at_names(source, SIZE_MAX);
    } while (!ring_empty(&source->unjudged) && source->unjudged.next != last);
    source->starting = false;
    source->any_new = false;
}

int source_open(struct io *io, const struct source_options *options, struct source **out_source)
{
    struct source *source = xcalloc(1, sizeof *source);
    *source = (struct source){
        .io = io,
        .config = options->config,
        .events = options->events,
        .stats = options->stats,
        .next_id = options->next_id,
        .same_boot = options->same_boot,
        .fresh = options->fresh,
        .now_ns = io->monotonic_ns(io),
        .open_max = options->config->open_files_max > 0 ? options->config->open_files_max : 1,
    };
    init_rings(source);
    const char *bad = NULL;
    int error =
        glob_create(&options->config->files, &options->config->exclude, &source->glob, &bad);
    if (error != 0) {
        log_error("cannot use the pattern \"%s\": %s", bad, error_text(error));
        free(source);
        return error;
    }
    source->tree = tree_create(io, source->glob, options->config->poll_interval_ms);
    source->table = file_table_create();
    restore_known(source, options->known, options->known_count);
    find_out(source);
    file_table_keep_paths(source->table);
    *out_source = source;
    return 0;
}

void source_close(struct source *source)
{
    if (source == NULL) {
        return;
    }
    while (!ring_empty(&source->open)) {
        struct source_file *file = file_of_open(source->open.next);
        link_remove(&file_work(file)->open);
        source->io->close(source->io, file->fd);
    }
    tree_free(source->tree);
    file_table_free(source->table);
    glob_free(source->glob);
    free(source);
}

int source_notify_fd(const struct source *source)
{
    return tree_notify_fd(source->tree);
}

// ---- steps ----

static void finish(struct source *source)
{
    while (!ring_empty(&source->finishing)) {
        struct source_file *file = LINK_ENTRY(source->finishing.next, struct source_file, waiting);
        life_past(source, file);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// When the first file of a ring that is ordered by quiet_ns is due.
static uint64_t due_ns(const struct link *ring, uint64_t wait_ms)
{
    if (ring_empty(ring)) {
        return TIME_NEVER;
    }
    return LINK_ENTRY(ring->next, struct source_file, waiting)->quiet_ns + wait_ms * NS_PER_MS;
}

static uint64_t next_orphan_ns(const struct source *source)
{
    uint64_t next_ns = TIME_NEVER;
    const struct link *ring = &source->orphans;
    for (const struct link *link = ring->next; link != ring; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, const struct source_file, waiting);
        next_ns = earlier(next_ns, settle_orphan_ns(source, file));
    }
    return next_ns;
}

uint64_t source_step(struct source *source, uint64_t now_ns)
{
    source->now_ns = now_ns;
    finish(source);
    tree_step(source->tree, now_ns);
    bool done = look_at_names(source, LOOKS_MAX);
    if (source->any_new) {
        source->any_new = false;
        order_new(source);
    }
    const struct link *stuck = source->unjudged.next;
    judge_all(source);
    archive_step(source);
    bool judging = !ring_empty(&source->unjudged) && source->unjudged.next != stuck;
    settle(source);
    reader_close_idle(source);
    watching_tell(source);
    stats_set(source->stats, STAT_SOURCE_FILES, tree_name_count(source->tree));
    stats_set(source->stats, STAT_SOURCE_FILES_POLLED, tree_polled_count(source->tree));
    if (!done || judging || archive_is_pending(source) || tree_pending(source->tree) ||
        source->judge_held) {
        return now_ns;
    }
    uint64_t next_ns = tree_next_step(source->tree);
    next_ns = earlier(next_ns, next_orphan_ns(source));
    next_ns = earlier(next_ns, due_ns(&source->held, HOLD_MS));
    return earlier(next_ns, due_ns(&source->departing, source->config->close_after_ms));
}

bool source_caught_up(struct source *source, uint64_t now_ns)
{
    if (!ring_empty(&source->ready)) {
        return false;
    }
    source->now_ns = now_ns;
    tree_look_everywhere(source->tree);
    (void)look_at_names(source, SIZE_MAX);
    judge_all(source);
    settle(source);
    if (!ring_empty(&source->surveys) || !ring_empty(&source->archives) ||
        archive_is_pending(source)) {
        return false;
    }
    return ring_empty(&source->ready) && ring_empty(&source->starving) &&
           ring_empty(&source->unjudged) && ring_empty(&source->held) &&
           ring_empty(&source->orphans) && !tree_pending(source->tree);
}

// ---- reading ----

struct source_file *source_next(struct source *source, uint64_t now_ns)
{
    source->now_ns = now_ns;
    return ring_empty(&source->ready) ? NULL : file_of_ready(source->ready.next);
}

static void take_turns(struct source *source, struct source_file *file, int64_t count)
{
    file_work(file)->turn_bytes += (uint32_t)count;
    if (file->work->turn_bytes >= TURN_BYTES && link_in_ring(&file->work->ready)) {
        file_work(file)->turn_bytes = 0;
        ring_append(&source->ready, &file_work(file)->ready);
    }
}

// It waits for a descriptor. What holds one that it cannot give back does not wait for its turn.
static void starve(struct source *source, struct source_file *file)
{
    file->starved = true;
    ring_append(&source->starving, &file_work(file)->ready);
    struct source_file *younger = file->work->younger;
    if (younger != NULL && younger->names == NULL && younger->fd >= 0) {
        file_unorder(file);
        life_ready(source, younger);
    }
}

static int64_t read_failed(struct source *source, struct source_file *file, int error)
{
    switch (error) {
    case E_FULL:
        starve(source, file);
        return 0;
    case E_AGAIN:
        return 0;
    case -ESTALE:
    case -ENOENT:
        if (file->fd >= 0) {
            life_truncated(source, file);
        } else {
            life_unreadable(source, file);
        }
        return 0;
    default:
        life_unreadable(source, file);
        for (struct name *name = file->names; name != NULL; name = name->file_next) {
            name->trouble =
                error == -EACCES || error == -EPERM ? TROUBLE_PERMISSION : TROUBLE_ERROR;
        }
        return error == -EACCES || error == -EPERM ? 0 : error;
    }
}

// Nothing was read: the end for now, unless the file was cut.
static void reach_end(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    if (source->io->fstat(source->io, file->fd, &stat) == 0) {
        if (archive_content_size(file, &stat) < extent_min(file)) {
            life_truncated(source, file);
            return;
        }
        if (file->archive != NULL) {
            archive_reached_end(source, file, &stat);
        } else {
            extent_shrunk(source, file, stat.size);
        }
        file->mtime_ns = tree_settled_mtime(source->io, stat.mtime_ns);
    }
    life_at_end(source, file);
    reader_offer(source, file);
}

int64_t source_read(struct source *source, struct source_file *file, uint8_t *room, size_t size,
                    uint64_t now_ns)
{
    source->now_ns = now_ns;
    if (file->phase == FILE_ENDING) {
        file->end_told = true;
        life_at_end(source, file);
        return 0;
    }
    if (file->phase != FILE_LIVE) {
        file_unready(file);
        return 0;
    }
    int64_t count = reader_read(source, file, room, size);
    if (count < 0) {
        return read_failed(source, file, (int)count);
    }
    if (count == 0) {
        reach_end(source, file);
        return 0;
    }
    file->quiet_ns = now_ns;
    if (file->departing) {
        ring_append(&source->departing, &file->waiting);
    }
    take_turns(source, file, count);
    return count;
}

uint64_t source_pass_hole(struct source *source, struct source_file *file)
{
    return file->phase == FILE_LIVE ? reader_pass_hole(source, file) : 0;
}

int64_t source_peek(struct source *source, struct source_file *file, uint64_t offset, uint8_t *room,
                    size_t size)
{
    return file->phase == FILE_LIVE ? reader_peek(source, file, room, size, offset) : 0;
}

struct fingerprint source_tail(struct source *source, struct source_file *file, uint64_t position)
{
    if (position == file->read_position) {
        return file->read_tail;
    }
    if (file->phase != FILE_LIVE) {
        return (struct fingerprint){0};
    }
    // Checked afterwards: when the file was cut meanwhile, these are not the bytes that were read.
    struct fingerprint tail = reader_tail(source, file, position);
    return reader_check(source, file) == 0 ? tail : (struct fingerprint){0};
}

void source_confirm(struct source *source, struct source_file *file, uint64_t position,
                    struct fingerprint tail)
{
    file->generation.position = position;
    file->generation.tail = tail;
    judge_beside(source, file);
    if (file->phase == FILE_ENDING && file->end_told && position >= file->read_position) {
        ring_append(&source->finishing, &file->waiting);
    }
    file_rest(file);
}

// ---- what a file is for its owner ----

const struct generation *source_file_generation(const struct source_file *file)
{
    return &file->generation;
}

const char *source_file_path(const struct source_file *file, char room[PATH_MAX])
{
    return file_path(file, room);
}

void *source_file_user(const struct source_file *file)
{
    return file->work->user;
}

void source_file_set_user(struct source_file *file, void *user)
{
    file_work(file)->user = user;
}

bool source_file_has_more(const struct source_file *file)
{
    return link_in_ring(&file->work->ready) || extent_lag(file) > 0 || file->phase == FILE_ORPHAN;
}

bool source_file_ended(const struct source_file *file)
{
    return file->phase == FILE_ENDING;
}

// ---- status ----

static const char *trouble_text(enum trouble trouble)
{
    switch (trouble) {
    case TROUBLE_DANGLING:
        return "not read: a symbolic link that leads nowhere";
    case TROUBLE_LOOP:
        return "not read: a loop of symbolic links";
    case TROUBLE_PERMISSION:
        return "not read: permission denied";
    case TROUBLE_DIRECTORY:
        return "not read: a directory";
    case TROUBLE_SPECIAL:
        return "not read: not a regular file";
    case TROUBLE_OLD:
        return "not read: older than ignore_older";
    case TROUBLE_NONE:
    case TROUBLE_ERROR:
        break;
    }
    return "not read: it cannot be looked at";
}

static const char AT_END[] = "at end";

// NULL: there is nothing to be said that is not true of any file.
static const char *archive_state_text(const struct source *source, const struct source_file *file)
{
    const char *refusal = archive_refusal(source, file);
    if (refusal != NULL) {
        return refusal;
    }
    if (file->phase == FILE_HELD && link_in_ring(&file->waiting)) {
        return archive_end(file) == ARCHIVE_CUT
                   ? "held: it ends early, and may still be written"
                   : "held: the compressed copy of a file that is there";
    }
    bool waits = file->phase == FILE_LIVE && link_in_ring(&file->work->ready);
    switch (archive_end(file)) {
    case ARCHIVE_CUT:
        return file->phase == FILE_PAST ? "done: it ends early" : NULL;
    case ARCHIVE_DAMAGED:
        return file->phase == FILE_PAST ? "done: damaged, the rest cannot be read" : NULL;
    case ARCHIVE_TOO_LARGE:
        return file->phase == FILE_LIVE && !waits
                   ? "not read further: more than compressed_max_size"
                   : NULL;
    case ARCHIVE_OPEN:
    case ARCHIVE_WHOLE:
        break;
    }
    if (file->phase == FILE_FRESH && file->generation.size_seen > 0) {
        return "new: looked through before it is read";
    }
    return waits && source->inflating != file ? "waiting for its turn among compressed files"
                                              : NULL;
}

static const char *live_state_text(const struct source_file *file)
{
    if (file->generation.size_seen > file->read_position) {
        return file->work->older != NULL ? "waiting for older files of the same log" : "reading";
    }
    if (!file->departing) {
        return AT_END;
    }
    if (file->names == NULL) {
        return "departing: deleted or moved away, and done when it stays quiet";
    }
    return file->archive == NULL ? "departing: renamed, and done when it stays quiet"
                                 : "departing: compressed, and done when it stays as it is";
}

static const char *file_state_text(const struct source *source, const struct source_file *file)
{
    if (file->starved) {
        return "waiting for a descriptor (open_files_max)";
    }
    const char *text = file->archive == NULL ? NULL : archive_state_text(source, file);
    if (text != NULL) {
        return text;
    }
    switch ((enum file_phase)file->phase) {
    case FILE_FRESH:
        return file->generation.size_seen == 0 ? AT_END : "new: not looked into yet";
    case FILE_HELD:
        return "held: it may be a copy of another file, which is decided soon";
    case FILE_ORPHAN:
        return "gone: a copy of it is looked for";
    case FILE_ENDING:
        return "ending: its last lines go to the queue";
    case FILE_PAST:
        return "done: read to its end for good";
    case FILE_LIVE:
        break;
    }
    return live_state_text(file);
}

static const char *state_text(const struct source *source, const struct name *name)
{
    const struct source_file *file = name->file;
    if (name->trouble != TROUBLE_NONE || file == NULL) {
        return trouble_text((enum trouble)name->trouble);
    }
    const char *state = file_state_text(source, file);
    return state == AT_END && name->polled ? "at end, polled" : state;
}

struct listing {
    const struct source *source;
    void (*each)(void *context, const struct source_file_info *info);
    void *context;
};

static void list_name(void *context, const struct name *name)
{
    const struct listing *listing = context;
    char path[PATH_MAX];
    if (!tree_path(name, path)) {
        return;
    }
    struct source_file_info info = {.path = path, .state = state_text(listing->source, name)};
    if (name->file != NULL) {
        info.generation = name->file->generation.id;
        info.position = name->file->read_position;
        info.size = name->file->generation.size_seen;
    }
    listing->each(listing->context, &info);
}

static void list_closed(void *context, const char *path)
{
    const struct listing *listing = context;
    struct source_file_info info = {.path = path, .state = trouble_text(TROUBLE_PERMISSION)};
    listing->each(listing->context, &info);
}

static void list_unnamed(const struct source *source, const struct listing *listing)
{
    const struct link *all = file_table_all(source->table);
    for (const struct link *link = all->next; link != all; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (file->names != NULL || file->phase == FILE_PAST) {
            continue;
        }
        char path[PATH_MAX];
        struct source_file_info info = {
            .path = file_path(file, path),
            .generation = file->generation.id,
            .position = file->read_position,
            .size = file->generation.size_seen,
            .state = file_state_text(source, file),
        };
        listing->each(listing->context, &info);
    }
}

void source_files(const struct source *source,
                  void (*each)(void *context, const struct source_file_info *info), void *context)
{
    struct listing listing = {.source = source, .each = each, .context = context};
    tree_each(source->tree, list_name, &listing);
    tree_each_closed(source->tree, list_closed, &listing);
    list_unnamed(source, &listing);
}

struct closed_above {
    const char *path;
    bool is_there;
};

static void look_above(void *context, const char *dir)
{
    struct closed_above *closed = context;
    size_t size = strlen(dir);
    if (strncmp(closed->path, dir, size) == 0 && closed->path[size] == '/') {
        closed->is_there = true;
    }
}

static const char *unread_state_text(const struct source *source, const struct name *name,
                                     const char *path)
{
    struct closed_above closed = {.path = path};
    tree_each_closed(source->tree, look_above, &closed);
    if (closed.is_there) {
        return trouble_text(TROUBLE_PERMISSION);
    }
    return name != NULL && name->trouble != TROUBLE_NONE ? trouble_text((enum trouble)name->trouble)
                                                         : "new: not looked into yet";
}

enum source_knowledge source_find(const struct source *source, uint64_t device, uint64_t inode,
                                  const char *path, struct source_file_info *out_info)
{
    const struct source_file *file = file_table_inode(source->table, inode);
    while (file != NULL && (file->generation.inode != inode || file->generation.device != device)) {
        file = file->inode_next;
    }
    *out_info = (struct source_file_info){0};
    if (file != NULL) {
        out_info->generation = file->generation.id;
        out_info->position = file->read_position;
        out_info->size = file->generation.size_seen;
        out_info->compressed = file->archive != NULL;
        out_info->ends_with = file->archive == NULL ? 0 : archive_seen_to(file);
        bool in_trouble = file->names != NULL && file->names->trouble != TROUBLE_NONE;
        out_info->state = in_trouble ? trouble_text((enum trouble)file->names->trouble)
                                     : file_state_text(source, file);
        return SOURCE_KNOWN;
    }
    const struct name *name = tree_find(source->tree, path);
    out_info->state = unread_state_text(source, name, path);
    bool matches = name != NULL || glob_matches_path(source->glob, path);
    return matches ? SOURCE_NOT_READ : SOURCE_NO_MATCH;
}
