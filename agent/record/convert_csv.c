#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json_write.h"
#include "record/convert.h"

struct csv_converter {
    struct converter base;
    char delimiter;
    struct members names; // of the configuration
    struct buf unquoted;
};

// Where the fields of a line are read from.
struct fields {
    struct slice rest;
    char delimiter;
    bool done;
    struct buf *unquoted; // room for a field with doubled quotes
};

enum field_result { FIELD_TAKEN, FIELD_NONE, FIELD_MALFORMED };

static bool take_delimiter(struct fields *fields)
{
    if (fields->rest.size == 0) {
        fields->done = true;
        return true;
    }
    if (fields->rest.data[0] != (uint8_t)fields->delimiter) {
        return false;
    }
    fields->rest = slice_skip(fields->rest, 1);
    return true;
}

static enum field_result take_quoted(struct fields *fields, struct slice *out_text)
{
    struct slice rest = slice_skip(fields->rest, 1);
    const uint8_t *start = rest.data;
    bool doubled = false;
    for (;;) {
        const uint8_t *quote = rest.size == 0 ? NULL : memchr(rest.data, '"', rest.size);
        if (quote == NULL) {
            return FIELD_MALFORMED;
        }
        struct slice part = slice_of(rest.data, (size_t)(quote - rest.data));
        rest = slice_skip(rest, part.size + 1);
        bool ends = rest.size == 0 || rest.data[0] != '"';
        if (ends && !doubled) {
            *out_text = slice_of(start, part.size);
            break;
        }
        if (!doubled) {
            buf_clear(fields->unquoted);
            doubled = true;
        }
        buf_append_slice(fields->unquoted, part);
        if (ends) {
            *out_text = buf_slice(fields->unquoted);
            break;
        }
        buf_append_byte(fields->unquoted, '"');
        rest = slice_skip(rest, 1);
    }
    fields->rest = rest;
    return take_delimiter(fields) ? FIELD_TAKEN : FIELD_MALFORMED;
}

static enum field_result take_field(struct fields *fields, struct slice *out_text)
{
    if (fields->done) {
        return FIELD_NONE;
    }
    struct slice rest = fields->rest;
    if (rest.size != 0 && rest.data[0] == '"') {
        return take_quoted(fields, out_text);
    }
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, fields->delimiter, rest.size);
    size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
    *out_text = slice_of(rest.data, size);
    fields->rest = slice_skip(rest, size);
    return take_delimiter(fields) ? FIELD_TAKEN : FIELD_MALFORMED;
}

static bool convert(struct converter *base, struct conversion *conversion)
{
    struct csv_converter *converter = (struct csv_converter *)base;
    const struct members *names =
        converter->names.count != 0 ? &converter->names : conversion->header;
    if (names == NULL || names->count == 0 || conversion->text.size == 0) {
        return false;
    }
    struct fields fields = {
        .rest = conversion->text,
        .delimiter = converter->delimiter,
        .unquoted = &converter->unquoted,
    };
    for (size_t i = 0; i < names->count; i++) {
        struct slice text;
        enum field_result result = take_field(&fields, &text);
        if (result == FIELD_MALFORMED) {
            return false;
        }
        members_write_name(names, i, conversion->out);
        if (result == FIELD_NONE) {
            buf_append_text(conversion->out, "null");
        } else {
            conversion->replaced += json_write_string(conversion->out, text);
        }
    }
    buf_append_byte(conversion->out, '}');
    return fields.done;
}

static void free_converter(struct converter *base)
{
    struct csv_converter *converter = (struct csv_converter *)base;
    members_deinit(&converter->names);
    buf_deinit(&converter->unquoted);
    free(converter);
}

struct converter *converter_create_csv(const struct converter_config *config)
{
    struct csv_converter *converter = xcalloc(1, sizeof *converter);
    converter->base = (struct converter){.convert = convert, .free = free_converter};
    converter->delimiter = config->delimiter;
    members_init(&converter->names);
    for (size_t i = 0; i < config->names.count; i++) {
        members_add(&converter->names, slice_of_text(config->names.items[i]));
    }
    buf_init(&converter->unquoted, SIZE_MAX / 2); // bounded by the size of the record
    return &converter->base;
}

static void add_name(struct members *names, struct slice text)
{
    char number[32];
    if (text.size == 0) {
        snprintf(number, sizeof number, "column%zu", names->count + 1);
        text = slice_of_text(number);
    }
    members_add(names, text);
}

bool csv_read_header(struct slice text, char delimiter, struct members *names)
{
    struct buf unquoted;
    buf_init(&unquoted, text.size);
    struct fields fields = {.rest = text, .delimiter = delimiter, .unquoted = &unquoted};
    members_clear(names);
    enum field_result result = text.size == 0 ? FIELD_MALFORMED : FIELD_TAKEN;
    while (result == FIELD_TAKEN) {
        struct slice name;
        result = take_field(&fields, &name);
        if (result == FIELD_TAKEN) {
            add_name(names, name);
        }
    }
    buf_deinit(&unquoted);
    if (result == FIELD_MALFORMED) {
        members_clear(names);
        return false;
    }
    return true;
}
