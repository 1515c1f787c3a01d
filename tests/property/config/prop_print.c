// What config_print prints, config_load reads back to the same configuration. Both the random
// configurations and the comparison follow the table of settings, so that a new row is covered
// without a change here.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "base/prng.h"
#include "config/encoding_name.h"
#include "config/load.h"
#include "config/rules.h"
#include "config/settings.h"
#include "config/value.h"
#include "support/runs.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { RUNS = 300, TEXT_PARTS_MAX = 8 };

static void fill_table(struct prng *prng, const struct schema_table *table, void *base);

static void *at(const void *base, size_t offset)
{
    return (char *)(uintptr_t)base + offset;
}

static char *random_text(struct prng *prng)
{
    static const char *const parts[] = {"a",
                                        "Z",
                                        "0",
                                        "null",
                                        "~",
                                        "true",
                                        " ",
                                        "  ",
                                        "\n",
                                        "\t",
                                        "\"",
                                        "'",
                                        "\\",
                                        "\\n",
                                        "$",
                                        "${",
                                        "$${",
                                        "}",
                                        "#",
                                        ": ",
                                        "- ",
                                        "{",
                                        "[",
                                        "*",
                                        "&",
                                        "!",
                                        "%",
                                        "@",
                                        "`",
                                        "é",
                                        "\u2028",
                                        "\u2029",
                                        "\ufeff",
                                        "\xc2\x85",
                                        "\x7f",
                                        "\x01",
                                        "\xf0\x9f\x98\x80",
                                        "none",
                                        "|",
                                        ">"};
    struct buf text;
    buf_init(&text, 4096);
    buf_append_text(&text,
                    prng_below(prng, 2) == 0 ? "x" : parts[prng_below(prng, ARRAY_COUNT(parts))]);
    for (uint64_t i = prng_below(prng, TEXT_PARTS_MAX); i > 0; i--) {
        buf_append_text(&text, parts[prng_below(prng, ARRAY_COUNT(parts))]);
    }
    char *copy = xstrdup(buf_text(&text));
    buf_deinit(&text);
    return copy;
}

static char *random_name(struct prng *prng)
{
    return xasprintf("n%llx", (unsigned long long)prng_next(prng));
}

static char *random_setting_text(struct prng *prng, const struct schema_field *field)
{
    if (field->check == rule_flow_name || field->check == rule_stream ||
        field->check == rule_region) {
        return random_name(prng);
    }
    char *text = random_text(prng);
    char *result = text;
    if (field->check == rule_absolute || field->check == rule_socket) {
        result = xasprintf("/%s", text);
    } else if (field->check == rule_line_ending) {
        result = xstrdup(prng_below(prng, 2) == 0 ? "crlf" : "\x1e");
    } else if (field->check == rule_record_end) {
        result = xstrdup(prng_below(prng, 2) == 0 ? "" : "\r\n");
    }
    if (result != text) {
        free(text);
    }
    return result;
}

static uint64_t random_number(struct prng *prng, uint64_t min, uint64_t max)
{
    uint64_t choice = prng_below(prng, 4);
    uint64_t span = max - min;
    if (choice < 2 || span == 0) {
        return choice == 0 ? min : max;
    }
    return min + prng_below(prng, choice == 2 && span > 1000 ? 1000 : span);
}

static const struct schema_choice *random_choice(struct prng *prng,
                                                 const struct schema_choice *choices)
{
    size_t count = 0;
    while (choices[count].name != NULL) {
        count++;
    }
    return &choices[prng_below(prng, count)];
}

static void fill_texts(struct prng *prng, const struct schema_field *field, void *base)
{
    struct string_list *list = value_texts(field, base);
    size_t count = (size_t)(field->min + prng_below(prng, 4));
    if (count == 0) {
        return;
    }
    list->items = xcalloc(count, sizeof(char *));
    for (; list->count < count; list->count++) {
        list->items[list->count] = random_setting_text(prng, field);
    }
}

static void fill_list(struct prng *prng, const struct schema_field *field, void *base)
{
    size_t count = (size_t)(field->min + prng_below(prng, 4));
    if (count == 0) {
        return;
    }
    char *items = xcalloc(count, field->table->struct_size);
    for (size_t i = 0; i < count; i++) {
        settings_defaults(field->table, items + i * field->table->struct_size);
        fill_table(prng, field->table, items + i * field->table->struct_size);
    }
    *(void **)at(base, field->offset) = items;
    *(size_t *)at(base, field->second_offset) = count;
}

static void fill_text(struct prng *prng, const struct schema_field *field, void *base)
{
    char **text = value_text(field, base);
    if ((field->flags & SCHEMA_SECRET) != 0) {
        return;
    }
    free(*text);
    *text = field->type == SCHEMA_WORD ? xstrdup(random_choice(prng, field->choices)->name)
                                       : random_setting_text(prng, field);
}

