// The JSON schema of the configuration, for editors: https://json-schema.org/draft-07.
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "base/slice.h"
#include "config/load.h"
#include "config/schema.h"

struct emitter {
    struct buf *out;
    unsigned depth;
    bool first; // in the present object or array
};

static void emit_table(struct emitter *emitter, const struct schema_table *table);

static void emit_separator(struct emitter *emitter)
{
    buf_append_text(emitter->out, emitter->first ? "\n" : ",\n");
    buf_appendf(emitter->out, "%*s", (int)emitter->depth * 2, "");
    emitter->first = false;
}

static void emit_text(struct emitter *emitter, const char *text)
{
    json_write_string(emitter->out, slice_of_text(text));
}

// In an array the name is NULL.
static void emit_name(struct emitter *emitter, const char *name)
{
    emit_separator(emitter);
    if (name != NULL) {
        emit_text(emitter, name);
        buf_append_text(emitter->out, ": ");
    }
}

static void emit_open(struct emitter *emitter, const char *name, char bracket)
{
    emit_name(emitter, name);
    buf_append_byte(emitter->out, (uint8_t)bracket);
    emitter->depth++;
    emitter->first = true;
}

static void emit_close(struct emitter *emitter, char bracket)
{
    emitter->depth--;
    buf_appendf(emitter->out, "\n%*s%c", (int)emitter->depth * 2, "", bracket);
    emitter->first = false;
}

static void emit_member(struct emitter *emitter, const char *name, const char *text)
{
    emit_name(emitter, name);
    emit_text(emitter, text);
}

static void emit_literal(struct emitter *emitter, const char *name, const char *literal)
{
    emit_name(emitter, name);
    buf_append_text(emitter->out, literal);
}

static void emit_number(struct emitter *emitter, const char *name, uint64_t value)
{
    emit_name(emitter, name);
    buf_append_u64_decimal(emitter->out, value);
}

static void emit_reference(struct emitter *emitter, const char *definition)
{
    emit_open(emitter, NULL, '{');
    emit_member(emitter, "$ref", definition);
    emit_close(emitter, '}');
}

static void emit_names(struct emitter *emitter, const char *name,
                       const struct schema_choice *choices)
{
    emit_open(emitter, name, '[');
    for (const struct schema_choice *choice = choices; choice->name != NULL; choice++) {
        emit_member(emitter, NULL, choice->name);
    }
    emit_close(emitter, ']');
}

static void emit_type(struct emitter *emitter, const char *type)
{
    emit_open(emitter, NULL, '{');
    emit_member(emitter, "type", type);
    emit_close(emitter, '}');
}

static void emit_choice(struct emitter *emitter, const struct schema_choice *choices)
{
    emit_open(emitter, NULL, '{');
    emit_names(emitter, "enum", choices);
    emit_close(emitter, '}');
}

static void emit_map(struct emitter *emitter, const struct schema_table *table)
{
    emit_open(emitter, NULL, '{');
    emit_table(emitter, table);
    emit_close(emitter, '}');
}

static void emit_count(struct emitter *emitter, const struct schema_field *field)
{
    emit_open(emitter, NULL, '{');
    emit_member(emitter, "type", "integer");
    emit_number(emitter, "minimum", field->min);
    emit_number(emitter, "maximum", field->max);
    emit_close(emitter, '}');
}

// A map with one of several keys, or just the name of one that needs nothing more.
static void emit_one_of(struct emitter *emitter, const struct schema_table *table)
{
    emit_open(emitter, "anyOf", '[');
    emit_map(emitter, table);
    emit_open(emitter, NULL, '{');
    emit_open(emitter, "enum", '[');
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (field->type == SCHEMA_MAP) {
            emit_member(emitter, NULL, field->name);
        }
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
    emit_close(emitter, ']');
}

static void emit_array(struct emitter *emitter, const struct schema_field *field)
{
    emit_open(emitter, NULL, '{');
    emit_member(emitter, "type", "array");
    if (field->min > 0) {
        emit_number(emitter, "minItems", field->min);
    }
    emit_number(emitter, "maxItems", field->max);
    emit_open(emitter, "items", '{');
    if (field->type == SCHEMA_TEXTS) {
        emit_member(emitter, "type", "string");
    } else if (field->table->one_of) {
        emit_one_of(emitter, field->table);
    } else {
        emit_table(emitter, field->table);
    }
    emit_close(emitter, '}');
    emit_close(emitter, '}');
}

