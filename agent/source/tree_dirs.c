#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/generation.h"
#include "source/tree_state.h"

// Entries of a watched directory: one that is large and changes all the time is not listed more
// often.
enum { LISTED_PER_S = 2500 };

// Twice the coarsest granularity in use (FAT: 2 s).
#define MTIME_TICK_NS (4 * NS_PER_S)

static struct dir **dir_bucket(const struct tree *tree, struct slice path)
{
    return &tree->dir_buckets[fingerprint_of(path).hash & (tree->dir_bucket_count - 1)];
}

static void index_dir(struct tree *tree, struct dir *dir)
{
    struct dir **bucket = dir_bucket(tree, slice_of_text(dir->path));
    dir->bucket_next = *bucket;
    *bucket = dir;
}

static void unindex_dir(struct tree *tree, struct dir *dir)
{
    struct dir **place = dir_bucket(tree, slice_of_text(dir->path));
    while (*place != dir) {
        place = &(*place)->bucket_next;
    }
    *place = dir->bucket_next;
}

static void grow_dirs(struct tree *tree)
{
    tree->dir_capacity = tree->dir_capacity == 0 ? 16 : tree->dir_capacity * 2;
    tree->dirs = xreallocarray(tree->dirs, tree->dir_capacity, sizeof(struct dir *));
    free(tree->dir_buckets);
    tree->dir_bucket_count = tree->dir_capacity;
    tree->dir_buckets = xcalloc(tree->dir_bucket_count, sizeof(struct dir *));
    for (size_t i = 0; i < tree->dir_count; i++) {
        index_dir(tree, tree->dirs[i]);
    }
}

struct dir *tree_dir_find(const struct tree *tree, struct slice path)
{
    struct dir *found = NULL;
    for (struct dir *dir = *dir_bucket(tree, path); dir != NULL; dir = dir->bucket_next) {
        bool first = found == NULL || dir->index < found->index;
        found = first && slice_equal_text(path, dir->path) ? dir : found;
    }
    return found;
}

struct dir *tree_dir_child(const struct tree *tree, const struct dir *dir, const char *path)
{
    struct dir *child = *dir_bucket(tree, slice_of_text(path));
    while (child != NULL && (child->parent != dir || strcmp(child->path, path) != 0)) {
        child = child->bucket_next;
    }
    return child;
}

struct dir *tree_dir_add(struct tree *tree, struct dir *parent, const char *path)
{
    struct dir *dir = xcalloc(1, sizeof *dir);
    *dir = (struct dir){
        .path = xstrdup(path),
        .parent = parent,
        .states = xcalloc(glob_state_words(tree->glob), sizeof(uint64_t)),
        .watch = -1,
        .index = (uint32_t)tree->dir_count,
    };
    if (parent != NULL) {
        dir->next_sibling = parent->first_child;
        if (dir->next_sibling != NULL) {
            dir->next_sibling->previous_sibling = dir;
        }
        parent->first_child = dir;
    }
    if (tree->dir_count == tree->dir_capacity) {
        grow_dirs(tree);
    }
    tree->dirs[tree->dir_count++] = dir;
    index_dir(tree, dir);
    return dir;
}

void tree_dir_free(struct dir *dir)
{
    free(dir->path);
    free(dir->states);
    free(dir);
}

static void unlink_sibling(struct dir *dir)
{
    if (dir->previous_sibling != NULL) {
        dir->previous_sibling->next_sibling = dir->next_sibling;
    } else {
        dir->parent->first_child = dir->next_sibling;
    }
    if (dir->next_sibling != NULL) {
        dir->next_sibling->previous_sibling = dir->previous_sibling;
    }
}

void tree_dir_tidy(struct tree *tree, struct dir *dir)
{
    while (dir != NULL && dir->parent != NULL && !dir->exists && !dir->found &&
           dir->names == NULL && dir->first_child == NULL) {
        struct dir *parent = dir->parent;
        unlink_sibling(dir);
        unindex_dir(tree, dir);
        struct dir *last = tree->dirs[--tree->dir_count];
        tree->dirs[dir->index] = last;
        last->index = dir->index;
        tree_dir_free(dir);
        dir = parent;
    }
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
        tree_name_sort(tree, name);
        tree_enqueue(tree, name, true);
    }
}

static enum tree_blindness blindness_of(const struct dir *dir, int error)
{
    switch (error) {
    case 0:
        return dir->network ? TREE_NETWORK : TREE_SEES;
    case -ENOSPC:
        return TREE_NO_WATCHES;
    case -EMFILE:
        return TREE_NO_INSTANCES;
    default:
        return TREE_REFUSED;
    }
}

static void watch_dir(struct tree *tree, struct dir *dir)
{
    uint64_t magic;
    dir->network = tree->io->fs_magic(tree->io, dir->path, &magic) == 0 && is_network(magic);
    int id = watch_add(tree->watch, dir->path, true, dir);
    dir->watch = id < 0 ? -1 : id;
    tree->seen_dirs[dir->blindness]--;
    dir->blindness = (uint8_t)blindness_of(dir, id < 0 ? id : 0);
    tree->seen_dirs[dir->blindness]++;
}

