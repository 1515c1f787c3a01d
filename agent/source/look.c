// What is behind a name now, and what that says about the file that was there.
#include <errno.h>
#include <string.h>

#include "source/archive.h"
#include "source/identity.h"
#include "source/state.h"

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
        return life_lose_name(source, file) ? file : NULL;
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
        (void)life_lose_name(source, file);
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
    extent_set_phase(source, file, unread ? FILE_FRESH : FILE_LIVE);
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
    bool settled = held ? link_in_ring(&file->waiting) || file->generation.size_seen == 0
                        : size == file->read_position;
    bool known = archive_end(file) != ARCHIVE_OPEN && settled;
    if (known || archive_is_refused(source, file)) {
        return;
    }
    if (!held || stat->size > file->generation.size_seen) {
        life_touch(source, file);
    }
    if (!archive_is_restored(file)) {
        extent_set_content(source, file, held ? stat->size : size);
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
        life_touch(source, file);
    }
    extent_set_size(source, file, stat->size);
    file->size_sure = checked && error == 0 ? file->generation.size_seen : file->size_sure;
    has_changed(source, file);
}

// Puts a file that was found under another name before, or under none, where it is now.
static void move_here(struct source *source, struct source_file *file, struct name *name,
                      const char *path, const struct file_stat *stat)
{
    bool was_restored = file->restored;
    bool was_orphan = file->phase == FILE_ORPHAN;
    if (was_orphan) {
        bool unread = file->read_position == 0;
        link_remove(&file->waiting);
        extent_set_phase(source, file, unread ? FILE_FRESH : FILE_LIVE);
        file_work(file)->gone_ns = 0;
    }
    char room[PATH_MAX];
    file_attach(file, name);
    bool renamed = strcmp(file_path(file, room), path) != 0;
    if (was_restored) {
        restore_found(source, file, stat);
        file = name->file;
    }
    bool departs = (renamed || was_restored) && !has_first_name(file);
    if (departs || (was_orphan && file->departing)) {
        life_depart(source, file);
    } else if (was_orphan) {
        life_ready(source, file); // others may wait for its end
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
        tell_lost(source, file, 0, LOSS_NONE);
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
        file = life_begin(source, path, stat);
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

// What waits to be read may be gone before its turn comes: then the size that was seen says how
// much is lost. Returns whether it goes on.
static bool see_size(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    if (!link_in_ring(&file->work->ready) || file->archive != NULL ||
        source->io->fstat(source->io, file->fd, &stat) != 0) {
        return true;
    }
    int error = stat.size < extent_min(file) ? -ESTALE : reader_check(source, file);
    if (error == -ESTALE) {
        life_truncated(source, file);
        return false;
    }
    if (error == 0) {
        extent_set_size(source, file, stat.size);
        file->size_sure = file->generation.size_seen;
    }
    return true;
}

void look_behind(struct source *source, struct name *name)
{
    struct source_file *file = name->file;
    if (!name->moved && file != NULL && file->fd >= 0 && file->phase == FILE_LIVE) {
        life_touch(source, file);
        if (!see_size(source, file)) {
            return;
        }
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

void look_elsewhere(struct source *source, const char *path)
{
    struct file_stat stat;
    if (source->io->stat(source->io, path, false, &stat) != 0 || stat.kind != FILE_REGULAR) {
        return;
    }
    struct source_file *file = find_file(source, path, &stat);
    if (file != NULL && file->restored && file->phase != FILE_PAST) {
        restore_found_elsewhere(source, file, path, &stat);
    }
}