// The forms that a value may have, as elements of "anyOf".
static void emit_forms(struct emitter *emitter, const struct schema_field *field)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        emit_type(emitter, "boolean");
        break;
    case SCHEMA_COUNT:
        emit_count(emitter, field);
        break;
    case SCHEMA_SIZE:
        emit_reference(emitter, "#/definitions/size");
        break;
    case SCHEMA_CHOICE_OR_DURATION:
        emit_choice(emitter, field->choices);
        emit_reference(emitter, "#/definitions/duration");
        break;
    case SCHEMA_DURATION:
        emit_reference(emitter, "#/definitions/duration");
        break;
    case SCHEMA_CHOICE:
    case SCHEMA_WORD:
        emit_choice(emitter, field->choices);
        break;
    case SCHEMA_CHOICE_OR_MAP:
        emit_choice(emitter, field->choices);
        emit_map(emitter, field->table);
        break;
    case SCHEMA_TEXT:
    case SCHEMA_CHARACTER:
        emit_type(emitter, "string");
        return; // a variable is a string, too
    case SCHEMA_TEXTS:
        emit_type(emitter, "string");
        emit_array(emitter, field);
        return;
    case SCHEMA_LIST:
        emit_array(emitter, field);
        return;
    case SCHEMA_MAP:
        emit_map(emitter, field->table);
        return;
    }
    emit_reference(emitter, "#/definitions/variable");
}

static void emit_field(struct emitter *emitter, const struct schema_field *field, bool one_of)
{
    emit_open(emitter, field->name, '{');
    emit_member(emitter, "description", field->help);
    if (field->fallback != NULL) {
        emit_member(emitter, "default", field->fallback);
    }
    emit_open(emitter, "anyOf", '[');
    emit_forms(emitter, field);
    if (field->type == SCHEMA_MAP) {
        emit_open(emitter, NULL, '{');
        emit_literal(emitter, "const", one_of ? "true" : "null");
        emit_close(emitter, '}');
    }
    if (field->type == SCHEMA_LIST && field->table->one_of) {
        emit_map(emitter, field->table);
    }
    emit_close(emitter, ']');
    emit_close(emitter, '}');
}

static void emit_required(struct emitter *emitter, const struct schema_table *table)
{
    bool any = false;
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        // A drop-in needs no flows.
        if ((field->flags & SCHEMA_REQUIRED) != 0 && table != &schema_config) {
            if (!any) {
                emit_open(emitter, "required", '[');
            }
            any = true;
            emit_member(emitter, NULL, field->name);
        }
    }
    if (any) {
        emit_close(emitter, ']');
    }
}

static void emit_any_required(struct emitter *emitter, const struct schema_table *table)
{
    bool any = false;
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if ((field->flags & SCHEMA_ANY_REQUIRED) != 0) {
            if (!any) {
                emit_open(emitter, "anyOf", '[');
            }
            any = true;
            emit_open(emitter, NULL, '{');
            emit_open(emitter, "required", '[');
            emit_member(emitter, NULL, field->name);
            emit_close(emitter, ']');
            emit_close(emitter, '}');
        }
    }
    if (any) {
        emit_close(emitter, ']');
    }
}

// The members of the schema of a map.
static void emit_table(struct emitter *emitter, const struct schema_table *table)
{
    emit_member(emitter, "type", "object");
    emit_literal(emitter, "additionalProperties", "false");
    if (table->one_of) {
        emit_number(emitter, "minProperties", 1);
        emit_number(emitter, "maxProperties", 1);
    }
    emit_required(emitter, table);
    emit_any_required(emitter, table);
    emit_open(emitter, "properties", '{');
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        emit_field(emitter, field, table->one_of);
    }
    emit_close(emitter, '}');
}

static void emit_definition(struct emitter *emitter, const char *name, const char *type,
                            const char *pattern)
{
    emit_open(emitter, name, '{');
    emit_literal(emitter, "type", type);
    emit_member(emitter, "pattern", pattern);
    emit_close(emitter, '}');
}

void config_print_schema(struct buf *out)
{
    struct emitter emitter = {.out = out, .depth = 1, .first = true};
    buf_append_byte(out, '{');
    emit_member(&emitter, "$schema", "http://json-schema.org/draft-07/schema#");
    emit_member(&emitter, "title", "Configuration of kintail");
    emit_open(&emitter, "definitions", '{');
    emit_definition(&emitter, "size", "[\"string\", \"integer\"]",
                    "^[0-9]+ ?(B|kB|MB|GB|KiB|MiB|GiB|TiB)?$");
    emit_definition(&emitter, "duration", "\"string\"",
                    "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$");
    emit_definition(&emitter, "variable", "\"string\"", "\\$\\{.*\\}");
    emit_close(&emitter, '}');
    emit_table(&emitter, &schema_config);
    buf_append_text(out, "\n}\n");
}
