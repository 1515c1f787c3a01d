// Encodings, line endings and multi-line patterns against a reading of the whole file at once that
// is too simple to be wrong: the same records whatever the chunks are, and from every position that
// could have been stored.
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/prng.h"
#include "base/utf8.h"
#include "record/record.h"
#include "support/runs.h"
#include "support/test_main.h"

enum {
    INPUT_BYTES_MAX = 240,
    HOLE_BYTES_MAX = 20,
    RECORDS_MAX = INPUT_BYTES_MAX + 1,
    RUNS = 5000,
    LIMIT_MIN = 16
};

enum form { FORM_RAW, FORM_UTF8, FORM_LATIN1, FORM_UTF16LE, FORM_UTF16BE, FORM_UTF32LE };

static char utf8_name[] = "utf-8";
static char latin1_name[] = "latin1";
static char utf16le_name[] = "utf-16le";
static char utf16be_name[] = "utf-16be";
static char utf16_name[] = "utf-16";
static char utf32le_name[] = "utf-32le";

static const struct setting {
    char *name;
    enum invalid_bytes invalid;
    enum form form;
} settings[] = {
    {NULL, INVALID_BYTES_KEEP, FORM_RAW},
    {utf8_name, INVALID_BYTES_KEEP, FORM_RAW},
    {utf8_name, INVALID_BYTES_REPLACE, FORM_UTF8},
    {latin1_name, INVALID_BYTES_REPLACE, FORM_LATIN1},
    {utf16le_name, INVALID_BYTES_REPLACE, FORM_UTF16LE},
    {utf16be_name, INVALID_BYTES_REPLACE, FORM_UTF16BE},
    {utf16_name, INVALID_BYTES_REPLACE, FORM_UTF16LE},
    {utf16_name, INVALID_BYTES_REPLACE, FORM_UTF16BE},
    {utf32le_name, INVALID_BYTES_REPLACE, FORM_UTF32LE},
};

static char lf_name[] = "lf";
static char crlf_name[] = "crlf";
static char nul_name[] = "nul";
static char dashes[] = "--";
static char dash_newline[] = "-\n-";
static char *const ending_names[] = {lf_name, crlf_name, nul_name, dashes, dash_newline};
static const char *const ending_texts[] = {"\n", "\r\n", "", "--", "-\n-"};

static const struct destination_config destination = {.service = SERVICE_KINESIS,
                                                      .max_record_size = 1 << 20};

static char start_pattern[] = "^\\[";
static char end_pattern[] = ";\\z";
static char continue_pattern[] = "^[a ]";
static char no_end[] = "";

struct scenario {
    const struct setting *setting;
    size_t ending; // index
    struct record_config config;
    bool after_cut;
    uint8_t input[INPUT_BYTES_MAX + 16];
    size_t size;
    uint64_t seed; // of the chunks
};

// ---- scenarios ----

static size_t width_of(enum form form)
{
    return form == FORM_UTF32LE ? 4 : form >= FORM_UTF16LE ? 2 : 1;
}

static size_t put_unit(enum form form, uint32_t unit, uint8_t *out)
{
    size_t width = width_of(form);
    for (size_t i = 0; i < width; i++) {
        size_t shift = form == FORM_UTF16BE ? width - 1 - i : i;
        out[i] = (uint8_t)(unit >> (8 * shift));
    }
    return width;
}

static size_t put_character(enum form form, uint32_t character, uint8_t *out)
{
    if (form == FORM_RAW || form == FORM_UTF8) {
        return utf8_encode(character, out);
    }
    if (width_of(form) == 2 && character > 0xffff) {
        size_t size = put_unit(form, 0xd7c0 + (character >> 10), out);
        return size + put_unit(form, 0xdc00 + (character & 0x3ff), out + size);
    }
    return put_unit(form, character, out);
}

