#include "config/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/number.h"
#include "config/encoding_name.h"

enum {
    FIREHOSE_BATCH_BYTES_MAX = 4 * 1024 * 1024, // API reference of PutRecordBatch
    ENDING_GROWTH = 4,  // bytes of a character of a line ending, in the widest encoding
    DECODED_GROWTH = 3, // bytes of text that one of an encoded file becomes, at most
    CHARACTER_BYTES_MAX = 4,
    WHY_MAX = 512,
    QUEUE_RECORDS_MIN = 4, // of the largest size, so that a queue can move on
};

// The node of a dotted path, or the last one on the way there that exists: a rule may concern a
// setting that has its default.
static const struct node *find(const struct node *node, const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, ".");
        char *key = xstrndup(slice_of(path, length));
        const struct node *next = node_get(node, key);
        free(key);
        if (next == NULL) {
            break;
        }
        node = next;
        path += length;
        path += *path == '.' ? 1 : 0;
    }
    return node;
}

PRINTF_LIKE(4, 5)
static void complain(struct mistakes *mistakes, const struct flow_origin *origin, const char *name,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *why = NULL;
    int length = vasprintf(&why, format, args);
    va_end(args);
    ASSERT(length >= 0);
    struct setting_path flows = {.name = "flows"};
    struct setting_path flow = {.parent = &flows, .index = origin->index};
    struct setting_path path = {.parent = &flow, .name = name};
    mistakes_add(mistakes, find(origin->node, name)->mark, &path, "%s", why);
    free(why);
}