// Whether the directory is there is known anew.
static void set_exists(struct tree *tree, struct dir *dir, bool exists)
{
    if (exists && !dir->exists) {
        tree->seen_dirs[dir->blindness]++;
    } else if (!exists && dir->exists) {
        tree->seen_dirs[dir->blindness]--;
    }
    dir->exists = exists;
}

static void unwatch_dir(struct tree *tree, struct dir *dir)
{
    watch_remove(tree->watch, dir->watch, dir);
    dir->watch = -1;
}

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
    struct dir *child = tree_dir_child(tree, dir, path);
    if (child == NULL) {
        size_t words = glob_state_words(tree->glob);
        uint64_t *states = xcalloc(words, sizeof *states);
        bool enters = !glob_excluded(tree->glob, path) &&
                      glob_enter(tree->glob, dir->states, name, linked, states);
        if (enters) {
            child = tree_dir_add(tree, dir, path);
            memcpy(child->states, states, words * sizeof *states);
        }
        free(states);
    }
    if (child != NULL && !child->found) {
        child->found = true;
        child->found_next = tree->found;
        tree->found = child;
    }
}

struct listing {
    struct tree *tree;
    struct dir *dir;
    size_t count;
};

// An io_list_fn.
static int take_entry(void *context, const char *text, enum file_kind kind)
{
    struct listing *listing = context;
    struct tree *tree = listing->tree;
    struct dir *dir = listing->dir;
    listing->count++;
    char path[PATH_MAX];
    if (!tree_join(dir->path, text, path)) {
        return 0;
    }
    struct name *name = tree_name_find(tree, dir, text);
    if (name == NULL && glob_matches(tree->glob, dir->states, text) &&
        !glob_excluded(tree->glob, path)) {
        name = tree_name_add(tree, dir, text);
    }
    if (name != NULL) {
        tree_enqueue(tree, name, true);
    }
    if (kind == FILE_DIRECTORY || kind == FILE_SYMLINK) {
        look_at_child(tree, dir, path, text, kind == FILE_SYMLINK);
    }
    return 0;
}

static bool is_denied(int error)
{
    return error == -EACCES || error == -EPERM;
}

static void list_dir(struct tree *tree, struct dir *dir)
{
    look_at_names(tree, dir);
    struct listing listing = {.tree = tree, .dir = dir};
    dir->closed = is_denied(tree->io->list(tree->io, dir->path, take_entry, &listing));
    dir->list_due_ns = tree->now_ns + listing.count * NS_PER_S / LISTED_PER_S;
}

uint64_t tree_settled_mtime(struct io *io, uint64_t mtime_ns)
{
    return mtime_ns + MTIME_TICK_NS < io->real_ns(io) ? mtime_ns : 0;
}

static void lose_dir(struct tree *tree, struct dir *dir)
{
    unwatch_dir(tree, dir);
    look_at_names(tree, dir);
    for (struct dir *child = dir->first_child, *next; child != NULL; child = next) {
        next = child->next_sibling;
        lose_dir(tree, child);
        tree_dir_tidy(tree, child);
    }
    set_exists(tree, dir, false); // not before, or it would be freed with its last child
}

static void check_one(struct tree *tree, struct dir *dir, bool list)
{
    struct file_stat stat;
    int error = tree->io->stat(tree->io, dir->path, true, &stat);
    if (error != 0 || stat.kind != FILE_DIRECTORY || is_loop(dir, &stat)) {
        dir->closed = is_denied(error);
        if (dir->exists) {
            lose_dir(tree, dir);
        }
        return;
    }
    bool other = !dir->exists || dir->device != stat.device || dir->inode != stat.inode;
    if (other) {
        unwatch_dir(tree, dir);
    }
    set_exists(tree, dir, true);
    dir->device = stat.device;
    dir->inode = stat.inode;
    bool unwatched = dir->watch < 0;
    if (unwatched) {
        watch_dir(tree, dir);
    }
    bool regained = unwatched && dir->watch >= 0;
    bool told = dir->watch >= 0 && !dir->network && tree->now_ns < dir->list_due_ns;
    bool changed = dir->mtime_ns != stat.mtime_ns && !told;
    if (list || other || regained || dir->closed || changed) {
        dir->mtime_ns = tree_settled_mtime(tree->io, stat.mtime_ns);
        list_dir(tree, dir);
    }
}

// What a listing finds waits until it is done, so that depth costs neither stack nor descriptors.
static void check_found(struct tree *tree)
{
    while (tree->found != NULL) {
        struct dir *child = tree->found;
        tree->found = child->found_next;
        child->found = false;
        check_one(tree, child, false);
        tree_dir_tidy(tree, child);
    }
}

void tree_dir_check(struct tree *tree, struct dir *dir, bool list)
{
    check_one(tree, dir, list);
    check_found(tree);
}

void tree_dir_entry(struct tree *tree, struct dir *dir, const char *name, enum file_kind kind)
{
    struct listing listing = {.tree = tree, .dir = dir};
    (void)take_entry(&listing, name, kind);
    check_found(tree);
}
