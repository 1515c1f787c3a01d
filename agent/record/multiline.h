// Joins lines to records: by the patterns of a flow, or as long as a quote of CSV is open.
//
// A record ends before a line that matches the pattern `start` or that does not match `continue`,
// and with a line that matches `end`, whichever of them the flow has. Its first line is tested for
// `end` only, so that any line can begin a record. With quotes it ends with the line in which no
// quote is open any more. All end early at multiline.max_lines, multiline.max_bytes and
// multiline.timeout.
//
// Of a line that comes in parts (it is over-long, or a time-out has handed out its beginning) the
// first part is tested for `start` and `continue`, and for `end` all of it that is in the record.
//
// A CSV header at the start of a file is joined by its quotes in either case.
//
// The text of a record is a run of the file: lines with their endings between them. Kinds of lines
// that are not text (see lines.h) end the open record and are handed out by themselves.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "record/lines.h"
#include "record/pattern.h"

enum multiline_mode { MULTILINE_OFF, MULTILINE_PATTERNS, MULTILINE_QUOTES };

// The rules, shared by all files of a flow.
struct multiline_rules {
    enum multiline_mode mode;
    struct pattern *start; // with MULTILINE_PATTERNS each may be NULL; borrowed
    struct pattern *end;
    struct pattern *continuation;
    char delimiter; // of CSV
    size_t lines_max;
    size_t bytes_max;
};

// Where a line leaves off inside RFC 4180 quoting.
enum quote_state { QUOTE_FIELD_START, QUOTE_PLAIN, QUOTE_OPEN, QUOTE_CLOSED };

struct multiline {
    const struct multiline_rules *rules;
    struct line joined; // the open record; its text is in the chunk or in `held`
    struct line next;   // taken from the lines, and belongs to the next record
    struct buf held;
    enum multiline_mode mode; // of the open record
    size_t line_count;        // of the open record
    size_t line_at;           // where its last line begins in its text
    enum quote_state quote;
    bool at_header; // the next record is a CSV header
    bool open;
    bool has_next;
    bool flush; // the open record is to be handed out when the lines run out
};

// `at_header`: the first record is a CSV header.
void multiline_init(struct multiline *multiline, const struct multiline_rules *rules,
                    bool at_header);
void multiline_deinit(struct multiline *multiline);

// The next record as a line that may have line endings inside; borrowed until the next call. False
// when it needs more lines.
bool multiline_next(struct multiline *multiline, struct lines *lines, struct line *out_line);
// Hand out the open record when there are no more lines.
void multiline_flush(struct multiline *multiline);
bool multiline_is_open(const struct multiline *multiline);
size_t multiline_memory(const struct multiline *multiline);

// Runs the quote state over text of a CSV line.
enum quote_state quote_scan(enum quote_state state, struct slice text, char delimiter);
