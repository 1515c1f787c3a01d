#include "record/lines.h"

#include "base/assert.h"
#include "base/compiler.h"

enum { CHARACTER_BYTES_MAX = 4 };

// Room is left for the other lines of a multi-line record, whose size must fit 32 bits as well.
// Whole code units, however wide.
static const uint64_t discard_bytes_max = 0xf0000000;

static const uint8_t zeros[CHARACTER_BYTES_MAX];

// Whether more than a newline decides what the next line is.
static bool is_slow(const struct lines *lines)
{
    return lines->discarding || lines->misaligned != 0 || !lines->format->plain ||
           (lines->at_start && (lines->format->mark_bytes != 0 || lines->expects_hole));
}

void lines_init(struct lines *lines, const struct lines_config *config,
                const struct line_format *format)
{
    *lines = (struct lines){
        .format = format,
        .policy = config->over_long,
        .limit = (size_t)config->max_line,
        .source_bytes_max = discard_bytes_max,
        .partial_lines = config->partial_line_timeout_ms != 0,
    };
    lines->slow = is_slow(lines);
    buf_init(&lines->pending, lines->limit + format->ending.size);
}

void lines_deinit(struct lines *lines)
{
    buf_deinit(&lines->pending);
}

// A piece of an over-long line has at least so many bytes.
static size_t piece_bytes_min(const struct lines *lines)
{
    return lines->limit < CHARACTER_BYTES_MAX ? 1 : lines->limit - (CHARACTER_BYTES_MAX - 1);
}

size_t lines_lookback_bytes(const struct lines *lines)
{
    if (lines->policy == OVER_LONG_SPLIT) {
        return lines->partial_lines ? 1 : 0;
    }
    return piece_bytes_min(lines);
}

void lines_set_start(struct lines *lines)
{
    lines->at_start = true;
    lines->slow = is_slow(lines);
}

void lines_expect_hole(struct lines *lines)
{
    lines->expects_hole = true;
    lines->slow = is_slow(lines);
}

bool lines_may_have_hole(const struct lines *lines)
{
    struct slice nul = slice_of(zeros, lines->format->ending.width);
    return !slice_starts_with(ending_needed(&lines->format->ending), nul);
}

bool lines_in_hole(const struct lines *lines)
{
    return lines->hole != 0 && lines->rest.size == 0;
}

void lines_pass_hole(struct lines *lines, uint64_t size)
{
    ASSERT(lines_in_hole(lines));
    lines->hole += size;
}

void lines_set_offset(struct lines *lines, uint64_t position, uint64_t line_offset)
{
    size_t width = lines->format->ending.width;
    lines->line_offset = line_offset;
    lines->misaligned = (width - position % width) % width;
    lines->slow = is_slow(lines);
}

// Whether so much of the line came before that the rest belongs to an over-long line. The decision
// rests on the offset alone, so that it is the same after a restart; and who looks back from there
// may take the end of a line ending and the text behind it for another one ("--" in "---").
static bool continues_over_long(const struct lines *lines)
{
    size_t overlap = ending_needed(&lines->format->ending).size - 1;
    size_t least = piece_bytes_min(lines);
    return lines->line_offset >= (least > overlap ? least - overlap : 1);
}

void lines_feed(struct lines *lines, struct slice chunk)
{
    ASSERT(lines->rest.size == 0);
    lines->rest = chunk;
}

static void consume(struct lines *lines, size_t size)
{
    lines->rest = slice_skip(lines->rest, size);
}

// Takes `size` bytes from the chunk into `pending`.
static void gather(struct lines *lines, size_t size)
{
    buf_append(&lines->pending, lines->rest.data, size);
    ASSERT(!lines->pending.overflow);
    consume(lines, size);
}

static uint8_t byte_at(const struct lines *lines, size_t at)
{
    size_t pending = lines->pending.size;
    return at < pending ? lines->pending.data[at] : lines->rest.data[at - pending];
}

