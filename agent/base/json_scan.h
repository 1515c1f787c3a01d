// A validating JSON reader (RFC 8259) that loses nothing: numbers and strings are handed out as
// they were written, duplicate members stay. It builds no tree and allocates nothing.
//
// Diagnostics: E_SYNTAX with the offset of the first offending byte, E_TOO_LARGE when values nest
// deeper than JSON_DEPTH_MAX. Strings must be valid UTF-8; a lone surrogate escape is accepted.
// Where a function appends to a buffer, its sticky overflow is for the caller to check.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum { JSON_DEPTH_MAX = 128 };

enum json_kind {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

// Checks that `text` is one JSON value with nothing but white space around it. `out_offset` (may be
// NULL) is written on error.
NODISCARD int json_validate(struct slice text, size_t *out_offset);
// Appends the value without insignificant white space, otherwise byte for byte. `out` keeps a
// partial value on error.
NODISCARD int json_compact(struct slice text, struct buf *out, size_t *out_offset);
// Kind of a validated value.
enum json_kind json_kind_of(struct slice value);

// Walks the members of an object or the elements of an array, in order:
//
//     struct json_walk walk;
//     json_walk_init(&walk, value);
//     while (json_walk_next(&walk)) { use walk.name and walk.value }
//     if (walk.error != 0) ...
//
// Every value that it passes is validated in full. `name` is the raw text between the quotes
// (escapes as written), `value` the raw text of the value without surrounding white space.
struct json_walk {
    struct slice name;
    struct slice value;
    struct slice rest;
    enum json_kind kind; // JSON_OBJECT or JSON_ARRAY
    int error;
    bool started;
    bool finished;
};

void json_walk_init(struct json_walk *walk, struct slice value);
bool json_walk_next(struct json_walk *walk);

// Finds a member by a dotted path ("user.id") in an object. Names are compared with their escapes
// resolved; the last of duplicates wins, as in most readers, and a name that has dots itself wins
// over a shorter one. Returns E_NOT_FOUND when there is none, or what is wrong with the text.
NODISCARD int json_find(struct slice object, struct slice path, struct slice *out_value);
// Appends the text of a JSON string with its escapes resolved (a lone surrogate becomes U+FFFD).
// `raw` is with its quotes. E_SYNTAX when it is not a string.
NODISCARD int json_unescape(struct slice raw, struct buf *out);