static void make_input(struct scenario *scenario, struct prng *prng)
{
    static const uint32_t characters[] = {'\n',   '\n',    '\r',   '-',    '-', '[',
                                          ';',    'a',     ' ',    'b',    0,   0xe9,
                                          0x20ac, 0x1f600, 0x0a0d, 0xd83d, 0xff};
    static const uint32_t endings[][3] = {{'\n'}, {'\r', '\n'}, {0}, {'-', '-'}, {'-', '\n', '-'}};
    static const size_t counts[] = {1, 2, 1, 2, 3};
    enum form form = scenario->setting->form;
    size_t size = (size_t)prng_below(prng, INPUT_BYTES_MAX);
    bool marked = scenario->setting->name == utf16_name || prng_below(prng, 3) == 0;
    if (marked && form != FORM_LATIN1) {
        scenario->size = put_character(form, 0xfeff, scenario->input);
    } else if (prng_below(prng, 4) == 0) {
        scenario->size = (size_t)prng_below(prng, HOLE_BYTES_MAX);
        memset(scenario->input, 0, scenario->size);
    }
    while (scenario->size < size) {
        uint8_t *end = scenario->input + scenario->size;
        uint64_t choice = prng_below(prng, 20);
        if (choice < 3) {
            for (size_t i = 0; i < counts[scenario->ending]; i++) {
                size_t bytes = put_character(form, endings[scenario->ending][i],
                                             scenario->input + scenario->size);
                scenario->size += bytes;
            }
        } else if (choice == 3 && width_of(form) == 1) {
            *end = (uint8_t)prng_next(prng);
            scenario->size++;
        } else {
            uint32_t character = characters[prng_below(prng, ARRAY_COUNT(characters))];
            scenario->size += put_character(form, character, end);
        }
    }
    if (scenario->size != 0 && prng_below(prng, 4) == 0) {
        scenario->size--; // half a unit at the end
    }
}

static void make_scenario(struct scenario *scenario, uint64_t seed)
{
    struct prng prng = prng_of_seed(seed);
    *scenario = (struct scenario){
        .setting = &settings[prng_below(&prng, ARRAY_COUNT(settings))],
        .ending =
            (size_t)prng_below(&prng, 2) * (size_t)prng_below(&prng, ARRAY_COUNT(ending_names)),
        .seed = prng_next(&prng),
        .after_cut = prng_below(&prng, 2) == 0,
    };
    struct record_config *config = &scenario->config;
    *config = (struct record_config){
        .lines = {.encoding = scenario->setting->name,
                  .invalid_bytes = scenario->setting->invalid,
                  .line_ending = ending_names[scenario->ending],
                  .max_line = LIMIT_MIN + prng_below(&prng, prng_below(&prng, 2) == 0 ? 10 : 300),
                  .over_long = (enum over_long)prng_below(&prng, 4)},
        .multiline = {.max_lines = 1 + prng_below(&prng, 6),
                      .max_bytes = 20 + prng_below(&prng, 80)},
        .record_end = no_end,
    };
    if (prng_below(&prng, 2) == 0) {
        config->multiline.start = prng_below(&prng, 2) == 0 ? start_pattern : NULL;
        config->multiline.end = prng_below(&prng, 2) == 0 ? end_pattern : NULL;
        config->multiline.continuation = prng_below(&prng, 3) == 0 ? continue_pattern : NULL;
    }
    make_input(scenario, &prng);
}

// ---- the simple reading ----

static uint32_t unit_at(enum form form, const uint8_t *at)
{
    uint32_t unit = 0;
    size_t width = width_of(form);
    for (size_t i = 0; i < width; i++) {
        unit |= (uint32_t)at[i] << (8 * (form == FORM_UTF16BE ? width - 1 - i : i));
    }
    return unit;
}

static bool is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static void simple_decode(enum form form, struct slice text, struct buf *out)
{
    if (form == FORM_RAW) {
        buf_append_slice(out, text);
        return;
    }
    if (form == FORM_UTF8) {
        utf8_append_valid(out, text);
        return;
    }
    size_t width = width_of(form);
    for (size_t at = 0; at < text.size;) {
        uint32_t character = UTF8_REPLACEMENT;
        size_t size = text.size - at;
        if (size >= width) {
            character = unit_at(form, text.data + at);
            bool pair = width == 2 && is_high(character);
            if (pair && size >= 4) {
                uint32_t low = unit_at(form, text.data + at + 2);
                pair = low >= 0xdc00 && low < 0xe000;
                character = pair ? ((character - 0xd7c0) << 10) + (low & 0x3ff) : character;
                size = pair ? 4 : 2;
            } else if (!pair) {
                size = width;
            }
        }
        uint8_t bytes[4];
        buf_append(out, bytes, utf8_encode(character, bytes)); // a surrogate becomes U+FFFD
        at += size;
    }
}

static size_t utf8_length(uint8_t lead)
{
    size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return lead < 0xf8 ? length : 1;
}

