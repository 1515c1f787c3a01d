#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/simdisk_state.h"

// ---- content ----

void sim_content_resize(struct content *content, size_t size)
{
    if (size > content->capacity) {
        size_t capacity = size * 2;
        content->data = xreallocarray(content->data, capacity, 1);
        memset(content->data + content->capacity, 0, capacity - content->capacity);
        content->capacity = capacity;
    }
    if (size < content->size) {
        memset(content->data + size, 0, content->size - size);
    }
    content->size = size;
}

void sim_content_copy(struct content *to, const struct content *from)
{
    sim_content_resize(to, 0);
    sim_content_resize(to, from->size);
    if (from->size > 0) {
        memcpy(to->data, from->data, from->size);
    }
}

void sim_mark_dirty(struct inode *inode, size_t from, size_t until)
{
    size_t count = (until + SECTOR - 1) / SECTOR;
    if (count > inode->dirty_count) {
        inode->dirty = xreallocarray(inode->dirty, count, sizeof *inode->dirty);
        memset(inode->dirty + inode->dirty_count, 0, count - inode->dirty_count);
        inode->dirty_count = count;
    }
    for (size_t i = from / SECTOR; i < count; i++) {
        inode->dirty[i] = true;
    }
}

void sim_write_sector(struct inode *inode, size_t sector)
{
    size_t start = sector * SECTOR;
    inode->dirty[sector] = false;
    if (start >= inode->cache.size) {
        return;
    }
    size_t end = sim_smaller(start + SECTOR, inode->cache.size);
    if (inode->platter.size < end) {
        sim_content_resize(&inode->platter, end);
    }
    memcpy(inode->platter.data + start, inode->cache.data + start, end - start);
}

void sim_write_all(struct inode *inode)
{
    for (size_t i = 0; i < inode->dirty_count; i++) {
        if (inode->dirty[i]) {
            sim_write_sector(inode, i);
        }
    }
    sim_content_resize(&inode->platter, inode->cache.size);
}

void sim_write_some(struct simdisk *disk, struct inode *inode, size_t unit, uint64_t odds)
{
    bool writes = false;
    for (size_t i = 0; i < inode->dirty_count; i++) {
        if (i % (unit / SECTOR) == 0) {
            writes = !sim_one_in(disk, odds);
        }
        if (writes && inode->dirty[i]) {
            sim_write_sector(inode, i);
        }
    }
}

// ---- inodes and trees ----

struct inode *sim_inode_create(struct simdisk *disk, bool is_directory)
{
    struct inode *inode = xcalloc(1, sizeof *inode);
    inode->number = ++disk->next_inode;
    inode->is_directory = is_directory;
    return inode;
}

void sim_inode_release(struct inode *inode)
{
    if (--inode->users == 0) {
        free(inode->cache.data);
        free(inode->platter.data);
        free(inode->dirty);
        free(inode);
    }
}

struct entry *sim_tree_find(const struct tree *tree, const char *path)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (strcmp(tree->entries[i].path, path) == 0) {
            return &tree->entries[i];
        }
    }
    return NULL;
}

struct inode *sim_find(const struct simdisk *disk, const char *path)
{
    const struct entry *entry = sim_tree_find(&disk->cache, path);
    return entry == NULL ? NULL : entry->inode;
}

void sim_tree_set(struct tree *tree, const char *path, struct inode *inode)
{
    inode->users++;
    struct entry *entry = sim_tree_find(tree, path);
    if (entry != NULL) {
        sim_inode_release(entry->inode);
    } else {
        tree->entries = xreallocarray(tree->entries, tree->count + 1, sizeof *tree->entries);
        entry = &tree->entries[tree->count++];
        entry->path = xstrdup(path);
    }
    entry->inode = inode;
}

void sim_tree_remove(struct tree *tree, struct entry *entry)
{
    sim_inode_release(entry->inode);
    free(entry->path);
    *entry = tree->entries[--tree->count];
}

void sim_tree_clear(struct tree *tree)
{
    while (tree->count > 0) {
        sim_tree_remove(tree, &tree->entries[tree->count - 1]);
    }
    free(tree->entries);
    tree->entries = NULL;
}

// Length of the path of the directory that holds `path`; 0 for what lies in the root.
static size_t parent_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path);
}

bool sim_lies_in(const char *path, const char *dir)
{
    size_t length = parent_length(path);
    return strlen(dir) == length && strncmp(path, dir, length) == 0;
}

bool sim_has_parent(const struct tree *tree, const char *path)
{
    size_t length = parent_length(path);
    char *parent = xstrndup(slice_of(path, length));
    const struct entry *entry = length == 0 ? NULL : sim_tree_find(tree, parent);
    free(parent);
    return length == 0 || (entry != NULL && entry->inode->is_directory);
}

// ---- changes of the tree ----

void sim_change_apply(struct tree *tree, const struct change *change)
{
    if (change->to != NULL) {
        sim_tree_set(tree, change->to, change->inode);
    }
    struct entry *entry = change->from == NULL ? NULL : sim_tree_find(tree, change->from);
    if (entry != NULL && entry->inode == change->inode) {
        sim_tree_remove(tree, entry);
    }
}

void sim_change_forget(struct simdisk *disk, size_t index)
{
    struct change *change = &disk->changes[index];
    free(change->from);
    free(change->to);
    sim_inode_release(change->inode);
    disk->change_count--;
    memmove(change, change + 1, (disk->change_count - index) * sizeof *change);
}

void sim_change_tree(struct simdisk *disk, const char *from, const char *to, struct inode *inode)
{
    disk->changes = xreallocarray(disk->changes, disk->change_count + 1, sizeof *disk->changes);
    struct change *change = &disk->changes[disk->change_count++];
    *change = (struct change){.from = from == NULL ? NULL : xstrdup(from),
                              .to = to == NULL ? NULL : xstrdup(to),
                              .inode = inode};
    inode->users++;
    sim_change_apply(&disk->cache, change);
}
