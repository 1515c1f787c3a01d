// The compiled rules of a flow, and what they make of one framed record: filter, convert, partition
// key, limits. The public half is in record.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"
#include "record/filter.h"
#include "record/lines.h"
#include "record/multiline.h"
#include "record/pattern.h"
#include "record/record.h"

enum { FIREHOSE_RECORD_BYTES_MAX = 1024000 }; // AWS: Amazon Data Firehose quota, record size

struct record_rules {
    const struct record_config *config;
    const struct destination_config *to;
    struct stats *stats;
    struct pattern_stack *stack;
    struct pattern *start; // of a multi-line record; NULL for none
    struct multiline_rules multiline;
    struct filter filter;
    struct slice record_end;
    size_t record_bytes_max; // what the service takes, in data and key
    struct buf data;         // of the present record, where it is not the source's bytes
    struct buf key;
};

// What becomes of a framed record. `out_record` borrows from `line` and from the rules.
void rules_apply(struct record_rules *rules, const struct line *line, struct record *out_record);
