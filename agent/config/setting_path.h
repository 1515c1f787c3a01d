// Where in a configuration something stands, as a chain on the stack.
#pragma once

#include <stddef.h>

// A link is a name or, when that is NULL, an index.
struct setting_path {
    const struct setting_path *parent; // NULL: the top
    const char *name;
    size_t index;
};

enum { SETTING_PATH_MAX = 512 };

// "flows[0].to.kinesis"; NULL is "". Long ones are cut.
void setting_path_text(const struct setting_path *path, char text[SETTING_PATH_MAX]);
