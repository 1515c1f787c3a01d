// The status of one flow as JSON: names and units are an interface for scripts (docs/kintail.1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/books.h"
#include "base/buf.h"
#include "base/stats.h"
#include "config/config.h"
#include "queue/queue.h"
#include "runtime/file_list.h"
#include "runtime/files_desk.h"

// Rates over the last completed interval of FLOW_RATES_INTERVAL_S.
enum { FLOW_RATES_INTERVAL_S = 5 };
struct flow_rates {
    uint64_t sampled_ns; // monotonic; 0: never
    struct books books;  // at that time
    double read_bytes_per_s;
    double read_records_per_s;
    double acknowledged_records_per_s;
};
// Takes a sample when the interval is over.
void flow_rates_sample(struct flow_rates *rates, const struct books *books, uint64_t now_ns);

struct flow_snapshot {
    const struct flow_config *flow;
    const struct stats *stats;
    const struct flow_rates *rates;
    bool running;
    uint64_t stalled_ns; // how long the collector has been inside one step
    uint64_t now_real_ns;
    struct books books;
    struct queue_usage usage;
    char error[256]; // the last thing that went wrong, or ""
    uint64_t error_real_ns;
    const struct file_list *files; // NULL when they are not known or not wanted
};
void flow_status_write(const struct flow_snapshot *snapshot, struct buf *out);

// What a flow knows of one file, for `kintail shipped`. NULL: it did not answer.
void flow_file_write(const char *flow, const struct file_question *answer,
                     const struct queue_shipping *shipping, struct buf *out);
