#include "record/rules.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "record/key.h"

enum { MULTILINE_LINES_DEFAULT = 500 }; // for quotes of CSV in a flow without multiline

static size_t service_record_bytes_max(const struct destination_config *to)
{
    return to->service == SERVICE_FIREHOSE ? FIREHOSE_RECORD_BYTES_MAX
                                           : (size_t)to->max_record_size;
}

// Bytes of text that the service takes in one record, at least, whatever its key turns out to be.
static size_t text_bytes_max(const struct record_rules *rules)
{
    size_t reserve = rules->record_end.size;
    if (rules->to->service == SERVICE_KINESIS) {
        bool field = rules->to->partition_key == PARTITION_KEY_FIELD;
        reserve += field ? KEY_BYTES_MAX : KEY_HASH_BYTES; // a random one is shorter
    }
    return rules->record_bytes_max > reserve ? rules->record_bytes_max - reserve : 1;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// What is cut is cut so that the service takes it.
static void limit_lines(struct record_rules *rules)
{
    struct lines_config *lines = &rules->lines;
    *lines = rules->config->lines;
    if (lines->over_long == OVER_LONG_SPLIT || lines->over_long == OVER_LONG_TRUNCATE) {
        const struct encoding *encoding = rules->formats.first.encoding;
        size_t bytes_max = text_bytes_max(rules);
        if (encoding != NULL) {
            bytes_max = encoding_source_bytes(encoding, bytes_max);
        }
        lines->max_line = smaller(lines->max_line, bytes_max);
    }
}

static int compile_pattern(struct record_rules *rules, const char *text,
                           struct pattern **out_pattern)
{
    if (text == NULL) {
        return 0;
    }
    rules->multiline.mode = MULTILINE_PATTERNS;
    return pattern_create(text, rules->stack, NULL, 0, out_pattern);
}

static int compile_multiline(struct record_rules *rules)
{
    const struct multiline_config *config = &rules->config->multiline;
    rules->multiline.lines_max =
        config->max_lines != 0 ? (size_t)config->max_lines : MULTILINE_LINES_DEFAULT;
    rules->multiline.bytes_max = (size_t)smaller(
        config->max_bytes != 0 ? config->max_bytes : SIZE_MAX, text_bytes_max(rules));
    int error = compile_pattern(rules, config->start, &rules->start);
    if (error == 0) {
        error = compile_pattern(rules, config->end, &rules->end);
    }
    if (error == 0) {
        error = compile_pattern(rules, config->continuation, &rules->continuation);
    }
    rules->multiline.start = rules->start;
    rules->multiline.end = rules->end;
    rules->multiline.continuation = rules->continuation;
    return error;
}

static void note_csv(struct record_rules *rules, const struct converter_config *config)
{
    if (rules->multiline.mode == MULTILINE_OFF) {
        rules->multiline.mode = MULTILINE_QUOTES;
        rules->multiline.delimiter = config->delimiter;
    }
    if (config->header && !rules->header) {
        rules->multiline.delimiter = config->delimiter;
        rules->header = true;
        rules->header_has_names = config->names.count == 0;
        rules->header_delimiter = config->delimiter;
    }
}

static int compile_converters(struct record_rules *rules)
{
    const struct record_config *config = rules->config;
    rules->converters = xcalloc(config->converter_count + 1, sizeof(struct converter *));
    for (size_t i = 0; i < config->converter_count; i++) {
        const struct converter_config *converter = &config->converters[i];
        int error = converter_create(converter, rules->stack, &rules->converters[i]);
        if (error != 0) {
            return error;
        }
        rules->converter_count++;
        if (converter->kind == CONVERTER_CSV) {
            note_csv(rules, converter);
        }
    }
    return 0;
}

static int compile(struct record_rules *rules)
{
    int error = line_formats_init(&rules->formats, &rules->config->lines, NULL, 0);
    if (error == 0) {
        limit_lines(rules);
        error = compile_multiline(rules);
    }
    if (error == 0) {
        error = filter_init(&rules->filter, &rules->config->filter, rules->stack);
    }
    return error != 0 ? error : compile_converters(rules);
}

// Whether nothing has to be asked about a line that ends with record_end. By far the most lines are
// of this kind.
static bool is_plain(const struct record_rules *rules)
{
    bool filters = rules->filter.include.count != 0 || rules->filter.exclude.count != 0;
    bool random =
        rules->to->service == SERVICE_FIREHOSE || rules->to->partition_key == PARTITION_KEY_RANDOM;
    return !filters && random && rules->converter_count == 0 && rules->formats.first.plain &&
           rules->lines.max_line <= text_bytes_max(rules) &&
           slice_equal_text(rules->record_end, "\n");
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
    int error = compile(rules);
    rules->plain = is_plain(rules);
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
    for (size_t i = 0; i < rules->converter_count; i++) {
        converter_free(rules->converters[i]);
    }
    free(rules->converters);
    filter_deinit(&rules->filter);
    line_formats_deinit(&rules->formats);
    pattern_free(rules->start);
    pattern_free(rules->end);
    pattern_free(rules->continuation);
    pattern_stack_free(rules->stack);
    buf_deinit(&rules->data);
    buf_deinit(&rules->key);
    free(rules);
}

// ---- one record ----

// The record as it was framed.
static void leave(struct record *record, const struct line *line, enum record_fate fate)
{
    record->fate = fate;
    record->data = slice_of(line->text.data, line->text.size + line->ending_bytes);
    record->key = slice_of(NULL, 0);
}

static void make_filtered(struct record *record, const struct line *line)
{
    leave(record, line, RECORD_FILTERED);
}

static void make_dead_letter(struct record *record, const struct line *line,
                             enum record_reason reason)
{
    leave(record, line, RECORD_DEAD_LETTER);
    record->reason = reason;
}

static bool ends_with(struct slice text, struct slice end)
{
    return text.data != NULL && end.size != 0 && text.size >= end.size &&
           memcmp(text.data + text.size - end.size, end.data, end.size) == 0;
}

// The framed bytes with record_end. Where the line ending in the source is record_end, nothing is
// copied. False when they do not fit.
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

static bool finish_converted(struct record_rules *rules, struct slice *out_data)
{
    if (!ends_with(buf_slice(&rules->data), rules->record_end)) {
        buf_append_slice(&rules->data, rules->record_end);
    }
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
        if (ends_with(data, rules->record_end)) {
            data.size -= rules->record_end.size;
        }
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
        key = record->key.size != 0 ? record->key.size : RANDOM_KEY_BYTES_MIN;
    }
    return record->data.size <= rules->record_bytes_max &&
           key <= rules->record_bytes_max - record->data.size;
}

