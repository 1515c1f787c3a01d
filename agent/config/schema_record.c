// The settings that say how files become records.
#include "config/config.h"
#include "config/rules.h"
#include "config/schema_rows.h"

const struct schema_choice schema_over_long[] = {
    {"split", OVER_LONG_SPLIT, "into pieces of at most `max_line` bytes, between characters"},
    {"truncate", OVER_LONG_TRUNCATE, "to its first `max_line` bytes"},
    {"skip", OVER_LONG_SKIP, "the line is dropped and counted as filtered"},
    {"dead_letter", OVER_LONG_DEAD_LETTER, "the line is set aside"},
    END,
};

const struct schema_choice schema_invalid_bytes[] = {
    {"keep", INVALID_BYTES_KEEP, "shipped as they are"},
    {"replace", INVALID_BYTES_REPLACE,
     "U+FFFD in place of each longest beginning of a character, or else of each byte, as Unicode "
     "recommends; counted as bad_utf8"},
    END,
};

const struct schema_choice schema_on_mismatch[] = {
    {"raw", ON_MISMATCH_RAW, "the line is shipped as it is"},
    {"drop", ON_MISMATCH_DROP, "the line is dropped and counted as filtered"},
    {"dead_letter", ON_MISMATCH_DEAD_LETTER, "the line is set aside"},
    END,
};

static const struct schema_choice preset_choices[] = {
    {"common", 0, "Common Log Format (Apache, nginx)"},
    {"combined", 0, "Combined Log Format: common with referrer and user agent"},
    END,
};

static const struct schema_field multiline_fields[] = {
    {.name = "start",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_ANY_REQUIRED,
     AT(multiline_config, start),
     .check = rule_regex,
     .example = "'^\\d{4}-\\d{2}-\\d{2} '",
     .help = "Regular expression (PCRE2). A line that matches begins a record; the lines after it "
             "belong to it up to the next such line. At least one of `start`, `end` and "
             "`continue` is needed. With several of them a record ends where the first of them "
             "ends it; the line after it begins the next one, whatever it looks like."},
    {.name = "end",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_ANY_REQUIRED,
     AT(multiline_config, end),
     .check = rule_regex,
     .example = "'(?<!\\\\)$'",
     .help = "Regular expression. A line that matches is the last of its record. The example joins "
             "lines that end in a backslash with the line after them."},
    {.name = "continue",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_ANY_REQUIRED,
     AT(multiline_config, continuation),
     .check = rule_regex,
     .example = "'^\\s'",
     .help = "Regular expression. A line that matches belongs to the record before it, any other "
             "line begins one. The example is for stack traces with indented lines."},
    {.name = "max_lines",
     .type = SCHEMA_COUNT,
     AT(multiline_config, max_lines),
     .min = 1,
     .max = 100000,
     .fallback = "500",
     .help = "A record ends after so many lines."},
    {.name = "max_size",
     .type = SCHEMA_SIZE,
     AT(multiline_config, max_bytes),
     .min = KIB,
     .max = 10 * MIB,
     .fallback = "1MiB",
     .help = "A record ends before it grows beyond this. At least `max_line`."},
    {.name = "timeout",
     .type = SCHEMA_DURATION,
     AT(multiline_config, timeout_ms),
     .min = 10,
     .max = HOUR,
     .fallback = "5s",
     .help = "A record is complete when no line came for so long."},
    END,
};
const struct schema_table schema_multiline = {multiline_fields, sizeof(struct multiline_config),
                                              false, 0};

static const struct schema_field csv_fields[] = {
    {.name = "delimiter",
     .type = SCHEMA_CHARACTER,
     AT(converter_config, delimiter),
     .fallback = ",",
     .check = rule_delimiter,
     .help = "The character between fields; `tab` for a tab."},
    {.name = "header",
     .type = SCHEMA_BOOL,
     AT(converter_config, header),
     .help = "The first line of each file names the fields and is not shipped."},
    {.name = "names",
     .type = SCHEMA_TEXTS,
     AT(converter_config, names),
     .max = 1000,
     .check = rule_not_empty,
     .help = "The names of the fields, in order; needed without `header`, used instead of it."},
    END,
};
static const struct schema_table csv_table = {csv_fields, sizeof(struct converter_config), false,
                                              0};

static const struct schema_field json_fields[] = {
    {.name = "keep",
     .type = SCHEMA_TEXTS,
     AT(converter_config, keep),
     .max = 1000,
     .check = rule_not_empty,
     .help = "Only these members, in this order; a dot reaches inside (`user.id`). Empty: all."},
    END,
};
static const struct schema_table json_table = {json_fields, sizeof(struct converter_config), false,
                                               0};

static const struct schema_field converter_fields[] = {
    {.name = "preset",
     .type = SCHEMA_WORD,
     .tag = CONVERTER_PRESET,
     AT(converter_config, preset),
     .choices = preset_choices,
     .help = "A well-known format of lines, to JSON."},
    {.name = "regex",
     .type = SCHEMA_TEXT,
     .tag = CONVERTER_REGEX,
     AT(converter_config, pattern),
     .check = rule_regex_named,
     .example = "'^(?<level>\\w+) (?<message>.*)$'",
     .help = "Regular expression (PCRE2) whose named groups become the members of a JSON object."},
    {.name = "csv",
     .type = SCHEMA_MAP,
     .tag = CONVERTER_CSV,
     .table = &csv_table,
     .help = "Separated values with the quoting of RFC 4180, to JSON."},
    {.name = "json",
     .type = SCHEMA_MAP,
     .tag = CONVERTER_JSON,
     .table = &json_table,
     .help = "Lines that are JSON already: checked and written compactly. `json: true` or just "
             "`json` will do."},
    END,
};
const struct schema_table schema_converter = {converter_fields, sizeof(struct converter_config),
                                              true, offsetof(struct converter_config, kind)};

static const struct schema_field filter_fields[] = {
    {.name = "include",
     .type = SCHEMA_TEXTS,
     AT(filter_config, include),
     .max = 100,
     .check = rule_regex,
     .help = "Regular expressions; a record must match one of them, when there are any."},
    {.name = "exclude",
     .type = SCHEMA_TEXTS,
     AT(filter_config, exclude),
     .max = 100,
     .check = rule_regex,
     .help = "Regular expressions; a record that matches one of them is left out."},
    END,
};
const struct schema_table schema_filter = {filter_fields, sizeof(struct filter_config), false, 0};
