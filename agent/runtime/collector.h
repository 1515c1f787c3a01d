// The collecting half of a flow: reads what is new in its files, makes records of it and appends
// them to the queue, with the positions behind them in the same write. All of it belongs to the
// flow's collector thread; a step does a bounded amount of work and never waits.
//
// Diagnostics: a full queue or disk is no error: the step says when to try again, and the bell of
// the queue may say it earlier. E_CONDEMNED is the only result that ends a collector: the queue has
// to be recovered, and both be made anew.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/stats.h"
#include "config/config.h"
#include "queue/queue.h"
#include "runtime/files_desk.h"

struct collector; // opaque

struct collector_options {
    const struct flow_config *flow;
    struct queue *queue;
    bool same_boot; // what queue_open reported
    struct stats *stats;
};

// Opens the files, and makes their start positions durable before anything is read. While the queue
// does not take them, the steps try again.
NODISCARD int collector_create(struct io *io, const struct collector_options *options,
                               struct collector **out_collector);
// Appends what is complete, when the queue lets it.
void collector_free(struct collector *collector);

// Reads and appends. `*out_next_ns` is the monotonic time at which it wants to be called again when
// neither its descriptor nor the bell of the queue announce work. Returns 0 or E_CONDEMNED.
NODISCARD int collector_step(struct collector *collector, uint64_t now_ns, uint64_t *out_next_ns);
// The descriptor that announces changes of files, or -1.
int collector_notify_fd(const struct collector *collector);
// True when every file was read to its present end and appended.
bool collector_caught_up(struct collector *collector, uint64_t now_ns);
// Copies what is known of every file: all that the collector thread spends on a question for them.
void collector_list_files(const struct collector *collector, struct file_list *out);
// Answers a question about one file.
void collector_find_file(const struct collector *collector, struct file_question *question);
