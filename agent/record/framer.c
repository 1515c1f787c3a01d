#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "record/lines.h"
#include "record/multiline.h"
#include "record/record.h"
#include "record/rules.h"

// So many NUL bytes at the start of any file are a hole: of a copy nobody knows that it was made of
// a file that had been cut, and no text begins so.
enum { HOLE_BYTES_MIN = 512 };

struct framer {
    struct record_rules *rules;
    struct framer_peek peek;
    uint64_t position;
    uint64_t end;
    uint64_t fed_ns; // when the last bytes came
    bool located;    // what lies before the first position was looked at
    struct members header;
    struct lines lines;
    struct multiline multiline;
};

struct framer *framer_create(struct record_rules *rules, uint64_t position,
                             const struct framer_peek *peek)
{
    struct framer *framer = xcalloc(1, sizeof *framer);
    framer->rules = rules;
    framer->position = position;
    framer->end = position;
    if (peek != NULL) {
        framer->peek = *peek;
    }
    // A byte order mark may choose another format before the first line.
    lines_init(&framer->lines, &rules->lines, &rules->formats.first);
    if (position == 0) {
        lines_set_start(&framer->lines);
    }
    if (peek != NULL && peek->after_cut) {
        lines_expect_hole(&framer->lines);
    }
    multiline_init(&framer->multiline, &rules->multiline, rules->header && position == 0);
    members_init(&framer->header);
    return framer;
}

void framer_free(struct framer *framer)
{
    if (framer == NULL) {
        return;
    }
    lines_deinit(&framer->lines);
    multiline_deinit(&framer->multiline);
    members_deinit(&framer->header);
    free(framer);
}

static int64_t peek_all(const struct framer *framer, uint64_t offset, uint8_t *room, size_t size)
{
    size_t done = 0;
    while (done < size) {
        int64_t count =
            framer->peek.read(framer->peek.context, offset + done, room + done, size - done);
        if (count <= 0) {
            return count < 0 ? count : (int64_t)done;
        }
        done += (size_t)count;
    }
    return (int64_t)done;
}

// How many bytes of its line lie before the position, looking back at most `limit` bytes.
static uint64_t line_offset_at(const struct framer *framer, uint64_t limit)
{
    const struct ending *ending = &framer->lines.format->ending;
    size_t overlap = ending->size - ending->optional - 1; // of what is read with what was
    uint8_t block[4096];
    uint64_t looked = 0; // no line ending ends within so many bytes before the position
    size_t step = 1;     // mostly the position is at the start of a line
    if (limit > framer->position) {
        limit = framer->position;
    }
    while (looked < limit) {
        uint64_t behind = framer->position - looked;
        uint64_t size = (limit - looked < step ? limit - looked : step) + overlap;
        uint64_t start = behind > size ? behind - size : 0;
        size = behind - start;
        size_t end;
        if (peek_all(framer, start, block, (size_t)size) != (int64_t)size) {
            return 0;
        }
        if (ending_find_last(ending, slice_of(block, (size_t)size), start, &end)) {
            return framer->position - start - end;
        }
        looked += step;
        step = sizeof block - overlap;
    }
    return limit;
}

static bool is_zero(const struct framer *framer, uint64_t offset, size_t size)
{
    uint8_t block[4096];
    return peek_all(framer, offset, block, size) == (int64_t)size &&
           slice_zeros(slice_of(block, size)) == size;
}

// Whether the position is behind the hole at the start of the file, where a line begins (see
// record/lines.h): told by the bytes just before it, so that a hole of any size costs little.
static bool is_behind_hole(const struct framer *framer)
{
    size_t least = framer->peek.after_cut ? 1 : HOLE_BYTES_MIN;
    size_t size = framer->position < 4096 ? (size_t)framer->position : 4096;
    return lines_may_have_hole(&framer->lines) && size >= least && is_zero(framer, 0, least) &&
           is_zero(framer, framer->position - size, size);
}

// Frames the head of the file as it was framed when the file was new: up to the position it is a
// number of whole records.
static void find_header(struct framer *framer)
{
    uint64_t room = HEADER_BYTES_MAX < framer->position ? HEADER_BYTES_MAX : framer->position;
    uint8_t *head = xmalloc((size_t)room);
    int64_t size = peek_all(framer, 0, head, (size_t)room);
    struct lines lines;
    struct multiline multiline;
    lines_init(&lines, &framer->rules->lines, framer->lines.format);
    lines_set_start(&lines);
    multiline_init(&multiline, &framer->rules->multiline, true);
    lines_feed(&lines, slice_of(head, size < 0 ? 0 : (size_t)size));
    lines_finish(&lines);
    multiline_flush(&multiline);
    struct line line;
    if (multiline_next(&multiline, &lines, &line)) {
        rules_read_header(framer->rules, &line, &framer->header);
    }
    multiline_deinit(&multiline);
    lines_deinit(&lines);
    free(head);
}