static struct slice without_byte_order_mark(struct slice text)
{
    struct slice mark = slice_of_text("\xef\xbb\xbf");
    return slice_starts_with(text, mark) ? slice_skip(text, mark.size) : text;
}

// Runs the converters; what one of them makes is in rules->data.
static bool convert(struct record_rules *rules, const struct framed *framed)
{
    struct slice text = framed->line->text;
    if (framed->file_start) {
        text = without_byte_order_mark(text);
    }
    for (size_t i = 0; i < rules->converter_count; i++) {
        struct conversion conversion = {
            .text = text,
            .header = framed->header,
            .out = &rules->data,
        };
        buf_clear(&rules->data);
        if (rules->converters[i]->convert(rules->converters[i], &conversion)) {
            if (conversion.replaced != 0 && !framed->line->replaced) {
                stats_add(rules->stats, STAT_RECORD_BAD_UTF8, 1);
            }
            return true;
        }
    }
    return false;
}

// Data of a record that is to be shipped, or another fate.
static void make_data(struct record_rules *rules, const struct framed *framed,
                      struct record *record)
{
    bool fit;
    if (rules->converter_count == 0) {
        fit = finish_raw(rules, framed->line, &record->data);
    } else if (convert(rules, framed)) {
        fit = finish_converted(rules, &record->data);
    } else {
        stats_add(rules->stats, STAT_RECORD_UNMATCHED, 1);
        switch (rules->config->on_mismatch) {
        case ON_MISMATCH_DROP:
            make_filtered(record, framed->line);
            return;
        case ON_MISMATCH_DEAD_LETTER:
            make_dead_letter(record, framed->line, REASON_UNMATCHED);
            return;
        case ON_MISMATCH_RAW:
            break;
        }
        fit = finish_raw(rules, framed->line, &record->data);
    }
    if (!fit) {
        make_dead_letter(record, framed->line, REASON_TOO_LARGE);
    }
}

void rules_apply(struct record_rules *rules, const struct framed *framed, struct record *out_record)
{
    const struct line *line = framed->line;
    *out_record = (struct record){.fate = RECORD_SHIP, .source_bytes = line->source_bytes};
    if (rules->plain && line->kind == LINE_TEXT && line->ending_bytes == 1 && !line->over_long) {
        out_record->data = slice_of(line->text.data, line->text.size + 1);
        return;
    }
    if (line->over_long) {
        stats_add(rules->stats, STAT_RECORD_OVER_LONG, 1);
    }
    if (line->replaced) {
        stats_add(rules->stats, STAT_RECORD_BAD_UTF8, 1);
    }
    if (line->kind == LINE_SKIPPED || line->kind == LINE_REMAINDER) {
        make_filtered(out_record, line);
        out_record->hole = framed->file_start && line->kind == LINE_SKIPPED && !line->over_long;
        return;
    }
    if (line->kind == LINE_DEAD_LETTER) {
        make_dead_letter(out_record, line, REASON_OVER_LONG);
        return;
    }
    if (framed->file_start && rules->header) {
        make_filtered(out_record, line);
        return;
    }
    if (!filter_passes(&rules->filter, line->text)) {
        stats_add(rules->stats, STAT_RECORD_FILTERED, 1);
        make_filtered(out_record, line);
        return;
    }
    make_data(rules, framed, out_record);
    if (out_record->fate != RECORD_SHIP) {
        return;
    }
    out_record->key = make_key(rules, out_record->data);
    if (!fits(rules, out_record)) {
        make_dead_letter(out_record, line, REASON_TOO_LARGE);
    }
}

void rules_read_header(const struct record_rules *rules, const struct line *line,
                       struct members *names)
{
    if (line->kind == LINE_TEXT && line->ending_bytes != 0 && line->text.size < HEADER_BYTES_MAX) {
        csv_read_header(without_byte_order_mark(line->text), rules->header_delimiter, names);
    }
}
