// Whatever the rules, the input, the chunks it comes in and the places where reading starts again:
// the records are the same, and their source bytes add up to the file.
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/prng.h"
#include "record/record.h"
#include "support/runs.h"
#include "support/test_main.h"

enum { INPUT_BYTES_MAX = 400, RUNS = 3000 };

static char newline[] = "\n";
static char no_end[] = "";
static char semicolon[] = ";";
static char bracket[] = "^\\[";
static char last[] = ";$";
static char follows[] = "^[a;,]";
static char regex[] = "^(?<a>[^ ]*) (?<b>.*)$";
static char letter[] = "q";
static char name_a[] = "a";
static char name_b[] = "b";
static char name_c[] = "c";
static char *names[] = {name_a, name_b, name_c};
static char *letters[] = {letter};
static char shift_jis[] = "shift_jis";
static char gb18030[] = "gb18030";
static char big5[] = "big5-hkscs";
static char euc_jp[] = "euc-jp";
static char utf16[] = "utf-16";
static char utf32[] = "utf-32be";
static char utf8[] = "utf-8";
static char windows_1258[] = "windows-1258"; // whose decoder holds a character back
static char *encodings[] = {shift_jis, gb18030, big5, euc_jp, utf16, utf32, utf8, windows_1258};

struct scenario {
    struct record_config config;
    struct converter_config converter;
    struct destination_config to;
    uint8_t input[INPUT_BYTES_MAX];
    size_t size;
    uint64_t seed; // of chunks and restarts
};

static void make_converter(struct scenario *scenario, struct prng *prng)
{
    struct converter_config *converter = &scenario->converter;
    *converter = (struct converter_config){.kind = (enum converter_kind)prng_below(prng, 4)};
    scenario->config.converters = converter;
    scenario->config.converter_count = 1;
    scenario->config.on_mismatch = (enum on_mismatch)prng_below(prng, 3);
    switch (converter->kind) {
    case CONVERTER_REGEX:
        converter->pattern = regex;
        break;
    case CONVERTER_PRESET:
        scenario->config.converter_count = 0;
        break;
    case CONVERTER_CSV:
        converter->delimiter = ',';
        converter->header = prng_below(prng, 2) == 0;
        converter->names.items = names;
        converter->names.count = prng_below(prng, 2) * 3;
        break;
    case CONVERTER_JSON:
        break;
    }
}

static void make_multiline(struct multiline_config *multiline, struct prng *prng)
{
    if (prng_below(prng, 2) == 0) {
        return;
    }
    multiline->start = prng_below(prng, 2) == 0 ? bracket : NULL;
    multiline->end = prng_below(prng, 3) == 0 ? last : NULL;
    multiline->continuation = prng_below(prng, 3) == 0 ? follows : NULL;
}

// Those whose characters have several bytes, or code units of several, and lines long enough for
// them.
static void make_encoding(struct scenario *scenario, struct prng *prng)
{
    struct lines_config *lines = &scenario->config.lines;
    lines->encoding = encodings[prng_below(prng, ARRAY_COUNT(encodings))];
    lines->invalid_bytes = INVALID_BYTES_REPLACE;
    lines->line_ending = prng_below(prng, 3) == 0 ? semicolon : NULL;
    lines->max_line += 16;
    scenario->to.max_record_size = 400;
}

static void make_input(struct scenario *scenario, struct prng *prng)
{
    static const char *const parts[] = {
        "\n",
        "\n",
        "\r\n",
        "\r",
        "a",
        "[",
        "[",
        "x,y",
        "\"",
        ",",
        "\"\"",
        "q r",
        "{}",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "\x80",
        "\xff",
        "1234",
        ";",
        "wxyzwxyz",
        "\x82\xa0",
        "\x81\x30\x81\x30",
        "\x88\x62",
        "\x8f\xa2\xaf",
        "\xa4\xa2",
        "a\xcc",
    };
    uint64_t size = prng_below(prng, INPUT_BYTES_MAX - 8);
    scenario->size = 0;
    while (scenario->size < size) {
        const char *part = parts[prng_below(prng, ARRAY_COUNT(parts))];
        memcpy(scenario->input + scenario->size, part, strlen(part));
        scenario->size += strlen(part);
    }
}

static void make_scenario(struct scenario *scenario, uint64_t seed)
{
    struct prng prng = prng_of_seed(seed);
    char *ends[] = {newline, no_end, semicolon};
    *scenario = (struct scenario){.seed = prng_next(&prng)};
    scenario->to = (struct destination_config){
        .service = SERVICE_KINESIS,
        .max_record_size = prng_below(&prng, 4) == 0 ? 60 : 1 << 20,
        .partition_key = PARTITION_KEY_HASH,
    };
    scenario->config = (struct record_config){
        .lines =
            {
                .max_line = 1 + prng_below(&prng, 20),
                .over_long = (enum over_long)prng_below(&prng, 4),
                .partial_line_timeout_ms = prng_below(&prng, 2),
            },
        .multiline = {.max_lines = 1 + prng_below(&prng, 6),
                      .max_bytes = 1 + prng_below(&prng, 60)},
        .record_end = ends[prng_below(&prng, 3)],
    };
    make_multiline(&scenario->config.multiline, &prng);
    if (prng_below(&prng, 4) == 0) {
        make_encoding(scenario, &prng);
    }
    if (prng_below(&prng, 4) == 0) {
        scenario->config.filter.exclude = (struct string_list){letters, 1};
    }
    if (prng_below(&prng, 3) != 0) {
        make_converter(scenario, &prng);
    }
    make_input(scenario, &prng);
}

