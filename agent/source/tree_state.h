// What a tree is made of. Internal to agent/source: the parts of the tree share it.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"
#include "base/slice.h"
#include "source/glob.h"
#include "source/tree.h"
#include "source/watch.h"

// A directory that a pattern goes through or ends in. A path has one, also while it does not exist
// (the bases of the patterns) or does not exist any more but has names that were not looked at yet.
struct dir {
    char *path;
    struct dir *parent; // NULL: a base
    struct dir *first_child;
    struct dir *next_sibling;
    struct dir *previous_sibling;
    struct dir *bucket_next;
    struct name *names;
    uint64_t *states;
    uint64_t device;
    uint64_t inode;
    uint64_t mtime_ns;
    uint64_t list_due_ns; // before it a change that inotify tells does not have it listed again
    uint32_t index;       // in tree.dirs
    int watch;            // -1: none
    struct dir *found_next;
    bool found; // by a listing, and waits to be checked
    bool exists;
    bool closed; // there is no permission to list it
    bool network;
    uint8_t blindness; // of one that exists
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
    struct dir **dir_buckets; // by path; a power of two
    size_t dir_bucket_count;
    struct dir *found;

    struct name **buckets;
    size_t bucket_count;
    struct name_list watched;
    struct name_list polled;

    struct name **queue; // a ring
    size_t queue_first;
    size_t queue_count;
    size_t queue_capacity;

    uint64_t now_ns; // of the current step
    uint64_t next_scan_ns;
    size_t resync; // names and directories that are still to be looked at after an overflow
    uint64_t overflow_count;
    size_t seen_dirs[TREE_BLINDNESS_COUNT]; // that exist
    uint32_t moved_cookie;
    struct name *moved_name; // from where a file was just renamed
};

// ---- tree_names.c: the names, and which of them wait to be looked at ----

// The path of `name` in a directory into `out_path`; false when it is too long.
bool tree_join(const char *dir, const char *name, char out_path[PATH_MAX]);
struct name *tree_name_find(const struct tree *tree, const struct dir *dir, const char *text);
struct name *tree_name_add(struct tree *tree, struct dir *dir, const char *text);
// Puts the name into the list where it belongs now: watched or polled.
void tree_name_sort(struct tree *tree, struct name *name);
// Has the name looked at. `moved`: there may be another file behind it.
void tree_enqueue(struct tree *tree, struct name *name, bool moved);

// ---- tree_dirs.c: the directories, and what is listed in them ----

// Takes in one entry of a directory, and all that is below it.
void tree_dir_entry(struct tree *tree, struct dir *dir, const char *name, enum file_kind kind);
struct dir *tree_dir_add(struct tree *tree, struct dir *parent, const char *path);
void tree_dir_free(struct dir *dir);
// The one with this path that was added first, NULL when there is none.
struct dir *tree_dir_find(const struct tree *tree, struct slice path);
// Frees a directory that does not exist any more when nothing in it is still to be looked at, and
// those above it likewise.
void tree_dir_tidy(struct tree *tree, struct dir *dir);
struct dir *tree_dir_child(const struct tree *tree, const struct dir *dir, const char *path);
// Finds out what is at the path of a directory now, and lists it when it is new or `list`.
void tree_dir_check(struct tree *tree, struct dir *dir, bool list);

// ---- tree_events.c: what inotify tells ----

void tree_take_event(struct tree *tree, const struct watch_event *event);
// Everything is to be looked at again, in pieces.
void tree_resync(struct tree *tree);
