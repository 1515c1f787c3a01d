#include "source/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "source/watch.h"

enum {
    DEPTH_MAX = 64,
    RESYNC_STATS = 5000,  // looks a step after events were lost
    POLLED_SHARE = 350,   // of TREE_STATS_PER_WAKE, for names that only polling can follow
    DIRECTORY_SHARE = 50, // and for directories
};

// Twice the coarsest granularity in use (FAT: 2 s).
#define MTIME_TICK_NS (4 * NS_PER_S)

// A directory that a pattern goes through or ends in. A path has one, also while it does not exist
// (the bases of the patterns) or does not exist any more but has names that were not looked at yet.
struct dir {
    char *path;
    struct dir *parent; // NULL: a base
    struct dir *first_child;
    struct dir *next_sibling;
    struct name *names;
    uint64_t *states;
    uint64_t device;
    uint64_t inode;
    uint64_t mtime_ns;
    uint32_t index; // in tree.dirs
    int watch;      // -1: none
    unsigned depth;
    bool exists;
    bool network;
};

struct name_list {
    struct name **items;
    size_t count;
    size_t capacity;
    size_t cursor; // of the rescan
};

struct tree {
    struct io *io;
    const struct glob *glob;
    struct watch *watch;
    uint64_t poll_interval_ns;

    struct dir **dirs;
    size_t dir_count;
    size_t dir_capacity;
    size_t dir_cursor;

    struct name **buckets;
    size_t bucket_count;
    struct name_list watched;
    struct name_list polled;

    struct name **queue; // a ring
    size_t queue_first;
    size_t queue_count;
    size_t queue_capacity;

    uint64_t next_scan_ns;
    size_t resync; // names and directories that are still to be looked at after an overflow
    unsigned degraded;
    uint32_t moved_cookie;
    struct name *moved_name; // from where a file was just renamed
};

// ---- names ----

static bool join(const char *dir, const char *name, char out_path[PATH_MAX])
{
    size_t dir_size = strlen(dir);
    size_t name_size = strlen(name);
    bool slash = dir_size > 0 && dir[dir_size - 1] != '/';
    if (dir_size + name_size + 2 > PATH_MAX) {
        return false;
    }
    memcpy(out_path, dir, dir_size);
    if (slash) {
        out_path[dir_size++] = '/';
    }
    memcpy(out_path + dir_size, name, name_size);
    out_path[dir_size + name_size] = '\0';
    return true;
}

bool tree_path(const struct name *name, char out_path[PATH_MAX])
{
    return join(name->dir->path, name->text, out_path);
}

static uint64_t hash_of(const struct dir *dir, const char *text)
{
    uint64_t hash = (uint64_t)(uintptr_t)dir * 0x9e3779b97f4a7c15u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return hash ^ hash >> 29;
}

static struct name **bucket_of(const struct tree *tree, const struct dir *dir, const char *text)
{
    return &tree->buckets[hash_of(dir, text) & (tree->bucket_count - 1)];
}

static void grow_buckets(struct tree *tree)
{
    struct name **old = tree->buckets;
    size_t old_count = tree->bucket_count;
    tree->bucket_count = old_count * 2;
    tree->buckets = xcalloc(tree->bucket_count, sizeof(struct name *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct name *name = old[i];
            old[i] = name->bucket_next;
            struct name **bucket = bucket_of(tree, name->dir, name->text);
            name->bucket_next = *bucket;
            *bucket = name;
        }
    }
    free(old);
}

static struct name *find_name(const struct tree *tree, const struct dir *dir, const char *text)
{
    struct name *name = *bucket_of(tree, dir, text);
    while (name != NULL && (name->dir != dir || strcmp(name->text, text) != 0)) {
        name = name->bucket_next;
    }
    return name;
}

static void list_append(struct name_list *list, struct name *name)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity + list->capacity / 2 + 16;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    name->index = (uint32_t)list->count;
    list->items[list->count++] = name;
}

static void list_remove(struct name_list *list, struct name *name)
{
    struct name *last = list->items[--list->count];
    list->items[name->index] = last;
    last->index = name->index;
}

