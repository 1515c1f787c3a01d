// A tree of YAML into a struct, by a table of settings: defaults, reading, freeing. Generic; what
// the settings mean to one another is not its business.
#pragma once

#include "config/mistakes.h"
#include "config/schema.h"
#include "config/setting_path.h"
#include "config/yaml_doc.h"

struct settings_reader {
    struct mistakes *mistakes;
    const struct config_checks *checks;
};

// Fills a zeroed struct with the defaults of its table, those of nested maps too.
void settings_defaults(const struct schema_table *table, void *base);
// Reads a node, which should be a map, over the defaults. What cannot be used is a mistake and
// stays as it is. `skip` names a key that the caller reads itself, or is NULL.
void settings_read(const struct settings_reader *reader, const struct setting_path *path,
                   const struct schema_table *table, const struct node *node, const char *skip,
                   void *base);
// Frees what the struct owns and leaves it empty; not the struct itself.
void settings_free(const struct schema_table *table, void *base);
