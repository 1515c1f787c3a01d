// What is wrong with a configuration, collected so that one run names everything. Every mistake is
// a place, the path of the setting and a sentence that says how to mend it.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "config/setting_path.h"

// A place in one of the files that were loaded. Lines and columns count from 1; line 0 is the file
// as a whole.
struct mark {
    size_t file;
    size_t line;
    size_t column;
};

struct mistakes; // opaque

// Keeps at most `count_max` mistakes and counts the rest.
struct mistakes *mistakes_create(size_t count_max);
void mistakes_free(struct mistakes *mistakes);

// Adds a file in the order of loading; its index goes into marks. `path` is copied.
size_t mistakes_add_file(struct mistakes *mistakes, const char *path);
const char *mistakes_file(const struct mistakes *mistakes, size_t file);

// `path` is NULL where no setting is concerned.
PRINTF_LIKE(4, 5)
void mistakes_add(struct mistakes *mistakes, struct mark mark, const struct setting_path *path,
                  const char *format, ...);
size_t mistakes_count(const struct mistakes *mistakes);

// Appends "file:line:column: path: message", a line each, in the order of files and places.
void mistakes_report(struct mistakes *mistakes, struct buf *out);
