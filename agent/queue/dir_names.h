// The directories of paths, each of them once, however many files are in it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct dir_name {
    struct dir_name *next; // in its bucket
    size_t users;
    char text[];
};

// All zeros: empty.
struct dir_names {
    struct dir_name **buckets; // a power of two
    size_t bucket_count;
    size_t count;
};

void dir_names_deinit(struct dir_names *names);
// The one with this text; give it back with dir_names_drop.
struct dir_name *dir_names_take(struct dir_names *names, struct slice text);
void dir_names_drop(struct dir_names *names, struct dir_name *dir);
