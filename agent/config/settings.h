// A tree of YAML into a struct, by a table of settings: defaults, reading, freeing. Generic; what
// the settings mean to one another is not its business.
#pragma once

#include "config/mistakes.h"
#include "config/schema.h"
#include "config/yaml_doc.h"

// Where in the configuration a node stands, as a chain on the stack. A link is a name or, when that
// is NULL, an index.
struct setting_path {
    const struct setting_path *parent; // NULL: the top
    const char *name;
    size_t index;
};

enum { SETTING_PATH_MAX = 512 };
// "flows[0].to.kinesis"; long ones are cut.
void setting_path_text(const struct setting_path *path, char text[SETTING_PATH_MAX]);

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
