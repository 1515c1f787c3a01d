#include "sandbox/validate.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/utf8.h"

enum { VIOLATIONS_LISTED_MAX = 10, TEXT_BYTES_MAX = 1 << 20, PATH_SIZE = 160 };

static const char *const pattern_texts[] = {
    [PATTERN_NONE] = "",
    [PATTERN_NAME] = "[a-zA-Z0-9_.-]+",
    [PATTERN_STREAM_ARN] = "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
    [PATTERN_HASH_KEY] = "0|([1-9]\\d{0,38})",
    [PATTERN_SEQUENCE] = "0|([1-9]\\d{0,128})",
    [PATTERN_ROLE_ARN] = "arn:.*",
};

void violations_init(struct violations *violations)
{
    *violations = (struct violations){0};
    buf_init(&violations->text, TEXT_BYTES_MAX);
}

void violations_deinit(struct violations *violations)
{
    buf_deinit(&violations->text);
}

void violations_add(struct violations *violations, const struct slice *value, const char *path,
                    const char *format, ...)
{
    struct buf *text = &violations->text;
    if (violations->count == VIOLATIONS_LISTED_MAX) {
        return;
    }
    buf_append_text(text, violations->count++ == 0 ? "" : "; ");
    if (value == NULL) {
        buf_append_text(text, "Value null");
    } else {
        buf_append_text(text, "Value '");
        buf_append_slice(text, *value);
        buf_append_text(text, "'");
    }
    char rule[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, sizeof(rule), format, arguments);
    va_end(arguments);
    buf_appendf(text, " at '%s' failed to satisfy constraint: Member must %s", path, rule);
}

const char *violations_text(struct violations *violations)
{
    struct buf whole;
    buf_init(&whole, TEXT_BYTES_MAX);
    buf_appendf(&whole, "%u validation error%s detected: ", violations->count,
                violations->count == 1 ? "" : "s");
    buf_append_slice(&whole, buf_slice(&violations->text));
    buf_deinit(&violations->text);
    violations->text = whole;
    return buf_text(&violations->text);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !is_digit(c) && c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return text.size > 0;
}

static bool is_decimal(struct slice text, size_t digits_max)
{
    if (text.size == 0 || text.size > digits_max || (text.size > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
    }
    return true;
}

// ":<12 digits>:stream/<something without spaces>" at the end of the text.
static bool ends_as_stream_arn(struct slice text)
{
    for (size_t i = 0; i + 21 < text.size; i++) {
        const uint8_t *at = text.data + i;
        bool digits = at[0] == ':';
        for (size_t k = 1; digits && k <= 12; k++) {
            digits = is_digit(at[k]);
        }
        if (!digits || memcmp(at + 13, ":stream/", 8) != 0) {
            continue;
        }
        struct slice name = slice_skip(text, i + 21);
        for (size_t k = 0; k < name.size; k++) {
            if (isspace(name.data[k])) {
                return false;
            }
        }
        return name.size > 0;
    }
    return false;
}

static bool is_stream_arn(struct slice text)
{
    struct slice kinesis = slice_of_text(":kinesis:");
    return slice_starts_with(text, slice_of_text("arn:aws")) &&
           memmem(text.data, text.size, kinesis.data, kinesis.size) != NULL &&
           ends_as_stream_arn(text);
}

bool pattern_matches(enum member_pattern pattern, struct slice text)
{
    switch (pattern) {
    case PATTERN_NONE:
        return true;
    case PATTERN_NAME:
        return is_name(text);
    case PATTERN_STREAM_ARN:
        return is_stream_arn(text);
    case PATTERN_HASH_KEY:
        return is_decimal(text, 39);
    case PATTERN_SEQUENCE:
        return is_decimal(text, 129);
    case PATTERN_ROLE_ARN:
        return slice_starts_with(text, slice_of_text("arn:"));
    }
    return false;
}

static bool in_set(const char *const *values, struct slice text)
{
    for (; *values != NULL; values++) {
        if (slice_equal_text(text, *values)) {
            return true;
        }
    }
    return false;
}

static void add_set(struct violations *violations, const struct member *member, const char *path,
                    struct slice text)
{
    char set[256] = "";
    size_t used = 0;
    for (const char *const *value = member->values; *value != NULL; value++) {
        int size = snprintf(set + used, sizeof(set) - used, "%s%s", used == 0 ? "" : ", ", *value);
        used += size > 0 ? (size_t)size : 0;
        if (used >= sizeof(set)) {
            break;
        }
    }
    violations_add(violations, &text, path, "satisfy enum value set: [%s]", set);
}

void violations_check_text(struct violations *violations, const struct member *member,
                           const char *path, struct slice text)
{
    int64_t units = (int64_t)utf8_utf16_units(text);
    if (member->values != NULL && !in_set(member->values, text)) {
        add_set(violations, member, path, text);
    }
    if (member->pattern != PATTERN_NONE && !pattern_matches(member->pattern, text)) {
        violations_add(violations, &text, path, "satisfy regular expression pattern: %s",
                       pattern_texts[member->pattern]);
    }
    if (units < member->min) {
        violations_add(violations, &text, path, "have length greater than or equal to %" PRId64,
                       member->min);
    }
    if (member->max != 0 && units > member->max) {
        violations_add(violations, &text, path, "have length less than or equal to %" PRId64,
                       member->max);
    }
}

static void check_number(struct violations *violations, const struct member *member,
                         const char *path, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    struct slice slice = slice_of_text(text);
    if (value < member->min) {
        violations_add(violations, &slice, path, "have value greater than or equal to %" PRId64,
                       member->min);
    }
    if (member->max != 0 && value > member->max) {
        violations_add(violations, &slice, path, "have value less than or equal to %" PRId64,
                       member->max);
    }
}

static const char *wrong_value(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_TRUE:
        return "TRUE_VALUE";
    case JSON_FALSE:
        return "FALSE_VALUE";
    case JSON_STRING:
        return "STRING_VALUE";
    case JSON_INTEGER:
        return "NUMBER_VALUE";
    case JSON_REAL:
        return "DECIMAL_VALUE";
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }
    return NULL;
}

