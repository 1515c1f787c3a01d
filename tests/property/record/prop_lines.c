// Lines against a splitter that sees the whole file at once and is too simple to be wrong.
#include "base/alloc.h"
#include "base/buf.h"
#include "base/prng.h"
#include "record/lines.h"
#include "support/runs.h"
#include "support/test_main.h"

enum { INPUT_BYTES_MAX = 200, RUNS = 5000 };

static void describe(struct buf *out, enum line_kind kind, struct slice text, uint64_t bytes)
{
    buf_appendf(out, "%d %llu <", (int)kind, (unsigned long long)bytes);
    buf_append_slice(out, text);
    buf_append_text(out, ">\n");
}

// A prefix of at most `limit` bytes that divides no character, unless there is none.
static size_t piece(struct slice text, size_t limit)
{
    for (size_t size = limit; size > 0 && size + 4 > limit; size--) {
        uint8_t next = text.data[size];
        if (next < 0x80 || next >= 0xc0) {
            return next < 0x80 ? limit : size;
        }
    }
    return limit;
}

static void naive_line(const struct lines_config *config, struct slice text, size_t ending,
                       struct buf *out)
{
    size_t limit = (size_t)config->max_line;
    if (text.size <= limit) {
        describe(out, LINE_TEXT, text, text.size + ending);
        return;
    }
    size_t bytes = text.size + ending;
    switch (config->over_long) {
    case OVER_LONG_SKIP:
        describe(out, LINE_SKIPPED, slice_of(NULL, 0), bytes);
        return;
    case OVER_LONG_TRUNCATE:
        text.size = piece(text, limit);
        describe(out, LINE_TRUNCATED, text, bytes);
        return;
    case OVER_LONG_SPLIT:
    case OVER_LONG_DEAD_LETTER:
        break;
    }
    enum line_kind kind = config->over_long == OVER_LONG_SPLIT ? LINE_TEXT : LINE_DEAD_LETTER;
    while (text.size > limit) {
        size_t size = piece(text, limit);
        describe(out, kind, slice_of(text.data, size), size);
        text = slice_skip(text, size);
    }
    describe(out, kind, text, text.size + ending);
}

static void naive(const struct lines_config *config, struct slice input, struct buf *out)
{
    size_t start = 0;
    for (size_t i = 0; i < input.size; i++) {
        if (input.data[i] == '\n') {
            size_t end = i > start && input.data[i - 1] == '\r' ? i - 1 : i;
            naive_line(config, slice_of(input.data + start, end - start), i + 1 - end, out);
            start = i + 1;
        }
    }
    if (start < input.size) {
        naive_line(config, slice_skip(input, start), 0, out);
    }
}

static void ours(const struct lines_config *config, struct slice input, struct prng *prng,
                 struct buf *out)
{
    struct lines lines;
    struct line line;
    lines_init(&lines, config, &line_format_plain);
    while (input.size != 0) {
        size_t size = 1 + (size_t)prng_below(prng, prng_below(prng, 2) == 0 ? 3 : INPUT_BYTES_MAX);
        size = size < input.size ? size : input.size;
        lines_feed(&lines, slice_of(input.data, size));
        while (lines_next(&lines, &line)) {
            describe(out, line.kind, line.text, line.source_bytes);
        }
        ck_assert_uint_le(lines_memory(&lines), config->max_line + 2);
        input = slice_skip(input, size);
    }
    lines_finish(&lines);
    while (lines_next(&lines, &line)) {
        describe(out, line.kind, line.text, line.source_bytes);
    }
    ck_assert_uint_eq(lines_memory(&lines), 0);
    lines_deinit(&lines);
}

static size_t make_input(struct prng *prng, uint8_t input[INPUT_BYTES_MAX])
{
    static const char bytes[] = "\n\n\r\rabcdef\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff";
    size_t size = (size_t)prng_below(prng, INPUT_BYTES_MAX + 1);
    for (size_t i = 0; i < size; i++) {
        input[i] = (uint8_t)bytes[prng_below(prng, sizeof bytes)];
    }
    return size;
}