// Where to cut so that no character is divided: at most `at`, where a byte must be.
static size_t cut_before(const struct lines *lines, size_t at)
{
    size_t cut = at;
    while (at - cut < CHARACTER_BYTES_MAX - 1 && cut > 1 && (byte_at(lines, cut) & 0xc0) == 0x80) {
        cut--;
    }
    return (byte_at(lines, cut) & 0xc0) == 0xc0 ? cut : at;
}

// The most that may be handed out of an over-long line, dividing no character.
static size_t piece_bytes(struct lines *lines)
{
    const struct encoding *encoding = lines->format->encoding;
    if (encoding == NULL) {
        return cut_before(lines, lines->limit);
    }
    if (lines->pending.size < lines->limit) {
        gather(lines, lines->limit - lines->pending.size);
    }
    size_t whole = encoding_whole_bytes(encoding, slice_of(lines->pending.data, lines->limit));
    return whole < piece_bytes_min(lines) ? lines->limit : whole;
}

// Hands out the first `size` bytes, of which the last `ending` are the line ending.
static void take(struct lines *lines, size_t size, unsigned ending, struct line *out_line)
{
    struct buf *pending = &lines->pending;
    const uint8_t *data = lines->rest.data;
    bool stable = pending->size == 0;
    if (stable) {
        consume(lines, size);
    } else {
        if (size > pending->size) {
            gather(lines, size - pending->size);
        }
        data = pending->data;
        lines->release = size;
    }
    *out_line = (struct line){
        .kind = LINE_TEXT,
        .continues = lines->line_offset != 0,
        .stable = stable,
        .ending_bytes = ending,
        .text = slice_of(data, size - ending),
        .source_bytes = size,
    };
    lines->line_offset = ending != 0 ? 0 : lines->line_offset + size;
}

static void take_whole(struct lines *lines, size_t size, unsigned ending, struct line *out_line)
{
    bool dead = continues_over_long(lines);
    take(lines, size, ending, out_line);
    if (out_line->continues && out_line->text.size == 0) {
        out_line->kind = LINE_REMAINDER;
    } else if (dead && lines->policy == OVER_LONG_DEAD_LETTER) {
        out_line->kind = LINE_DEAD_LETTER;
    }
}

// ---- line endings ----

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Looks for an ending that begins in `pending` and ends in the chunk.
static bool find_across(const struct lines *lines, size_t base, size_t window, size_t *out_at)
{
    const struct ending *ending = &lines->format->ending;
    size_t reach = ending_needed(ending).size - 1;
    size_t before = lines->pending.size - base;
    size_t head = smaller(before, reach);
    size_t tail = smaller(window, reach);
    if (head == 0 || tail == 0) {
        return false;
    }
    uint8_t seam[2 * ENDING_BYTES_MAX];
    memcpy(seam, lines->pending.data + lines->pending.size - head, head);
    memcpy(seam + head, lines->rest.data, tail);
    size_t at;
    if (!ending_find(ending, slice_of(seam, head + tail), before - head, &at)) {
        return false;
    }
    *out_at = before - head + at;
    return true;
}

// Looks for an ending in `pending`, from `base` on, and the first `window` bytes of the chunk. What
// is in `pending` was looked through before.
static bool find_ending(const struct lines *lines, size_t base, size_t window, size_t *out_at)
{
    if (find_across(lines, base, window, out_at)) {
        return true;
    }
    size_t before = lines->pending.size - base;
    size_t at;
    struct slice chunk = slice_of(lines->rest.data, window);
    if (!ending_find(&lines->format->ending, chunk, before, &at)) {
        return false;
    }
    *out_at = before + at;
    return true;
}

// The number of bytes at the end of the same run that may be the beginning of an ending.
static size_t begun_bytes(const struct lines *lines, size_t base, size_t window, bool with_optional)
{
    const struct ending *ending = &lines->format->ending;
    uint8_t tail[ENDING_BYTES_MAX];
    size_t total = lines->pending.size - base + window;
    size_t size = smaller(total, ending->size - 1);
    for (size_t i = 0; i < size; i++) {
        tail[i] = byte_at(lines, base + total - size + i);
    }
    return ending_begun(ending, slice_of(tail, size), total - size, with_optional);
}

