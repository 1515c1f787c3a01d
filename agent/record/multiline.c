#include "record/multiline.h"

#include "base/assert.h"

void multiline_init(struct multiline *multiline, const struct multiline_rules *rules,
                    bool at_header)
{
    *multiline = (struct multiline){.rules = rules, .at_header = at_header};
    buf_init(&multiline->held, SIZE_MAX / 2); // bounded by must_end_before
}

void multiline_deinit(struct multiline *multiline)
{
    buf_deinit(&multiline->held);
}

// Finds the next quote that opens a field; `*at` moves behind it.
static bool find_opening(struct slice text, size_t *at, bool field_start, uint8_t delimiter)
{
    while (*at < text.size) {
        const uint8_t *quote = memchr(text.data + *at, '"', text.size - *at);
        if (quote == NULL) {
            return false;
        }
        size_t index = (size_t)(quote - text.data);
        bool opens = index == *at ? field_start : quote[-1] == delimiter;
        *at = index + 1;
        field_start = false;
        if (opens) {
            return true;
        }
    }
    return false;
}

static enum quote_state state_outside(struct slice text, enum quote_state state, uint8_t delimiter)
{
    if (text.size == 0) {
        return state;
    }
    return text.data[text.size - 1] == delimiter ? QUOTE_FIELD_START : QUOTE_PLAIN;
}

// RFC 4180 section 2: a field is quoted when it begins with a quote; inside, two quotes are one.
enum quote_state quote_scan(enum quote_state state, struct slice text, char delimiter)
{
    uint8_t separator = (uint8_t)delimiter;
    size_t at = 0;
    for (;;) {
        if (state == QUOTE_CLOSED && at < text.size) {
            uint8_t byte = text.data[at];
            state = byte == '"' ? QUOTE_OPEN : byte == separator ? QUOTE_FIELD_START : QUOTE_PLAIN;
            at++;
        }
        if (at == text.size) {
            return state;
        }
        if (state == QUOTE_OPEN) {
            const uint8_t *quote = memchr(text.data + at, '"', text.size - at);
            if (quote == NULL) {
                return QUOTE_OPEN;
            }
            at = (size_t)(quote - text.data) + 1;
            state = QUOTE_CLOSED;
        } else {
            struct slice rest = slice_skip(text, at);
            if (!find_opening(text, &at, state == QUOTE_FIELD_START, separator)) {
                return state_outside(rest, state, separator);
            }
            state = QUOTE_OPEN;
        }
    }
}

static size_t bytes_in_memory(const struct line *line)
{
    return line->text.size + line->ending_bytes;
}

static bool begins_record(const struct multiline_rules *rules, struct slice text)
{
    return (rules->start != NULL && pattern_matches(rules->start, text)) ||
           (rules->continuation != NULL && !pattern_matches(rules->continuation, text));
}

// Whether the open record is complete without `line`.
static bool must_end_before(const struct multiline *multiline, const struct line *line)
{
    const struct multiline_rules *rules = multiline->rules;
    const struct line *joined = &multiline->joined;
    if (line->kind != LINE_TEXT && line->kind != LINE_TRUNCATED && line->kind != LINE_REMAINDER) {
        return true;
    }
    if (bytes_in_memory(joined) + line->text.size > rules->bytes_max ||
        joined->source_bytes + line->source_bytes > UINT32_MAX) {
        return true;
    }
    return multiline->mode == MULTILINE_PATTERNS && !line->continues &&
           begins_record(rules, line->text);
}

static void hold(struct multiline *multiline)
{
    struct line *joined = &multiline->joined;
    if (joined->stable) {
        buf_append(&multiline->held, joined->text.data, bytes_in_memory(joined));
        joined->text.data = multiline->held.data;
        joined->stable = false;
    }
}