static bool wants_polling(const struct name *name)
{
    return name->pinned || name->dir->network || name->dir->watch < 0;
}

static void sort_in(struct tree *tree, struct name *name)
{
    bool polled = wants_polling(name);
    if (polled != name->polled) {
        list_remove(name->polled ? &tree->polled : &tree->watched, name);
        name->polled = polled;
        list_append(polled ? &tree->polled : &tree->watched, name);
    }
}

static void enqueue(struct tree *tree, struct name *name, bool moved)
{
    name->moved = name->moved || moved;
    if (name->queued) {
        return;
    }
    if (tree->queue_count == tree->queue_capacity) {
        size_t capacity = tree->queue_capacity * 2 + 64;
        struct name **queue = xcalloc(capacity, sizeof(struct name *));
        for (size_t i = 0; i < tree->queue_count; i++) {
            queue[i] = tree->queue[(tree->queue_first + i) % tree->queue_capacity];
        }
        free(tree->queue);
        tree->queue = queue;
        tree->queue_first = 0;
        tree->queue_capacity = capacity;
    }
    name->queued = true;
    tree->queue[(tree->queue_first + tree->queue_count++) % tree->queue_capacity] = name;
}

struct name *tree_take(struct tree *tree)
{
    while (tree->queue_count > 0) {
        struct name *name = tree->queue[tree->queue_first];
        tree->queue_first = (tree->queue_first + 1) % tree->queue_capacity;
        tree->queue_count--;
        if (name != NULL) {
            name->queued = false;
            return name;
        }
    }
    return NULL;
}

void tree_look(struct tree *tree, struct name *name)
{
    enqueue(tree, name, true);
}

bool tree_pending(const struct tree *tree)
{
    return tree->queue_count > 0;
}

static struct name *add_name(struct tree *tree, struct dir *dir, const char *text)
{
    if (tree->watched.count + tree->polled.count >= tree->bucket_count) {
        grow_buckets(tree);
    }
    size_t size = strlen(text) + 1;
    struct name *name = xcalloc(1, sizeof *name + size);
    name->dir = dir;
    name->target_watch = -1;
    memcpy(name->text, text, size);
    struct name **bucket = bucket_of(tree, dir, text);
    name->bucket_next = *bucket;
    *bucket = name;
    name->dir_next = dir->names;
    if (dir->names != NULL) {
        dir->names->dir_previous = name;
    }
    dir->names = name;
    name->polled = wants_polling(name);
    list_append(name->polled ? &tree->polled : &tree->watched, name);
    return name;
}

static void unlink_from_dir(struct name *name)
{
    if (name->dir_previous != NULL) {
        name->dir_previous->dir_next = name->dir_next;
    } else {
        name->dir->names = name->dir_next;
    }
    if (name->dir_next != NULL) {
        name->dir_next->dir_previous = name->dir_previous;
    }
}

static void forget_queued(struct tree *tree, struct name *name)
{
    for (size_t i = 0; name->queued && i < tree->queue_count; i++) {
        struct name **place = &tree->queue[(tree->queue_first + i) % tree->queue_capacity];
        if (*place == name) {
            *place = NULL;
            name->queued = false;
        }
    }
}

static void free_if_unused(struct tree *tree, struct dir *dir);

void tree_drop(struct tree *tree, struct name *name)
{
    forget_queued(tree, name);
    watch_remove(tree->watch, name->target_watch, name);
    struct name **place = bucket_of(tree, name->dir, name->text);
    while (*place != name) {
        place = &(*place)->bucket_next;
    }
    *place = name->bucket_next;
    unlink_from_dir(name);
    list_remove(name->polled ? &tree->polled : &tree->watched, name);
    if (tree->moved_name == name) {
        tree->moved_name = NULL;
    }
    struct dir *dir = name->dir;
    free(name);
    free_if_unused(tree, dir);
}

void tree_name_poll(struct tree *tree, struct name *name, bool has_target)
{
    char path[PATH_MAX];
    watch_remove(tree->watch, name->target_watch, name);
    name->target_watch = -1;
    name->pinned = true;
    if (has_target && tree_path(name, path)) {
        int id = watch_add(tree->watch, path, false, name);
        name->target_watch = id < 0 ? -1 : id;
    }
    sort_in(tree, name);
}

