#include "record/lines.h"

#include "base/assert.h"

enum {
    CHARACTER_BYTES_MAX = 4,
    ENDING_BYTES_MAX = 2,
};

// Room is left for the other lines of a multi-line record, whose size must fit 32 bits as well.
static const uint64_t discard_bytes_max = 0xf0000000;

void lines_init(struct lines *lines, const struct lines_config *config)
{
    *lines = (struct lines){
        .policy = config->over_long,
        .limit = (size_t)config->max_line,
        .source_bytes_max = discard_bytes_max,
        .partial_lines = config->partial_line_timeout_ms != 0,
    };
    buf_init(&lines->pending, lines->limit + ENDING_BYTES_MAX);
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

void lines_set_offset(struct lines *lines, uint64_t line_offset)
{
    lines->line_offset = line_offset;
}

// Whether so much of the line came before that the rest belongs to an over-long line. The decision
// rests on the offset alone, so that it is the same after a restart.
static bool continues_over_long(const struct lines *lines)
{
    return lines->line_offset >= piece_bytes_min(lines);
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

static void take_piece(struct lines *lines, struct line *out_line)
{
    bool first = !continues_over_long(lines);
    take(lines, cut_before(lines, lines->limit), 0, out_line);
    out_line->over_long = first;
    if (lines->policy == OVER_LONG_DEAD_LETTER) {
        out_line->kind = LINE_DEAD_LETTER;
    }
}

// The rest of the line is not wanted, beyond what is kept for LINE_TRUNCATED.
static void begin_discarding(struct lines *lines, size_t keep)
{
    struct buf *pending = &lines->pending;
    lines->discarding = true;
    lines->discarded = pending->size;
    if (keep <= pending->size) {
        buf_truncate(pending, keep);
    } else {
        lines->discarded = keep;
        gather(lines, keep - pending->size);
    }
}

static bool end_discarding(struct lines *lines, bool ended, struct line *out_line)
{
    bool kept = lines->pending.size != 0;
    *out_line = (struct line){
        .kind = kept ? LINE_TRUNCATED : LINE_SKIPPED,
        .continues = lines->line_offset != 0,
        .over_long = !continues_over_long(lines),
        .text = buf_slice(&lines->pending),
        .source_bytes = lines->discarded,
    };
    lines->release = lines->pending.size;
    lines->line_offset = ended ? 0 : lines->line_offset + lines->discarded;
    lines->discarding = false;
    return true;
}

static bool discard(struct lines *lines, struct line *out_line)
{
    uint64_t room = lines->source_bytes_max - lines->discarded;
    size_t window = lines->rest.size < room ? lines->rest.size : (size_t)room;
    const uint8_t *newline = window == 0 ? NULL : memchr(lines->rest.data, '\n', window);
    size_t size = newline == NULL ? window : (size_t)(newline - lines->rest.data) + 1;
    consume(lines, size);
    lines->discarded += size;
    if (newline != NULL || lines->discarded == lines->source_bytes_max) {
        return end_discarding(lines, newline != NULL, out_line);
    }
    if ((lines->flush || lines->final) && lines->discarded != 0) {
        return end_discarding(lines, false, out_line);
    }
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
        begin_discarding(lines, cut_before(lines, lines->limit));
        break;
    case OVER_LONG_SKIP:
        begin_discarding(lines, 0);
        break;
    }
    return discard(lines, out_line);
}

// How much of the pending bytes a time-out hands out: not a carriage return that may be half a line
// ending, and not a part of a character.
static size_t flush_bytes(const struct lines *lines)
{
    const struct buf *pending = &lines->pending;
    size_t size = pending->size - lines->release;
    if (size == 0 || lines->final) {
        return size;
    }
    const uint8_t *end = pending->data + pending->size;
    if (end[-1] == '\r') {
        return size - 1;
    }
    for (size_t back = 1; back < CHARACTER_BYTES_MAX && back <= size; back++) {
        uint8_t byte = end[-(ptrdiff_t)back];
        if ((byte & 0xc0) != 0x80) {
            size_t length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
            return byte < 0xf8 && length > back ? size - back : size;
        }
    }
    return size;
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

static bool next_slow(struct lines *lines, struct line *out_line)
{
    if (lines->discarding) {
        return discard(lines, out_line);
    }
    size_t pending = lines->pending.size;
    bool discards = lines->policy == OVER_LONG_TRUNCATE || lines->policy == OVER_LONG_SKIP;
    if (discards && continues_over_long(lines)) {
        begin_discarding(lines, 0);
        return discard(lines, out_line);
    }
    // A line of the limit and its ending fit the window; what does not end there is over-long.
    size_t window = lines->limit + ENDING_BYTES_MAX - pending;
    if (window > lines->rest.size) {
        window = lines->rest.size;
    }
    const uint8_t *newline = window == 0 ? NULL : memchr(lines->rest.data, '\n', window);
    size_t content = pending + (newline == NULL ? window : (size_t)(newline - lines->rest.data));
    unsigned ending = newline == NULL ? 0 : 1;
    bool may_grow = newline == NULL && window == lines->rest.size && !lines->final;
    if (content != 0 && byte_at(lines, content - 1) == '\r' && (newline != NULL || may_grow)) {
        content--;
        ending++;
    }
    if (content > lines->limit) {
        return begin_over_long(lines, out_line);
    }
    if (newline == NULL) {
        return wait_or_flush(lines, out_line);
    }
    take_whole(lines, content + ending, ending, out_line);
    return true;
}

static bool next(struct lines *lines, struct line *out_line)
{
    struct slice rest = lines->rest;
    if (lines->pending.size == 0 && lines->line_offset == 0 && !lines->discarding) {
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
