// The effective configuration as YAML.
#include <stddef.h>

#include "config/load.h"
#include "config/schema.h"
#include "config/value.h"

enum { INDENT = 2 };

static bool print_table(const struct schema_table *table, const void *base, unsigned indent,
                        struct buf *out);

static const void *member(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static void print_name(const struct schema_field *field, unsigned indent, struct buf *out)
{
    buf_appendf(out, "%*s%s:", (int)indent, "", field->name);
}

static void print_texts(const struct schema_field *field, const struct string_list *list,
                        unsigned indent, struct buf *out)
{
    if (list->count == 0) {
        return;
    }
    print_name(field, indent, out);
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < list->count; i++) {
        buf_appendf(out, "%*s- ", (int)indent + INDENT, "");
        value_format_text(list->items[i], out);
        buf_append_byte(out, '\n');
    }
}

static void print_list(const struct schema_field *field, const void *base, unsigned indent,
                       struct buf *out)
{
    const char *items = *(char *const *)member(base, field->offset);
    size_t count = *(const size_t *)member(base, field->second_offset);
    if (count == 0) {
        return;
    }
    print_name(field, indent, out);
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < count; i++) {
        size_t dash = out->size + indent + INDENT;
        print_table(field->table, items + i * field->table->struct_size, indent + 2 * INDENT, out);
        if (!out->overflow) {
            out->data[dash] = '-';
        }
    }
}

// A map that has nothing to show is left out, unless its being there is what counts.
static void print_map(const struct schema_field *field, const void *base, bool always,
                      unsigned indent, struct buf *out)
{
    size_t start = out->size;
    print_name(field, indent, out);
    size_t behind_name = out->size;
    buf_append_byte(out, '\n');
    if (!print_table(field->table, base, indent + INDENT, out)) {
        buf_truncate(out, always ? behind_name : start);
        buf_append_text(out, always ? " {}\n" : "");
    }
}

static bool is_text(const struct schema_field *field)
{
    return field->type == SCHEMA_TEXT || field->type == SCHEMA_WORD;
}

static bool is_unset(const struct schema_field *field, const void *base)
{
    return is_text(field) && *(char *const *)member(base, field->offset) == NULL;
}

static void print_field(const struct schema_field *field, const void *base, bool always,
                        unsigned indent, struct buf *out)
{
    if (field->type == SCHEMA_MAP) {
        print_map(field, member(base, field->offset), always, indent, out);
    } else if (field->type == SCHEMA_CHOICE_OR_MAP &&
               *(const unsigned *)member(base, field->offset) == field->tag) {
        print_map(field, base, true, indent, out);
    } else if (field->type == SCHEMA_TEXTS) {
        print_texts(field, member(base, field->offset), indent, out);
    } else if (field->type == SCHEMA_LIST) {
        print_list(field, base, indent, out);
    } else if (!is_unset(field, base)) {
        print_name(field, indent, out);
        buf_append_byte(out, ' ');
        value_format(field, base, out);
        buf_append_byte(out, '\n');
    }
}

// A map without its required text, or without any of those of which one is, was not given at all.
static bool is_absent(const struct schema_table *table, const void *base)
{
    bool needs_any = false;
    bool has_any = false;
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if ((field->flags & SCHEMA_REQUIRED) != 0 && is_unset(field, base)) {
            return true;
        }
        if ((field->flags & SCHEMA_ANY_REQUIRED) != 0) {
            needs_any = true;
            has_any |= !is_unset(field, base);
        }
    }
    return needs_any && !has_any;
}

// Returns whether anything was printed.
static bool print_table(const struct schema_table *table, const void *base, unsigned indent,
                        struct buf *out)
{
    size_t start = out->size;
    if (is_absent(table, base)) {
        return false;
    }
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (!table->one_of) {
            print_field(field, base, false, indent, out);
        } else if (*(const unsigned *)member(base, table->tag_offset) == field->tag) {
            print_field(field, base, true, indent, out);
        }
    }
    return out->size > start;
}

void config_print(const struct config *config, struct buf *out)
{
    print_table(&schema_config, config, 0, out);
}