// ---- directories ----

static struct dir *add_dir(struct tree *tree, struct dir *parent, const char *path)
{
    struct dir *dir = xcalloc(1, sizeof *dir);
    *dir = (struct dir){
        .path = xstrdup(path),
        .parent = parent,
        .states = xcalloc(glob_state_words(tree->glob), sizeof(uint64_t)),
        .watch = -1,
        .depth = parent == NULL ? 0 : parent->depth + 1,
        .index = (uint32_t)tree->dir_count,
    };
    if (parent != NULL) {
        dir->next_sibling = parent->first_child;
        parent->first_child = dir;
    }
    if (tree->dir_count == tree->dir_capacity) {
        tree->dir_capacity = tree->dir_capacity * 2 + 16;
        tree->dirs = xreallocarray(tree->dirs, tree->dir_capacity, sizeof(struct dir *));
    }
    tree->dirs[tree->dir_count++] = dir;
    return dir;
}

static void free_dir(struct dir *dir)
{
    free(dir->path);
    free(dir->states);
    free(dir);
}

static void free_if_unused(struct tree *tree, struct dir *dir)
{
    while (dir != NULL && dir->parent != NULL && !dir->exists && dir->names == NULL &&
           dir->first_child == NULL) {
        struct dir *parent = dir->parent;
        struct dir **place = &parent->first_child;
        while (*place != dir) {
            place = &(*place)->next_sibling;
        }
        *place = dir->next_sibling;
        struct dir *last = tree->dirs[--tree->dir_count];
        tree->dirs[dir->index] = last;
        last->index = dir->index;
        free_dir(dir);
        dir = parent;
    }
}

static struct dir *find_child(const struct dir *dir, const char *path)
{
    struct dir *child = dir->first_child;
    while (child != NULL && strcmp(child->path, path) != 0) {
        child = child->next_sibling;
    }
    return child;
}

// NFS, SMB, CIFS, 9p, FUSE, Ceph, AFS, Lustre, GlusterFS is FUSE: f_type of statfs(2).
static bool is_network(uint64_t magic)
{
    static const uint64_t MAGICS[] = {0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x01021997,
                                      0x65735546, 0x00c36400, 0x5346414f, 0x6b414653, 0x0bd00bd0,
                                      0x47504653, 0x013111a8, 0x7461636f, 0x786f4256};
    for (size_t i = 0; i < ARRAY_COUNT(MAGICS); i++) {
        if (magic == MAGICS[i]) {
            return true;
        }
    }
    return false;
}

static void look_at_names(struct tree *tree, const struct dir *dir)
{
    for (struct name *name = dir->names; name != NULL; name = name->dir_next) {
        sort_in(tree, name);
        enqueue(tree, name, true);
    }
}

static void watch_dir(struct tree *tree, struct dir *dir)
{
    uint64_t magic;
    dir->network = tree->io->fs_magic(tree->io, dir->path, &magic) == 0 && is_network(magic);
    int id = watch_add(tree->watch, dir->path, true, dir);
    dir->watch = id < 0 ? -1 : id;
    if (id == -ENOSPC) {
        tree->degraded |= TREE_NO_WATCHES;
    } else if (id == -EMFILE) {
        tree->degraded |= TREE_NO_INSTANCES;
    }
    tree->degraded |= dir->network ? TREE_NETWORK : 0;
}

static void unwatch_dir(struct tree *tree, struct dir *dir)
{
    watch_remove(tree->watch, dir->watch, dir);
    dir->watch = -1;
}

static void check_dir(struct tree *tree, struct dir *dir, bool list);

static bool is_loop(const struct dir *dir, const struct file_stat *stat)
{
    for (const struct dir *above = dir->parent; above != NULL; above = above->parent) {
        if (above->device == stat->device && above->inode == stat->inode) {
            return true;
        }
    }
    return false;
}

