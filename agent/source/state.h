// What a source is made of. Internal to agent/source: the parts below share it.
//
//   found ─► fresh ─► (held) ─► live, read ◄─► at its end ─► departing ─► ending ─► past
//                      │                      │
//                      └─ is a copy of ◄─ orphan (truncated or gone)
//
// The phase of a file says in which ring of the source its link `waiting` is:
//
//   phase  | ring `waiting` is in                     | it leaves that when
//   -------+------------------------------------------+--------------------------------------------
//   fresh  | unjudged; an archive first in surveys    | judge.c has compared it (it has content)
//   held   | held; an archive of a file that is there | the original changes, or HOLD_MS without
//          |   in beside; unjudged to be asked again  |   growth; the original was read as far
//   live   | departing, when its log goes on          | it has not grown for close_after, and that
//          |   elsewhere; otherwise none              |   is its end; it grows
//   orphan | orphans                                  | it has a name again, a copy is found, or
//          |                                          |   ORPHAN_MS are over
//   ending | finishing                                | the owner has confirmed its last byte
//   past   | past, when it has no name; otherwise none| PAST_MAX or PAST_S is exceeded; it changes
//
// Apart from that, its link `ready` (in its work) is in one of `ready`: the owner gets it from
// source_next; `starving`: it waits for a descriptor; `archives`: it waits to be inflated.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/io.h"
#include "source/file.h"
#include "source/glob.h"
#include "source/link.h"
#include "source/source.h"
#include "source/tree.h"

enum {
    HOLD_MS = 10000,       // a possible copy is held so long after it stopped growing
    ORPHAN_MS = 1500,      // how long a file without a name may turn up under another one
    ORPHAN_MS_MAX = 60000, // likewise, while something cannot be looked at
    WANTED_MS = 1000,      // replaces close_after while files wait for a descriptor
    TURN_BYTES = 1 << 20,  // read from one file before the next one's turn
    PAST_MAX = 10000,      // generations without a name that are remembered
    PAST_S = 24 * 3600,    // and for how long
    LOOKS_MAX = 5000,      // names looked at in one step
    JUDGED_MAX = 1000,     // files compared with others in one step
};

// Why a name is not read.
enum trouble {
    TROUBLE_NONE,
    TROUBLE_DANGLING,
    TROUBLE_LOOP,
    TROUBLE_PERMISSION,
    TROUBLE_DIRECTORY,
    TROUBLE_SPECIAL,
    TROUBLE_OLD,
    TROUBLE_ERROR,
};

struct source {
    struct io *io;
    const struct source_config *config;
    struct source_events events;
    struct stats *stats;
    struct glob *glob;
    struct tree *tree;
    struct file_table *table;
    uint64_t next_id;
    uint64_t now_ns; // of the current call
    bool same_boot;
    bool fresh;
    bool starting; // start_at applies
    bool judge_held;
    bool any_new;                          // a file was found since the order was looked after
    bool said_blind[TREE_BLINDNESS_COUNT]; // it was said, and is still so
    uint64_t said_overflows;

    struct link ready;
    struct link starving;
    struct link open;
    struct link unjudged;
    struct link held;
    struct link beside;   // compressed copies of files that are there
    struct link surveys;  // archives that are looked through before they are judged
    struct link archives; // that wait to be read; the one that was modified first is the first
    struct link orphans;
    struct link departing; // by quiet_ns
    struct link past;      // by seen_s
    struct link finishing; // by their link `waiting`
    size_t open_count;
    size_t open_max;
    size_t past_count;
    uint64_t lag_bytes;
    struct source_file *inflating; // the archive that is read
    struct source_file *surveyed;
    bool archives_starve; // they wait for a descriptor
};

// ---- reader.c: descriptors and bytes ----

// Opens the file by one of its names, and makes sure that it is the same inode. E_FULL: no
// descriptor can be had now.
NODISCARD int reader_open(struct source *source, struct source_file *file);
// Likewise at a path that is not one of its names. What is opened so and has no name cannot be
// opened again.
NODISCARD int reader_open_at(struct source *source, struct source_file *file, const char *path);
void reader_close(struct source *source, struct source_file *file);
// Takes the descriptor of one file over to another.
void reader_move(struct source *source, struct source_file *from, struct source_file *to);
// The file is at its end: another one that waits for a descriptor may take that of this one.
void reader_offer(struct source *source, const struct source_file *file);
// Closes what has not been used for a while.
void reader_close_idle(struct source *source);
// Reads `size` bytes at `offset`; fewer at the end.
NODISCARD int64_t reader_peek(struct source *source, struct source_file *file, uint8_t *room,
                              size_t size, uint64_t offset);
// Fingerprint of at most TAIL_BYTES_MAX bytes before `position`, as they are now. Length 0 when
// they cannot be read.
struct fingerprint reader_tail(struct source *source, struct source_file *file, uint64_t position);
// Whether what was read before is still in the file, or its head when nothing was read. 0, -ESTALE
// when it is not, or another error.
NODISCARD int reader_check(struct source *source, struct source_file *file);
// Reads the next chunk. -ESTALE: what was read before is not in the file any more.
NODISCARD int64_t reader_read(struct source *source, struct source_file *file, uint8_t *room,
                              size_t size);
// Passes over what is not stored of the file from the position on: NUL bytes, behind others.
// Returns their number.
uint64_t reader_pass_hole(struct source *source, struct source_file *file);

// ---- look.c: what is behind a name ----

// Looks what is behind a name now.
void look_behind(struct source *source, struct name *name);
// Looks whether a known file that has no name is at a path where the tree has none.
void look_elsewhere(struct source *source, const char *path);

// ---- extent.c: how far a file was seen and read ----