START_TEST(lines_are_those_of_a_naive_splitter)
{
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct prng prng = prng_of_seed(seed);
        struct lines_config config = {
            .max_line = 4 + prng_below(&prng, 12),
            .over_long = (enum over_long)prng_below(&prng, 4),
        };
        uint8_t input[INPUT_BYTES_MAX];
        size_t size = make_input(&prng, input);
        struct buf expected;
        struct buf seen;
        buf_init(&expected, 1 << 20);
        buf_init(&seen, 1 << 20);
        naive(&config, slice_of(input, size), &expected);
        ours(&config, slice_of(input, size), &prng, &seen);
        ck_assert_msg(slice_equal(buf_slice(&expected), buf_slice(&seen)),
                      "seed %llu, policy %d, max_line %llu\nexpected:\n%s\nseen:\n%s",
                      (unsigned long long)seed, (int)config.over_long,
                      (unsigned long long)config.max_line, buf_text(&expected), buf_text(&seen));
        buf_deinit(&expected);
        buf_deinit(&seen);
    }
}
END_TEST

static void take_all(struct lines *lines, struct buf *out)
{
    struct line line;
    while (lines_next(lines, &line)) {
        describe(out, line.kind, line.text, line.source_bytes);
    }
}

// What a line of gigabytes does, with smaller numbers.
static void discard_in_chunks(const struct lines_config *config, const struct line_format *format,
                              struct slice input, size_t chunk_max, struct prng *prng,
                              struct buf *out)
{
    struct lines lines;
    lines_init(&lines, config, format);
    lines.source_bytes_max = 44;
    while (input.size != 0) {
        size_t size = 1 + (size_t)prng_below(prng, chunk_max);
        size = size < input.size ? size : input.size;
        lines_feed(&lines, slice_of(input.data, size));
        take_all(&lines, out);
        input = slice_skip(input, size);
    }
    lines_finish(&lines);
    take_all(&lines, out);
    lines_deinit(&lines);
}

START_TEST(where_a_line_without_end_is_cut_does_not_depend_on_chunks)
{
    static char utf16[] = "utf-16le";
    static char custom[] = "ab";
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct prng prng = prng_of_seed(seed);
        struct lines_config config = {
            .max_line = 16 + prng_below(&prng, 4),
            .over_long = prng_below(&prng, 2) == 0 ? OVER_LONG_SKIP : OVER_LONG_TRUNCATE,
            .encoding = prng_below(&prng, 2) == 0 ? utf16 : NULL,
            .line_ending = prng_below(&prng, 2) == 0 ? custom : NULL,
        };
        struct line_formats formats;
        ck_assert_int_eq(line_formats_init(&formats, &config, NULL, 0), 0);
        uint8_t input[INPUT_BYTES_MAX];
        size_t size = (size_t)prng_below(&prng, INPUT_BYTES_MAX + 1);
        for (size_t i = 0; i < size; i++) {
            input[i] = (uint8_t) "\n\0abcdefaaaa\0\0\0"[prng_below(&prng, 16)];
        }
        struct buf expected;
        struct buf seen;
        buf_init(&expected, 1 << 20);
        buf_init(&seen, 1 << 20);
        struct slice text = slice_of(input, size);
        discard_in_chunks(&config, &formats.first, text, 1, &prng, &expected);
        discard_in_chunks(&config, &formats.first, text, INPUT_BYTES_MAX, &prng, &seen);
        ck_assert_msg(slice_equal(buf_slice(&expected), buf_slice(&seen)), "seed %llu\n%s\nand\n%s",
                      (unsigned long long)seed, buf_text(&expected), buf_text(&seen));
        buf_deinit(&expected);
        buf_deinit(&seen);
        line_formats_deinit(&formats);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *tests = tcase_create("lines");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, lines_are_those_of_a_naive_splitter);
    tcase_add_test(tests, where_a_line_without_end_is_cut_does_not_depend_on_chunks);
    suite_add_tcase(suite, tests);
    return suite;
}
