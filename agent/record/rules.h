// The compiled rules of a flow, and what they make of one framed record: filter, convert, partition
// key, limits. The public half is in record.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"
#include "record/convert.h"
#include "record/filter.h"
#include "record/format.h"
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
    struct pattern *start; // of multi-line records; each NULL for none
    struct pattern *end;
    struct pattern *continuation;
    struct multiline_rules multiline;
    struct lines_config lines;
    struct line_formats formats;
    struct filter filter;
    struct converter **converters;
    size_t converter_count;
    bool plain;            // a line that ends with record_end ships as it is
    bool header;           // the first record of each file is a CSV header
    bool header_has_names; // its names are used
    char header_delimiter;
    struct slice record_end;
    size_t record_bytes_max; // what the service takes, in data and key
    struct buf data;         // of the present record, where it is not the source's bytes
    struct buf key;
};

// A header line that is longer names nothing.
enum { HEADER_BYTES_MAX = 64 * 1024 };

// A framed record and what its file says about it.
struct framed {
    const struct line *line;
    bool file_start;              // the first one of its file
    const struct members *header; // names from the file's CSV header, NULL when not known
};

// What becomes of a framed record. `out_record` borrows from `framed` and from the rules.
void rules_apply(struct record_rules *rules, const struct framed *framed,
                 struct record *out_record);
// Takes the names out of a file's first record.
void rules_read_header(const struct record_rules *rules, const struct line *line,
                       struct members *names);
