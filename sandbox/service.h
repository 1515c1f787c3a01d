// The state of the whole sandbox and its one lock.
//
// Everything behind the lock (streams, delivery streams, faults, limits, counts) is touched only
// between service_lock and service_unlock. The options never change after the start.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "sandbox/auth.h"
#include "sandbox/bucket.h"
#include "sandbox/faults.h"
#include "sandbox/firehose.h"
#include "sandbox/limits.h"
#include "sandbox/stream.h"

enum { OPERATIONS_MAX = 64, CODES_MAX = 64, CODE_SIZE = 48 };

struct service_options {
    struct auth auth;
    const char *account;      // 12 digits
    const char *data_dir;     // NULL: in memory
    const char *delivery_dir; // NULL: deliveries are counted and forgotten
    bool discard;
    uint64_t memory_max;    // bytes of records without a data directory
    uint64_t kept_ms_max;   // how long records are kept at most; 0: their stream's retention
    uint64_t transition_ms; // how long a stream is CREATING, UPDATING, DELETING
    uint64_t seed;
};

struct code_count {
    char code[CODE_SIZE];
    uint64_t count;
};

struct counts {
    uint64_t requests;
    uint64_t body_bytes;
    uint64_t operations[OPERATIONS_MAX];
    struct code_count refused[CODES_MAX]; // calls and records refused, by code
    size_t refused_count;
};

struct service {
    struct service_options options;
    struct io *io;
    pthread_mutex_t lock;
    struct stream_world world;
    struct stream **streams; // by name
    size_t stream_count;
    struct firehose firehose;
    struct limits limits;
    struct faults faults;
    struct counts counts;
    struct bucket control[OPERATIONS_MAX];
};

// Opens the data directory, if any. Failures are logged with their place.
NODISCARD int service_create(struct io *io, const struct service_options *options,
                             struct service **out_service);
// Delivers what is buffered and frees everything.
void service_free(struct service *service);
void service_lock(struct service *service);
void service_unlock(struct service *service);

// Real time of the sandbox: the system's, moved by the fault clock_offset_s.
uint64_t service_now(const struct service *service);
// What the Date header says: that, moved by date_offset_s.
uint64_t service_date(const struct service *service);

// What arrived in the stream before this time is not kept. All times are real.
uint64_t service_horizon(const struct service *service, const struct stream *stream,
                         uint64_t now_ns);

// Finds a stream, after its status and retention were brought up to date. NULL when there is none.
struct stream *service_find_stream(struct service *service, struct slice name);
// Takes an active stream in; its name must be new.
void service_add_stream(struct service *service, struct stream *stream);
// Lets every change of status that is due take effect.
void service_settle(struct service *service);
// The stream is CREATING, UPDATING or DELETING for the configured time.
void service_begin(struct service *service, struct stream *stream, enum stream_status status);

void service_count_refused(struct service *service, const char *code, uint64_t count);
uint32_t service_open_shards(const struct service *service);
