// The body of a call that carries records, read in one pass into slices, without a value tree.
//
// Members: StreamName, StreamARN, SequenceNumberForOrdering, DeliveryStreamName, Records (a list of
// Data, PartitionKey, ExplicitHashKey), Record (one of the same), and Data, PartitionKey and
// ExplicitHashKey at the top for the PutRecord of Data Streams. Members of other names are skipped;
// null counts as absent.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "sandbox/wire_format.h"

enum { PUT_RECORDS_STORED_MAX = 10000 };

struct put_field {
    struct slice value;
    bool present;
};

struct put_record {
    struct put_field data; // decoded
    struct put_field key;
    struct put_field hash_key;
};

struct put_request {
    struct put_field stream_name; // also DeliveryStreamName
    struct put_field stream_arn;
    struct put_field ordering;
    bool has_records; // Records, Record or one of the fields at the top
    struct put_record *records;
    size_t record_count;
    size_t record_capacity;
    size_t total_bytes; // data and keys
    struct buf scratch; // what had to be decoded
    struct buf escaped;
};

// Slices point into `body` and into the request, which keeps them until it is freed. On failure
// returns false with the text of a SerializationException (possibly empty) in `message`.
bool put_request_read(struct slice body, enum wire_format format, struct put_request *out_request,
                      struct buf *message);
void put_request_deinit(struct put_request *request);

// For the two readers.
enum put_name {
    PUT_OTHER,
    PUT_STREAM_NAME,
    PUT_STREAM_ARN,
    PUT_ORDERING,
    PUT_RECORDS,
    PUT_RECORD,
    PUT_DATA,
    PUT_KEY,
    PUT_HASH_KEY,
};
enum put_name put_name_of(struct slice name);
// NULL when more records come than are ever looked at.
struct put_record *put_request_add(struct put_request *request);
// The field of that name, of a record or (with `record` NULL) of the request itself.
struct put_field *put_field_of(struct put_request *request, struct put_record *record,
                               enum put_name name);
bool put_request_read_cbor(struct slice body, struct put_request *request, struct buf *message);
