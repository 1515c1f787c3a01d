// A flow over bytes in memory, for tests of the framer and its rules.
#pragma once

#include <check.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "record/record.h"

// A flow with small limits, and what it made of its input: one line a record, "S" shipped,
// "F" filtered, "D<reason>" dead letter, with the data and the source bytes.
struct flow {
    struct record_config config;
    struct destination_config to;
    struct stats stats;
    struct record_rules *rules;
    struct framer *framer;
    struct buf seen;
    const char *file; // for peeking
    bool after_cut;
};

static inline struct flow flow_default(void)
{
    static char newline[] = "\n";
    return (struct flow){
        .config =
            {
                .lines = {.max_line = 100},
                .multiline = {.max_lines = 100, .max_bytes = 1000, .timeout_ms = 5000},
                .record_end = newline,
            },
        .to = {.service = SERVICE_KINESIS, .max_record_size = 1 << 20},
    };
}

static inline int64_t peek(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    const struct flow *flow = context;
    size_t length = strlen(flow->file);
    if (offset >= length) {
        return 0;
    }
    size_t count = length - offset < size ? length - (size_t)offset : size;
    memcpy(room, flow->file + offset, count);
    return (int64_t)count;
}

static inline void open_at(struct flow *flow, uint64_t position)
{
    ck_assert_int_eq(record_rules_create(&flow->config, &flow->to, &flow->stats, &flow->rules), 0);
    struct framer_peek framer_peek = {
        .context = flow, .read = flow->file == NULL ? NULL : peek, .after_cut = flow->after_cut};
    flow->framer = framer_create(flow->rules, position, &framer_peek);
    buf_init(&flow->seen, 1 << 20);
}

static inline void close_flow(struct flow *flow)
{
    framer_free(flow->framer);
    record_rules_free(flow->rules);
    buf_deinit(&flow->seen);
}

static inline void take_all(struct flow *flow)
{
    struct record record;
    while (framer_next(flow->framer, &record)) {
        if (record.fate == RECORD_DEAD_LETTER) {
            buf_appendf(&flow->seen, "D%d", (int)record.reason);
        } else {
            buf_append_byte(&flow->seen, record.fate == RECORD_SHIP ? 'S' : 'F');
        }
        buf_appendf(&flow->seen, " %u <", (unsigned)record.source_bytes);
        if (record.fate != RECORD_FILTERED) {
            buf_append_slice(&flow->seen, record.data);
        }
        buf_append_text(&flow->seen, ">");
    }
}

static inline void feed_at(struct flow *flow, const char *text, uint64_t now_ns)
{
    framer_feed(flow->framer, slice_of_text(text), now_ns);
    take_all(flow);
}

static inline void feed(struct flow *flow, const char *text)
{
    feed_at(flow, text, 0);
}

static inline void finish(struct flow *flow)
{
    framer_finish(flow->framer);
    take_all(flow);
}

static inline const char *seen(struct flow *flow)
{
    return buf_text(&flow->seen);
}
