// What the benchmark's endpoint knows of HTTP, Kinesis Data Streams and Firehose: enough to count
// the records of PutRecords and PutRecordBatch and to accept them all.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum {
    REQUEST_HEAD_MAX = 64 * 1024,
    REQUEST_BODY_MAX = 16 * 1024 * 1024,
    REQUEST_RECORDS_MAX = 500, // of both services
};

enum operation { OPERATION_UNKNOWN, OPERATION_PUT_RECORDS, OPERATION_PUT_RECORD_BATCH };

struct request {
    size_t head_bytes;
    size_t body_bytes;
    enum operation operation;
    bool cbor;
};

// Reads the head of an HTTP/1.1 request. E_AGAIN when it is not whole yet, E_SYNTAX or E_TOO_LARGE
// when it never will be understood.
NODISCARD int request_read_head(struct slice data, struct request *out_request);

struct record_count {
    uint64_t records;
    uint64_t data_bytes; // of the records, without their partition keys and base64
};

// Counts by a flat walk over the body: a value that follows the name "Data" is a record. There are
// none in an unknown operation. E_TOO_LARGE when there are more than the services take.
NODISCARD int request_count_records(const struct request *request, struct slice body,
                                    struct record_count *out_count);

// Appends the whole HTTP answer that accepts `records` records; `sequence` numbers them, and the
// requests. An unknown operation gets 400.
void request_answer(const struct request *request, uint64_t records, uint64_t sequence,
                    struct buf *out);
