// The files, directories and watches of a simulated filesystem. Internal to simfs.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/prng.h"

enum { FDS_MAX = 4096, LINKS_MAX = 20, INODES_FREE_MAX = 64 };

struct entry {
    struct entry *next;
    struct inode *inode;
    char *name;
};

struct inode {
    uint64_t number;
    enum file_kind kind;
    uint64_t birth_ns;
    uint64_t mtime_ns;
    uint64_t ctime_ns;
    uint64_t links;
    size_t opens;
    bool unreadable;
    struct buf data;       // content, or the target of a symbolic link
    struct entry *entries; // of a directory
};

struct watch {
    struct watch *next;
    struct inode *inode;
    int id;
    uint32_t mask;
};

struct notify {
    struct buf events;
    size_t count;
    size_t last; // offset of the last event, for merging
    bool overflowed;
    struct watch *watches;
    int next_watch;
};

struct simfs {
    struct io io; // first: the io is the filesystem
    struct inode *root;
    uint64_t next_inode;
    uint64_t inode_stride;
    uint64_t free_inodes[INODES_FREE_MAX];
    size_t free_inode_count;
    struct inode *fds[FDS_MAX];
    struct notify *notifies[FDS_MAX];
    size_t open_count;
    size_t open_max;
    size_t watch_count;
    size_t watches_max;
    size_t queue_max;
    uint64_t device;
    uint64_t now_ns;
    uint64_t back_ns; // the real time is behind that
    uint32_t next_cookie;
    bool births;
    bool reuse;
    bool network;
    struct prng prng;
};

// Where a path leads: an inode, or a name that a directory does not have.
struct place {
    struct inode *dir;
    char name[NAME_MAX + 1];
    struct inode *inode; // NULL: there is nothing of this name
};

struct inode *simfs_inode_make(struct simfs *fs, enum file_kind kind);
// Frees the inode when it has no name and no descriptor any more.
void simfs_inode_release(struct simfs *fs, struct inode *inode);
void simfs_entry_add(struct inode *dir, const char *name, struct inode *inode);
// Returns the inode, which has one link less.
struct inode *simfs_entry_remove(struct inode *dir, const char *name);
// 0, or -ENOENT, -ENOTDIR, -ELOOP as a kernel has it.
int simfs_find(const struct simfs *fs, const char *path, bool follow, struct place *out_place);
// The inode at a path that must exist.
struct inode *simfs_inode_at(const struct simfs *fs, const char *path);

void simfs_queue_event(struct simfs *fs, struct notify *notify, int id, uint32_t mask,
                       uint32_t cookie, const char *name);
// Queues an event wherever the inode is watched.
void simfs_tell(struct simfs *fs, const struct inode *inode, uint32_t mask, uint32_t cookie,
                const char *name);
// Likewise wherever a directory that has the inode, from `dir` on downwards, is watched.
void simfs_tell_parents(struct simfs *fs, struct inode *dir, const struct inode *inode,
                        uint32_t mask);
// Ends every watch of an inode that goes away.
void simfs_watches_end(struct simfs *fs, const struct inode *inode);
// The content has changed.
void simfs_modified(struct simfs *fs, struct inode *inode);
