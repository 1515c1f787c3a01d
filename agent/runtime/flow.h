// One flow with its two threads: a collector that fills the queue and a sender that empties it. The
// queue is the only thing they share. All functions here are for the control thread.
//
// Diagnostics: a flow that cannot open its queue or files, or whose storage has failed, does not
// stop the process: it is tried again with backoff (flow_supervise), and its state says why.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/buf.h"
#include "base/io.h"
#include "config/config.h"
#include "queue/queue.h"
#include "runtime/files_desk.h"
#include "runtime/shelf.h"
#include "runtime/syncer.h"

struct flow; // opaque

struct flow_options {
    const struct config *config;
    const struct flow_config *flow;
    struct syncer *syncer;
    struct credentials_store *credentials;
    // Whether all flows together have room for one more block.
    bool (*has_room)(void *context);
    void *has_room_context;
    bool once; // send partial batches as soon as every file is read
};

struct flow *flow_create(struct io *io, const struct flow_options *options);
// Everything was stopped.
void flow_free(struct flow *flow);

// Opens and starts. On an error the flow is failed; flow_supervise tries again.
void flow_start(struct flow *flow);
// Restarts a flow that has failed or whose storage was condemned, when its time has come, and takes
// a sample for its rates.
void flow_supervise(struct flow *flow, uint64_t now_ns);
// Ends reading; what is queued is sent on, partial batches at once.
void flow_stop_collecting(struct flow *flow);
// Submits nothing more. The sender ends when what is in flight was answered, or at the monotonic
// time `answers_until_ns`; a later call may name an earlier time.
void flow_stop_sending(struct flow *flow, uint64_t answers_until_ns);
// Does both, waits for no answer any more, and closes the queue with exact positions.
void flow_stop(struct flow *flow);

// Whether every file was read and everything was settled.
bool flow_done(struct flow *flow);
// Whether the queue is empty and no answer is missing.
bool flow_drained(struct flow *flow);
// Whether its sender has ended.
bool flow_silent(struct flow *flow);
bool flow_failed(const struct flow *flow);
// Bytes of its queue on disk. Any thread.
uint64_t flow_queue_bytes(struct flow *flow);
const char *flow_name(const struct flow *flow);
// Appends its status as a JSON object (docs/kintail.1), with every file when `files`.
void flow_status(struct flow *flow, bool files, struct buf *out);
// Appends what it knows of one file, as a JSON object: whether it matches, and how much of it was
// shipped (status_document.h).
void flow_describe_file(struct flow *flow, uint64_t device, uint64_t inode, const char *path,
                        struct buf *out);

// ---- any thread ----

const struct flow_config *flow_config_of(const struct flow *flow);
struct stats *flow_stats(struct flow *flow);
// What after_ship says about its files.
struct shelf *flow_shelf(struct flow *flow);
// queue_take_ended; NULL also while it is not running.
uint64_t *flow_take_ended(struct flow *flow, size_t *out_count);
// What its queue knows of a generation, path owned by the caller: 1, 0 when nothing, -1 while it is
// not running.
int flow_generation(struct flow *flow, uint64_t id, struct generation *out_generation,
                    struct queue_shipping *out_shipping);
// What its source knows of files (files_desk.h).
NODISCARD bool flow_ask(struct flow *flow, struct file_question *questions, size_t count);
// queue_checkpoint; false while it is not running.
bool flow_checkpoint(struct flow *flow, uint64_t time_ns);
