// One generation as the source holds it, and the table of all of them. Internal to agent/source.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/generation.h"
#include "source/link.h"
#include "source/tree.h"

enum file_phase {
    FILE_LIVE,   // may grow
    FILE_FRESH,  // has not been compared with others yet, and nothing of it was read
    FILE_HELD,   // may be a copy of another one: not read until that is decided
    FILE_ORPHAN, // cannot be read any more, unless a copy of it turns up now
    FILE_ENDING, // everything was read; the owner has to finish it
    FILE_PAST,   // ended or deleted: only remembered
};

enum { FIRST_BYTES = 16, MARKS_MAX = 8, MARK_INTERVAL_MS = 500 };

// What was read of a file before its position: fingerprints of the bytes before some offsets, the
// last ones, at least MARK_INTERVAL_MS apart. By them a copy is known that was complete before the
// last lines were read.
struct marks {
    uint64_t marked_ns; // monotonic time of the last one
    unsigned count;
    struct mark {
        uint64_t position;
        struct fingerprint tail;
    } items[MARKS_MAX]; // positions ascend
};

// What only a file has that is open, is to be read, was found gone or belongs to others. Those that
// are just there share one that is empty.
struct file_work {
    struct source_file *file;
    void *user;
    struct link ready;           // has something for the owner
    struct link open;            // has a descriptor; least recently used first
    struct source_file *older;   // of the same log, to be read first
    struct source_file *younger; // the one whose `older` this is
    struct marks *marks;         // NULL: none
    uint64_t gone_ns;            // real time at which it was found truncated or deleted, 0: not
    uint64_t alike_id;           // at a size of alike_bytes it was a copy of this intact generation
    uint64_t alike_bytes;
    uint32_t turn_bytes;
};

struct source_file {
    // Its path is NULL while it is that of the only name: file_path. Owned unless it is lent.
    struct generation generation;
    uint64_t read_position;
    struct fingerprint read_tail; // of the bytes before read_position
    uint64_t size_sure;           // size_seen when the content was last found unchanged
    uint64_t quiet_ns;            // monotonic time of the last change
    uint64_t mtime_ns;            // of the file at the last look
    struct name *names;           // that it has now; NULL: none
    struct archive *archive;      // when it holds its content compressed
    const struct file_work *work; // changed through file_work
    struct source_file *inode_next;
    struct source_file *first_next;
    struct link all;
    struct link waiting; // by its phase: see state.h
    uint8_t first[FIRST_BYTES];
    int fd; // -1: closed
    uint8_t phase;
    uint8_t first_count; // bytes in `first`
    bool departing : 1;  // unnamed or renamed: no growth for close_after proves its end
    bool end_told : 1;   // the owner was given the end
    bool announced : 1;  // the owner was told of the generation
    bool restored : 1;   // known from before the start and not found yet
    bool away : 1;       // was changed while the agent was not running
    bool unwatched : 1;  // not found since the start as it was: it may have had more
    bool starved : 1;    // waits for a descriptor
    bool aged : 1;       // an orphan that was there before the current step
    bool cut : 1;        // truncated: if there is a copy, it was complete before, and is found
    bool premature : 1;  // its birth was in the future: the clock was set back since
    bool initial : 1;    // was there when the flow began: start_at applies
    bool beside : 1;     // an archive of a file that is there
    bool hidden : 1;     // its inode belongs to another generation, or to none
    bool path_lent : 1;  // until file_table_keep_paths
};

struct file_table; // opaque: finds generations by inode, and by their first bytes

struct file_table *file_table_create(void);
// Frees the table and every file in it.
void file_table_free(struct file_table *table);
// Makes a file of `generation`, whose path must stay until file_table_keep_paths.
struct source_file *file_table_add(struct file_table *table, const struct generation *generation);
// Copies every path that was lent and is still needed.
void file_table_keep_paths(struct file_table *table);
// Frees the file. It has no names and no descriptor.
void file_table_remove(struct file_table *table, struct source_file *file);
// Its inode is not found any more.
void file_table_hide(struct file_table *table, struct source_file *file);
// Gives the file another inode, by which it is found from now on.
void file_table_move(struct file_table *table, struct source_file *file, uint64_t device,
                     uint64_t inode, uint64_t birth_ns);
// The first file in the same bucket as this inode number; continue with inode_next.
struct source_file *file_table_inode(const struct file_table *table, uint64_t inode);
// Sets the first bytes of the file, at most FIRST_BYTES, by which it is found.
void file_table_set_first(struct file_table *table, struct source_file *file, struct slice first);
// The first file in the same bucket as those whose first bytes are these and, where they are fewer
// than FIRST_BYTES, no more; continue with first_next.
struct source_file *file_table_first(const struct file_table *table, struct slice first);
// The ring of all files, by their member `all`.
struct link *file_table_all(struct file_table *table);

// The work of the file, to be changed.
struct file_work *file_work(struct source_file *file);
// Frees it when there is nothing in it.
void file_rest(struct source_file *file);
// Adds a mark when it is time for one.
void file_mark(struct source_file *file, uint64_t position, struct fingerprint tail,
               uint64_t now_ns);
// The file whose link `ready` or `open` this is.
struct source_file *file_of_ready(const struct link *link);
struct source_file *file_of_open(const struct link *link);
// Takes it out of the ring of its link `ready`.
void file_unready(struct source_file *file);
// The last path that it had, "" when it had none; in `room` when it is that of a name.
char *file_path(const struct source_file *file, char room[PATH_MAX]);
// Its generation as it is told to others: with its path, borrowed from the file or in `room`.
struct generation file_told(const struct source_file *file, char room[PATH_MAX]);
// Sets that path (copied). Returns whether it changed.
bool file_set_path(struct source_file *file, const char *path);
void file_attach(struct source_file *file, struct name *name);
void file_detach(struct name *name);
// Makes `younger` wait until `older` is read, and what waits for that and was born before.
void file_order(struct source_file *older, struct source_file *younger);
// What waits for `older` does not any more.
void file_unorder(struct source_file *older);
// What waits for the file waits for what that waits for.
void file_leave_order(struct source_file *file);
// Whether the file waits for the other one, or is it.
bool file_is_behind(const struct source_file *file, const struct source_file *other);
// Puts a file that nothing waits for directly before `younger`.
void file_order_before(struct source_file *file, struct source_file *younger);
// `other` leaves its order; a file that has no place in one takes this one.
void file_take_place(struct source_file *file, struct source_file *other);