// Bytes as they are are cut before a character that begins in the last three bytes and goes on
// behind the limit.
static size_t raw_cut(const uint8_t *data, size_t limit)
{
    size_t lead = limit;
    while (limit - lead < 3 && (data[lead] & 0xc0) == 0x80) {
        lead--;
    }
    return data[lead] >= 0xc0 ? lead : limit;
}

// What is decoded is cut by the bytes up to the limit alone.
static size_t utf8_cut(const uint8_t *data, size_t limit)
{
    for (size_t back = 1; back <= 3; back++) {
        uint8_t byte = data[limit - back];
        if ((byte & 0xc0) != 0x80) {
            return utf8_length(byte) > back ? limit - back : limit;
        }
    }
    return limit;
}

// The size of the first piece of an over-long line.
static size_t cut(enum form form, const uint8_t *data, size_t limit)
{
    size_t width = width_of(form);
    if (form == FORM_RAW || form == FORM_UTF8) {
        return form == FORM_RAW ? raw_cut(data, limit) : utf8_cut(data, limit);
    }
    limit -= limit % width;
    return width == 2 && is_high(unit_at(form, data + limit - 2)) ? limit - 2 : limit;
}

enum kind { KIND_TEXT, KIND_TRUNCATED, KIND_FILTERED, KIND_DEAD };

struct part {
    enum kind kind;
    bool continues;
    size_t at;
    size_t size;   // of the text
    size_t ending; // after it
    size_t bytes;
};

struct reading {
    const struct scenario *scenario;
    struct buf joined; // the open record, its last ending left out
    size_t joined_ending;
    size_t line_at;
    size_t line_count;
    uint64_t bytes;
    bool open;
    struct buf records[RECORDS_MAX];
    size_t starts[RECORDS_MAX];
    size_t count;
    size_t position;
    struct buf text; // of all that is shipped
};

static void emit(struct reading *reading, char fate, struct slice data, uint64_t bytes)
{
    struct buf *record = &reading->records[reading->count];
    buf_init(record, 1 << 16);
    reading->starts[reading->count++] = reading->position;
    reading->position += (size_t)bytes;
    if (fate == 'S') {
        buf_append_slice(&reading->text, data);
    }
    buf_appendf(record, "%c %llu <", fate, (unsigned long long)bytes);
    buf_append_slice(record, fate == 'F' ? slice_of(NULL, 0) : data);
    buf_append_text(record, ">\n");
}

static void emit_joined(struct reading *reading)
{
    struct slice text = buf_slice(&reading->joined);
    text.size -= reading->joined_ending;
    emit(reading, 'S', text, reading->bytes);
    buf_clear(&reading->joined);
    reading->open = false;
}

static bool begins(const struct multiline_config *multiline, struct slice text)
{
    uint8_t first = text.size == 0 ? 0 : text.data[0];
    return (multiline->start != NULL && first == '[') ||
           (multiline->continuation != NULL && first != 'a' && first != ' ');
}

static bool ends(const struct reading *reading, const struct part *part)
{
    const struct multiline_config *multiline = &reading->scenario->config.multiline;
    if (part->kind == KIND_TRUNCATED) {
        return true;
    }
    if (part->ending == 0) {
        return false;
    }
    size_t size = reading->joined.size - reading->joined_ending;
    return reading->line_count >= multiline->max_lines ||
           (multiline->end != NULL && size > reading->line_at &&
            reading->joined.data[size - 1] == ';');
}

static void join(struct reading *reading, const struct part *part, struct slice text,
                 struct slice ending)
{
    const struct multiline_config *multiline = &reading->scenario->config.multiline;
    bool joins = part->kind == KIND_TEXT || part->kind == KIND_TRUNCATED;
    if (reading->open && (!joins || reading->joined.size + text.size > multiline->max_bytes ||
                          (!part->continues && begins(multiline, text)))) {
        emit_joined(reading);
    }
    if (!joins) {
        emit(reading, 'F', text, part->bytes);
        return;
    }
    if (!reading->open) {
        reading->bytes = 0;
        reading->line_count = 0;
        reading->line_at = 0;
    } else if (!part->continues) {
        reading->line_at = reading->joined.size;
    }
    if (!reading->open || !part->continues) {
        reading->line_count++;
    }
    reading->open = true;
    buf_append_slice(&reading->joined, text);
    buf_append_slice(&reading->joined, ending);
    reading->joined_ending = ending.size;
    reading->bytes += part->bytes;
    if (ends(reading, part)) {
        emit_joined(reading);
    }
}

