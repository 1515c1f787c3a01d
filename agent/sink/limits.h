// What one call may carry: the exact limits of both services, and how they count.
//
// Data Streams: 500 records a call, data and partition key counted, 10 MiB a call, and for one
// record what the stream is set to (1 MiB unless it was raised). Firehose: 500 records, data alone
// counted, 4 MiB a call, 1,024,000 bytes a record. Sources: API reference of PutRecords and
// PutRecordBatch, before base64 in both.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum {
    LIMITS_CALL_RECORDS = 500,
    LIMITS_KINESIS_CALL_BYTES = 10 << 20,
    LIMITS_KINESIS_RECORD_BYTES = 10 << 20, // the most that a stream can be set to
    LIMITS_FIREHOSE_CALL_BYTES = 4 << 20,
    LIMITS_FIREHOSE_RECORD_BYTES = 1024000,
    LIMITS_KEY_UNITS = 256, // of UTF-16, in a partition key
    LIMITS_RANDOM_KEY = 4,  // characters of a random partition key
};

struct limits {
    enum service service;
    size_t call_records;
    size_t call_bytes; // a record above this goes alone
    size_t record_bytes;
};

struct limits limits_of(const struct destination_config *to, const struct batch_config *batch);
// What a record of this data and key counts.
size_t limits_count(const struct limits *limits, size_t data_size, size_t key_size);
// Characters of the random key for a record: LIMITS_RANDOM_KEY, fewer where the record is that
// close to its limit. 0 when there is no room for a key at all.
size_t limits_random_key(const struct limits *limits, size_t data_size);
// Whether a record that counts `more` can join a call of `records` records that count `bytes`.
bool limits_fit(const struct limits *limits, size_t records, size_t bytes, size_t more);