static void look_at_child(struct tree *tree, struct dir *dir, const char *path, const char *name,
                          bool linked)
{
    struct dir *child = find_child(dir, path);
    if (child == NULL) {
        size_t words = glob_state_words(tree->glob);
        uint64_t *states = xcalloc(words, sizeof *states);
        bool enters = dir->depth < DEPTH_MAX && !glob_excluded(tree->glob, path) &&
                      glob_enter(tree->glob, dir->states, name, linked, states);
        if (enters) {
            child = add_dir(tree, dir, path);
            memcpy(child->states, states, words * sizeof *states);
        }
        free(states);
    }
    if (child != NULL) {
        check_dir(tree, child, false);
        free_if_unused(tree, child);
    }
}

struct listing {
    struct tree *tree;
    struct dir *dir;
};

static int look_at_entry(void *context, const char *text, enum file_kind kind)
{
    struct listing *listing = context;
    struct tree *tree = listing->tree;
    struct dir *dir = listing->dir;
    char path[PATH_MAX];
    if (!join(dir->path, text, path)) {
        return 0;
    }
    struct name *name = find_name(tree, dir, text);
    if (name == NULL && glob_matches(tree->glob, dir->states, text) &&
        !glob_excluded(tree->glob, path)) {
        name = add_name(tree, dir, text);
    }
    if (name != NULL) {
        enqueue(tree, name, true);
    }
    if (kind == FILE_DIRECTORY || kind == FILE_SYMLINK) {
        look_at_child(tree, dir, path, text, kind == FILE_SYMLINK);
    }
    return 0;
}

static void list_dir(struct tree *tree, struct dir *dir)
{
    look_at_names(tree, dir);
    struct listing listing = {.tree = tree, .dir = dir};
    (void)tree->io->list(tree->io, dir->path, look_at_entry, &listing);
}

uint64_t tree_settled_mtime(struct io *io, uint64_t mtime_ns)
{
    return mtime_ns + MTIME_TICK_NS < io->real_ns(io) ? mtime_ns : 0;
}

static void lose_dir(struct tree *tree, struct dir *dir)
{
    dir->exists = false;
    unwatch_dir(tree, dir);
    look_at_names(tree, dir);
    for (struct dir *child = dir->first_child, *next; child != NULL; child = next) {
        next = child->next_sibling;
        lose_dir(tree, child);
        free_if_unused(tree, child);
    }
}

// Finds out what is at the path of a directory now, and lists it when it is new or `list`.
static void check_dir(struct tree *tree, struct dir *dir, bool list)
{
    struct file_stat stat;
    if (tree->io->stat(tree->io, dir->path, true, &stat) != 0 || stat.kind != FILE_DIRECTORY ||
        is_loop(dir, &stat)) {
        if (dir->exists) {
            lose_dir(tree, dir);
        }
        return;
    }
    bool other = !dir->exists || dir->device != stat.device || dir->inode != stat.inode;
    if (other) {
        unwatch_dir(tree, dir);
    }
    dir->exists = true;
    dir->device = stat.device;
    dir->inode = stat.inode;
    bool unwatched = dir->watch < 0;
    if (unwatched) {
        watch_dir(tree, dir);
    }
    bool regained = unwatched && dir->watch >= 0;
    if (list || other || regained || dir->mtime_ns != stat.mtime_ns) {
        dir->mtime_ns = tree_settled_mtime(tree->io, stat.mtime_ns);
        list_dir(tree, dir);
    }
}

// ---- events ----

static struct dir *find_dir(const struct tree *tree, const char *path, size_t size)
{
    for (size_t i = 0; i < tree->dir_count; i++) {
        if (slice_equal_text(slice_of(path, size), tree->dirs[i]->path)) {
            return tree->dirs[i];
        }
    }
    return NULL;
}

static struct dir *dir_of_path(const struct tree *tree, const char *path, const char **out_text)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    *out_text = slash + 1;
    return find_dir(tree, path, slash == path ? 1 : (size_t)(slash - path));
}

const struct name *tree_find(const struct tree *tree, const char *path)
{
    const char *text;
    const struct dir *dir = dir_of_path(tree, path, &text);
    return dir == NULL ? NULL : find_name(tree, dir, text);
}

