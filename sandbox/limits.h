// The quotas that are enforced, and which of them are switched on.
//
// Source: Kinesis Data Streams developer guide, "Quotas and limits"; Data Firehose developer guide,
// "Quota".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

//    name        text
#define LIMITS_LIST(X)                                                              \
    X(LIMIT_WRITE, "write", "1 MiB/s and 1,000 records/s written per shard")        \
    X(LIMIT_READ, "read", "2 MiB/s and 5 calls/s read per shard")                   \
    X(LIMIT_CONTROL, "control", "calls/s of the operations that manage streams")    \
    X(LIMIT_FIREHOSE, "firehose", "bytes, records and calls/s per delivery stream") \
    X(LIMIT_SIZE, "size", "bytes of a record and of a call")                        \
    X(LIMIT_COUNT, "count", "records in a call, shards in the account")

enum limit {
#define X(id, name, text) id,
    LIMITS_LIST(X)
#undef X
        LIMIT_COUNT_OF
};

struct limits {
    bool on[LIMIT_COUNT_OF];
};

struct limits limits_all(void);
const char *limit_name(enum limit limit);
// Switches the limits of a comma-separated list off. False when a name is unknown.
bool limits_switch_off(struct limits *limits, struct slice names);

enum {
    SHARD_WRITE_RECORDS_PER_S = 1000,
    SHARD_READ_CALLS_PER_S = 5,
    SHARD_WRITE_BYTES_PER_S = 1 << 20,
    SHARD_READ_BYTES_PER_S = 2 << 20,
    PUT_RECORDS_MAX = 500,
    PUT_CALL_BYTES_MAX = 10 << 20,
    RECORD_KIB_DEFAULT = 1024,
    RECORD_KIB_MAX = 10240,
    GET_RECORDS_MAX = 10000,
    GET_BYTES_MAX = 10 << 20,
    SHARDS_MAX = 1000,         // open shards of the account
    SHARDS_STREAM_MAX = 10000, // without LIMIT_COUNT
    CREATING_MAX = 5,
    FIREHOSE_BATCH_RECORDS_MAX = 500,
    FIREHOSE_BATCH_BYTES_MAX = 4 << 20,
    FIREHOSE_RECORD_BYTES_MAX = 1024000,
    RETENTION_HOURS_MIN = 24,
    RETENTION_HOURS_MAX = 8760,
};
