// What goes wrong on command: which faults, how often, and the seed that makes a run repeatable.
//
// Shares are probabilities from 0 to 1, drawn for each record or each call. Belongs to whoever
// holds the lock of the service.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/prng.h"
#include "base/slice.h"

//    id                      name                help
#define FAULTS_LIST(X)                                                                         \
    X(FAULT_THROTTLE, "throttle", "records refused for throughput")                            \
    X(FAULT_INTERNAL_FAILURE, "internal_failure", "records refused with InternalFailure")      \
    X(FAULT_ERROR_500, "error_500", "calls answered with 500 InternalFailure")                 \
    X(FAULT_ERROR_503, "error_503", "calls answered with 503 ServiceUnavailable")              \
    X(FAULT_EXPIRED_TOKEN, "expired_token", "calls answered with ExpiredTokenException")       \
    X(FAULT_RESET_BEFORE, "reset_before", "connections reset before the call is carried out")  \
    X(FAULT_RESET_AFTER, "reset_after", "connections reset after the call was carried out")    \
    X(FAULT_CLOSE_AFTER, "close_after", "connections closed without an answer after the call") \
    X(FAULT_TRUNCATE, "truncate", "answers cut off in the middle")                             \
    X(FAULT_OVERSIZE, "oversize", "answers padded to oversize_bytes")                          \
    X(FAULT_NO_CBOR, "no_cbor", "CBOR calls refused as an unknown content type")

enum fault {
#define X(id, name, help) id,
    FAULTS_LIST(X)
#undef X
        FAULT_COUNT
};

//    id                     name               default      help
#define FAULT_VALUES_LIST(X)                                                                \
    X(FAULT_LATENCY_MS, "latency_ms", 0, "delay of every answer")                           \
    X(FAULT_JITTER_MS, "latency_jitter_ms", 0, "random delay on top, at most")              \
    X(FAULT_OVERSIZE_BYTES, "oversize_bytes", 64 << 20, "size of an oversize answer")       \
    X(FAULT_DATE_OFFSET_S, "date_offset_s", 0, "added to the Date header only")             \
    X(FAULT_CLOCK_OFFSET_S, "clock_offset_s", 0, "added to the whole clock of the sandbox") \
    X(FAULT_LIMIT, "limit", -1, "faults that are still injected; -1 for no end")

enum fault_value {
#define X(id, name, initial, help) id,
    FAULT_VALUES_LIST(X)
#undef X
        FAULT_VALUE_COUNT
};

struct faults {
    double share[FAULT_COUNT];
    int64_t value[FAULT_VALUE_COUNT];
    uint64_t injected[FAULT_COUNT];
    uint64_t operations; // bit per operation that calls and records are drawn for; 0 for all
    struct prng prng;
};

void faults_init(struct faults *faults, uint64_t seed);
// Sets everything back to "nothing goes wrong"; the seed and the counts stay.
void faults_reset(struct faults *faults);
// Sets one fault or value by name. E_NOT_FOUND, or E_RANGE when the value is out of range.
NODISCARD int faults_set(struct faults *faults, struct slice name, double value);
// Draws whether a fault strikes now, and counts it.
bool faults_strike(struct faults *faults, enum fault fault);
const char *fault_name(enum fault fault);
const char *fault_value_name(enum fault_value value);

// What happens to one call, drawn when it arrives.
struct fault_plan {
    enum fault fault; // FAULT_COUNT when the call is answered as it should be
    uint64_t latency_ms;
    uint64_t oversize_bytes;
    bool records; // whether its records are drawn for
};

// `operation` is the number of the operation, as in faults.operations.
struct fault_plan faults_plan(struct faults *faults, unsigned operation, bool cbor);