static void fill_field(struct prng *prng, const struct schema_field *field, void *base)
{
    bool alternative = prng_below(prng, 2) == 0;
    switch (field->type) {
    case SCHEMA_BOOL:
        *(bool *)at(base, field->offset) = alternative;
        break;
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        *value_number(field, base) = random_number(prng, field->min, field->max);
        break;
    case SCHEMA_CHOICE:
        *value_enum(field, base) = random_choice(prng, field->choices)->value;
        break;
    case SCHEMA_CHOICE_OR_DURATION:
        *value_enum(field, base) =
            alternative ? field->tag : random_choice(prng, field->choices)->value;
        *value_number(field, base) = random_number(prng, field->min, field->max);
        break;
    case SCHEMA_CHOICE_OR_MAP:
        *value_enum(field, base) =
            alternative ? field->tag : random_choice(prng, field->choices)->value;
        if (alternative) {
            fill_table(prng, field->table, base);
        }
        break;
    case SCHEMA_WORD:
    case SCHEMA_TEXT:
        fill_text(prng, field, base);
        break;
    case SCHEMA_CHARACTER:
        *(char *)at(base, field->offset) = ",;|\t :#'\\"[prng_below(prng, 9)];
        break;
    case SCHEMA_TEXTS:
        fill_texts(prng, field, base);
        break;
    case SCHEMA_MAP:
        fill_table(prng, field->table, at(base, field->offset));
        break;
    case SCHEMA_LIST:
        fill_list(prng, field, base);
        break;
    }
}

static void fill_table(struct prng *prng, const struct schema_table *table, void *base)
{
    size_t count = 0;
    while (table->fields[count].name != NULL) {
        count++;
    }
    size_t only = (size_t)prng_below(prng, count);
    for (size_t i = 0; i < count; i++) {
        const struct schema_field *field = &table->fields[i];
        bool required = (field->flags & SCHEMA_REQUIRED) != 0;
        bool wanted = table->one_of ? i == only : required || prng_below(prng, 2) == 0;
        if (wanted && table->one_of) {
            *(unsigned *)at(base, table->tag_offset) = field->tag;
        }
        if (wanted) {
            fill_field(prng, field, base);
        }
    }
}

static bool equal_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void drop_text(char **text)
{
    free(*text);
    *text = NULL;
}

// Patterns differ from each other, and without any the other settings of multiline are not there.
static void obey_multiline_rules(struct multiline_config *multiline)
{
    if (equal_text(multiline->start, multiline->end)) {
        drop_text(&multiline->end);
    }
    if (equal_text(multiline->start, multiline->continuation) ||
        equal_text(multiline->end, multiline->continuation)) {
        drop_text(&multiline->continuation);
    }
    if (multiline->start == NULL && multiline->end == NULL && multiline->continuation == NULL) {
        const struct schema_table *flow = schema_find(&schema_config, "flows")->table;
        settings_defaults(schema_find(flow, "multiline")->table, multiline);
    }
}

// Makes the random settings obey the rules between settings, as a valid configuration does.
static void obey_rules(struct config *config, struct flow_config *flow)
{
    obey_multiline_rules(&flow->record.multiline);
    if (flow->record.multiline.max_bytes < flow->record.lines.max_line) {
        flow->record.lines.max_line = flow->record.multiline.max_bytes;
    }
    for (size_t i = 0; i < flow->record.converter_count; i++) {
        struct converter_config *converter = &flow->record.converters[i];
        bool is_csv = converter->kind == CONVERTER_CSV;
        converter->header = is_csv && (converter->header || converter->names.count == 0);
    }
    bool firehose = flow->to.service == SERVICE_FIREHOSE;
    if (firehose) {
        flow->to.max_record_size = 1024000;
        flow->batch.max_size = flow->batch.max_size > 4 << 20 ? 4 << 20 : flow->batch.max_size;
    }
    struct lines_config *lines = &flow->record.lines;
    if (lines->encoding != NULL && !encoding_name_is_utf8(lines->encoding)) {
        lines->invalid_bytes = INVALID_BYTES_REPLACE;
    }
    uint64_t queue_min = UINT64_C(120) << 20; // for the largest of all records
    flow->queue.max_size = flow->queue.max_size < queue_min ? queue_min : flow->queue.max_size;
    const char *endpoint = firehose ? config->endpoint_firehose : config->endpoint_kinesis;
    if (flow->to.endpoint == NULL && endpoint != NULL) {
        flow->to.endpoint = xstrdup(endpoint);
    }
    if (flow->to.region == NULL) {
        flow->to.region = xstrdup(config->region);
    }
}

