// The inside of a simulated disk, shared by its calls (simdisk.c), its files (simdisk_files.c) and
// the loss of power (simdisk_power.c).
#pragma once

#include "base/prng.h"
#include "support/simdisk.h"

enum {
    SECTOR = 512,
    PAGE = 4096,
    FD_BASE = 1000, // apart from real descriptors
    OPEN_MAX = 256,
};

struct content {
    uint8_t *data;
    size_t size;
    size_t capacity; // zeros behind `size`
};

struct inode {
    uint64_t number;
    bool is_directory;
    unsigned users; // entries, changes and descriptors that name it
    int lock_fd;
    struct content cache;
    struct content platter;
    bool *dirty; // a sector each
    size_t dirty_count;
};

struct entry {
    char *path;
    struct inode *inode;
};

struct tree {
    struct entry *entries;
    size_t count;
};

// A change of the tree that is not on the platter. `from` is NULL for a new entry, `to` for one
// that went.
struct change {
    char *from;
    char *to;
    struct inode *inode;
};

struct simdisk {
    struct io io; // must stay the first member
    struct prng prng;
    struct tree cache;
    struct tree platter;
    struct change *changes;
    size_t change_count;
    struct inode *open[OPEN_MAX];
    uint64_t next_inode;
    uint64_t boots;
    uint64_t now_ns;
    uint64_t capacity;
    unsigned sync_fails_in;
    uint64_t stops_in;
    bool stopped;
};

static inline bool sim_one_in(struct simdisk *disk, uint64_t count)
{
    return prng_below(&disk->prng, count) == 0;
}

static inline size_t sim_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline uint64_t sim_pages_of(const struct inode *inode)
{
    return (inode->cache.size + PAGE - 1) / PAGE;
}

// ---- content ----

// Bytes behind the old size are zeros.
void sim_content_resize(struct content *content, size_t size);
void sim_content_copy(struct content *to, const struct content *from);
void sim_mark_dirty(struct inode *inode, size_t from, size_t until);
// Brings a sector to the platter.
void sim_write_sector(struct inode *inode, size_t sector);
// As a sync does.
void sim_write_all(struct inode *inode);
// Brings some dirty units of `unit` bytes to the platter, one in `odds` not.
void sim_write_some(struct simdisk *disk, struct inode *inode, size_t unit, uint64_t odds);

// ---- inodes and names ----

// Without users: the first entry or change that names it makes it live.
struct inode *sim_inode_create(struct simdisk *disk, bool is_directory);
void sim_inode_release(struct inode *inode);
// NULL when there is none; valid until the next change of the tree.
struct entry *sim_tree_find(const struct tree *tree, const char *path);
struct inode *sim_find(const struct simdisk *disk, const char *path);
// Makes or replaces an entry.
void sim_tree_set(struct tree *tree, const char *path, struct inode *inode);
void sim_tree_remove(struct tree *tree, struct entry *entry);
void sim_tree_clear(struct tree *tree);
bool sim_lies_in(const char *path, const char *dir);
// Whether the directory of `path` is there.
bool sim_has_parent(const struct tree *tree, const char *path);
void sim_change_apply(struct tree *tree, const struct change *change);
void sim_change_forget(struct simdisk *disk, size_t index);
// Changes what programs see, and notes it for the platter. `from` or `to` may be NULL.
void sim_change_tree(struct simdisk *disk, const char *from, const char *to, struct inode *inode);