static void take_part(struct reading *reading, const struct part *part)
{
    const struct scenario *scenario = reading->scenario;
    enum form form = scenario->setting->form;
    struct slice raw = slice_of(scenario->input + part->at, part->size);
    struct buf text;
    buf_init(&text, 1 << 16);
    if (part->kind == KIND_DEAD) {
        if (reading->open) {
            emit_joined(reading);
        }
        emit(reading, 'D', slice_of(raw.data, part->size + part->ending), part->bytes);
        return;
    }
    uint8_t mark[4];
    size_t mark_bytes = put_character(form, 0xfeff, mark);
    if (part->at == 0 && scenario->setting->name != NULL && form != FORM_LATIN1 &&
        slice_starts_with(raw, slice_of(mark, mark_bytes))) {
        raw = slice_skip(raw, mark_bytes);
    }
    struct part seen = *part;
    if (raw.size == 0 && part->ending == 0) {
        seen.kind = KIND_FILTERED; // a byte order mark by itself, or a line that is left out
    }
    simple_decode(form, raw, &text);
    size_t text_bytes = text.size;
    simple_decode(form, slice_of(scenario->input + part->at + part->size, part->ending), &text);
    const struct multiline_config *multiline = &scenario->config.multiline;
    bool off =
        multiline->start == NULL && multiline->end == NULL && multiline->continuation == NULL;
    if (off) {
        emit(reading, seen.kind == KIND_FILTERED ? 'F' : 'S', slice_of(text.data, text_bytes),
             part->bytes);
    } else {
        join(reading, &seen, slice_of(text.data, text_bytes),
             slice_of(text.data == NULL ? NULL : text.data + text_bytes, text.size - text_bytes));
    }
    buf_deinit(&text);
}

static void take_line(struct reading *reading, size_t at, size_t size, size_t ending)
{
    const struct lines_config *lines = &reading->scenario->config.lines;
    enum form form = reading->scenario->setting->form;
    const uint8_t *data = reading->scenario->input;
    size_t limit = (size_t)lines->max_line;
    struct part part = {.at = at, .size = size, .ending = ending, .bytes = size + ending};
    if (size <= limit) {
        take_part(reading, &part);
        return;
    }
    if (lines->over_long == OVER_LONG_SKIP || lines->over_long == OVER_LONG_TRUNCATE) {
        bool skip = lines->over_long == OVER_LONG_SKIP;
        part.kind = skip ? KIND_FILTERED : KIND_TRUNCATED;
        part.size = skip ? 0 : cut(form, data + at, limit);
        part.ending = 0;
        take_part(reading, &part);
        return;
    }
    part.kind = lines->over_long == OVER_LONG_SPLIT ? KIND_TEXT : KIND_DEAD;
    part.ending = 0;
    while (size > limit) {
        part.at = at;
        part.size = cut(form, data + at, limit);
        part.bytes = part.size;
        take_part(reading, &part);
        part.continues = true;
        at += part.size;
        size -= part.size;
    }
    part.at = at;
    part.size = size;
    part.ending = ending;
    part.bytes = size + ending;
    take_part(reading, &part);
}

// The bytes of the line ending that starts at `at`, 0 for none.
static size_t ending_at(const struct scenario *scenario, size_t at)
{
    enum form form = scenario->setting->form;
    size_t width = width_of(form);
    const char *text = ending_texts[scenario->ending];
    size_t count = text[0] == '\0' ? 1 : strlen(text);
    for (size_t i = 0; i < count; i++) {
        size_t unit = at + i * width;
        if (unit + width > scenario->size ||
            unit_at(form, scenario->input + unit) != (uint8_t)text[i]) {
            return 0;
        }
    }
    return count * width;
}

// The NUL bytes that the file begins with, as whole characters.
static size_t hole_of(const struct scenario *scenario)
{
    size_t size = 0;
    if (!scenario->after_cut || ending_texts[scenario->ending][0] == '\0') {
        return 0;
    }
    while (size < scenario->size && scenario->input[size] == 0) {
        size++;
    }
    return size == scenario->size ? size : size - size % width_of(scenario->setting->form);
}

