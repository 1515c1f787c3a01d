// The directories of the patterns and the names in them that match: which names there are, and
// which of them have to be looked at again.
//
// Changes come from inotify, from a listing of a directory, and from a rescan that runs all the
// time within a budget, because inotify does not tell everything (network filesystems, a lost
// watch, a symbolic link that leads elsewhere). Whatever is behind a name is for the caller to find
// out: the tree only says "look".
//
// Diagnostics: nothing here fails. Where inotify does not work, names are polled; tree_dir_count
// tells.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"
#include "config/config.h"
#include "source/glob.h"

struct tree; // opaque
struct dir;  // opaque
struct source_file;

enum { TREE_STATS_PER_WAKE = 500 };

// A name in a directory. The tree owns it; the caller keeps what it found there in it.
struct name {
    struct dir *dir;
    struct name *bucket_next;
    struct name *dir_next;
    struct name *dir_previous;
    struct name *file_next;   // the caller's: other names of the same file
    struct source_file *file; // the caller's: what was there at the last look
    uint32_t index;           // in the list of its kind
    int target_watch;         // of the file that a symbolic link leads to, -1: none
    uint8_t trouble;          // the caller's: why it is not read, 0: it is
    bool queued : 1;          // waits to be looked at
    bool moved : 1;           // what is behind it may be another file now, not only grown
    bool arrived : 1;         // what is behind it was renamed to it, not created there
    bool polled : 1;
    bool unmatched : 1; // not matched by a pattern; followed because a file was renamed to it
    bool pinned : 1;    // must be polled by itself (see tree_name_poll)
    char text[];
};

struct tree *tree_create(struct io *io, const struct glob *glob, uint64_t poll_interval_ms);
void tree_free(struct tree *tree);
int tree_notify_fd(const struct tree *tree);

// Lists every directory, without a budget: the state at the start.
void tree_scan(struct tree *tree);
// Takes in pending events and, when it is due, one piece of the rescan.
void tree_step(struct tree *tree, uint64_t now_ns);
// When the next piece of the rescan is due.
uint64_t tree_next_step(const struct tree *tree);
// The name with this path, NULL when there is none.
const struct name *tree_find(const struct tree *tree, const char *path);
// Makes every name be looked at, and every directory be listed, now.
void tree_look_everywhere(struct tree *tree);
// Lists the directory of a name again.
void tree_look_around(struct tree *tree, const struct name *name);

// Takes a name that has to be looked at; NULL when there is none.
struct name *tree_take(struct tree *tree);
// Puts a name among those that have to be looked at.
void tree_look(struct tree *tree, struct name *name);
bool tree_pending(const struct tree *tree);
// There is nothing behind the name any more: frees it.
void tree_drop(struct tree *tree, struct name *name);
// Follows a file under a name that no pattern matches. Returns the name, which may exist already;
// NULL when its directory is not one of the tree's.
struct name *tree_follow(struct tree *tree, const char *path);
// The name is a symbolic link to a file, or leads nowhere: watches the target, and polls the name.
void tree_name_poll(struct tree *tree, struct name *name, bool has_target);

// The path of a name into `out_path`; false when it is too long.
bool tree_path(const struct name *name, char out_path[PATH_MAX]);

// A modification time that will differ when there is another modification: one of just now may not,
// because filesystems count in ticks. 0 for those.
uint64_t tree_settled_mtime(struct io *io, uint64_t mtime_ns);

size_t tree_name_count(const struct tree *tree);
// How many of them are polled, because inotify does not tell of them.
size_t tree_polled_count(const struct tree *tree);
// Calls `each` for every name. It must not change the tree.
void tree_each(const struct tree *tree, void (*each)(void *context, const struct name *name),
               void *context);
// Calls `each` for every directory that cannot be listed for want of permission.
void tree_each_closed(const struct tree *tree, void (*each)(void *context, const char *path),
                      void *context);

// Why inotify does not tell what happens in a directory.
enum tree_blindness {
    TREE_SEES,
    TREE_NO_INSTANCES, // fs.inotify.max_user_instances is reached
    TREE_NO_WATCHES,   // fs.inotify.max_user_watches is reached
    TREE_NETWORK,      // it is on a filesystem whose changes inotify does not tell
    TREE_REFUSED,      // inotify refuses it, for want of permission
    TREE_BLINDNESS_COUNT,
};
// How many directories there are now of which this is true.
size_t tree_dir_count(const struct tree *tree, enum tree_blindness blindness);
// How often events were lost since the tree was made; everything was looked at again each time.
uint64_t tree_overflow_count(const struct tree *tree);
