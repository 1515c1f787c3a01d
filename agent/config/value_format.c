#include "config/value.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/number.h"

static const void *member(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static bool is_plain_byte(char byte, bool first)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '/';
    return letter ||
           (!first && ((byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.'));
}

// Whether no reader of YAML 1.1 or 1.2 takes the word for anything but a text.
static bool is_plain(const char *text)
{
    static const char *const reserved[] = {"null", "true", "false", "yes", "no",  "on", "off",
                                           "y",    "n",    "none",  "tab", "inf", "nan"};
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++) {
        if (strcasecmp(text, reserved[i]) == 0) {
            return false;
        }
    }
    size_t length = 0;
    while (is_plain_byte(text[length], length == 0)) {
        length++;
    }
    return length > 0 && text[length] == '\0';
}

// Takes one character of valid UTF-8.
static uint32_t next_character(const char **text)
{
    const char *at = *text;
    unsigned char lead = (unsigned char)*at++;
    uint32_t character = lead < 0x80   ? lead
                         : lead < 0xe0 ? lead & 0x1fu
                         : lead < 0xf0 ? lead & 0x0fu
                                       : lead & 0x07u;
    for (; ((unsigned char)*at & 0xc0) == 0x80; at++) {
        character = character << 6 | ((unsigned char)*at & 0x3fu);
    }
    *text = at;
    return character;
}

// What a double-quoted scalar cannot hold as it is (YAML 1.1, c-printable and line breaks).
static bool needs_escape(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 ||
           character == 0x2029 || character == 0xfeff || character == 0xfffe || character == 0xffff;
}

static void format_quoted(const char *text, struct buf *out)
{
    buf_append_byte(out, '"');
    while (*text != '\0') {
        const char *start = text;
        uint32_t character = next_character(&text);
        if (character == '\n') {
            buf_append_text(out, "\\n");
        } else if (character == '\t') {
            buf_append_text(out, "\\t");
        } else if (needs_escape(character)) {
            buf_appendf(out, "\\u%04x", character);
        } else if (character == '"' || character == '\\') {
            buf_appendf(out, "\\%c", (char)character);
        } else {
            if (character == '$' && *text == '{') {
                buf_append_byte(out, '$');
            }
            buf_append(out, start, (size_t)(text - start));
        }
    }
    buf_append_byte(out, '"');
}

void value_format_text(const char *text, struct buf *out)
{
    if (is_plain(text)) {
        buf_append_text(out, text);
    } else {
        format_quoted(text, out);
    }
}

static const char *choice_name(const struct schema_field *field, unsigned value)
{
    for (const struct schema_choice *choice = field->choices; choice->name != NULL; choice++) {
        if (choice->value == value) {
            return choice->name;
        }
    }
    UNREACHABLE("an enum without a name");
}

void value_format_number(const struct schema_field *field, uint64_t value, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    if (field->type == SCHEMA_COUNT) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    } else if (field->type == SCHEMA_SIZE) {
        number_format_size(value, text);
    } else {
        number_format_duration(value, text);
    }
    buf_append_text(out, text);
}

void value_format_range(const struct schema_field *field, struct buf *out)
{
    value_format_number(field, field->min, out);
    if (field->min != field->max) {
        buf_append_text(out, " to ");
        value_format_number(field, field->max, out);
    }
}

void value_format_choices(const struct schema_choice *choices, struct buf *out)
{
    for (const struct schema_choice *choice = choices; choice->name != NULL; choice++) {
        buf_appendf(out, "%s%s", choice == choices ? "" : ", ", choice->name);
    }
}

static void format_setting_text(const struct schema_field *field, const char *text, struct buf *out)
{
    if ((field->flags & SCHEMA_SECRET) != 0) {
        text = SCHEMA_HIDDEN;
    } else if ((field->flags & SCHEMA_NONE_IS_EMPTY) != 0 && text[0] == '\0') {
        buf_append_text(out, "none");
        return;
    }
    value_format_text(text, out);
}

void value_format(const struct schema_field *field, const void *base, struct buf *out)
{
    const void *place = member(base, field->offset);
    switch (field->type) {
    case SCHEMA_BOOL:
        buf_append_text(out, *(const bool *)place ? "true" : "false");
        return;
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        value_format_number(field, *(const uint64_t *)place, out);
        return;
    case SCHEMA_CHOICE_OR_DURATION:
        if (*(const unsigned *)place == field->tag) {
            value_format_number(field, *(const uint64_t *)member(base, field->second_offset), out);
            return;
        }
        buf_append_text(out, choice_name(field, *(const unsigned *)place));
        return;
    case SCHEMA_CHOICE:
    case SCHEMA_CHOICE_OR_MAP:
        buf_append_text(out, choice_name(field, *(const unsigned *)place));
        return;
    case SCHEMA_WORD:
    case SCHEMA_TEXT:
        format_setting_text(field, *(char *const *)place, out);
        return;
    case SCHEMA_CHARACTER:
        value_format_text((const char[]){*(const char *)place, '\0'}, out);
        return;
    case SCHEMA_TEXTS:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
        break;
    }
    UNREACHABLE("not a scalar setting");
}