// What is known to be in it and was not read.
uint64_t extent_lag(const struct source_file *file);
// What is unread of a file that is new in the table is part of the lag from now on.
void extent_count(struct source *source, const struct source_file *file);
// It is about to leave the table.
void extent_uncount(struct source *source, const struct source_file *file);
// A file that is smaller has been cut.
uint64_t extent_min(const struct source_file *file);
// It is at least so large.
void extent_set_size(struct source *source, struct source_file *file, uint64_t size);
// The size of an archive's content is known better now, or may be something else.
void extent_set_content(struct source *source, struct source_file *file, uint64_t size);
void extent_set_read(struct source *source, struct source_file *file, uint64_t position,
                     struct fingerprint tail);
// What was not read of it will not be.
void extent_drop_unread(struct source *source, struct source_file *file);
// Its content is gone: a size that was seen since it was last found unchanged may be that of what
// came after it.
void extent_forget_unsure(struct source *source, struct source_file *file);
// The file ends at `size`: what was seen behind it and not read is lost, but it goes on.
void extent_shrunk(struct source *source, struct source_file *file, uint64_t size);
// What is past has nothing unread.
void extent_set_phase(struct source *source, struct source_file *file, enum file_phase phase);

// ---- life.c: what happens to a generation ----

// A new one, in the file that is as `stat` says, which has to be judged.
struct source_file *life_begin(struct source *source, const char *path,
                               const struct file_stat *stat);
// The owner is told of it as it is now.
void life_announce(struct source *source, struct source_file *file);
// It has changed just now.
void life_touch(struct source *source, struct source_file *file);
// Makes the file the next but the others that are ready; or after those that are older.
void life_ready(struct source *source, struct source_file *file);
// Its end was reached for now: the younger ones may be read.
void life_at_end(struct source *source, struct source_file *file);
// It has to be judged, after those that were born before it, of which it may be a copy.
void life_question(struct source *source, struct source_file *file);
// It may be a copy of `original` (NULL: of anything): nothing is read until that is decided.
void life_hold(struct source *source, struct source_file *file, const struct source_file *original);
// It is the compressed copy of a file that is there: waits until that has changed.
void life_wait_beside(struct source *source, struct source_file *file);
// It was judged, or it goes on in a copy: from now on it is read. `size` is that of the file.
void life_resume(struct source *source, struct source_file *file, uint64_t size);
// It cannot be opened now.
void life_unreadable(struct source *source, struct source_file *file);
// It has lost its last name. Returns whether it is still known.
bool life_lose_name(struct source *source, struct source_file *file);
// The content that was read is gone from its inode: ends this generation and begins another one.
void life_truncated(struct source *source, struct source_file *file);
// The file may be anything else from now on, but a copy may turn up.
void life_orphan(struct source *source, struct source_file *file);
// Its log goes on elsewhere: its end is proven when it has not grown for close_after.
void life_depart(struct source *source, struct source_file *file);
// Nothing more comes of it: lets the owner finish it, or remembers it at once.
void life_end(struct source *source, struct source_file *file);
void life_past(struct source *source, struct source_file *file);
void life_forget(struct source *source, struct source_file *file);

// ---- tell.c: what the owner is told of a file; see source_events ----

void tell_generation(struct source *source, const struct source_file *file);
void tell_lost(struct source *source, const struct source_file *file, uint64_t bytes,
               enum source_loss loss);
void tell_skipped(struct source *source, const struct source_file *file, uint64_t bytes);
void tell_copied(struct source *source, const struct source_file *file, uint64_t original);

// ---- watching.c: how the directories are watched ----

// Says it in the log when it has changed, and sets the counters.
void watching_tell(struct source *source);

// ---- settle.c: what time decides ----

// When an orphan is given up.
uint64_t settle_orphan_ns(const struct source *source, const struct source_file *file);
// Decides about orphans and departing files whose time has come, and forgets what is long past.
void settle(struct source *source);

// ---- judge.c: is it a copy ----

// Compares a file that was never read with the known ones, once it has content.
void judge(struct source *source, struct source_file *file);
// Takes note of how the file begins now.
void judge_head(struct source *source, struct source_file *file);
void judge_all(struct source *source);
// The position of a file has moved: its compressed copy may hold nothing that is new by now.
void judge_beside(struct source *source, const struct source_file *original);

// ---- skip.c: start_at: end ----

// Passes over what is in a file of this size, but for its last line when that has no newline.
void skip_to_end(struct source *source, struct source_file *file, uint64_t size);
// Passes over an archive, without looking what is in it.
void skip_archive(struct source *source, struct source_file *file);

// ---- restore.c: known generations after a start ----

void restore_known(struct source *source, const struct generation *known, size_t count);
// Makes sure that its content is what it was; ends the generation when not.
void restore_found(struct source *source, struct source_file *file, const struct file_stat *stat);
// More than one known generation has had this inode, beginning with `first`, and there is a file at
// `path` in it now: picks the one whose content it has, and hides the others.
struct source_file *restore_pick(struct source *source, struct source_file *first,
                                 bool (*matches)(const struct source *source,
                                                 const struct source_file *file, const char *path,
                                                 const struct file_stat *stat),
                                 const char *path, const struct file_stat *stat);
// The file is at a path where the tree has no name: it is read to its end from there. Leaves it as
// it is when that cannot be opened.
void restore_found_elsewhere(struct source *source, struct source_file *file, const char *path,
                             const struct file_stat *stat);

// ---- search.c: where files have gone while the agent was not running ----

// Looks for known generations that are under no matching name.
void search_missing(struct source *source);

// ---- order.c: which of several generations of a log is read first ----

// Of those that were found by a start.
void order_all(struct source *source);
// Of those that are new and not judged yet.
void order_new(struct source *source);
