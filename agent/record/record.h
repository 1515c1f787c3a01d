// What one record is: bytes of a file in, records out, by the rules of one flow.
//
// A struct record_rules is the compiled configuration of a flow (patterns, converters, filters). A
// struct framer is the state of one file: the unfinished line, the open multi-line record, the CSV
// header. Both belong to the flow's collector thread. A framer pulls: feed it a chunk, then take
// records until it has no more, so that a caller that cannot store a record just stops taking.
//
// Every byte of the file belongs to exactly one record: what rules leave out (filters, over-long
// lines, CSV headers, `on_mismatch: drop`) is a record too, with the fate RECORD_FILTERED. So the
// source_bytes of all records add up to the bytes read, and a position is the sum of them.
//
// Lines end with "\n" or "\r\n", or as `line_ending` says. Shipped data carries `record_end` in
// place of the record's last line ending; a record that already ends with `record_end` gets no
// second one. The line endings inside a multi-line record stay as they are.
//
// With an `encoding` lines are cut out of the file's bytes, and decoded to UTF-8 before anything
// else looks at them. What is invalid becomes U+FFFD and is counted; a byte order mark at the start
// of the file, and half a code unit where reading starts within one, are no part of any text.
// Without an encoding bytes stay as they are.
//
// A line longer than `max_line` bytes of the file (without its ending) goes by `over_long`:
//   split        pieces of at most max_line bytes, cut between UTF-8 characters; with multiline
//                they are joined again as far as multiline.max_bytes allows. No piece of valid
//                text is larger than the service takes
//   truncate     the first max_line bytes; with multiline it is the last line of its record
//   skip         a filtered record
//   dead_letter  pieces as with split, each a dead letter of the file's bytes, not decoded, so that
//                nothing of the line is lost
// Memory stays below max_line + multiline.max_bytes of a file + the size of a converted record +
// (with an encoding) three times max_line of the flow, whatever comes.
//
// Diagnostics: whatever a file contains is never an error. A record that no converter takes, that
// is over-long or that cannot be converted within the limits goes where the flow's policy says, and
// is counted.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/reason.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"

struct record_rules; // opaque
struct framer;       // opaque

// A record with a random partition key leaves room for a key of so many bytes at least.
enum { RANDOM_KEY_BYTES_MIN = 1 };

enum record_fate {
    RECORD_SHIP,        // to the service
    RECORD_FILTERED,    // by a rule of the configuration; counts, goes nowhere
    RECORD_DEAD_LETTER, // to be set aside with its reason
};

struct record {
    enum record_fate fate;
    enum record_reason reason; // with RECORD_DEAD_LETTER
    struct slice data;     // what is shipped, record_end included; of a dead letter the text of the
                           // source. Borrowed until the next call on a framer of the same rules
    struct slice key;      // partition key, empty: random. Borrowed likewise
    uint64_t source_bytes; // bytes of the file that it stands for, line endings included; fits 32
                           // bits, a longer line is cut there, unless it is a hole
    bool hole;             // it is the hole that the file begins with, filtered
};

// Compiles the rules. Patterns were checked when the configuration was loaded
// (record_check_regex), so only a lack of resources can fail here. `config`, `to` and `stats` are
// borrowed and outlive the rules.
NODISCARD int record_rules_create(const struct record_config *config,
                                  const struct destination_config *to, struct stats *stats,
                                  struct record_rules **out_rules);
void record_rules_free(struct record_rules *rules);

// Whether PCRE2 takes the pattern, and whether it has named groups when the rule needs them. The
// message says where the mistake is. Fits struct config_checks.
bool record_check_regex(const char *pattern, bool needs_named_groups, char *why, size_t why_size);
// Whether iconv(3) of this system can decode the encoding and lines can be cut out of it; and
// whether a known encoding has the line ending. Fit struct config_checks.
bool record_check_encoding(const char *name, char *why, size_t why_size);
bool record_check_line_ending(const struct lines_config *lines, char *why, size_t why_size);

// How a framer that starts in the middle of a file sees what lies before: the line that names the
// CSV fields, the byte order mark, and whether the position is in the middle of a line. Reads up to
// `size` bytes at `offset`; returns the number, 0 at the end, or a negative error.
struct framer_peek {
    void *context;
    int64_t (*read)(void *context, uint64_t offset, uint8_t *room, size_t size);
    bool after_cut; // the file began when it was cut to nothing: any NUL bytes at its start are a
                    // hole, in other files 512 and more that come in the first chunk
};

// The state of one file, reading from `position`. `rules` is borrowed; `peek` is copied and called
// from within framer_feed only, at most once in a framer's life (with several reads). Without it,
// or when it fails, the position counts as the start of a line, the file as little-endian where its
// byte order mark would tell, and a CSV record without `names` matches nothing, because its header
// is not known.
struct framer *framer_create(struct record_rules *rules, uint64_t position,
                             const struct framer_peek *peek);
void framer_free(struct framer *framer);

// Hands over the next bytes of the file. The chunk is borrowed until framer_next has returned
// false; only then may the next one be fed, to this framer or another one of the same rules.
// `now_ns` is monotonic.
void framer_feed(struct framer *framer, struct slice chunk, uint64_t now_ns);
// Whether nothing but the hole that a file begins with was fed, so that more of it need not be
// read: framer_pass_hole feeds so many NUL bytes.
bool framer_in_hole(const struct framer *framer);
void framer_pass_hole(struct framer *framer, uint64_t size);
// Takes the next complete record. Returns false when the rest needs more bytes.
bool framer_next(struct framer *framer, struct record *out_record);
// Completes what has waited too long (partial_line_timeout, multiline.timeout), then framer_next
// may have records again. Returns the monotonic time of the next time-out, TIME_NEVER for none.
uint64_t framer_expire(struct framer *framer, uint64_t now_ns);
// The file has ended for good: what is pending becomes complete.
void framer_finish(struct framer *framer);
// Offset of the first byte of the file that no taken record stands for. This is what is stored as
// position: reading from here again gives every later record, and none twice.
uint64_t framer_position(const struct framer *framer);
// Offset behind the last byte fed.
uint64_t framer_end(const struct framer *framer);
// Bytes that the framer holds beyond the chunk that was fed.
size_t framer_memory(const struct framer *framer);
