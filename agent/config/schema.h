// The table of every setting: name, type, range, default, unit, help and place in struct config.
// Parsing, ranges, defaults, the printed configuration, the JSON schema and the reference page are
// all driven by it; a new setting is a member in config.h and a row here.
//
// The table is constant; any thread may read it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/load.h"

enum schema_type {
    SCHEMA_BOOL,               // bool
    SCHEMA_COUNT,              // uint64_t
    SCHEMA_SIZE,               // uint64_t, bytes
    SCHEMA_DURATION,           // uint64_t, milliseconds
    SCHEMA_CHOICE,             // an enum, by the names in `choices`
    SCHEMA_CHOICE_OR_DURATION, // an enum; a duration makes it `tag` and goes to the uint64_t at
                               // `second_offset`
    SCHEMA_WORD,               // char *, one of the names in `choices`
    SCHEMA_TEXT,               // char *
    SCHEMA_CHARACTER,          // char, one byte
    SCHEMA_TEXTS,              // struct string_list; a single text is a list of one
    SCHEMA_MAP,                // a struct, by `table`
    SCHEMA_CHOICE_OR_MAP,      // an enum; a map by `table` makes it `tag` and goes to members of
                               // the same struct
    SCHEMA_LIST,               // an array of structs by `table`: the pointer at `offset`, its count
                               // (size_t) at `second_offset`
};

enum schema_flag {
    SCHEMA_REQUIRED = 1,
    SCHEMA_SECRET = 2,        // printed as SCHEMA_HIDDEN
    SCHEMA_NONE_IS_EMPTY = 4, // the word none stands for "", which is refused otherwise
    SCHEMA_INHERITED = 8,     // the default is the setting of the same name at the top level
    SCHEMA_ANY_REQUIRED = 16, // at least one of the table's fields with this flag is present
};

#define SCHEMA_HIDDEN "(hidden)"

// Checks one value as text. False with a sentence for people in `why`.
typedef bool schema_check_fn(const struct config_checks *checks, const char *value, char *why,
                             size_t why_size);

struct schema_choice {
    const char *name;
    unsigned value;
    const char *help;
};

struct schema_field {
    const char *name;
    enum schema_type type;
    unsigned flags;
    size_t offset;
    size_t second_offset;
    uint64_t min; // of numbers and durations, and of the count of lists
    uint64_t max;
    const char *fallback; // the default as it would be written; NULL: unset, empty or false
    const struct schema_choice *choices; // ends with a NULL name
    const struct schema_table *table;
    unsigned tag; // see above and schema_table.one_of
    schema_check_fn *check;
    const char *example;
    const char *help; // sentences for the reference page
};

struct schema_table {
    const struct schema_field *fields; // ends with a NULL name
    size_t struct_size;
    bool one_of;       // exactly one field is present, and its tag goes to
    size_t tag_offset; // the enum there
};

extern const struct schema_table schema_config;

const struct schema_field *schema_find(const struct schema_table *table, const char *name);
