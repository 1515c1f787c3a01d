// The checks that AWS makes from its service model before an operation runs, with its texts:
// "N validation errors detected: Value '<v>' at '<path>' failed to satisfy constraint: Member must
// <rule>; ...", at most ten of them.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum member_kind {
    MEMBER_STRING,
    MEMBER_INTEGER,
    MEMBER_BOOLEAN,
    MEMBER_TIME,
    MEMBER_MAP,
    MEMBER_LIST,
};

enum member_pattern {
    PATTERN_NONE,
    PATTERN_NAME,       // [a-zA-Z0-9_.-]+
    PATTERN_STREAM_ARN, // arn:aws.*:kinesis:.*:\d{12}:stream/\S+
    PATTERN_HASH_KEY,   // 0|([1-9]\d{0,38})
    PATTERN_SEQUENCE,   // 0|([1-9]\d{0,128})
    PATTERN_ROLE_ARN,   // arn:.*
};

// Tables of members end with one whose name is NULL.
struct member {
    const char *name;
    enum member_kind kind;
    bool required;
    int64_t min; // length of a string or list, value of an integer
    int64_t max; // 0 for none
    enum member_pattern pattern;
    const char *const *values;    // NULL-terminated set, or NULL
    const struct member *members; // of a map, or NULL
};

struct violations {
    struct buf text;
    unsigned count;
};

void violations_init(struct violations *violations);
void violations_deinit(struct violations *violations);
// `value` NULL stands for an absent one; `path` is in lower camel case already.
void violations_add(struct violations *violations, const struct slice *value, const char *path,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
// The whole message.
const char *violations_text(struct violations *violations);

bool pattern_matches(enum member_pattern pattern, struct slice text);
// Adds what is wrong with a text (already known to be present).
void violations_check_text(struct violations *violations, const struct member *member,
                           const char *path, struct slice text);

// False with the text of a SerializationException when a member has the wrong type.
bool validate_types(const json_t *document, const struct member *members, struct buf *message);
void validate(const json_t *document, const struct member *members, struct violations *violations);
