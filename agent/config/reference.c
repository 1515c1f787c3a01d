// The reference page of all settings, in Markdown.
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/schema.h"
#include "config/value.h"

enum { TITLE_MAX = 128 };

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "<!-- Made by `kintail check --reference` from the table of settings; not to be edited. -->\n"
    "\n"
    "kintail reads `/etc/kintail/kintail.yaml`, then every `*.yaml` in the directory `conf.d` "
    "beside it, in the order of their names. `kintail check` names every mistake in them; "
    "`kintail check --print` shows what is in effect, defaults included.\n"
    "\n"
    "## Rules for all settings\n"
    "\n"
    "- Files are YAML in UTF-8, of at most 1 MiB, with one document each. An unknown key, a key "
    "that is there twice and a value out of range are mistakes; kintail does not start with any.\n"
    "- A drop-in adds its `flows` to those of the other files; a flow's name must be used only "
    "once. Its other settings replace those of earlier files; maps such as `queue` are combined "
    "key by key.\n"
    "- Sizes are written `512B`, `64KiB`, `1MiB`, `2GiB`, `1TiB` (powers of 1,024) or `500kB`, "
    "`10MB`, `1GB` (powers of 1,000); a bare number is bytes.\n"
    "- Durations are written `250ms`, `10s`, `5m`, `1h30m`, `7d`, always with a unit.\n"
    "- `${NAME}` in a value is replaced by the environment variable, `${NAME:-value}` by the value "
    "where the variable is unset or empty; an unset variable without a value is a mistake. `$${` "
    "is a plain `${`. This happens after the YAML is read, so that nothing in a variable can "
    "become a setting.\n"
    "- Where a list of texts is expected, a single one will do. Anchors, aliases and merge keys "
    "(`<<: *name`) work within a file; tags (`!name`) are refused.\n"
    "- Regular expressions are PCRE2. Put them in single quotes, so that YAML leaves their "
    "backslashes alone.\n"
    "\n";

static void append_type(const struct schema_field *field, struct buf *out)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        buf_append_text(out, "`true` or `false`");
        break;
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        buf_appendf(out, "%s, ",
                    field->type == SCHEMA_COUNT  ? "number"
                    : field->type == SCHEMA_SIZE ? "size"
                                                 : "duration");
        value_format_range(field, out);
        break;
    case SCHEMA_CHOICE:
    case SCHEMA_WORD:
        buf_append_text(out, "word");
        break;
    case SCHEMA_CHOICE_OR_DURATION:
        buf_append_text(out, "duration, ");
        value_format_range(field, out);
        buf_append_text(out, ", or word");
        break;
    case SCHEMA_CHOICE_OR_MAP:
        buf_append_text(out, "word or map");
        break;
    case SCHEMA_TEXT:
        buf_append_text(out, "text");
        break;
    case SCHEMA_CHARACTER:
        buf_append_text(out, "character");
        break;
    case SCHEMA_TEXTS:
        buf_append_text(out, "list of texts");
        break;
    case SCHEMA_MAP:
        buf_append_text(out, "map");
        break;
    case SCHEMA_LIST:
        buf_append_text(out, "list of maps");
        break;
    }
}

static void append_default(const struct schema_field *field, struct buf *out)
{
    if ((field->flags & SCHEMA_REQUIRED) != 0) {
        buf_append_text(out, "required");
    } else if ((field->flags & SCHEMA_INHERITED) != 0) {
        buf_append_text(out, "the global one");
    } else if (field->type == SCHEMA_BOOL && field->fallback == NULL) {
        buf_append_text(out, "`false`");
    } else if (field->fallback == NULL) {
        buf_append_text(out, "–");
    } else if (field->type == SCHEMA_TEXT || field->type == SCHEMA_CHARACTER) {
        buf_append_byte(out, '`');
        value_format_text(field->fallback, out);
        buf_append_byte(out, '`');
    } else {
        buf_appendf(out, "`%s`", field->fallback);
    }
}

static void append_cell(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        buf_append_text(out, *text == '|' ? "\\" : "");
        buf_append_byte(out, (uint8_t)*text);
    }
}

static void append_choices(const struct schema_choice *choices, struct buf *out)
{
    for (const struct schema_choice *choice = choices; choice->name != NULL; choice++) {
        buf_appendf(out, "%s `%s`: %s", choice == choices ? "" : ";", choice->name, choice->help);
    }
    buf_append_byte(out, '.');
}

static void append_help(const struct schema_field *field, struct buf *out)
{
    append_cell(field->help, out);
    if (field->choices != NULL) {
        append_choices(field->choices, out);
    }
    if (field->example != NULL) {
        buf_append_text(out, " Example: `");
        append_cell(field->example, out);
        buf_append_text(out, "`.");
    }
}

static void append_row(const struct schema_field *field, struct buf *out)
{
    buf_appendf(out, "| `%s` | ", field->name);
    append_type(field, out);
    buf_append_text(out, " | ");
    append_default(field, out);
    buf_append_text(out, " | ");
    append_help(field, out);
    buf_append_text(out, " |\n");
}

// One section for the table, then one for each map in it.
static void append_section(const struct schema_table *table, const char *title, const char *help,
                           struct buf *out)
{
    if (title[0] == '\0') {
        buf_append_text(out, "## Top level\n\n");
    } else {
        buf_appendf(out, "## `%s`\n\n%s\n\n", title, help);
    }
    if (table->one_of) {
        buf_append_text(out, "Exactly one of these:\n\n");
    }
    buf_append_text(out, "| Setting | Value | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        append_row(field, out);
    }
    buf_append_byte(out, '\n');
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (field->table != NULL && (field->flags & SCHEMA_INHERITED) == 0) {
            char path[TITLE_MAX];
            snprintf(path, sizeof path, "%s%s%s%s", title, title[0] == '\0' ? "" : ".", field->name,
                     field->type == SCHEMA_LIST ? "[]" : "");
            append_section(field->table, path, field->help, out);
        }
    }
}

void config_print_reference(struct buf *out)
{
    buf_append_text(out, introduction);
    append_section(&schema_config, "", "", out);
    buf_truncate(out, out->size - (out->overflow ? 0 : 1)); // the empty line at the end
}