static void append(struct multiline *multiline, const struct line *line)
{
    struct line *joined = &multiline->joined;
    bool adjoins = joined->stable && line->stable &&
                   line->text.data == joined->text.data + bytes_in_memory(joined);
    size_t size = bytes_in_memory(joined) + line->text.size;
    if (!line->continues) {
        multiline->line_at = bytes_in_memory(joined);
    }
    if (!adjoins) {
        hold(multiline);
        buf_append(&multiline->held, line->text.data, bytes_in_memory(line));
        joined->text.data = multiline->held.data;
    }
    joined->text.size = size;
    joined->ending_bytes = line->ending_bytes;
    joined->source_bytes += line->source_bytes;
    joined->over_long |= line->over_long;
    joined->replaced |= line->replaced;
}

static void add(struct multiline *multiline, const struct line *line)
{
    if (multiline->open) {
        append(multiline, line);
    } else {
        multiline->open = true;
        multiline->mode = multiline->at_header ? MULTILINE_QUOTES : multiline->rules->mode;
        multiline->at_header = false;
        multiline->line_count = 0;
        multiline->line_at = 0;
        multiline->quote = QUOTE_FIELD_START;
        multiline->joined = *line;
        if (!line->stable) {
            buf_append(&multiline->held, line->text.data, bytes_in_memory(line));
            multiline->joined.text.data = multiline->held.data;
        }
    }
    if (!line->continues || multiline->line_count == 0) {
        multiline->line_count++;
    }
    if (multiline->mode == MULTILINE_QUOTES) {
        multiline->quote = quote_scan(multiline->quote, line->text, multiline->rules->delimiter);
    }
}

// Whether the open record is complete with the line that was just added.
static bool ends_after(const struct multiline *multiline, const struct line *line)
{
    if (line->kind == LINE_TRUNCATED) {
        return true;
    }
    if (line->ending_bytes == 0) {
        return false;
    }
    if (multiline->mode == MULTILINE_QUOTES && multiline->quote != QUOTE_OPEN) {
        return true;
    }
    const struct multiline_rules *rules = multiline->rules;
    if (multiline->mode == MULTILINE_PATTERNS && rules->end != NULL &&
        pattern_matches(rules->end, slice_skip(multiline->joined.text, multiline->line_at))) {
        return true;
    }
    return multiline->line_count >= rules->lines_max;
}

static bool hand_out(struct multiline *multiline, struct line *out_line)
{
    multiline->open = false;
    *out_line = multiline->joined;
    return true;
}

static bool take_line(struct multiline *multiline, struct lines *lines, struct line *out_line)
{
    if (!multiline->has_next) {
        return lines_next(lines, out_line);
    }
    multiline->has_next = false;
    *out_line = multiline->next;
    return true;
}

static bool run_out(struct multiline *multiline, struct line *out_line)
{
    bool flush = multiline->flush;
    multiline->flush = false;
    if (!multiline->open) {
        return false;
    }
    if (flush) {
        return hand_out(multiline, out_line);
    }
    hold(multiline);
    return false;
}

static void release_held(struct multiline *multiline)
{
    if (!multiline->open && multiline->held.size != 0) {
        buf_clear(&multiline->held);
        buf_shrink(&multiline->held, 0);
    }
}

bool multiline_next(struct multiline *multiline, struct lines *lines, struct line *out_line)
{
    if (multiline->rules->mode == MULTILINE_OFF) {
        return lines_next(lines, out_line);
    }
    release_held(multiline);
    struct line line;
    while (take_line(multiline, lines, &line)) {
        if (multiline->open && must_end_before(multiline, &line)) {
            multiline->next = line;
            multiline->has_next = true;
            return hand_out(multiline, out_line);
        }
        if (!multiline->open && line.kind != LINE_TEXT && line.kind != LINE_TRUNCATED) {
            multiline->at_header = false;
            *out_line = line;
            return true;
        }
        add(multiline, &line);
        if (ends_after(multiline, &line)) {
            return hand_out(multiline, out_line);
        }
    }
    return run_out(multiline, out_line);
}

void multiline_flush(struct multiline *multiline)
{
    multiline->flush = true;
}

bool multiline_is_open(const struct multiline *multiline)
{
    return multiline->open;
}

size_t multiline_memory(const struct multiline *multiline)
{
    return multiline->held.capacity;
}