static const char *size_text(uint64_t bytes, char text[NUMBER_TEXT_MAX])
{
    number_format_size(bytes, text);
    return text;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void check_lines(struct mistakes *mistakes, const struct config_checks *checks,
                        const struct flow_config *flow, const struct flow_origin *origin)
{
    const struct lines_config *lines = &flow->record.lines;
    const struct node *invalid = node_get(origin->node, "invalid_bytes");
    if (lines->encoding != NULL && !encoding_name_is_utf8(lines->encoding) && invalid != NULL &&
        invalid->kind == NODE_TEXT && strcmp(invalid->text, "keep") == 0) {
        complain(mistakes, origin, "invalid_bytes",
                 "keep needs UTF-8, in which records are shipped; leave it out, and what is not "
                 "valid %s becomes U+FFFD",
                 lines->encoding);
    }
    const char *ending = lines->line_ending;
    bool word = same(ending, "lf") || same(ending, "crlf") || same(ending, "nul");
    uint64_t least = word ? 0 : ENDING_GROWTH * strlen(ending) + CHARACTER_BYTES_MAX;
    if (lines->max_line < least) {
        complain(mistakes, origin, "max_line", "must be at least %llu with this line_ending",
                 (unsigned long long)least);
    }
    char why[WHY_MAX];
    if (checks != NULL && checks->line_ending != NULL && lines->encoding != NULL &&
        !checks->line_ending(lines, why, sizeof why)) {
        complain(mistakes, origin, "line_ending", "%s", why);
    }
}

static bool joins_lines(const struct multiline_config *multiline)
{
    return multiline->start != NULL || multiline->end != NULL || multiline->continuation != NULL;
}

// Patterns that cannot work together, or that match every line.
static void check_patterns(struct mistakes *mistakes, const struct multiline_config *multiline,
                           const struct flow_origin *origin)
{
    if (same(multiline->start, "") || same(multiline->end, "")) {
        complain(mistakes, origin, same(multiline->start, "") ? "multiline.start" : "multiline.end",
                 "matches every line, so that each is a record of its own; leave multiline out");
    }
    if (same(multiline->continuation, "")) {
        complain(mistakes, origin, "multiline.continue",
                 "matches every line, so that a file is one record; name what the lines after the "
                 "first have in common");
    }
    if (same(multiline->start, multiline->end)) {
        complain(mistakes, origin, "multiline.end",
                 "is the same as start, so that every such line is a record of its own; a line "
                 "that only separates records is a start");
    }
    if (same(multiline->start, multiline->continuation)) {
        complain(mistakes, origin, "multiline.continue",
                 "is the same as start; a line cannot begin a record and continue one, so remove "
                 "one of them");
    }
    if (same(multiline->end, multiline->continuation)) {
        complain(mistakes, origin, "multiline.continue",
                 "is the same as end, so that no record has more than two lines; remove one of "
                 "them");
    }
}

static void check_multiline(struct mistakes *mistakes, const struct flow_config *flow,
                            const struct flow_origin *origin)
{
    const struct multiline_config *multiline = &flow->record.multiline;
    check_patterns(mistakes, multiline, origin);
    if (joins_lines(multiline) && multiline->max_bytes < flow->record.lines.max_line) {
        char record[NUMBER_TEXT_MAX];
        char line[NUMBER_TEXT_MAX];
        complain(mistakes, origin, "multiline.max_size",
                 "%s is less than one line may have (max_line: %s); raise it, or lower max_line",
                 size_text(multiline->max_bytes, record),
                 size_text(flow->record.lines.max_line, line));
    }
}

// The map of the converter that is at `index`, NULL when it is only a word.
static const struct node *csv_node(const struct flow_origin *origin, size_t index)
{
    const struct node *convert = node_get(origin->node, "convert");
    if (convert != NULL && convert->kind == NODE_LIST) {
        convert = convert->items[index];
    }
    return node_get(convert, "csv");
}

static void check_csv(struct mistakes *mistakes, const struct flow_config *flow,
                      const struct flow_origin *origin)
{
    for (size_t i = 0; i < flow->record.converter_count; i++) {
        const struct converter_config *converter = &flow->record.converters[i];
        const struct node *node = csv_node(origin, i);
        const struct node *header = node_get(node, "header");
        bool given = node_get(node, "names") != NULL ||
                     (header != NULL && header->kind == NODE_TEXT &&
                      strcmp(header->text, "false") != 0); // what is not true was refused
        if (converter->kind == CONVERTER_CSV && !given) {
            complain(mistakes, origin, "convert",
                     "csv needs the names of its fields: header: true or names: [...]");
        }
    }
}

static void check_batch(struct mistakes *mistakes, const struct flow_config *flow,
                        const struct flow_origin *origin)
{
    if (flow->to.service == SERVICE_FIREHOSE && flow->batch.max_size > FIREHOSE_BATCH_BYTES_MAX) {
        complain(mistakes, origin, "batch.max_size", "out of range; Firehose takes at most 4MiB");
    }
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// The queue also holds what is set aside, as it stands in the file.
static uint64_t largest_record(const struct flow_config *flow)
{
    uint64_t line = flow->record.lines.max_line;
    bool decodes = flow->record.lines.invalid_bytes == INVALID_BYTES_REPLACE;
    uint64_t largest = larger(flow->to.max_record_size, decodes ? DECODED_GROWTH * line : line);
    return joins_lines(&flow->record.multiline) ? larger(largest, flow->record.multiline.max_bytes)
                                                : largest;
}

static void check_queue(struct mistakes *mistakes, const struct flow_config *flow,
                        const struct flow_origin *origin)
{
    uint64_t largest = largest_record(flow);
    uint64_t least = QUEUE_RECORDS_MIN * largest;
    if (flow->queue.max_size < least) {
        char size[NUMBER_TEXT_MAX];
        char record[NUMBER_TEXT_MAX];
        char needed[NUMBER_TEXT_MAX];
        complain(mistakes, origin, "queue.max_size",
                 "%s is too little for records of up to %s; make it %s or more",
                 size_text(flow->queue.max_size, size), size_text(largest, record),
                 size_text(least, needed));
    }
}

void validate_flow(struct mistakes *mistakes, const struct config_checks *checks,
                   const struct flow_config *flow, const struct flow_origin *origin)
{
    check_lines(mistakes, checks, flow, origin);
    check_multiline(mistakes, flow, origin);
    check_csv(mistakes, flow, origin);
    check_batch(mistakes, flow, origin);
    check_queue(mistakes, flow, origin);
}

struct named {
    const char *name;
    size_t number;
};

static int compare_names(const void *left, const void *right)
{
    const struct named *a = left;
    const struct named *b = right;
    int result = strcmp(a->name, b->name);
    if (result == 0) {
        result = a->number < b->number ? -1 : a->number > b->number;
    }
    return result;
}

static void check_same_name(struct mistakes *mistakes, const struct flow_origin *first,
                            const struct flow_origin *second, const char *name)
{
    struct mark mark = find(first->node, "name")->mark;
    complain(mistakes, second, "name", "\"%s\" is also the name of the flow at %s:%zu:%zu", name,
             mistakes_file(mistakes, mark.file), mark.line, mark.column);
}

void validate_flows(struct mistakes *mistakes, const struct config *config,
                    const struct flow_origin *origins)
{
    struct named *names = xcalloc(config->flow_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < config->flow_count; i++) {
        if (config->flows[i].name != NULL) {
            names[count++] = (struct named){.name = config->flows[i].name, .number = i};
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    size_t first = 0;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[first].name, names[i].name) != 0) {
            first = i;
        } else {
            check_same_name(mistakes, &origins[names[first].number], &origins[names[i].number],
                            names[i].name);
        }
    }
    free(names);
}

void validate_top(struct mistakes *mistakes, const struct node *top)
{
    const struct node *credentials = node_get(top, "credentials");
    bool key = node_get(credentials, "access_key_id") != NULL;
    bool secret = node_get(credentials, "secret_access_key") != NULL;
    bool token = node_get(credentials, "session_token") != NULL;
    bool profile = node_get(credentials, "profile") != NULL;
    struct setting_path path = {.name = "credentials"};
    if (key != secret) {
        mistakes_add(mistakes, credentials->mark, &path,
                     "access_key_id and secret_access_key go together; give both or none");
    } else if (token && !key) {
        mistakes_add(
            mistakes, credentials->mark, &path,
            "session_token belongs to access_key_id and secret_access_key; give all three");
    }
    if (profile && key) {
        mistakes_add(mistakes, credentials->mark, &path,
                     "either a profile or an access key, not both; remove one");
    }
}