static struct config *random_config(struct prng *prng)
{
    struct config *config = xcalloc(1, sizeof *config);
    settings_defaults(&schema_config, config);
    fill_table(prng, &schema_config, config);
    free(config->credentials.access_key_id);
    config->credentials.access_key_id = NULL;
    if (config->region == NULL) {
        config->region = random_name(prng);
    }
    for (size_t i = 0; i < config->flow_count; i++) {
        obey_rules(config, &config->flows[i]);
    }
    return config;
}

static bool equal_tables(const struct schema_table *table, const void *a, const void *b);

static bool equal_texts(const struct string_list *a, const struct string_list *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = strcmp(a->items[i], b->items[i]) == 0;
    }
    return equal;
}

static bool equal_lists(const struct schema_field *field, const void *a, const void *b)
{
    size_t count = *(size_t *)at(a, field->second_offset);
    bool equal = count == *(size_t *)at(b, field->second_offset);
    for (size_t i = 0; equal && i < count; i++) {
        size_t offset = i * field->table->struct_size;
        equal = equal_tables(field->table, *(char **)at(a, field->offset) + offset,
                             *(char **)at(b, field->offset) + offset);
    }
    return equal;
}

static bool equal_fields(const struct schema_field *field, const void *a, const void *b)
{
    void *in_a = at(a, field->offset);
    void *in_b = at(b, field->offset);
    switch (field->type) {
    case SCHEMA_BOOL:
        return *(bool *)in_a == *(bool *)in_b;
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        return *(uint64_t *)in_a == *(uint64_t *)in_b;
    case SCHEMA_CHOICE:
        return *(unsigned *)in_a == *(unsigned *)in_b;
    case SCHEMA_CHOICE_OR_DURATION:
        return *(unsigned *)in_a == *(unsigned *)in_b &&
               (*(unsigned *)in_a != field->tag || *(uint64_t *)at(a, field->second_offset) ==
                                                       *(uint64_t *)at(b, field->second_offset));
    case SCHEMA_CHOICE_OR_MAP:
        return *(unsigned *)in_a == *(unsigned *)in_b &&
               (*(unsigned *)in_a != field->tag || equal_tables(field->table, a, b));
    case SCHEMA_WORD:
    case SCHEMA_TEXT:
        return equal_text(*(char **)in_a, *(char **)in_b);
    case SCHEMA_CHARACTER:
        return *(char *)in_a == *(char *)in_b;
    case SCHEMA_TEXTS:
        return equal_texts(in_a, in_b);
    case SCHEMA_MAP:
        return equal_tables(field->table, in_a, in_b);
    case SCHEMA_LIST:
        return equal_lists(field, a, b);
    }
    return false;
}

static bool equal_tables(const struct schema_table *table, const void *a, const void *b)
{
    const unsigned *tag_a = at(a, table->tag_offset);
    const unsigned *tag_b = at(b, table->tag_offset);
    if (table->one_of && *tag_a != *tag_b) {
        return false;
    }
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        bool relevant = !table->one_of || field->tag == *tag_a;
        if (relevant && !equal_fields(field, a, b)) {
            fprintf(stderr, "differs: %s\n", field->name);
            return false;
        }
    }
    return true;
}

static void check_one(const char *path, uint64_t seed)
{
    struct prng prng = prng_of_seed(seed);
    struct config *config = random_config(&prng);
    struct buf text;
    struct buf report;
    buf_init(&text, 1 << 20);
    buf_init(&report, 1 << 20);
    config_print(config, &text);
    ck_assert(!text.overflow);
    int fd = io_posix()->open(io_posix(), path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io_posix(), fd, text.data, text.size, 0), 0);
    io_posix()->close(io_posix(), fd);

    struct config *again = NULL;
    struct config_source source = {.path = path};
    int error = config_load(io_posix(), &source, &again, &report);
    ck_assert_msg(error == 0, "seed %llu\n%.900s\n%.2000s", (unsigned long long)seed,
                  buf_text(&report), buf_text(&text));
    ck_assert_msg(equal_tables(&schema_config, config, again), "seed %llu\n%s",
                  (unsigned long long)seed, buf_text(&text));
    config_free(config);
    config_free(again);
    buf_deinit(&text);
    buf_deinit(&report);
}

START_TEST(what_is_printed_loads_to_the_same)
{
    struct runs runs = runs_wanted(RUNS);
    char *dir = tempdir_create();
    char *path = xasprintf("%s/c.yaml", dir);
    for (uint64_t seed = runs.first; seed < runs.end; seed++) {
        check_one(path, seed);
    }
    free(path);
    tempdir_remove(dir);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("print");
    TCase *tcase = tcase_create("round trip");
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, what_is_printed_loads_to_the_same);
    suite_add_tcase(suite, tcase);
    return suite;
}
