// What happens to a generation: it becomes ready, departs, ends, is held, or is past.

#include "source/archive.h"
#include "source/state.h"

void life_touch(struct source *source, struct source_file *file)
{
    file->quiet_ns = source->now_ns;
    if (file->fd >= 0) {
        ring_append(&source->open, &file_work(file)->open);
    }
}

void life_announce(struct source *source, struct source_file *file)
{
    file->announced = true;
    tell_generation(source, file);
}

// ---- reading in order ----

// Nothing of it is to be read before what comes after it.
static bool is_idle(const struct source_file *file)
{
    return file->phase == FILE_PAST ||
           (file->phase == FILE_FRESH && file->generation.size_seen == 0);
}

void life_ready(struct source *source, struct source_file *file)
{
    const struct source_file *older = file->work->older;
    while (older != NULL && is_idle(older)) {
        older = older->work->older;
    }
    if (older == NULL && file->work->older != NULL) {
        file_unorder(file->work->older);
    }
    bool readable = file->phase == FILE_LIVE || file->phase == FILE_ENDING;
    if (readable && file->work->older == NULL && !link_in_ring(&file->work->ready)) {
        file_work(file)->turn_bytes = 0;
        if (file->archive != NULL && file->phase == FILE_LIVE) {
            archive_park(source, file);
        } else {
            ring_append(&source->ready, &file_work(file)->ready);
        }
    }
}

void life_at_end(struct source *source, struct source_file *file)
{
    file_unready(file);
    file->starved = false;
    struct source_file *older = file;
    struct source_file *younger = file->work->younger;
    if (file->work->older != NULL && younger != NULL) {
        file_leave_order(file);
        younger = NULL;
    }
    while (younger != NULL) {
        file_unorder(older);
        life_ready(source, younger);
        older = younger;
        younger = is_idle(older) ? older->work->younger : NULL;
    }
    file_rest(file);
}

// ---- ends ----

void life_depart(struct source *source, struct source_file *file)
{
    if (file->phase == FILE_FRESH || file->phase == FILE_HELD) {
        file->departing = true; // begins when it was judged
    }
    if (file->phase != FILE_LIVE) {
        return;
    }
    file->departing = true;
    file->quiet_ns = source->now_ns;
    ring_append(&source->departing, &file->waiting);
    life_ready(source, file);
}

void life_resume(struct source *source, struct source_file *file, uint64_t size)
{
    bool copied = file->phase != FILE_FRESH && file->phase != FILE_HELD;
    extent_set_phase(source, file, FILE_LIVE);
    extent_set_size(source, file, size);
    file->quiet_ns = source->now_ns;
    if (copied) {
        life_announce(source, file);
    }
    // Nobody is expected to write to an archive: its end is proven when it stays as it is.
    if (copied || file->departing || file->names == NULL || file->archive != NULL) {
        life_depart(source, file);
    }
    if (size > file->read_position || copied) {
        life_ready(source, file);
        return;
    }
    if (file->names != NULL) {
        reader_close(source, file);
    }
    if (!link_in_ring(&file->work->ready)) {
        life_at_end(source, file);
    }
}

void life_hold(struct source *source, struct source_file *file, const struct source_file *original)
{
    extent_set_phase(source, file, FILE_HELD);
    ring_append(&source->held, &file->waiting);
    const struct source_file *younger = file->work->younger;
    while (younger != NULL && younger != original) {
        younger = younger->work->younger;
    }
    if (younger != NULL || original == NULL) {
        life_at_end(source, file); // it would wait for what waits for it
    }
}

void life_wait_beside(struct source *source, struct source_file *file)
{
    extent_set_phase(source, file, FILE_HELD);
    ring_append(&source->beside, &file->waiting);
    reader_close(source, file);
    life_at_end(source, file);
}

void life_unreadable(struct source *source, struct source_file *file)
{
    if (file->names == NULL && file->fd < 0 && file->phase != FILE_PAST) {
        life_orphan(source, file);
    } else {
        life_at_end(source, file);
    }
}

void life_forget(struct source *source, struct source_file *file)
{
    reader_close(source, file);
    while (file->names != NULL) {
        file_detach(file->names);
    }
    if (file->work->user != NULL) {
        source->events.closed(source->events.context, file);
    }
    if (file->announced) {
        file->generation.state = GENERATION_FORGET;
        tell_generation(source, file);
    }
    extent_uncount(source, file);
    struct source_file *younger = file->work->younger;
    file_table_remove(source->table, file);
    if (younger != NULL) {
        life_ready(source, younger);
    }
}

static void remember(struct source *source, struct source_file *file)
{
    ring_append(&source->past, &file->waiting);
    source->past_count++;
    if (source->past_count > PAST_MAX) {
        struct source_file *oldest = LINK_ENTRY(source->past.next, struct source_file, waiting);
        source->past_count--;
        life_forget(source, oldest);
    }
}

// Whether something was written to it after its owner was given its end.
static bool has_grown(struct source *source, const struct source_file *file)
{
    struct file_stat stat;
    return file->phase == FILE_ENDING && file->archive == NULL && file->fd >= 0 &&
           source->io->fstat(source->io, file->fd, &stat) == 0 && stat.size > file->read_position;
}