static bool has_kind(const json_t *value, enum member_kind kind)
{
    switch (kind) {
    case MEMBER_STRING:
        return json_is_string(value);
    case MEMBER_INTEGER:
        return json_is_integer(value);
    case MEMBER_BOOLEAN:
        return json_is_boolean(value);
    case MEMBER_TIME:
        return json_is_number(value);
    case MEMBER_MAP:
        return json_is_object(value);
    case MEMBER_LIST:
        return json_is_array(value);
    }
    return false;
}

static const char *kind_name(enum member_kind kind)
{
    static const char *const names[] = {
        [MEMBER_STRING] = "a String",   [MEMBER_INTEGER] = "an Integer",
        [MEMBER_BOOLEAN] = "a Boolean", [MEMBER_TIME] = "a Timestamp",
        [MEMBER_MAP] = "a structure",   [MEMBER_LIST] = "a list",
    };
    return names[kind];
}

static const json_t *member_value(const json_t *document, const struct member *member)
{
    const json_t *value = json_object_get(document, member->name);
    return json_is_null(value) ? NULL : value;
}

// Tables nest two deep at most, so these recursions are bounded by them.
bool validate_types(const json_t *document, const struct member *members, struct buf *message)
{
    for (const struct member *member = members; member->name != NULL; member++) {
        const json_t *value = member_value(document, member);
        if (value == NULL) {
            continue;
        }
        if (!has_kind(value, member->kind)) {
            const char *wrong = wrong_value(value);
            if (wrong != NULL) {
                buf_appendf(message, "%s can not be converted to %s", wrong,
                            kind_name(member->kind));
            } else {
                buf_append_text(message,
                                json_is_array(value)
                                    ? "Start of list found where not expected"
                                    : "Start of structure or map found where not expected.");
            }
            return false;
        }
        if (member->members != NULL && !validate_types(value, member->members, message)) {
            return false;
        }
    }
    return true;
}

static void path_of(char path[PATH_SIZE], const char *prefix, const char *name)
{
    snprintf(path, PATH_SIZE, "%s%s%c%s", prefix, *prefix == '\0' ? "" : ".",
             tolower((unsigned char)name[0]), name + 1);
}

static void validate_at(const json_t *document, const struct member *members, const char *prefix,
                        struct violations *violations)
{
    for (const struct member *member = members; member->name != NULL; member++) {
        const json_t *value = member_value(document, member);
        char path[PATH_SIZE];
        path_of(path, prefix, member->name);
        if (value == NULL) {
            if (member->required) {
                violations_add(violations, NULL, path, "not be null");
            }
        } else if (member->kind == MEMBER_STRING) {
            violations_check_text(violations, member, path,
                                  slice_of(json_string_value(value), json_string_length(value)));
        } else if (member->kind == MEMBER_INTEGER) {
            check_number(violations, member, path, json_integer_value(value));
        } else if (member->members != NULL) {
            validate_at(value, member->members, path, violations);
        }
    }
}

void validate(const json_t *document, const struct member *members, struct violations *violations)
{
    validate_at(document, members, "", violations);
}