static void read_simply(struct reading *reading)
{
    const struct scenario *scenario = reading->scenario;
    size_t width = width_of(scenario->setting->form);
    size_t start = hole_of(scenario);
    if (start != 0) {
        emit(reading, 'F', slice_of(NULL, 0), start);
    }
    for (size_t at = start; at < scenario->size;) {
        size_t ending = ending_at(scenario, at);
        if (ending == 0) {
            at += width;
            continue;
        }
        size_t end = at;
        if (ending_names[scenario->ending] == lf_name && end >= start + width &&
            unit_at(scenario->setting->form, scenario->input + end - width) == '\r') {
            end -= width;
        }
        take_line(reading, start, end - start, at + ending - end);
        at += ending;
        start = at;
    }
    if (start < scenario->size) {
        take_line(reading, start, scenario->size - start, 0);
    }
    if (reading->open) {
        emit_joined(reading);
    }
}

static struct reading *reading_create(const struct scenario *scenario)
{
    struct reading *reading = xcalloc(1, sizeof *reading);
    reading->scenario = scenario;
    buf_init(&reading->joined, 1 << 16);
    buf_init(&reading->text, 1 << 16);
    read_simply(reading);
    return reading;
}

static void reading_free(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++) {
        buf_deinit(&reading->records[i]);
    }
    buf_deinit(&reading->joined);
    buf_deinit(&reading->text);
    free(reading);
}

// ---- ours ----

static int64_t peek(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    const struct scenario *scenario = context;
    size_t start = offset < scenario->size ? (size_t)offset : scenario->size;
    size_t count = scenario->size - start < size ? scenario->size - start : size;
    count = count > 5 ? 5 : count; // short reads
    memcpy(room, scenario->input + start, count);
    return (int64_t)count;
}

static void take_records(struct framer *framer, struct buf *out)
{
    struct record record;
    while (framer_next(framer, &record)) {
        bool filtered = record.fate == RECORD_FILTERED;
        const char *fate = filtered ? "F" : record.fate == RECORD_DEAD_LETTER ? "D" : "S";
        buf_appendf(out, "%s %llu <", fate, (unsigned long long)record.source_bytes);
        buf_append_slice(out, filtered ? slice_of(NULL, 0) : record.data);
        buf_append_text(out, ">\n");
    }
}

static void read_from(struct scenario *scenario, struct record_rules *rules, size_t position,
                      struct prng *prng, struct buf *out)
{
    struct framer_peek framer_peek = {
        .context = scenario, .read = peek, .after_cut = scenario->after_cut};
    struct framer *framer = framer_create(rules, position, &framer_peek);
    uint64_t size_max = 1 + prng_below(prng, prng_below(prng, 2) == 0 ? 4 : 100);
    for (size_t at = position; at < scenario->size;) {
        size_t size = 1 + (size_t)prng_below(prng, size_max);
        size = size < scenario->size - at ? size : scenario->size - at;
        // A copy of its own, so that a borrow that outlives its chunk is seen.
        uint8_t *chunk = xmalloc(size);
        memcpy(chunk, scenario->input + at, size);
        framer_feed(framer, slice_of(chunk, size), 0);
        take_records(framer, out);
        free(chunk);
        at += size;
    }
    framer_finish(framer);
    take_records(framer, out);
    ck_assert_uint_eq(framer_position(framer), scenario->size);
    ck_assert_uint_eq(framer_memory(framer), 0);
    framer_free(framer);
}

static void describe(const struct scenario *scenario)
{
    const struct lines_config *lines = &scenario->config.lines;
    const struct multiline_config *multiline = &scenario->config.multiline;
    printf("%sencoding %s (form %d), ending %s, over_long %d, max_line %llu, multiline %s %s "
           "%s\ninput",
           scenario->after_cut ? "after a cut, " : "", lines->encoding,
           (int)scenario->setting->form, lines->line_ending, (int)lines->over_long,
           (unsigned long long)lines->max_line, multiline->start, multiline->end,
           multiline->continuation);
    for (size_t i = 0; i < scenario->size; i++) {
        printf(" %02x", scenario->input[i]);
    }
    printf("\n");
}

