#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "source/archive.h"
#include "source/identity.h"
#include "source/state.h"

// ---- numbers ----

uint64_t life_lag(const struct source_file *file)
{
    uint64_t size = file->generation.size_seen;
    return file->phase == FILE_PAST || size <= file->read_position ? 0 : size - file->read_position;
}

static void set_lag(struct source *source, uint64_t before, uint64_t after)
{
    source->lag_bytes = source->lag_bytes - before + after;
    stats_set(source->stats, STAT_SOURCE_LAG_BYTES, source->lag_bytes);
}

void life_count(struct source *source, const struct source_file *file)
{
    set_lag(source, 0, life_lag(file));
}

void life_set_size(struct source *source, struct source_file *file, uint64_t size)
{
    uint64_t before = life_lag(file);
    if (size > file->generation.size_seen) {
        file->generation.size_seen = size;
    }
    set_lag(source, before, life_lag(file));
}

void life_set_content(struct source *source, struct source_file *file, uint64_t size)
{
    uint64_t before = life_lag(file);
    file->generation.size_seen = size;
    set_lag(source, before, life_lag(file));
}

void life_set_read(struct source *source, struct source_file *file, uint64_t position,
                   struct fingerprint tail)
{
    uint64_t before = life_lag(file);
    file->read_position = position;
    file->read_tail = tail;
    if (position > file->generation.size_seen) {
        file->generation.size_seen = position;
    }
    set_lag(source, before, life_lag(file));
}

void life_drop_lag(struct source *source, struct source_file *file)
{
    uint64_t before = life_lag(file);
    file->generation.size_seen = file->read_position;
    set_lag(source, before, 0);
}

uint64_t life_size_min(const struct source_file *file)
{
    uint64_t head = file->generation.head.length;
    return file->read_position > head ? file->read_position : head;
}

static void set_phase(struct source *source, struct source_file *file, enum file_phase phase)
{
    uint64_t before = life_lag(file);
    file->phase = (uint8_t)phase;
    set_lag(source, before, life_lag(file));
}

static void touch(struct source *source, struct source_file *file)
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
    set_phase(source, file, FILE_LIVE);
    life_set_size(source, file, size);
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
    } else if (file->names != NULL) {
        reader_close(source, file);
    }
}

