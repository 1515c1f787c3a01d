// Cuts a file into lines, whatever the chunks are that it comes in, with bounded memory; and
// decodes them, where the file has an encoding.
//
// When a file is cut to nothing under a writer that goes on behind it, not having opened it with
// O_APPEND, it begins with a hole: NUL bytes that nobody has written. Where one is expected they
// are one LINE_SKIPPED, of any length, unless NUL is a line ending.
//
// Diagnostics: none; any bytes are lines. See record.h for what becomes of over-long lines.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "config/config.h"
#include "record/format.h"

enum line_kind {
    LINE_TEXT,        // a line, or a part of one: `continues`, `ending_bytes` 0
    LINE_TRUNCATED,   // the first max_line bytes of a longer line
    LINE_SKIPPED,     // an over-long line that is left out
    LINE_DEAD_LETTER, // a part of an over-long line that is to be set aside, not decoded
    LINE_REMAINDER, // the ending of a line whose text was completed by a time-out, or a byte order
                    // mark by itself
};

struct line {
    enum line_kind kind;
    bool continues;        // begins in the middle of a line
    bool stable;           // `text` lives as long as the chunk, else until the next lines_next
    bool over_long;        // a line longer than the limit begins here
    bool replaced;         // invalid bytes became U+FFFD
    unsigned ending_bytes; // size of the line ending that follows the text in memory
    struct slice text;     // without the line ending; empty for LINE_SKIPPED
    uint64_t source_bytes;
};

struct lines {
    const struct line_format *format;
    enum over_long policy;
    size_t limit;              // max_line, in bytes of the file
    uint64_t source_bytes_max; // of one line that is truncated or skipped
    struct slice rest;         // of the chunk
    struct buf pending;        // the beginning of a line whose end has not come
    size_t release;            // bytes of `pending` that the last line has borrowed
    size_t kept;               // while discarding: bytes of `pending` that are handed out
    size_t misaligned;         // bytes that the present code unit still has
    uint64_t line_offset;      // bytes of the present line that were handed out
    uint64_t discarded;        // bytes of the present line so far, while its rest is discarded
    bool discarding;
    uint64_t hole;      // NUL bytes that the file begins with
    bool expects_hole;  // NUL bytes at the start of the file are a hole
    bool at_start;      // of the file: a hole and its byte order mark are left out
    bool slow;          // the next line is none of those that a newline alone decides
    bool partial_lines; // a time-out may hand out a part of a line
    bool flush;         // what is pending is to be handed out
    bool final;         // nothing will follow
};

// `format` is borrowed.
void lines_init(struct lines *lines, const struct lines_config *config,
                const struct line_format *format);
void lines_deinit(struct lines *lines);

// The next byte is the first of the file.
void lines_set_start(struct lines *lines);
// NUL bytes that the file begins with are a hole.
void lines_expect_hole(struct lines *lines);
// Whether a hole would be left out: NUL is no line ending.
bool lines_may_have_hole(const struct lines *lines);
// Whether nothing but a hole was fed yet.
bool lines_in_hole(const struct lines *lines);
// Feeds so many more bytes of the hole.
void lines_pass_hole(struct lines *lines, uint64_t size);
// The number of bytes before a position that decide what the rest of a cut line is.
size_t lines_lookback_bytes(const struct lines *lines);
// The next byte is at `position` of the file, in the middle of a line of which `line_offset` bytes
// came before; looking back further than lines_lookback_bytes makes no difference. What is left of
// a divided code unit is LINE_SKIPPED.
void lines_set_offset(struct lines *lines, uint64_t position, uint64_t line_offset);

// Borrows the chunk until lines_next has returned false. The chunk before must be used up.
void lines_feed(struct lines *lines, struct slice chunk);
// The next line, or false when it needs more bytes.
bool lines_next(struct lines *lines, struct line *out_line);
// Whether a part of a line waits that lines_flush would hand out.
bool lines_can_flush(const struct lines *lines);
// The next lines_next hands out what is pending, except what may be half a character or half a line
// ending.
void lines_flush(struct lines *lines);
// Nothing will follow: the next lines_next hands out all that is pending.
void lines_finish(struct lines *lines);
size_t lines_memory(const struct lines *lines);
