#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/number.h"
#include "base/slice.h"
#include "config/nearest.h"

// Every enum of config.h is represented as an unsigned int (GCC and clang, without negative
// members).
_Static_assert(sizeof(enum start_at) == sizeof(unsigned), "enums are unsigned ints");

enum { SHOWN_MAX = 60, LIST_TEXT_MAX = 1024 };

static void *member(void *base, size_t offset)
{
    return (char *)base + offset;
}

unsigned *value_enum(const struct schema_field *field, void *base)
{
    return member(base, field->offset);
}

uint64_t *value_number(const struct schema_field *field, void *base)
{
    bool second = field->type == SCHEMA_CHOICE_OR_DURATION;
    return member(base, second ? field->second_offset : field->offset);
}

char **value_text(const struct schema_field *field, void *base)
{
    return member(base, field->offset);
}

struct string_list *value_texts(const struct schema_field *field, void *base)
{
    return member(base, field->offset);
}

static const struct schema_choice *find_choice(const struct schema_field *field, const char *name)
{
    for (const struct schema_choice *choice = field->choices; choice->name != NULL; choice++) {
        if (strcmp(choice->name, name) == 0) {
            return choice;
        }
    }
    return NULL;
}

static int refuse_choice(const struct schema_field *field, const char *text, const char *otherwise,
                         char *why, size_t why_size)
{
    struct nearest nearest = {.word = text};
    for (const struct schema_choice *choice = field->choices; choice->name != NULL; choice++) {
        nearest_offer(&nearest, choice->name);
    }
    struct buf names;
    buf_init(&names, LIST_TEXT_MAX);
    value_format_choices(field->choices, &names);
    if (nearest.best != NULL) {
        snprintf(why, why_size, "must be one of %s%s, not \"%.*s\"; did you mean \"%s\"?",
                 buf_text(&names), otherwise, SHOWN_MAX, text, nearest.best);
    } else {
        snprintf(why, why_size, "must be one of %s%s, not \"%.*s\"", buf_text(&names), otherwise,
                 SHOWN_MAX, text);
    }
    buf_deinit(&names);
    return E_CONFIG;
}

// YAML 1.1 takes 010 for eight, YAML 1.2 for ten.
static bool has_leading_zero(const char *text)
{
    return text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

static int parse_number(const struct schema_field *field, const char *text, uint64_t *out_value)
{
    if (has_leading_zero(text)) {
        return E_SYNTAX;
    }
    if (field->type == SCHEMA_SIZE) {
        return number_parse_size(slice_of_text(text), out_value);
    }
    if (field->type == SCHEMA_COUNT) {
        return number_parse_u64(slice_of_text(text), out_value);
    }
    return number_parse_duration(slice_of_text(text), out_value);
}

static int refuse_number(const struct schema_field *field, const char *text, int error, char *why,
                         size_t why_size)
{
    if (error == E_SYNTAX) {
        const char *kind = field->type == SCHEMA_SIZE    ? "a size such as 64MiB"
                           : field->type == SCHEMA_COUNT ? "a whole number"
                                                         : "a duration with its unit such as 10s";
        snprintf(why, why_size, "must be %s%s, not \"%.*s\"", kind,
                 has_leading_zero(text) ? " without leading zeros" : "", SHOWN_MAX, text);
        return E_CONFIG;
    }
    struct buf range;
    buf_init(&range, LIST_TEXT_MAX);
    value_format_range(field, &range);
    snprintf(why, why_size, "out of range; must be %s, not %.*s", buf_text(&range), SHOWN_MAX,
             text);
    buf_deinit(&range);
    return E_CONFIG;
}

static int set_number(const struct schema_field *field, const char *text, void *base, char *why,
                      size_t why_size)
{
    uint64_t value = 0;
    int error = parse_number(field, text, &value);
    if (error == 0 && (value < field->min || value > field->max)) {
        error = E_RANGE;
    }
    if (error != 0) {
        return refuse_number(field, text, error, why, why_size);
    }
    *value_number(field, base) = value;
    return 0;
}

static int set_choice(const struct schema_field *field, const char *text, const char *otherwise,
                      void *base, char *why, size_t why_size)
{
    const struct schema_choice *choice = find_choice(field, text);
    if (choice == NULL) {
        return refuse_choice(field, text, otherwise, why, why_size);
    }
    *value_enum(field, base) = choice->value;
    return 0;
}

static int set_choice_or_duration(const struct schema_field *field, const char *text, void *base,
                                  char *why, size_t why_size)
{
    bool is_number = text[0] >= '0' && text[0] <= '9';
    if (!is_number) {
        return set_choice(field, text, ", or a duration such as 10s", base, why, why_size);
    }
    int error = set_number(field, text, base, why, why_size);
    if (error == 0) {
        *value_enum(field, base) = field->tag;
    }
    return error;
}

static void set_text(const struct schema_field *field, const char *text, void *base)
{
    bool none = (field->flags & SCHEMA_NONE_IS_EMPTY) != 0 && strcmp(text, "none") == 0;
    char **place = value_text(field, base);
    free(*place);
    *place = xstrdup(none ? "" : text);
}

static int set_word(const struct schema_field *field, const char *text, void *base, char *why,
                    size_t why_size)
{
    if (find_choice(field, text) == NULL) {
        return refuse_choice(field, text, "", why, why_size);
    }
    set_text(field, text, base);
    return 0;
}

static int set_bool(const struct schema_field *field, const char *text, void *base, char *why,
                    size_t why_size)
{
    bool *place = member(base, field->offset);
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        snprintf(why, why_size, "must be true or false, not \"%.*s\"", SHOWN_MAX, text);
        return E_CONFIG;
    }
    *place = text[0] == 't';
    return 0;
}

static int set_character(const struct schema_field *field, const char *text, void *base, char *why,
                         size_t why_size)
{
    char *place = member(base, field->offset);
    const char *character = strcmp(text, "tab") == 0 ? "\t" : text;
    if (strlen(character) != 1) {
        snprintf(why, why_size, "must be one ASCII character, not \"%.*s\"", SHOWN_MAX, text);
        return E_CONFIG;
    }
    *place = character[0];
    return 0;
}

int value_parse(const struct schema_field *field, const char *text, void *base, char *why,
                size_t why_size)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        return set_bool(field, text, base, why, why_size);
    case SCHEMA_COUNT:
    case SCHEMA_SIZE:
    case SCHEMA_DURATION:
        return set_number(field, text, base, why, why_size);
    case SCHEMA_CHOICE:
        return set_choice(field, text, "", base, why, why_size);
    case SCHEMA_CHOICE_OR_MAP:
        return set_choice(field, text, ", or a map", base, why, why_size);
    case SCHEMA_CHOICE_OR_DURATION:
        return set_choice_or_duration(field, text, base, why, why_size);
    case SCHEMA_WORD:
        return set_word(field, text, base, why, why_size);
    case SCHEMA_TEXT:
        set_text(field, text, base);
        return 0;
    case SCHEMA_CHARACTER:
        return set_character(field, text, base, why, why_size);
    case SCHEMA_TEXTS:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
        break;
    }
    UNREACHABLE("not a scalar setting");
}