void life_hold(struct source *source, struct source_file *file, const struct source_file *original)
{
    set_phase(source, file, FILE_HELD);
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
    set_phase(source, file, FILE_HELD);
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
    set_lag(source, life_lag(file), 0);
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

void life_past(struct source *source, struct source_file *file)
{
    reader_close(source, file);
    link_remove(&file->waiting);
    set_phase(source, file, FILE_PAST);
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
    if (file->names == NULL) {
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
    set_phase(source, file, FILE_ENDING);
    file_unready(file);
    life_ready(source, file);
}

void life_orphan(struct source *source, struct source_file *file)
{
    reader_close(source, file);
    file_unready(file);
    set_phase(source, file, FILE_ORPHAN);
    file_work(file)->gone_ns = source->io->real_ns(source->io);
    file->aged = false;
    file->quiet_ns = source->now_ns;
    source->judge_held = true;
    ring_append(&source->orphans, &file->waiting);
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
        if (other->generation.birth_ns <= file->generation.birth_ns) {
            break;
        }
        before = before->previous;
    }
    link_remove(&file->waiting);
    ring_append(before->next, &file->waiting);
}

static struct source_file *add_file(struct source *source, const char *path,
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
    life_count(source, file);
    life_question(source, file);
    return file;
}

// A size that was seen since the content was last found unchanged may be that of the new content.
static void forget_unsure_size(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    bool grown = file->archive == NULL && file->fd >= 0 &&
                 source->io->fstat(source->io, file->fd, &stat) == 0 &&
                 stat.size >= life_size_min(file);
    uint64_t sure = file->size_sure > file->read_position ? file->size_sure : file->read_position;
    if (grown && sure < file->generation.size_seen) {
        uint64_t before = life_lag(file);
        file->generation.size_seen = sure;
        file->away = true;
        set_lag(source, before, life_lag(file));
    }
}

void life_truncated(struct source *source, struct source_file *file)
{
    struct file_stat stat = {
        .device = file->generation.device,
        .inode = file->generation.inode,
        .birth_ns = file->generation.birth_ns,
    };
    struct name *first = file->names;
    forget_unsure_size(source, file);
    file_table_hide(source->table, file);
    char path[PATH_MAX];
    struct source_file *next = add_file(source, file_path(file, path), &stat);
    next->departing = file->departing;
    while (file->names != NULL) {
        struct name *name = file->names;
        file_detach(name);
        file_attach(next, name);
        tree_look(source->tree, name);
    }
    if (file->fd >= 0) {
        struct file_stat now;
        if (source->io->fstat(source->io, file->fd, &now) == 0) {
            life_set_size(source, next, now.size);
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

// A file has lost its last name. Returns whether it is still known.
static bool unnamed(struct source *source, struct source_file *file)
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

// ---- what is behind a name ----

// A file that has one name is at that path.
static void set_path(struct source *source, struct source_file *file)
{
    char path[PATH_MAX];
    if (file->names->file_next == NULL && tree_path(file->names, path) &&
        file_set_path(file, path) && file->announced) {
        life_announce(source, file);
    }
}

// Whether it still has the name under which it began to live: it is not rotated then.
static bool has_first_name(const struct source_file *file)
{
    char path[PATH_MAX];
    for (const struct name *name = file->names; name != NULL; name = name->file_next) {
        if (tree_path(name, path) &&
            (generation_name(path) & GENERATION_NAME_MAX) == file->generation.first_name) {
            return true;
        }
    }
    return false;
}

// Returns the file that had the name, NULL when there is none or it is not known any more.
static struct source_file *let_go(struct source *source, struct name *name)
{
    struct source_file *file = name->file;
    if (file == NULL) {
        return NULL;
    }
    file_detach(name);
    if (file->names == NULL) {
        return unnamed(source, file) ? file : NULL;
    }
    set_path(source, file);
    if (!has_first_name(file)) {
        life_depart(source, file);
    }
    return file;
}

static void set_trouble(struct source *source, struct name *name, enum trouble trouble)
{
    (void)let_go(source, name);
    name->trouble = (uint8_t)trouble;
    if (name->unmatched) {
        tree_drop(source->tree, name);
    }
}

static bool is_file(const struct source *source, const struct source_file *file, const char *path,
                    const struct file_stat *stat)
{
    char room[PATH_MAX];
    struct inode_facts facts = {
        .same_boot = source->same_boot || !file->restored,
        .same_device = file->generation.device == stat->device,
        .same_inode = file->generation.inode == stat->inode,
        .same_path = strcmp(file_path(file, room), path) == 0,
        .known_birth_ns = file->generation.birth_ns,
        .birth_ns = stat->birth_ns,
    };
    return identity_same_inode(&facts);
}

static struct source_file *find_from(const struct source *source, struct source_file *file,
                                     const char *path, const struct file_stat *stat)
{
    while (file != NULL && !is_file(source, file, path, stat)) {
        file = file->inode_next;
    }
    return file;
}

static struct source_file *find_file(struct source *source, const char *path,
                                     const struct file_stat *stat)
{
    struct source_file *first = file_table_inode(source->table, stat->inode);
    first = find_from(source, first, path, stat);
    if (first == NULL || find_from(source, first->inode_next, path, stat) == NULL) {
        return first;
    }
    return restore_pick(source, first, is_file, path, stat);
}

static struct source_file *find_displaced(const struct source *source, const char *path,
                                          const struct file_stat *stat)
{
    struct source_file *file = file_table_inode(source->table, stat->inode);
    while (file != NULL &&
           (file->restored || file->generation.inode != stat->inode ||
            file->generation.device != stat->device || is_file(source, file, path, stat))) {
        file = file->inode_next;
    }
    return file;
}

// The inode of a generation belongs to another file now.
static void displace(struct source *source, const char *path, const struct file_stat *stat)
{
    struct source_file *file;
    while ((file = find_displaced(source, path, stat)) != NULL) {
        while (file->names != NULL) {
            struct name *name = file->names;
            file_detach(name);
            tree_look(source->tree, name);
        }
        file_table_hide(source->table, file);
        (void)unnamed(source, file);
    }
}

static bool is_too_old(const struct source *source, const struct file_stat *stat)
{
    uint64_t limit_ns = source->config->ignore_older_ms * NS_PER_MS;
    return limit_ns > 0 && stat->mtime_ns + limit_ns < source->io->real_ns(source->io);
}

static void come_back(struct source *source, struct source_file *file)
{
    if (link_in_ring(&file->waiting)) {
        link_remove(&file->waiting);
        source->past_count--;
    }
    // Of one that never had content nothing tells that this is not another file in its inode.
    bool unread = file->generation.head.length == 0;
    set_phase(source, file, unread ? FILE_FRESH : FILE_LIVE);
    file->generation.state = GENERATION_LIVE;
    file->generation.seen_s = source->io->real_ns(source->io) / NS_PER_S;
    life_announce(source, file);
    if (unread) {
        life_question(source, file);
    } else {
        life_depart(source, file);
    }
}

static void has_changed(struct source *source, struct source_file *file)
{
    switch ((enum file_phase)file->phase) {
    case FILE_LIVE:
        if (file->departing) {
            ring_append(&source->departing, &file->waiting);
        }
        life_ready(source, file);
        break;
    case FILE_FRESH:
    case FILE_HELD:
        life_question(source, file);
        break;
    case FILE_PAST:
        come_back(source, file);
        break;
    case FILE_ORPHAN:
    case FILE_ENDING:
        break;
    }
}

static void saw_archive(struct source *source, struct source_file *file,
                        const struct file_stat *stat)
{
    archive_looked_at(source, file, stat);
    bool held = file->phase == FILE_FRESH || file->phase == FILE_HELD;
    uint64_t size = archive_content_size(file, stat);
    // One that could not be opened, because it was renamed just then, still has to be judged.
    bool waits = held && (link_in_ring(&file->waiting) || file->generation.size_seen == 0);
    bool known = archive_end(file) != ARCHIVE_OPEN && (size == file->read_position || waits);
    if (known || archive_is_refused(source, file)) {
        return;
    }
    if (!held || stat->size > file->generation.size_seen) {
        touch(source, file);
    }
    if (!archive_is_restored(file)) {
        life_set_content(source, file, held ? stat->size : size);
    }
    has_changed(source, file);
}

// A known file was seen under one of its names.
static void saw(struct source *source, struct source_file *file, const struct file_stat *stat)
{
    if (file->phase == FILE_ENDING) {
        return; // looked at again when it has ended
    }
    if (file->archive != NULL) {
        saw_archive(source, file, stat);
        return;
    }
    bool unsure = file->mtime_ns == 0 && stat->size == file->read_position;
    bool changed = file->mtime_ns != stat->mtime_ns || stat->size != file->read_position;
    file->mtime_ns = tree_settled_mtime(source->io, stat->mtime_ns);
    if (file->phase == FILE_PAST && stat->size == file->read_position && changed &&
        !link_in_ring(&file->waiting)) {
        changed =
            !fingerprint_equal(reader_tail(source, file, file->read_position), file->read_tail);
        reader_close(source, file);
    }
    if (!changed) {
        return;
    }
    // The size counts only when it is the size of the content that is known.
    bool checked = file->phase == FILE_LIVE &&
                   (file->fd >= 0 || unsure || source->open_count < source->open_max / 2);
    int error = checked ? reader_check(source, file) : 0;
    if (error == -ESTALE && file->fd >= 0) {
        life_truncated(source, file);
        return;
    }
    if (unsure && file->phase == FILE_LIVE) {
        return;
    }
    // How long it is held counts from its growth, not from when it was looked at.
    bool held = file->phase == FILE_FRESH || file->phase == FILE_HELD;
    if (!held || stat->size > file->generation.size_seen) {
        touch(source, file);
    }
    life_set_size(source, file, stat->size);
    file->size_sure = checked && error == 0 ? file->generation.size_seen : file->size_sure;
    has_changed(source, file);
}

// Puts a file that was found under another name before, or under none, where it is now.
static void move_here(struct source *source, struct source_file *file, struct name *name,
                      const char *path, const struct file_stat *stat)
{
    bool was_restored = file->restored;
    if (file->phase == FILE_ORPHAN) {
        bool unread = file->read_position == 0;
        link_remove(&file->waiting);
        set_phase(source, file, unread ? FILE_FRESH : FILE_LIVE);
        file_work(file)->gone_ns = 0;
    }
    char room[PATH_MAX];
    file_attach(file, name);
    bool renamed = strcmp(file_path(file, room), path) != 0;
    if (was_restored) {
        restore_found(source, file, stat);
        file = name->file;
    }
    if ((renamed || was_restored) && !has_first_name(file)) {
        life_depart(source, file);
    }
    set_path(source, file);
    saw(source, file, stat);
}

// The one of a ring that began last under a name; of those that were put there last.
static struct source_file *find_begun(const struct link *ring, uint32_t first_name)
{
    enum { LOOKED_AT_MAX = 64 };
    struct source_file *found = NULL;
    const struct link *link = ring->previous;
    for (int i = 0; i < LOOKED_AT_MAX && link != ring; i++, link = link->previous) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, waiting);
        if (file->generation.first_name == first_name &&
            (found == NULL || file->generation.id > found->generation.id)) {
            found = file;
        }
    }
    return found;
}

// The generation that had a new file's name until just now, when nothing was seen there since.
static struct source_file *find_renamed(struct source *source, const char *path)
{
    uint32_t first_name = generation_name(path);
    struct source_file *departing = find_begun(&source->departing, first_name);
    struct source_file *orphan = find_begun(&source->orphans, first_name);
    if (departing == NULL || orphan == NULL) {
        return departing == NULL ? orphan : departing;
    }
    return departing->generation.id > orphan->generation.id ? departing : orphan;
}

static void adopt_name(struct source *source, struct name *name, const char *path,
                       const struct file_stat *stat)
{
    struct source_file *file = find_file(source, path, stat);
    if (file == NULL && (name->unmatched || is_too_old(source, stat))) {
        set_trouble(source, name, TROUBLE_OLD);
        return;
    }
    if (file == NULL) {
        displace(source, path, stat);
    } else if (file->phase == FILE_PAST && link_in_ring(&file->waiting)) {
        // Out of reach of what is forgotten in favour of the name's former file.
        link_remove(&file->waiting);
        source->past_count--;
        file->generation.state = GENERATION_ENDED;
    }
    struct source_file *before = let_go(source, name);
    if (before == NULL && file == NULL) {
        before = find_renamed(source, path);
    }
    bool follows = before != NULL && before != file &&
                   (before->phase == FILE_LIVE || before->phase == FILE_ORPHAN);
    if (file != NULL) {
        move_here(source, file, name, path, stat);
    } else {
        file = add_file(source, path, stat);
        file_attach(file, name);
    }
    struct file_stat link;
    if (source->io->stat(source->io, path, false, &link) == 0 && link.kind == FILE_SYMLINK) {
        tree_name_poll(source->tree, name, true);
    }
    if (follows) {
        file_order(before, name->file);
        life_ready(source, before);
    }
}

static void look_failed(struct source *source, struct name *name, const char *path, int error)
{
    struct file_stat link;
    if (error == -EACCES || error == -EPERM) {
        // What is behind it is still the same as far as anyone can tell.
        name->trouble = TROUBLE_PERMISSION;
        return;
    }
    bool linked = source->io->stat(source->io, path, false, &link) == 0;
    if (linked && link.kind == FILE_SYMLINK) {
        set_trouble(source, name, error == -ELOOP ? TROUBLE_LOOP : TROUBLE_DANGLING);
        tree_name_poll(source->tree, name, false);
    } else if (error == -ENOENT || error == -ENOTDIR) {
        (void)let_go(source, name);
        tree_drop(source->tree, name);
    } else {
        name->trouble = TROUBLE_ERROR;
    }
}

void life_look(struct source *source, struct name *name)
{
    struct source_file *file = name->file;
    if (!name->moved && file != NULL && file->fd >= 0 && file->phase == FILE_LIVE) {
        touch(source, file);
        if (file->departing) {
            ring_append(&source->departing, &file->waiting);
        }
        life_ready(source, file);
        return;
    }
    name->moved = false;
    char path[PATH_MAX];
    struct file_stat stat;
    if (!tree_path(name, path)) {
        name->trouble = TROUBLE_ERROR;
        return;
    }
    int error = source->io->stat(source->io, path, true, &stat);
    if (error != 0) {
        look_failed(source, name, path, error);
        return;
    }
    if (stat.kind != FILE_REGULAR) {
        set_trouble(source, name,
                    stat.kind == FILE_DIRECTORY ? TROUBLE_DIRECTORY : TROUBLE_SPECIAL);
        return;
    }
    name->trouble = TROUBLE_NONE;
    if (file != NULL && is_file(source, file, path, &stat)) {
        saw(source, file, &stat);
    } else {
        adopt_name(source, name, path, &stat);
    }
}

void life_shrunk(struct source *source, struct source_file *file, uint64_t size)
{
    struct generation *generation = &file->generation;
    if (size < generation->size_seen) {
        uint64_t kept = size > file->read_position ? size : file->read_position;
        uint64_t before = life_lag(file);
        if (kept < generation->size_seen) {
            tell_lost(source, file, generation->size_seen - kept, LOSS_EXACT);
        }
        generation->size_seen = kept;
        set_lag(source, before, life_lag(file));
    }
    life_set_size(source, file, size);
}
