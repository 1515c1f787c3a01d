#include "record/rules.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "record/key.h"

static size_t service_record_bytes_max(const struct destination_config *to)
{
    return to->service == SERVICE_FIREHOSE ? FIREHOSE_RECORD_BYTES_MAX
                                           : (size_t)to->max_record_size;
}

static int compile_patterns(struct record_rules *rules)
{
    const struct record_config *config = rules->config;
    struct multiline_rules *multiline = &rules->multiline;
    *multiline = (struct multiline_rules){
        .lines_max = (size_t)config->multiline.max_lines,
        .bytes_max = (size_t)config->multiline.max_bytes,
    };
    if (config->multiline.start != NULL) {
        int error = pattern_create(config->multiline.start, rules->stack, NULL, 0, &rules->start);
        if (error != 0) {
            return error;
        }
        multiline->mode = MULTILINE_START;
        multiline->start = rules->start;
    }
    return filter_init(&rules->filter, &config->filter, rules->stack);
}

int record_rules_create(const struct record_config *config, const struct destination_config *to,
                        struct stats *stats, struct record_rules **out_rules)
{
    struct record_rules *rules = xcalloc(1, sizeof *rules);
    *rules = (struct record_rules){
        .config = config,
        .to = to,
        .stats = stats,
        .stack = pattern_stack_create(),
        .record_end = slice_of_text(config->record_end == NULL ? "" : config->record_end),
        .record_bytes_max = service_record_bytes_max(to),
    };
    buf_init(&rules->data, rules->record_bytes_max);
    buf_init(&rules->key, rules->record_bytes_max);
    int error = compile_patterns(rules);
    if (error != 0) {
        record_rules_free(rules);
        return error;
    }
    *out_rules = rules;
    return 0;
}

void record_rules_free(struct record_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    filter_deinit(&rules->filter);
    pattern_free(rules->start);
    pattern_stack_free(rules->stack);
    buf_deinit(&rules->data);
    buf_deinit(&rules->key);
    free(rules);
}

// A dead letter carries a record as it was framed.
static size_t framed_bytes_max(const struct record_rules *rules)
{
    size_t ending_bytes = 2;
    size_t line = (size_t)rules->config->lines.max_line;
    size_t joined = rules->multiline.mode == MULTILINE_OFF ? 0 : rules->multiline.bytes_max;
    return (joined > line ? joined : line) + ending_bytes;
}

size_t record_rules_bytes_max(const struct record_rules *rules)
{
    size_t framed = framed_bytes_max(rules);
    return framed > rules->record_bytes_max ? framed : rules->record_bytes_max;
}

// ---- one record ----

static void make_filtered(struct record *record)
{
    record->fate = RECORD_FILTERED;
    record->data = slice_of(NULL, 0);
    record->key = slice_of(NULL, 0);
}

static void make_dead_letter(struct record *record, const struct line *line,
                             enum record_reason reason)
{
    record->fate = RECORD_DEAD_LETTER;
    record->reason = reason;
    record->data = slice_of(line->text.data, line->text.size + line->ending_bytes);
    record->key = slice_of(NULL, 0);
}

static bool ends_with(struct slice text, struct slice end)
{
    return text.size >= end.size && slice_equal(slice_skip(text, text.size - end.size), end);
}

// The framed bytes with record_end. Where the line ending in the source is record_end, nothing is
// copied.
static bool finish_raw(struct record_rules *rules, const struct line *line, struct slice *out_data)
{
    struct slice end = rules->record_end;
    if (line->ending_bytes == end.size &&
        (end.size == 0 || memcmp(line->text.data + line->text.size, end.data, end.size) == 0)) {
        *out_data = slice_of(line->text.data, line->text.size + end.size);
        return true;
    }
    if (end.size == 0 || ends_with(line->text, end)) {
        *out_data = line->text;
        return true;
    }
    buf_clear(&rules->data);
    buf_append_slice(&rules->data, line->text);
    buf_append_slice(&rules->data, end);
    *out_data = buf_slice(&rules->data);
    return !rules->data.overflow;
}

static struct slice make_key(struct record_rules *rules, struct slice data)
{
    if (rules->to->service == SERVICE_FIREHOSE) {
        return slice_of(NULL, 0);
    }
    switch (rules->to->partition_key) {
    case PARTITION_KEY_RANDOM:
        break;
    case PARTITION_KEY_HASH:
        key_from_hash(data, &rules->key);
        return buf_slice(&rules->key);
    case PARTITION_KEY_FIELD:
        if (key_from_field(data, slice_of_text(rules->to->partition_key_field), &rules->key)) {
            return buf_slice(&rules->key);
        }
        stats_add(rules->stats, STAT_RECORD_KEY_MISSING, 1);
        break;
    }
    return slice_of(NULL, 0);
}

static bool fits(const struct record_rules *rules, const struct record *record)
{
    size_t key = 0;
    if (rules->to->service == SERVICE_KINESIS) {
        key = record->key.size != 0 ? record->key.size : RANDOM_KEY_BYTES_MAX;
    }
    return record->data.size <= rules->record_bytes_max &&
           key <= rules->record_bytes_max - record->data.size;
}

static void ship(struct record_rules *rules, const struct line *line, struct record *record)
{
    if (!finish_raw(rules, line, &record->data)) {
        make_dead_letter(record, line, REASON_TOO_LARGE);
        return;
    }
    record->key = make_key(rules, record->data);
    if (!fits(rules, record)) {
        make_dead_letter(record, line, REASON_TOO_LARGE);
    }
}

void rules_apply(struct record_rules *rules, const struct line *line, struct record *out_record)
{
    *out_record = (struct record){.fate = RECORD_SHIP, .source_bytes = line->source_bytes};
    if (line->over_long) {
        stats_add(rules->stats, STAT_RECORD_OVER_LONG, 1);
    }
    if (line->kind == LINE_SKIPPED || line->kind == LINE_REMAINDER) {
        make_filtered(out_record);
        return;
    }
    if (line->kind == LINE_DEAD_LETTER) {
        make_dead_letter(out_record, line, REASON_OVER_LONG);
        return;
    }
    if (!filter_passes(&rules->filter, line->text)) {
        stats_add(rules->stats, STAT_RECORD_FILTERED, 1);
        make_filtered(out_record);
        return;
    }
    ship(rules, line, out_record);
}