// Whether the first `size` bytes end with the optional part of an ending.
static bool ends_with_optional(const struct lines *lines, size_t size)
{
    const struct ending *ending = &lines->format->ending;
    if (ending->optional == 0 || size < ending->optional) {
        return false;
    }
    for (size_t i = 0; i < ending->optional; i++) {
        if (byte_at(lines, size - ending->optional + i) != ending->bytes[i]) {
            return false;
        }
    }
    return true;
}

static void take_piece(struct lines *lines, struct line *out_line)
{
    bool first = !continues_over_long(lines);
    take(lines, piece_bytes(lines), 0, out_line);
    out_line->over_long = first;
    if (lines->policy == OVER_LONG_DEAD_LETTER) {
        out_line->kind = LINE_DEAD_LETTER;
    }
}

// ---- the rest of a line that is left out ----

// The rest of the line is not wanted, beyond what is kept for LINE_TRUNCATED.
static void begin_discarding(struct lines *lines, size_t keep)
{
    if (keep > lines->pending.size) {
        gather(lines, keep - lines->pending.size);
    }
    lines->discarding = true;
    lines->slow = true;
    lines->kept = keep;
    lines->discarded = keep;
}

static bool end_discarding(struct lines *lines, bool ended, struct line *out_line)
{
    *out_line = (struct line){
        .kind = lines->kept != 0 ? LINE_TRUNCATED : LINE_SKIPPED,
        .continues = lines->line_offset != 0,
        .over_long = !continues_over_long(lines),
        .text = slice_of(lines->pending.data, lines->kept),
        .source_bytes = lines->discarded,
    };
    lines->release = lines->kept;
    lines->kept = 0;
    lines->line_offset = ended ? 0 : lines->line_offset + lines->discarded;
    lines->discarding = false;
    lines->slow = is_slow(lines);
    return true;
}

// Leaves out the first `size` bytes behind those that are kept.
static void drop(struct lines *lines, size_t size)
{
    struct buf *pending = &lines->pending;
    size_t tail = pending->size - lines->kept;
    size_t from_tail = smaller(size, tail);
    if (from_tail != 0) {
        uint8_t *start = pending->data + lines->kept;
        memmove(start, start + from_tail, tail - from_tail);
        buf_truncate(pending, pending->size - from_tail);
    }
    consume(lines, size - from_tail);
    lines->discarded += size;
}

// The bytes at the end of the run that belong to what comes next: a line ending or a code unit may
// have begun.
static size_t undecided_bytes(const struct lines *lines, size_t window)
{
    size_t total = lines->pending.size - lines->kept + window;
    size_t divided = total % lines->format->ending.width;
    size_t begun = begun_bytes(lines, lines->kept, window, false);
    return lines->final ? 0 : begun > divided ? begun : divided;
}

static bool discard(struct lines *lines, struct line *out_line)
{
    size_t needed = ending_needed(&lines->format->ending).size;
    size_t tail = lines->pending.size - lines->kept;
    uint64_t room = lines->source_bytes_max - lines->discarded;
    // What begins within the room is seen whole, and nothing that begins behind it.
    uint64_t reach = room + needed - 1;
    size_t window = smaller(lines->rest.size, reach > tail ? (size_t)(reach - tail) : 0);
    size_t at;
    if (find_ending(lines, lines->kept, window, &at)) {
        drop(lines, at + needed);
        return end_discarding(lines, true, out_line);
    }
    size_t seen = tail + window - undecided_bytes(lines, window);
    drop(lines, seen < room ? seen : (size_t)room);
    bool full = lines->discarded == lines->source_bytes_max;
    if (full || ((lines->flush || lines->final) && lines->discarded != 0)) {
        return end_discarding(lines, false, out_line);
    }
    gather(lines, lines->rest.size);
    return false;
}