// The byte order mark of the file says in which of two formats it is. Its first byte will do, so
// that nothing has to wait for the others.
static void choose_format(struct framer *framer, uint8_t first_byte)
{
    const struct line_formats *formats = &framer->rules->formats;
    bool known = framer->position == 0 ||
                 (framer->peek.read != NULL && peek_all(framer, 0, &first_byte, 1) == 1);
    if (known) {
        framer->lines.format = line_formats_of_file(formats, first_byte);
    }
}

// Looks at what lies before the position, where that matters.
static void locate(struct framer *framer, struct slice chunk)
{
    if (framer->located || chunk.size == 0) {
        return;
    }
    framer->located = true;
    if (framer->rules->formats.has_second) {
        choose_format(framer, chunk.data[0]);
    }
    if (framer->position == 0) {
        if (slice_zeros(chunk) >= HOLE_BYTES_MIN) {
            lines_expect_hole(&framer->lines);
        }
        return;
    }
    bool can_peek = framer->peek.read != NULL;
    bool looks_back = can_peek && !is_behind_hole(framer);
    size_t lookback = looks_back ? lines_lookback_bytes(&framer->lines) : 0;
    lines_set_offset(&framer->lines, framer->position, line_offset_at(framer, lookback));
    if (can_peek && framer->rules->header_has_names) {
        find_header(framer);
    }
}

void framer_feed(struct framer *framer, struct slice chunk, uint64_t now_ns)
{
    locate(framer, chunk);
    lines_feed(&framer->lines, chunk);
    framer->end += chunk.size;
    framer->fed_ns = now_ns;
}

bool framer_in_hole(const struct framer *framer)
{
    return lines_in_hole(&framer->lines);
}

void framer_pass_hole(struct framer *framer, uint64_t size)
{
    lines_pass_hole(&framer->lines, size);
    framer->end += size;
}

bool framer_next(struct framer *framer, struct record *out_record)
{
    struct line line;
    if (!multiline_next(&framer->multiline, &framer->lines, &line)) {
        return false;
    }
    struct framed framed = {
        .line = &line,
        .file_start = framer->position == 0,
        .header = framer->header.count == 0 ? NULL : &framer->header,
    };
    if (framed.file_start && framer->rules->header_has_names) {
        rules_read_header(framer->rules, &line, &framer->header);
    }
    rules_apply(framer->rules, &framed, out_record);
    framer->position += line.source_bytes;
    return true;
}

// When a wait of `timeout_ms` since the last bytes is over; 0 waits for ever.
static uint64_t deadline(const struct framer *framer, uint64_t timeout_ms)
{
    if (timeout_ms == 0 || timeout_ms > (TIME_NEVER - framer->fed_ns) / NS_PER_MS) {
        return TIME_NEVER;
    }
    return framer->fed_ns + timeout_ms * NS_PER_MS;
}

uint64_t framer_expire(struct framer *framer, uint64_t now_ns)
{
    const struct record_config *config = framer->rules->config;
    uint64_t next_ns = TIME_NEVER;
    // Half a header would name the wrong fields.
    bool in_header = framer->rules->header && framer->position == 0;
    bool is_open = multiline_is_open(&framer->multiline);
    if (!in_header && lines_can_flush(&framer->lines)) {
        uint64_t due_ns = deadline(framer, config->lines.partial_line_timeout_ms);
        if (due_ns <= now_ns) {
            lines_flush(&framer->lines);
            // The part of a line begins a record that waits for more.
            is_open = is_open || framer->rules->multiline.mode != MULTILINE_OFF;
        } else {
            next_ns = due_ns;
        }
    }
    if (!in_header && is_open) {
        uint64_t due_ns = deadline(framer, config->multiline.timeout_ms);
        if (due_ns <= now_ns) {
            multiline_flush(&framer->multiline);
        } else if (due_ns < next_ns) {
            next_ns = due_ns;
        }
    }
    return next_ns;
}

void framer_finish(struct framer *framer)
{
    lines_finish(&framer->lines);
    multiline_flush(&framer->multiline);
}

uint64_t framer_position(const struct framer *framer)
{
    return framer->position;
}

uint64_t framer_end(const struct framer *framer)
{
    return framer->end;
}

size_t framer_memory(const struct framer *framer)
{
    return lines_memory(&framer->lines) + multiline_memory(&framer->multiline);
}
