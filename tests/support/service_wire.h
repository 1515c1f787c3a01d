// The other end of the wire, for simulated services: reads calls as Kinesis Data Streams and
// Firehose read them, and writes their answers, in CBOR or JSON.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "config/config.h"

struct wire_record {
    struct slice data;
    struct slice key;
};

// Reads the body of a call with at most `max` records. The records lie in the body, or in `text`,
// which is emptied first. A body that is not a call, or is for another stream than "stream", fails
// an assertion.
size_t wire_read_call(bool cbor, struct slice body, struct wire_record *records, size_t max,
                      struct buf *text);

struct wire_entry {
    const char *error; // a code, or NULL: accepted
    unsigned shard;
};

// Appends the answer to a call: what became of each record.
void wire_write_entries(enum service service, bool cbor, const struct wire_entry *entries,
                        size_t count, struct buf *out_body);
// Appends the answer that refuses a call.
void wire_write_error(bool cbor, const char *code, const char *message, struct buf *out_body);
