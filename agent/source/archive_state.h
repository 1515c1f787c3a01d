// What is kept of an archive, and its stream. Internal to the parts of the archive: archive.c (what
// is known of it, and whose turn it is), archive_stream.c (its content, inflated piece by piece),
// archive_read.c (the one that is read) and archive_survey.c (the one that is looked through).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/archive.h"
#include "source/gzip.h"

// How far one step goes in an archive.
enum {
    ARCHIVE_STEP_BYTES = 8 * 1024 * 1024, // of content
    ARCHIVE_STEP_READS = 1024,            // where there is little content in much file
};

// What a survey is to find out: the fingerprint of so many bytes before a position.
struct archive_question {
    uint64_t position;
    uint32_t length;
    bool answered;
    struct fingerprint tail;
};

struct archive {
    struct gzip *gzip; // NULL: there is no stream
    uint8_t *history;  // the last bytes of the content that the stream gave, as a ring
    uint64_t file_seen;
    uint64_t mtime_ns; // when it was looked at
    uint64_t mtime_sure_ns;
    enum archive_end end;
    uint64_t end_file_size; // of the file that ends so
    uint64_t content_size;
    uint64_t missing_min;         // behind it, when it is damaged
    struct fingerprint last_tail; // of the content
    struct fingerprint proof;     // of the last bytes of the file; length 0: not known
    uint64_t expected;
    struct archive_question *questions;
    size_t question_count;
    const char *refusal; // why such a file is never read, NULL: it can be
    bool restored;       // and not looked into since
    bool surveying;
    bool seeking;
    bool reported;
    int error; // of seeking, for the next read
};

// ---- its stream ----

// Opens the file, and a stream at the start of the content where there is none.
NODISCARD int archive_open_stream(struct source *source, struct source_file *file);
void archive_free_stream(struct archive *archive);
// Inflates a piece of at most `size` bytes. Returns their number, 0 at the end of the file, E_AGAIN
// when there was none in what was read, E_CORRUPT or an error.
NODISCARD int64_t archive_advance(struct archive *archive, uint64_t size);
// The stream gave no more bytes: `result`. Notes how the content ends. Returns 0, E_AGAIN when the
// file has grown meanwhile, -ESTALE when it is not what it was, or an error.
NODISCARD int archive_reach_end(struct source *source, struct source_file *file, int64_t result);
// Copies bytes that the stream gave just now.
void archive_copy_history(const struct archive *archive, uint64_t offset, uint8_t *room,
                          size_t size);
// The fingerprint of the `length` bytes before `position`; length 0 when they are not at hand.
struct fingerprint archive_tail_at(const struct archive *archive, uint64_t position,
                                   uint32_t length);

// ---- what is known of it ----

// The content of the file that is as `stat` says ends so.
void archive_set_end(struct source *source, struct source_file *file, enum archive_end end,
                     uint64_t content_size, const struct file_stat *stat);
// So much content is read of it at most.
uint64_t archive_size_max(const struct source *source, const struct archive *archive);

// ---- one step ----

void archive_step_reading(struct source *source);
// Whether the next archive may be read: none that is not judged yet was modified before it.
bool archive_is_turn(const struct source *source);
void archive_step_survey(struct source *source);
