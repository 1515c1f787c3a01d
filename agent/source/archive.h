// A file that holds the content of a generation compressed. Positions and sizes of a generation are
// always those of its content; this is what translates between the content and the file.
// Internal to agent/source.
//
// A stream over a file costs memory, and going back in it means beginning anew. So one archive of a
// source is read at a time, the one that was modified first; the others wait for their turn (ring
// `archives`). One more may be surveyed: inflated to its end without being read, to learn what its
// content is, before it is judged. Both go on in bounded pieces, in archive_step.
//
// The size of the content is known once the end of the file was seen. Until then it is taken to be
// what was read and the bytes of the file that are left.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "source/state.h"

struct archive; // opaque: what is kept of an archive beside its generation

enum archive_end {
    ARCHIVE_OPEN,      // not known yet
    ARCHIVE_WHOLE,     // with a whole member
    ARCHIVE_CUT,       // in the middle of one, for now
    ARCHIVE_DAMAGED,   // what comes cannot be inflated
    ARCHIVE_TOO_LARGE, // there is more than compressed_max_size
};

// Whether it has the name of one.
bool archive_is_named(const struct source_file *file);
// Whether the open file is one by its name and its first bytes, also one that cannot be inflated;
// it is noted as one if so. 1, 0, or a negative error of reading it.
NODISCARD int archive_detect(struct source *source, struct source_file *file);
void archive_free(struct archive *archive);

// ---- what is known of it ----

// How the content ends, as far as anyone knows.
enum archive_end archive_end(const struct source_file *file);
// The size of the file whose content ends whole, as was seen; 0: it was not.
uint64_t archive_seen_to(const struct source_file *file);
// The size of its content is not known.
bool archive_is_unknown(const struct source_file *file);
// The size of the content of a file that is as `stat` says; more than was read, when it is not
// known. Of a file that is not an archive: its size.
uint64_t archive_content_size(const struct source_file *file, const struct file_stat *stat);
// The file was looked at: forgets how it ends when it was modified.
void archive_looked_at(struct source *source, struct source_file *file,
                       const struct file_stat *stat);
// The content of the file that is as `stat` says ends at its position, for all that it matters.
void archive_set_done(struct source *source, struct source_file *file,
                      const struct file_stat *stat);
// It is known from before the start, as large as size_seen says.
void archive_set_restored(struct source_file *file);
// Likewise, and nothing was read of it since.
bool archive_is_restored(const struct source_file *file);
// Why the file is not read: compressed ones are not wanted, or not such. NULL: it is. Static.
const char *archive_refusal(const struct source *source, const struct source_file *file);
bool archive_is_refused(const struct source *source, const struct source_file *file);
// Content up to this size is no bomb.
void archive_expect(struct source_file *file, uint64_t content_size);
// When the file was modified.
uint64_t archive_mtime_ns(const struct source_file *file);
// Says what is wrong with an archive that was read to its end, once.
void archive_report(struct source *source, struct source_file *file);

// ---- reading ----

// It waits for its turn, or goes on when it has it.
void archive_park(struct source *source, struct source_file *file);
// Gives up the stream. When it is wanted again it begins anew.
void archive_release(struct source *source, struct source_file *file);
// It is read on the way to its position.
bool archive_is_seeking(const struct source *source, const struct source_file *file);
// Whether its descriptor is in use.
bool archive_is_busy(const struct source *source, const struct source_file *file);
// Reads the next bytes of the content. 0: the end for now; E_AGAIN: it waits for its turn; -ESTALE:
// what was read before is not in it any more.
NODISCARD int64_t archive_read(struct source *source, struct source_file *file, uint8_t *room,
                               size_t size);
// Its end was reached for now: makes room for the next one, unless it may grow.
void archive_reached_end(struct source *source, struct source_file *file,
                         const struct file_stat *stat);
// Of the bytes before a position that was read just now. Length 0 when they are not at hand.
struct fingerprint archive_tail(const struct source_file *file, uint64_t position);
// Reads bytes of the content at any offset; what is far behind the last ones that were read costs
// the way there.
NODISCARD int64_t archive_peek(struct source *source, struct source_file *file, uint8_t *room,
                               size_t size, uint64_t offset);
// One piece of the way to the next bytes, and of the survey.
void archive_step(struct source *source);
// Whether archive_step has something to do now.
bool archive_is_pending(const struct source *source);
// Whether an archive that may be a copy of `original` is being looked through.
bool archive_is_awaited(const struct source *source, const struct source_file *original);

// ---- surveys ----

// Asks for the tail at a position. Before the survey begins.
void archive_ask(struct source_file *file, uint64_t position, uint32_t length);
bool archive_was_asked(const struct source_file *file);
// Has it surveyed. It comes back in the ring `unjudged`.
void archive_survey(struct source *source, struct source_file *file);
// Whether the content was seen to its end, as the file is now.
bool archive_is_surveyed(const struct source_file *file);
// Why it could not be surveyed, 0: nothing is wrong.
int archive_survey_error(const struct source_file *file);
// The fingerprint of `length` bytes before `position`. False when it was not asked for.
bool archive_answer(const struct source_file *file, uint64_t position, uint32_t length,
                    struct fingerprint *out_tail);
// Of the bytes before the end of the content.
struct fingerprint archive_last_tail(const struct source_file *file);
// Drops what was asked, and the stream.
void archive_survey_end(struct source *source, struct source_file *file);
