// Delivery streams and their deliveries.
//
// What is put is appended to `<dir>/<stream>/.pending`, so that it survives a kill. When the size
// or the time of the buffering hints is reached, and at the end, that file becomes
// `<dir>/<stream>/<prefix>YYYY/MM/DD/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>` (UTC of the
// first record). Without a directory deliveries are counted and forgotten.
// Source: Data Firehose developer guide, "Configure Amazon S3 object name format".
//
// Belongs to whoever holds the lock of the service.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"
#include "sandbox/bucket.h"

enum { DELIVERY_NAME_MAX = 64 };

struct delivery_stream {
    char name[DELIVERY_NAME_MAX + 1];
    uint64_t created_ns;   // real
    json_t *configuration; // the S3 destination, as given
    bool extended;         // ExtendedS3DestinationConfiguration
    uint64_t buffer_bytes_max;
    uint64_t buffer_ms_max;
    uint64_t pending_bytes;
    uint64_t pending_since_ns; // real time of the first pending record; 0 for none

    struct bucket bytes;
    struct bucket records;
    struct bucket calls;
    uint64_t records_accepted;
    uint64_t bytes_accepted;
    uint64_t throttled;
    uint64_t injected;
    uint64_t objects; // delivered
};

struct firehose {
    struct io *io;
    char *dir;                        // NULL: nothing is written
    struct delivery_stream **streams; // by name
    size_t stream_count;
};

// Reads the delivery streams of an earlier run back. Failures are logged with their place.
NODISCARD int firehose_open(struct firehose *firehose, struct io *io, const char *dir);
// Delivers everything and frees.
void firehose_close(struct firehose *firehose, uint64_t real_ns);

// NULL when there is none.
struct delivery_stream *firehose_find(const struct firehose *firehose, struct slice name);
// Takes the reference to the configuration.
NODISCARD int firehose_add(struct firehose *firehose, const char *name, json_t *configuration,
                           bool extended, uint64_t real_ns, struct delivery_stream **out_stream);
// Delivers what is pending and forgets the stream; delivered files stay.
void firehose_remove(struct firehose *firehose, struct delivery_stream *stream);
// Adds bytes to what is pending, delivering before when they would not fit.
NODISCARD int firehose_put(struct firehose *firehose, struct delivery_stream *stream,
                           struct slice bytes, uint64_t record_count, uint64_t real_ns);
// Delivers what is due; with `all`, everything that is pending.
void firehose_deliver(struct firehose *firehose, bool all, uint64_t real_ns);