struct name *tree_follow(struct tree *tree, const char *path)
{
    const char *text;
    struct dir *dir = dir_of_path(tree, path, &text);
    if (dir == NULL) {
        return NULL;
    }
    struct name *name = find_name(tree, dir, text);
    if (name == NULL) {
        name = add_name(tree, dir, text);
        name->unmatched = true;
    }
    return name;
}

// A file of ours was renamed to a name that no pattern matches: it may still be written to.
static void follow_rename(struct tree *tree, struct dir *dir, const struct watch_event *event)
{
    if ((event->mask & (IN_MOVED_TO | IN_ISDIR)) != IN_MOVED_TO || tree->moved_name == NULL ||
        event->cookie != tree->moved_cookie || tree->moved_name->file == NULL ||
        find_name(tree, dir, event->name) != NULL) {
        return;
    }
    struct name *name = add_name(tree, dir, event->name);
    name->unmatched = true;
    enqueue(tree, name, true);
}

static void take_entry_event(struct tree *tree, struct dir *dir, const struct watch_event *event)
{
    bool content = (event->mask & (IN_MODIFY | IN_ISDIR)) == IN_MODIFY;
    struct name *name = find_name(tree, dir, event->name);
    if (name != NULL) {
        enqueue(tree, name, !content);
        if ((event->mask & IN_MOVED_FROM) != 0) {
            tree->moved_cookie = event->cookie;
            tree->moved_name = name;
        }
    }
    if (content && name != NULL) {
        return;
    }
    struct listing listing = {.tree = tree, .dir = dir};
    bool gone = (event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
    char path[PATH_MAX];
    if (gone) {
        struct dir *child = join(dir->path, event->name, path) ? find_child(dir, path) : NULL;
        if (child != NULL) {
            check_dir(tree, child, false);
            free_if_unused(tree, child);
        }
        return;
    }
    // inotify does not tell a symbolic link from a file: both are tried.
    enum file_kind kind = (event->mask & IN_ISDIR) != 0 ? FILE_DIRECTORY : FILE_REGULAR;
    if ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0 && kind != FILE_DIRECTORY &&
        join(dir->path, event->name, path)) {
        struct file_stat stat;
        uint64_t *states = xcalloc(glob_state_words(tree->glob), sizeof *states);
        if (glob_enter(tree->glob, dir->states, event->name, false, states) &&
            tree->io->stat(tree->io, path, false, &stat) == 0) {
            kind = stat.kind;
        }
        free(states);
    }
    (void)look_at_entry(&listing, event->name, kind);
    follow_rename(tree, dir, event);
}

static void start_resync(struct tree *tree)
{
    tree->resync = tree->dir_count + tree->watched.count + tree->polled.count;
}

static void take_event(struct tree *tree, const struct watch_event *event)
{
    if (event->owner == NULL) {
        tree->degraded |= TREE_OVERFLOW;
        start_resync(tree);
        return;
    }
    if (!event->directory) {
        struct name *name = event->owner;
        if ((event->mask & IN_IGNORED) != 0) {
            name->target_watch = -1;
        }
        enqueue(tree, name, event->mask != IN_MODIFY);
        return;
    }
    struct dir *dir = event->owner;
    if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
        dir->watch = (event->mask & IN_IGNORED) != 0 ? -1 : dir->watch;
    }
    if (event->name[0] == '\0') {
        check_dir(tree, dir, (event->mask & IN_ATTRIB) != 0);
        free_if_unused(tree, dir);
        return;
    }
    take_entry_event(tree, dir, event);
}

// ---- rescan ----

static size_t look_at_some(struct tree *tree, struct name_list *list, size_t budget)
{
    size_t count = budget < list->count ? budget : list->count;
    for (size_t i = 0; i < count; i++) {
        list->cursor = list->cursor >= list->count ? 0 : list->cursor;
        enqueue(tree, list->items[list->cursor++], true);
    }
    return count;
}

static size_t check_some_dirs(struct tree *tree, size_t budget)
{
    size_t count = budget < tree->dir_count ? budget : tree->dir_count;
    for (size_t i = 0; i < count; i++) {
        tree->dir_cursor = tree->dir_cursor >= tree->dir_count ? 0 : tree->dir_cursor;
        struct dir *dir = tree->dirs[tree->dir_cursor++];
        check_dir(tree, dir, false);
        free_if_unused(tree, dir);
    }
    return count;
}