void life_past(struct source *source, struct source_file *file)
{
    bool grown = has_grown(source, file);
    if (!grown) {
        reader_close(source, file);
    }
    link_remove(&file->waiting);
    extent_set_phase(source, file, FILE_PAST);
    source->judge_held = source->judge_held || !ring_empty(&source->beside);
    file->departing = false;
    file->end_told = false;
    file->generation.state = file->names == NULL ? GENERATION_DELETED : GENERATION_ENDED;
    file->generation.seen_s = source->io->real_ns(source->io) / NS_PER_S;
    life_announce(source, file);
    life_at_end(source, file);
    if (file->work->user != NULL) {
        source->events.closed(source->events.context, file);
        file_work(file)->user = NULL;
    }
    if (grown) {
        extent_set_phase(source, file, FILE_LIVE);
        file->generation.state = GENERATION_LIVE;
        life_announce(source, file);
        life_depart(source, file);
    } else if (file->names == NULL) {
        remember(source, file);
    }
    for (struct name *name = file->names; name != NULL; name = name->file_next) {
        tree_look(source->tree, name);
    }
}

void life_end(struct source *source, struct source_file *file)
{
    link_remove(&file->waiting);
    if (file->work->user == NULL && file->generation.position >= file->read_position) {
        life_past(source, file);
        return;
    }
    extent_set_phase(source, file, FILE_ENDING);
    file_unready(file);
    life_ready(source, file);
}

void life_orphan(struct source *source, struct source_file *file)
{
    file_work(file)->gone_ns = source->io->real_ns(source->io);
    reader_close(source, file);
    file_unready(file);
    extent_set_phase(source, file, FILE_ORPHAN);
    file->aged = false;
    file->quiet_ns = source->now_ns;
    source->judge_held = true;
    ring_append(&source->orphans, &file->waiting);
}

// Whether the inode of one was there before that of the other one, as far as that is known.
static bool is_older_inode(const struct source_file *file, const struct source_file *other)
{
    const struct generation *ours = &file->generation;
    const struct generation *theirs = &other->generation;
    if (ours->birth_ns != theirs->birth_ns) {
        return ours->birth_ns < theirs->birth_ns;
    }
    return ours->after_cut && !theirs->after_cut;
}

void life_question(struct source *source, struct source_file *file)
{
    enum { NEIGHBOURS_MAX = 64 };
    ring_append(&source->unjudged, &file->waiting);
    if (file->archive != NULL) {
        return; // after what it may be a copy of
    }
    struct link *before = file->waiting.previous;
    for (int i = 0; i < NEIGHBOURS_MAX && before != &source->unjudged; i++) {
        const struct source_file *other = LINK_ENTRY(before, struct source_file, waiting);
        if (!is_older_inode(file, other)) {
            break;
        }
        before = before->previous;
    }
    link_remove(&file->waiting);
    ring_append(before->next, &file->waiting);
}

struct source_file *life_begin(struct source *source, const char *path,
                               const struct file_stat *stat)
{
    struct generation generation = {
        .id = source->next_id++,
        .device = stat->device,
        .inode = stat->inode,
        .birth_ns = stat->birth_ns,
        .size_seen = stat->size,
        .seen_s = source->io->real_ns(source->io) / NS_PER_S,
        .state = GENERATION_LIVE,
        .first_name = generation_name(path) & GENERATION_NAME_MAX,
        .path = NULL,
    };
    struct source_file *file = file_table_add(source->table, &generation);
    (void)file_set_path(file, path);
    file->quiet_ns = source->now_ns;
    file->phase = FILE_FRESH;
    file->initial = source->starting && source->fresh;
    file->premature = stat->birth_ns > generation.seen_s * NS_PER_S + NS_PER_S;
    extent_count(source, file);
    life_question(source, file);
    source->any_new = true;
    return file;
}

void life_truncated(struct source *source, struct source_file *file)
{
    struct file_stat stat = {
        .device = file->generation.device,
        .inode = file->generation.inode,
        .birth_ns = file->generation.birth_ns,
    };
    struct name *first = file->names;
    extent_forget_unsure(source, file);
    file_table_hide(source->table, file);
    char path[PATH_MAX];
    struct source_file *next = life_begin(source, file_path(file, path), &stat);
    next->departing = file->departing;
    next->generation.after_cut = true;
    life_question(source, next); // its inode is older than those that are new
    while (file->names != NULL) {
        struct name *name = file->names;
        file_detach(name);
        file_attach(next, name);
        tree_look(source->tree, name);
    }
    if (file->fd >= 0) {
        struct file_stat now;
        if (source->io->fstat(source->io, file->fd, &now) == 0) {
            extent_set_size(source, next, now.size);
        }
        reader_move(source, file, next);
        judge_head(source, next);
    }
    if (file->phase == FILE_PAST) {
        if (file->names == NULL) {
            remember(source, file);
        }
        return;
    }
    file->cut = first != NULL && !first->polled;
    life_orphan(source, file);
    file_order(file, next);
    if (first != NULL) {
        tree_look_around(source->tree, first);
    }
}

bool life_lose_name(struct source *source, struct source_file *file)
{
    switch ((enum file_phase)file->phase) {
    case FILE_PAST:
        file->generation.state = GENERATION_DELETED;
        file->generation.seen_s = source->io->real_ns(source->io) / NS_PER_S;
        life_announce(source, file);
        remember(source, file);
        break;
    case FILE_LIVE:
        if (file->fd >= 0) {
            life_depart(source, file);
        } else {
            life_orphan(source, file);
        }
        break;
    case FILE_FRESH:
    case FILE_HELD:
        if (file->fd < 0 && file->generation.size_seen > 0) {
            life_announce(source, file);
            life_orphan(source, file);
        } else if (file->fd < 0) {
            life_forget(source, file);
            return false;
        }
        break;
    case FILE_ORPHAN:
    case FILE_ENDING:
        break;
    }
    return true;
}
