// What is written as RFC 4180 and framed in chunks comes back as the same values.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/prng.h"
#include "record/record.h"
#include "support/runs.h"
#include "support/test_main.h"

enum { ROWS_MAX = 8, FIELDS_MAX = 6, FIELD_BYTES_MAX = 24, RUNS = 3000 };

struct field {
    char text[FIELD_BYTES_MAX];
    size_t size;
};

struct table {
    char delimiter;
    size_t field_count;
    size_t row_count;
    struct field cells[ROWS_MAX][FIELDS_MAX]; // the first row names the fields
    struct buf text;
};

static void make_field(struct prng *prng, struct field *field)
{
    static const char *const parts[] = {"a",  "b",  " ",  ",",  ";",  "\t",      "\"",
                                        "\n", "\r", "\\", "\"", "{}", "\xc3\xa9"};
    field->size = 0;
    for (uint64_t count = prng_below(prng, FIELD_BYTES_MAX / 2); count > 0; count--) {
        const char *part = parts[prng_below(prng, ARRAY_COUNT(parts))];
        memcpy(field->text + field->size, part, strlen(part));
        field->size += strlen(part);
    }
}

static bool must_quote(const struct table *table, const struct field *field, bool alone)
{
    for (size_t i = 0; i < field->size; i++) {
        if (field->text[i] == table->delimiter || strchr("\"\r\n", field->text[i]) != NULL) {
            return true;
        }
    }
    return alone && field->size == 0;
}

static void write_field(struct table *table, const struct field *field, bool quoted)
{
    if (!quoted) {
        buf_append(&table->text, field->text, field->size);
        return;
    }
    buf_append_byte(&table->text, '"');
    for (size_t i = 0; i < field->size; i++) {
        if (field->text[i] == '"') {
            buf_append_byte(&table->text, '"');
        }
        buf_append_byte(&table->text, (uint8_t)field->text[i]);
    }
    buf_append_byte(&table->text, '"');
}

static void make_table(struct table *table, struct prng *prng)
{
    table->delimiter = ",;\t|"[prng_below(prng, 4)];
    table->field_count = 1 + (size_t)prng_below(prng, FIELDS_MAX);
    table->row_count = 1 + (size_t)prng_below(prng, ROWS_MAX);
    buf_init(&table->text, 1 << 20);
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t column = 0; column < table->field_count; column++) {
            struct field *field = &table->cells[row][column];
            make_field(prng, field);
            if (row == 0 && field->size == 0) {
                *field = (struct field){.text = "n", .size = 1};
            }
            if (column != 0) {
                buf_append_byte(&table->text, (uint8_t)table->delimiter);
            }
            bool quoted = must_quote(table, field, table->field_count == 1);
            write_field(table, field, quoted || prng_below(prng, 4) == 0);
        }
        buf_append_text(&table->text, prng_below(prng, 2) == 0 ? "\n" : "\r\n");
    }
}

static bool same_text(struct slice quoted, const struct field *field)
{
    struct buf text;
    buf_init(&text, 1 << 12);
    bool same = json_unescape(quoted, &text) == 0 &&
                slice_equal(buf_slice(&text), slice_of(field->text, field->size));
    buf_deinit(&text);
    return same;
}

static bool is_row(const struct table *table, size_t row, struct slice object)
{
    struct json_walk walk;
    size_t column = 0;
    json_walk_init(&walk, object);
    while (json_walk_next(&walk)) {
        // The name with its quotes, which lie around it in the text.
        struct slice name = slice_of(walk.name.data - 1, walk.name.size + 2);
        if (column == table->field_count || !same_text(name, &table->cells[0][column]) ||
            !same_text(walk.value, &table->cells[row][column])) {
            return false;
        }
        column++;
    }
    return walk.error == 0 && column == table->field_count;
}

static void read_table(const struct table *table, struct prng *prng, uint64_t seed)
{
    struct converter_config csv = {
        .kind = CONVERTER_CSV, .delimiter = table->delimiter, .header = true};
    char newline[] = "\n";
    struct record_config config = {
        .lines = {.max_line = 1 << 16},
        .converters = &csv,
        .converter_count = 1,
        .on_mismatch = ON_MISMATCH_DEAD_LETTER,
        .record_end = newline,
    };
    struct destination_config to = {.service = SERVICE_KINESIS, .max_record_size = 1 << 20};
    struct stats stats = {0};
    struct record_rules *rules;
    ck_assert_int_eq(record_rules_create(&config, &to, &stats, &rules), 0);
    struct framer *framer = framer_create(rules, 0, NULL);
    struct slice rest = buf_slice(&table->text);
    size_t row = 0;
    while (rest.size != 0) {
        size_t size = 1 + (size_t)prng_below(prng, 40);
        size = size < rest.size ? size : rest.size;
        framer_feed(framer, slice_of(rest.data, size), 0);
        rest = slice_skip(rest, size);
        struct record record;
        while (framer_next(framer, &record)) {
            enum record_fate fate = row == 0 ? RECORD_FILTERED : RECORD_SHIP;
            ck_assert_msg(record.fate == fate && (row == 0 || is_row(table, row, record.data)),
                          "seed %llu, row %zu: <%.*s>", (unsigned long long)seed, row,
                          (int)record.data.size, (const char *)record.data.data);
            row++;
        }
    }
    ck_assert_msg(row == table->row_count, "seed %llu: %zu rows of %zu", (unsigned long long)seed,
                  row, table->row_count);
    framer_free(framer);
    record_rules_free(rules);
}

START_TEST(csv_comes_back_as_it_was_written)
{
    struct runs runs = runs_wanted(RUNS);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        struct prng prng = prng_of_seed(seed);
        struct table table;
        make_table(&table, &prng);
        read_table(&table, &prng, seed);
        buf_deinit(&table.text);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("csv");
    TCase *tests = tcase_create("csv");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, csv_comes_back_as_it_was_written);
    suite_add_tcase(suite, tests);
    return suite;
}