static void rescan(struct tree *tree, size_t budget)
{
    size_t dirs = budget * DIRECTORY_SHARE / TREE_STATS_PER_WAKE;
    size_t polled = budget * POLLED_SHARE / TREE_STATS_PER_WAKE;
    size_t left = budget;
    left -= check_some_dirs(tree, dirs > 0 ? dirs : 1);
    left -= look_at_some(tree, &tree->polled, polled);
    (void)look_at_some(tree, &tree->watched, left);
}

void tree_step(struct tree *tree, uint64_t now_ns)
{
    struct watch_event event;
    while (watch_next(tree->watch, &event)) {
        take_event(tree, &event);
    }
    if (tree->resync > 0) {
        rescan(tree, RESYNC_STATS);
        tree->resync -= tree->resync < RESYNC_STATS ? tree->resync : RESYNC_STATS;
    }
    if (now_ns < tree->next_scan_ns) {
        return;
    }
    if (watch_retry(tree->watch)) {
        start_resync(tree);
    }
    uint64_t interval_ns = NS_PER_S;
    if (tree->polled.count > 0 && tree->poll_interval_ns < interval_ns) {
        interval_ns = tree->poll_interval_ns;
    }
    rescan(tree, (size_t)(TREE_STATS_PER_WAKE * interval_ns / NS_PER_S));
    tree->next_scan_ns = now_ns + interval_ns;
}

uint64_t tree_next_step(const struct tree *tree)
{
    return tree->resync > 0 ? 0 : tree->next_scan_ns;
}

void tree_scan(struct tree *tree)
{
    for (size_t i = 0; i < glob_base_count(tree->glob); i++) {
        check_dir(tree, tree->dirs[i], true);
    }
}

void tree_look_everywhere(struct tree *tree)
{
    struct watch_event event;
    while (watch_next(tree->watch, &event)) {
        take_event(tree, &event);
    }
    for (size_t i = 0; i < tree->dir_count; i++) {
        check_dir(tree, tree->dirs[i], true);
    }
    (void)look_at_some(tree, &tree->polled, SIZE_MAX);
    (void)look_at_some(tree, &tree->watched, SIZE_MAX);
}

void tree_look_around(struct tree *tree, const struct name *name)
{
    check_dir(tree, name->dir, true);
}

// ---- life ----

struct tree *tree_create(struct io *io, const struct glob *glob, uint64_t poll_interval_ms)
{
    struct tree *tree = xcalloc(1, sizeof *tree);
    tree->io = io;
    tree->glob = glob;
    tree->watch = watch_create(io);
    tree->poll_interval_ns = (poll_interval_ms < 50 ? 50 : poll_interval_ms) * NS_PER_MS;
    tree->bucket_count = 64;
    tree->buckets = xcalloc(tree->bucket_count, sizeof(struct name *));
    for (size_t i = 0; i < glob_base_count(glob); i++) {
        struct dir *dir = add_dir(tree, NULL, glob_base(glob, i));
        glob_start(glob, i, dir->states);
    }
    return tree;
}

static void free_names(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

void tree_free(struct tree *tree)
{
    if (tree == NULL) {
        return;
    }
    free_names(&tree->watched);
    free_names(&tree->polled);
    for (size_t i = 0; i < tree->dir_count; i++) {
        free_dir(tree->dirs[i]);
    }
    free(tree->dirs);
    free(tree->buckets);
    free(tree->queue);
    watch_free(tree->watch);
    free(tree);
}

int tree_notify_fd(const struct tree *tree)
{
    return watch_fd(tree->watch);
}

size_t tree_name_count(const struct tree *tree)
{
    return tree->watched.count + tree->polled.count;
}

void tree_each(const struct tree *tree, void (*each)(void *context, const struct name *name),
               void *context)
{
    for (size_t i = 0; i < tree->watched.count; i++) {
        each(context, tree->watched.items[i]);
    }
    for (size_t i = 0; i < tree->polled.count; i++) {
        each(context, tree->polled.items[i]);
    }
}

unsigned tree_degraded(const struct tree *tree)
{
    return tree->degraded;
}
