// One call of an operation: its request, the state it works on, and the answer it writes.
//
// An operation returns after writing a whole answer, or after call_fail, which replaces what was
// written by the error.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "sandbox/service.h"
#include "sandbox/validate.h"
#include "sandbox/wire.h"

struct operation;

struct call {
    struct service *service;
    const struct operation *operation;
    enum wire_format format;
    struct slice body;
    json_t *request; // NULL for operations that carry records
    struct fault_plan plan;
    struct limits limits;  // as they were when the call came
    uint64_t now_ns;       // real
    uint64_t monotonic_ns; // of the buckets

    int status;
    struct wire wire;   // writes to the answer
    const char *failed; // the error code, constant; NULL for success
};

typedef void op_fn(struct call *call);

enum api { API_KINESIS, API_FIREHOSE };

struct operation {
    enum api api;
    const char *name;
    op_fn *run;
    const struct member *members; // NULL: the operation reads the body itself, without the lock
    unsigned per_second;          // calls/s in the account; 0 for no limit
};

// Every operation, and its place in the list.
const struct operation *operation_find(enum api api, struct slice name);
unsigned operation_number(const struct operation *operation);
// NULL behind the last one.
const struct operation *operation_at(unsigned number);

// Writes an error with the status that belongs to its code.
PRINTF_LIKE(3, 4)
void call_fail(struct call *call, const char *code, const char *format, ...);

// Members of the request document; absent ones are NULL or the initial value.
const char *call_string(const struct call *call, const char *name);
uint64_t call_integer(const struct call *call, const char *name, uint64_t initial);
// A timestamp in nanoseconds. Seconds that are absurdly large are taken for milliseconds.
uint64_t call_time(const json_t *document, const char *name);

// The stream that StreamName or StreamARN name, or NULL after call_fail.
struct stream *call_stream(struct call *call);
// The same, refusing one that is not ACTIVE.
struct stream *call_active_stream(struct call *call);
// The same, from texts.
struct stream *call_stream_named(struct call *call, struct slice name, struct slice arn);
// One shard of a stream, or NULL after call_fail.
struct shard *call_shard(struct call *call, const struct stream *stream, const char *id);
// Whether a limit is switched on.
bool call_limited(const struct call *call, enum limit limit);

void call_stream_arn(const struct call *call, const struct stream *stream, struct buf *out);
void call_write_stream_identity(struct call *call, const struct stream *stream);