static bool begin_over_long(struct lines *lines, struct line *out_line)
{
    switch (lines->policy) {
    case OVER_LONG_SPLIT:
    case OVER_LONG_DEAD_LETTER:
        take_piece(lines, out_line);
        return true;
    case OVER_LONG_TRUNCATE:
        begin_discarding(lines, piece_bytes(lines));
        break;
    case OVER_LONG_SKIP:
        begin_discarding(lines, 0);
        break;
    }
    return discard(lines, out_line);
}

// ---- lines ----

// How much of the pending bytes a time-out hands out: not what may be the beginning of a line
// ending, no part of a character, and no byte order mark by itself.
static size_t flush_bytes(const struct lines *lines)
{
    const struct line_format *format = lines->format;
    struct slice text = slice_skip(buf_slice(&lines->pending), lines->release);
    if (text.size == 0 || lines->final) {
        return text.size;
    }
    if (lines->misaligned != 0) {
        return 0;
    }
    text.size -= ending_begun(&format->ending, text, 0, true);
    text.size = encoding_whole_bytes(format->encoding, text);
    struct slice mark = slice_of(format->mark, format->mark_bytes);
    return lines->at_start && slice_equal(text, mark) ? 0 : text.size;
}

// No line is complete in what is there.
static bool wait_or_flush(struct lines *lines, struct line *out_line)
{
    gather(lines, lines->rest.size);
    if (!lines->flush && !lines->final) {
        return false;
    }
    size_t size = flush_bytes(lines);
    if (size == 0) {
        return false;
    }
    take_whole(lines, size, 0, out_line);
    return true;
}

// The first line began in the middle of a code unit, of which the rest is left out.
static bool skip_divided_unit(struct lines *lines, struct line *out_line)
{
    size_t there = lines->pending.size + lines->rest.size;
    if (there == 0 || (there < lines->misaligned && !lines->final)) {
        gather(lines, lines->rest.size);
        return false;
    }
    take(lines, smaller(there, lines->misaligned), 0, out_line);
    out_line->kind = LINE_SKIPPED;
    out_line->text = slice_of(NULL, 0);
    lines->misaligned = 0;
    lines->slow = is_slow(lines);
    return true;
}

// Passes over the NUL bytes that the file begins with; true when they are at their end.
static bool skip_hole(struct lines *lines, struct line *out_line)
{
    size_t count = slice_zeros(lines->rest);
    consume(lines, count);
    lines->hole += count;
    if (lines->rest.size == 0 && !lines->final) {
        return false;
    }
    // The first character may begin with zeros itself.
    size_t divided = lines->rest.size == 0 ? 0 : lines->hole % lines->format->ending.width;
    buf_append(&lines->pending, zeros, divided);
    *out_line = (struct line){.kind = LINE_SKIPPED, .source_bytes = lines->hole - divided};
    lines->hole = 0;
    return out_line->source_bytes != 0;
}

static bool cut_line(struct lines *lines, struct line *out_line)
{
    if (lines->misaligned != 0) {
        return skip_divided_unit(lines, out_line);
    }
    if (lines->at_start && lines->expects_hole && lines->pending.size == 0 &&
        lines_may_have_hole(lines)) {
        if (skip_hole(lines, out_line)) {
            return true;
        }
        if (lines->rest.size == 0) {
            return false;
        }
    }
    bool discards = lines->policy == OVER_LONG_TRUNCATE || lines->policy == OVER_LONG_SKIP;
    if (discards && continues_over_long(lines)) {
        begin_discarding(lines, 0);
        return discard(lines, out_line);
    }
    // A line of the limit and its ending fit the window; what does not end there is over-long.
    const struct ending *ending = &lines->format->ending;
    size_t pending = lines->pending.size;
    size_t window = smaller(lines->limit + ending->size - pending, lines->rest.size);
    size_t content = pending + window;
    size_t ending_bytes = 0;
    if (find_ending(lines, 0, window, &content)) {
        ending_bytes = ending->size - ending->optional;
        if (ends_with_optional(lines, content)) {
            content -= ending->optional;
            ending_bytes = ending->size;
        }
    } else if (window == lines->rest.size && !lines->final) {
        content -= begun_bytes(lines, 0, window, true);
    }
    if (content > lines->limit) {
        return begin_over_long(lines, out_line);
    }
    if (ending_bytes == 0) {
        return wait_or_flush(lines, out_line);
    }
    take_whole(lines, content + ending_bytes, (unsigned)ending_bytes, out_line);
    return true;
}