// Reads from the beginning and from every position that a record left behind.
static bool holds(struct scenario *scenario, bool explain)
{
    struct stats stats = {0};
    struct record_rules *rules;
    ck_assert_int_eq(record_rules_create(&scenario->config, &destination, &stats, &rules), 0);
    struct reading *reading = reading_create(scenario);
    struct prng prng = prng_of_seed(scenario->seed);
    bool same = reading->position == scenario->size;
    for (size_t first = 0; first < reading->count && same; first++) {
        struct buf seen;
        struct buf expected;
        buf_init(&seen, 1 << 20);
        buf_init(&expected, 1 << 20);
        for (size_t i = first; i < reading->count; i++) {
            buf_append_slice(&expected, buf_slice(&reading->records[i]));
        }
        read_from(scenario, rules, reading->starts[first], &prng, &seen);
        same = slice_equal(buf_slice(&expected), buf_slice(&seen));
        if (!same && explain) {
            describe(scenario);
            printf("from %zu expected:\n%s\nseen:\n%s\n", reading->starts[first],
                   buf_text(&expected), buf_text(&seen));
            fflush(stdout);
        }
        buf_deinit(&seen);
        buf_deinit(&expected);
    }
    reading_free(reading);
    record_rules_free(rules);
    return same;
}

// Leaves out code units of the input as long as the property still fails.
static void shrink(struct scenario *scenario)
{
    size_t width = width_of(scenario->setting->form);
    for (size_t part = scenario->size / 2 / width * width; part > 0;
         part = part / 2 / width * width) {
        for (size_t at = 0; at + part <= scenario->size;) {
            struct scenario smaller = *scenario;
            memmove(smaller.input + at, smaller.input + at + part, smaller.size - at - part);
            smaller.size -= part;
            bool decides = at == 0 && scenario->setting->name == utf16_name; // the byte order
            if (decides || holds(&smaller, false)) {
                at += part;
            } else {
                *scenario = smaller;
            }
        }
    }
}

// ---- time-outs ----

static void take_text(struct framer *framer, struct buf *text)
{
    struct record record;
    while (framer_next(framer, &record)) {
        if (record.fate == RECORD_SHIP) {
            buf_append_slice(text, record.data);
        }
    }
}

// Reads with a time-out after each chunk, and starts again now and then.
static void read_hesitantly(struct scenario *scenario, struct record_rules *rules, struct buf *text)
{
    struct prng prng = prng_of_seed(scenario->seed);
    struct framer_peek framer_peek = {
        .context = scenario, .read = peek, .after_cut = scenario->after_cut};
    struct framer *framer = framer_create(rules, 0, &framer_peek);
    for (size_t at = 0; at < scenario->size;) {
        size_t size = 1 + (size_t)prng_below(&prng, 7);
        size = size < scenario->size - at ? size : scenario->size - at;
        framer_feed(framer, slice_of(scenario->input + at, size), 0);
        take_text(framer, text);
        framer_expire(framer, NS_PER_S);
        take_text(framer, text);
        at += size;
        if (prng_below(&prng, 3) == 0) {
            at = (size_t)framer_position(framer);
            framer_free(framer);
            framer = framer_create(rules, at, &framer_peek);
        }
    }
    framer_finish(framer);
    take_text(framer, text);
    ck_assert_uint_eq(framer_position(framer), scenario->size);
    framer_free(framer);
}

START_TEST(timeouts_and_restarts_in_the_middle_of_lines_leave_the_text_as_it_is)
{
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct scenario scenario;
        make_scenario(&scenario, seed);
        scenario.config.lines.over_long = OVER_LONG_SPLIT;
        scenario.config.lines.partial_line_timeout_ms = 1;
        scenario.config.multiline = (struct multiline_config){0};
        struct stats stats = {0};
        struct record_rules *rules;
        ck_assert_int_eq(record_rules_create(&scenario.config, &destination, &stats, &rules), 0);
        struct reading *reading = reading_create(&scenario);
        struct buf text;
        buf_init(&text, 1 << 16);
        read_hesitantly(&scenario, rules, &text);
        if (!slice_equal(buf_slice(&reading->text), buf_slice(&text))) {
            describe(&scenario);
            fflush(stdout);
            ck_abort_msg("seed %llu: %s, not %s", (unsigned long long)seed, buf_text(&text),
                         buf_text(&reading->text));
        }
        buf_deinit(&text);
        reading_free(reading);
        record_rules_free(rules);
    }
}
END_TEST

START_TEST(records_are_those_of_a_simple_reading_of_the_whole_file)
{
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct scenario scenario;
        make_scenario(&scenario, seed);
        if (!holds(&scenario, false)) {
            shrink(&scenario);
            holds(&scenario, true);
            ck_abort_msg("seed %llu", (unsigned long long)seed);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, timeouts_and_restarts_in_the_middle_of_lines_leave_the_text_as_it_is);
    tcase_add_test(tests, records_are_those_of_a_simple_reading_of_the_whole_file);
    suite_add_tcase(suite, tests);
    return suite;
}
