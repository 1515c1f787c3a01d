// Converters: one framed record in, one compact JSON object (or any JSON value) out. The converters
// of a flow are alternatives: the first one that takes a record decides.
//
//   regex   The named groups in the order of the pattern, as strings; null for a group that took no
//           part. The pattern matches anywhere; "^" and "$" pin it.
//   preset  "common" and "combined": the access log formats of Apache httpd (mod_log_config), which
//           nginx writes too. The members are host, ident, authuser, datetime, request, response,
//           bytes, and with "combined" referer, agent. response and bytes are numbers, everything
//           else is a string as it is written in the log (escapes too); "-" is null. What follows
//           the last field behind a space is not looked at.
//   csv     RFC 4180: fields in quotes may hold delimiters, line endings and doubled quotes; blanks
//           count. Every value is a string. Fields that are missing at the end are null. More
//           fields than names, text behind a closing quote, an open quote at the end and an empty
//           line do not match. Names come from `names`, else from the header line of the file; with
//           both, the header line is left out and `names` are used. An empty name becomes
//           "column3", by its place.
//   json    The value is validated and written compactly, numbers and strings as they were. With
//           `keep` it must be an object; the members are written in the order of `keep`, each under
//           the whole path as its name ("user.id"), and what is not there is left out.
//
// A byte order mark at the start of a file is no part of the record for a converter.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"
#include "record/pattern.h"

// Names of the members of an object, ready to be written.
struct members {
    struct buf prefixes; // `{"first":`, `,"second":`, ...
    size_t *ends;        // of each prefix
    size_t count;
};

void members_init(struct members *members);
void members_deinit(struct members *members);
void members_clear(struct members *members);
void members_add(struct members *members, struct slice name);
// Appends `{"name":` for the first, `,"name":` for any other.
void members_write_name(const struct members *members, size_t index, struct buf *out);

struct conversion {
    struct slice text;
    const struct members *header; // names from the file's header line; NULL when not known
    struct buf *out;              // appended to; left in any state when it does not match
    size_t replaced;              // pieces of invalid UTF-8 that became U+FFFD
};

struct converter {
    bool (*convert)(struct converter *converter, struct conversion *conversion);
    void (*free)(struct converter *converter);
};

// `config` and `stack` are borrowed. E_SYNTAX for a pattern that does not compile, E_CONFIG for an
// unknown preset.
NODISCARD int converter_create(const struct converter_config *config, struct pattern_stack *stack,
                               struct converter **out_converter);
void converter_free(struct converter *converter);

NODISCARD int converter_create_regex(const char *pattern, struct pattern_stack *stack,
                                     struct converter **out_converter);
NODISCARD int converter_create_preset(const char *preset, struct converter **out_converter);
struct converter *converter_create_csv(const struct converter_config *config);
struct converter *converter_create_json(const struct converter_config *config);

// Takes the names out of a header line. False, and no names, when it is not well formed.
bool csv_read_header(struct slice text, char delimiter, struct members *names);