static int64_t peek(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    const struct scenario *scenario = context;
    size_t start = offset < scenario->size ? (size_t)offset : scenario->size;
    size_t count = scenario->size - start < size ? scenario->size - start : size;
    count = count > 7 ? 7 : count; // short reads
    memcpy(room, scenario->input + start, count);
    return (int64_t)count;
}

static void describe(const struct record *record, struct buf *out)
{
    buf_appendf(out, "fate %d reason %d bytes %llu key ", (int)record->fate, (int)record->reason,
                (unsigned long long)record->source_bytes);
    buf_append_slice(out, record->key);
    buf_append_text(out, " data <");
    buf_append_slice(out, record->data);
    buf_append_text(out, ">\n");
}

static void read_whole(struct scenario *scenario, struct record_rules *rules, struct buf *out)
{
    struct framer *framer = framer_create(rules, 0, NULL);
    struct record record;
    framer_feed(framer, slice_of(scenario->input, scenario->size), 0);
    while (framer_next(framer, &record)) {
        describe(&record, out);
    }
    framer_finish(framer);
    while (framer_next(framer, &record)) {
        describe(&record, out);
    }
    framer_free(framer);
}

// Takes records until there are no more or, at a record by chance, the framer is to be left.
static bool take_some(struct framer *framer, struct prng *prng, struct buf *out)
{
    struct record record;
    while (framer_next(framer, &record)) {
        describe(&record, out);
        if (prng_below(prng, 8) == 0) {
            return false;
        }
    }
    return true;
}

static uint64_t read_in_pieces(struct scenario *scenario, struct record_rules *rules,
                               struct buf *out)
{
    struct prng prng = prng_of_seed(scenario->seed);
    struct framer_peek framer_peek = {.context = scenario, .read = peek};
    uint64_t position = 0;
    for (;;) {
        struct framer *framer = framer_create(rules, position, &framer_peek);
        uint64_t at = position;
        bool stays = true;
        while (stays && at < scenario->size) {
            uint64_t size = 1 + prng_below(&prng, prng_below(&prng, 2) == 0 ? 3 : 100);
            size = size < scenario->size - at ? size : scenario->size - at;
            // A copy of its own, so that a borrow that outlives its chunk is seen.
            uint8_t *chunk = xmalloc((size_t)size);
            memcpy(chunk, scenario->input + at, (size_t)size);
            framer_feed(framer, slice_of(chunk, (size_t)size), 0);
            at += size;
            stays = take_some(framer, &prng, out);
            memset(chunk, '?', (size_t)size);
            free(chunk);
        }
        if (stays) {
            framer_finish(framer);
            stays = take_some(framer, &prng, out);
        }
        position = framer_position(framer);
        framer_free(framer);
        if (stays) {
            return position;
        }
    }
}

static bool holds(struct scenario *scenario, bool explain)
{
    struct stats stats = {0};
    struct record_rules *rules;
    ck_assert_int_eq(record_rules_create(&scenario->config, &scenario->to, &stats, &rules), 0);
    struct buf whole;
    struct buf pieces;
    buf_init(&whole, 1 << 22);
    buf_init(&pieces, 1 << 22);
    read_whole(scenario, rules, &whole);
    uint64_t position = read_in_pieces(scenario, rules, &pieces);
    bool same = slice_equal(buf_slice(&whole), buf_slice(&pieces)) && position == scenario->size;
    if (explain) {
        printf("input <%.*s>\nwhole:\n%s and pieces, to %llu of %zu:\n%s\n", (int)scenario->size,
               (const char *)scenario->input, buf_text(&whole), (unsigned long long)position,
               scenario->size, buf_text(&pieces));
        fflush(stdout);
    }
    buf_deinit(&whole);
    buf_deinit(&pieces);
    record_rules_free(rules);
    return same;
}

// Leaves out parts of the input as long as the property still fails.
static void shrink(struct scenario *scenario)
{
    for (size_t part = scenario->size / 2; part > 0; part /= 2) {
        for (size_t at = 0; at + part <= scenario->size;) {
            struct scenario smaller = *scenario;
            if (smaller.config.converter_count != 0) {
                smaller.config.converters = &smaller.converter;
            }
            memmove(smaller.input + at, smaller.input + at + part, smaller.size - at - part);
            smaller.size -= part;
            if (holds(&smaller, false)) {
                at += part;
            } else {
                *scenario = smaller;
                if (scenario->config.converter_count != 0) {
                    scenario->config.converters = &scenario->converter;
                }
            }
        }
    }
}

static const char *multiline_text(const struct multiline_config *multiline)
{
    static char text[64];
    snprintf(text, sizeof text, "%s %s %s", multiline->start == NULL ? "-" : "start",
             multiline->end == NULL ? "-" : "end",
             multiline->continuation == NULL ? "-" : "continue");
    return text;
}

START_TEST(records_do_not_depend_on_chunks_or_restarts)
{
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct scenario scenario;
        make_scenario(&scenario, seed);
        if (!holds(&scenario, false)) {
            shrink(&scenario);
            holds(&scenario, true);
            ck_abort_msg(
                "seed %llu: policy %d, max_line %llu, encoding %s, multiline %s, converter %d",
                (unsigned long long)seed, (int)scenario.config.lines.over_long,
                (unsigned long long)scenario.config.lines.max_line, scenario.config.lines.encoding,
                multiline_text(&scenario.config.multiline),
                scenario.config.converter_count == 0 ? -1 : (int)scenario.converter.kind);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("framer");
    TCase *tests = tcase_create("framer");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, records_do_not_depend_on_chunks_or_restarts);
    suite_add_tcase(suite, tests);
    return suite;
}
