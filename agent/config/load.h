// From YAML files to a struct config, with every mistake named in one run.
//
// Diagnostics: each mistake is one line "file:line:column: path: message", collected in the report;
// the result is E_CONFIG when there is at least one, or the system error when the main file itself
// cannot be read (the report says so, too). Nothing is guessed and nothing is skipped.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/io.h"
#include "config/config.h"

enum {
    CONFIG_FILE_BYTES_MAX = 1024 * 1024, // of one file
    CONFIG_ERRORS_MAX = 50,              // reported in one run
    CONFIG_FLOWS_MAX = 1000,
};

// Checks that config cannot make by itself because they need other folders (does this pattern
// compile, is this URL usable). `value` is the text of the setting; a message for people goes to
// `why`.
struct config_checks {
    bool (*regex)(const char *value, bool needs_named_groups, char *why, size_t why_size);
    bool (*url)(const char *value, char *why, size_t why_size);
    bool (*encoding)(const char *name, char *why, size_t why_size);
    // Whether the encoding has the line ending.
    bool (*line_ending)(const struct lines_config *lines, char *why, size_t why_size);
};

struct config_source {
    const char *path;       // the main file
    const char *dropin_dir; // *.yaml in it in the order of their names; NULL or missing: none
    const struct config_checks *checks;
    const char *(*getenv)(const char *name); // for ${VAR}
};

// Loads, substitutes, validates. On success `*out_config` is owned by the caller, and every flow
// has its region and, where `endpoints` names one, its endpoint. `report` takes the mistakes, a
// line each.
//
// Drop-ins add flows; their other settings are laid over those of the files before them.
NODISCARD int config_load(struct io *io, const struct config_source *source,
                          struct config **out_config, struct buf *report);
void config_free(struct config *config);

// Prints the effective configuration as YAML that config_load reads back to the same; only secrets
// print as "(hidden)", which config_load refuses.
void config_print(const struct config *config, struct buf *out);
// The JSON schema and the reference page (Markdown) of all settings.
void config_print_schema(struct buf *out);
void config_print_reference(struct buf *out);