static void decode(const struct line_format *format, struct line *line)
{
    struct buf *out = format->decoded;
    buf_clear(out);
    line->replaced = encoding_decode(format->encoding, line->text, out) != 0;
    struct slice ending = slice_of(NULL, 0);
    if (line->ending_bytes != 0) {
        const struct ending *decoded = &format->decoded_ending;
        bool whole = line->ending_bytes == format->ending.size;
        ending = whole ? slice_of(decoded->bytes, decoded->size) : ending_needed(decoded);
        buf_append_slice(out, ending);
    }
    if (out->overflow) {
        line->kind = LINE_DEAD_LETTER;
        return;
    }
    line->text = slice_of(out->data, out->size - ending.size);
    line->ending_bytes = (unsigned)ending.size;
    line->stable = false;
}

// Makes text of the bytes of a line.
static void read_text(struct lines *lines, struct line *line)
{
    const struct line_format *format = lines->format;
    bool at_start = lines->at_start;
    if (at_start) {
        lines->at_start = false;
        lines->slow = is_slow(lines);
    }
    if (line->kind == LINE_SKIPPED || line->kind == LINE_DEAD_LETTER) {
        return;
    }
    struct slice mark = slice_of(format->mark, format->mark_bytes);
    if (at_start && mark.size != 0 && slice_starts_with(line->text, mark)) {
        line->text = slice_skip(line->text, mark.size);
        if (line->text.size == 0 && line->ending_bytes == 0) {
            line->kind = LINE_REMAINDER;
        }
    }
    if (format->encoding != NULL) {
        decode(format, line);
    }
}

// Not inlined, so that the usual line does not pay for its frame.
static NOINLINE bool next_slow(struct lines *lines, struct line *out_line)
{
    bool taken = lines->discarding ? discard(lines, out_line) : cut_line(lines, out_line);
    if (taken) {
        read_text(lines, out_line);
    }
    return taken;
}

// Also gives the memory back, so that a file without a pending line holds none.
static void release_pending(struct lines *lines)
{
    if (lines->release != 0) {
        buf_consume(&lines->pending, lines->release);
        lines->release = 0;
    }
    if (lines->pending.size == 0 && lines->pending.capacity != 0) {
        buf_shrink(&lines->pending, 0);
    }
}

static bool next(struct lines *lines, struct line *out_line)
{
    struct slice rest = lines->rest;
    if (lines->pending.size == 0 && lines->line_offset == 0 && !lines->slow) {
        size_t window = rest.size <= lines->limit ? rest.size : lines->limit + 1;
        const uint8_t *newline = window == 0 ? NULL : memchr(rest.data, '\n', window);
        if (newline != NULL) {
            size_t content = (size_t)(newline - rest.data);
            unsigned ending = content != 0 && newline[-1] == '\r' ? 2 : 1;
            take(lines, content + 1, ending, out_line);
            return true;
        }
    }
    return next_slow(lines, out_line);
}

bool lines_next(struct lines *lines, struct line *out_line)
{
    release_pending(lines);
    if (next(lines, out_line)) {
        return true;
    }
    lines->flush = false;
    return false;
}

bool lines_can_flush(const struct lines *lines)
{
    return lines->discarding ? lines->discarded != 0 : flush_bytes(lines) != 0;
}

void lines_flush(struct lines *lines)
{
    lines->flush = true;
}

void lines_finish(struct lines *lines)
{
    lines->final = true;
}

size_t lines_memory(const struct lines *lines)
{
    return lines->pending.capacity;
}
