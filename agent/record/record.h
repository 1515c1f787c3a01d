// What one record is: bytes of a file in, records out, by the rules of one flow.
//
// A struct record_rules is the compiled configuration of a flow (patterns, converters, filters). A
// struct framer is the state of one file: the unfinished line, the open multi-line record, the CSV
// header. Both belong to the flow's collector thread. A framer pulls: feed it a chunk, then take
// records until it has no more, so that a caller that cannot store a record just stops taking.
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

enum record_fate {
    RECORD_SHIP,        // to the service
    RECORD_FILTERED,    // by a rule of the configuration; counts, goes nowhere
    RECORD_DEAD_LETTER, // to be set aside with its reason
};

struct record {
    enum record_fate fate;
    enum record_reason reason; // with RECORD_DEAD_LETTER
    struct slice data;         // what is shipped, record_end included; borrowed until the next call
    struct slice key;          // partition key, empty: random. Borrowed likewise
    uint64_t source_bytes;     // bytes of the file that it stands for, line endings included
};

// Compiles the rules. Patterns were checked when the configuration was loaded (record_rules_check),
// so only a lack of resources can fail here. `stats` is borrowed and outlives the rules.
NODISCARD int record_rules_create(const struct record_config *config,
                                  const struct destination_config *to, struct stats *stats,
                                  struct record_rules **out_rules);
void record_rules_free(struct record_rules *rules);

// The state of one file, reading from `position`. `rules` is borrowed.
struct framer *framer_create(struct record_rules *rules, uint64_t position);
void framer_free(struct framer *framer);

// Hands over the next bytes of the file. The chunk is borrowed until framer_next has returned
// false; only then may the next one be fed. `now_ns` is monotonic.
void framer_feed(struct framer *framer, struct slice chunk, uint64_t now_ns);
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
