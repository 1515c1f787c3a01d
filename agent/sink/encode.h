// Request bodies of PutRecords and PutRecordBatch, built record by record straight into the buffer
// that is hashed and sent: one copy of the data in CBOR, one base64 in JSON.
//
// CBOR 1.1 is the protocol that the AWS SDKs for Java speak to Data Streams: the members of the
// JSON 1.1 body under the same names, blobs as byte strings, and maps and lists of indefinite
// length.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "config/config.h"

struct encoder {
    const char *content_type;
    const char *target; // X-Amz-Target
    void (*begin)(struct buf *body, const char *stream);
    // `key` is valid UTF-8, at most LIMITS_KEY_UNITS long; ignored by Firehose. Returns the key as
    // it stands in the body, in the encoder's spelling: offset, and size by `*out_key_size`.
    size_t (*record)(struct buf *body, struct slice data, struct slice key, size_t *out_key_size);
    void (*end)(struct buf *body, const char *stream);
    // What a body of `records` records with `bytes` bytes of data and keys takes at most, for keys
    // that need no escapes.
    size_t (*body_bytes_max)(size_t records, size_t bytes);
};

extern const struct encoder encoder_kinesis_cbor;
extern const struct encoder encoder_kinesis_json;
extern const struct encoder encoder_firehose_json;
