// Which bytes are new: the files of one flow, in the order in which they are to be read.
//
// A source owns watching (inotify and rescan), the identity of generations, and open descriptors.
// It hands out chunks; it knows nothing of records and keeps no position of its own beyond what the
// caller confirms. All of it belongs to the flow's collector thread and does no waiting:
// source_step does a bounded amount of work and says when it wants to be called again.
//
// Diagnostics: nothing that a file or directory does is an error of source_step. What is not read
// is listed with its reason (source_files); what could not be read is reported as a loss, once.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/generation.h"
#include "base/io.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"

struct source;      // opaque
struct source_file; // opaque: one generation that is known to the source

// What is known of bytes that cannot be read any more.
enum source_loss {
    LOSS_EXACT,    // all of them had been seen
    LOSS_AT_LEAST, // so many are known of, and there may have been more
    LOSS_PERHAPS,  // nobody watched the file before it went, so that there may have been some
    LOSS_CUT,      // an archive ends early; how much its content lacks is not known
    LOSS_DAMAGED,  // what follows in an archive cannot be inflated; so many bytes at least
    LOSS_NONE,     // not even perhaps: it is there again
};

// What the source tells its owner. Called from within source_* functions, on the same thread.
struct source_events {
    void *context;
    // A generation is new, its head has grown, it was renamed, or its state changed: to be stored
    // before data of it. With GENERATION_FORGET it is dropped. Borrowed for the call.
    void (*generation)(void *context, const struct generation *generation);
    // Bytes that were passed over by start_at.
    void (*skipped)(void *context, const struct generation *generation, uint64_t bytes);
    // Bytes behind those that were read cannot be read any more; 0 where no number is known.
    void (*lost)(void *context, const struct generation *generation, uint64_t bytes,
                 enum source_loss loss);
    // Everything in it was read before, as part of the generation `original`: it is a copy that
    // was made when that one had been read. NULL: not wanted.
    void (*copied)(void *context, const struct generation *generation, uint64_t original);
    // `file` will not be read or mentioned again; drop what was attached to it.
    void (*closed)(void *context, struct source_file *file);
};

// `known` are the generations that the queue remembers, with their positions (copied). `same_boot`:
// device numbers in it are those of this boot. `fresh`: the flow is new, or its `files` have
// changed, so that start_at applies to what is there now.
struct source_options {
    const struct source_config *config;
    const struct generation *known;
    size_t known_count;
    bool same_boot;
    bool fresh;
    uint64_t next_id; // first unused generation id
    struct source_events events;
    struct stats *stats;
};

NODISCARD int source_open(struct io *io, const struct source_options *options,
                          struct source **out_source);
void source_close(struct source *source);

// The inotify descriptor to wait on, -1 where there is none.
int source_notify_fd(const struct source *source);

// One bounded piece of discovery: events, rescan within its budget, files whose end is proven.
// Returns the monotonic time of the next piece of work that no event announces.
uint64_t source_step(struct source *source, uint64_t now_ns);

// The next file with unread bytes, or whose end has just been proven; NULL when every file is read.
// Files take fair turns of 1 MiB, but a generation gets none before the older ones of its log that
// are known were read to their end.
struct source_file *source_next(struct source *source, uint64_t now_ns);
// All that is known of it but its path.
const struct generation *source_file_generation(const struct source_file *file);
// The last path it had; may be put together in `room`.
const char *source_file_path(const struct source_file *file, char room[PATH_MAX]);
// What the owner attaches to a file (its framer); NULL at first.
void *source_file_user(const struct source_file *file);
void source_file_set_user(struct source_file *file, void *user);
// Whether there may be more to read of it: source_next will give it, at once or when older files of
// the log are read, a descriptor is free, or a copy of it is found.
bool source_file_has_more(const struct source_file *file);
// Whether it is read to its end for good: nothing will ever be appended.
bool source_file_ended(const struct source_file *file);

// Reads the next bytes of the file, behind what was read before, into `room`. Returns the number, 0
// at the end for now. A truncation that shows itself here ends the generation (events.lost) and
// gives 0.
NODISCARD int64_t source_read(struct source *source, struct source_file *file, uint8_t *room,
                              size_t size, uint64_t now_ns);
// Passes over the rest of a hole, NUL bytes that are not stored, where one that the file begins
// with is being read. Returns their number, 0 where that is not known.
uint64_t source_pass_hole(struct source *source, struct source_file *file);
// Reads bytes of the file that lie before its position (the header line of a CSV file, the line
// that the position cuts), as they are in the file now. Moves nothing. Returns the number, 0 at the
// end, or a negative error.
NODISCARD int64_t source_peek(struct source *source, struct source_file *file, uint64_t offset,
                              uint8_t *room, size_t size);

// Fingerprint of the bytes just before `position` as they are in the file now, for a position whose
// bytes the caller does not hold any more. Length 0 when they cannot be read.
struct fingerprint source_tail(struct source *source, struct source_file *file, uint64_t position);

// Everything before `position` is in the queue now. `tail` is the fingerprint of the bytes before
// it.
void source_confirm(struct source *source, struct source_file *file, uint64_t position,
                    struct fingerprint tail);

// A last look for `run --once`: true when every matched file was read to its present end.
bool source_caught_up(struct source *source, uint64_t now_ns);

// For status: every match, also those that are not read, and what is still open without a name.
struct source_file_info {
    const char *path;    // the last one it had when it has none
    uint64_t generation; // 0: nothing is known of it yet
    uint64_t position;   // read so far
    uint64_t size;
    bool compressed;    // position and size are those of its content
    uint64_t ends_with; // if so: the size of the file whose content has been seen to its end, or 0
    const char *state;  // what is done with it or why it is not read; valid for ever
};
void source_files(const struct source *source,
                  void (*each)(void *context, const struct source_file_info *info), void *context);

// What the source knows of the file that has a device and inode now.
enum source_knowledge {
    SOURCE_NO_MATCH, // no pattern matches its path, and it did not match before
    SOURCE_NOT_READ, // a pattern matches; `out_info->state` says why nothing is known of it
    SOURCE_KNOWN,    // all of `out_info` but its path is set
};
enum source_knowledge source_find(const struct source *source, uint64_t device, uint64_t inode,
                                  const char *path, struct source_file_info *out_info);
