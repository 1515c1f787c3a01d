// What a flow would ship, for people who write its rules: `kintail try`. Bytes go in, the data of
// each record comes out exactly as it would go to the service, and a note says what became of every
// record that is not simply shipped. Nothing is stored or sent.
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"

struct trial; // opaque

struct trial_output {
    void *context;
    // Data of one record, record_end included. Borrowed.
    void (*shipped)(void *context, struct slice data);
    // One line without its newline, such as `record 3 at byte 120: filtered by the flow's filter:
    // "GET /health"`. NUL-terminated, borrowed.
    void (*note)(void *context, const char *text);
};

// `flow` is borrowed, `output` copied. Fails like record_rules_create.
NODISCARD int trial_create(const struct flow_config *flow, const struct trial_output *output,
                           struct trial **out_trial);
void trial_free(struct trial *trial);
// The next bytes of the input, as of a file that is read from its start.
void trial_feed(struct trial *trial, struct slice chunk);
// The input has ended: completes what is pending and notes the sums.
void trial_finish(struct trial *trial);
