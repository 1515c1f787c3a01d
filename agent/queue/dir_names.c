#include "queue/dir_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/generation.h"

static struct dir_name **bucket_of(const struct dir_names *names, struct slice text)
{
    return &names->buckets[fingerprint_of(text).hash & (names->bucket_count - 1)];
}

static void grow(struct dir_names *names)
{
    struct dir_name **old = names->buckets;
    size_t old_count = names->bucket_count;
    names->bucket_count = old_count == 0 ? 16 : old_count * 2;
    names->buckets = xcalloc(names->bucket_count, sizeof(struct dir_name *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct dir_name *dir = old[i];
            old[i] = dir->next;
            struct dir_name **bucket = bucket_of(names, slice_of_text(dir->text));
            dir->next = *bucket;
            *bucket = dir;
        }
    }
    free(old);
}

void dir_names_deinit(struct dir_names *names)
{
    for (size_t i = 0; i < names->bucket_count; i++) {
        while (names->buckets[i] != NULL) {
            struct dir_name *dir = names->buckets[i];
            names->buckets[i] = dir->next;
            free(dir);
        }
    }
    free(names->buckets);
    *names = (struct dir_names){0};
}

struct dir_name *dir_names_take(struct dir_names *names, struct slice text)
{
    if (names->count >= names->bucket_count) {
        grow(names);
    }
    struct dir_name **bucket = bucket_of(names, text);
    struct dir_name *dir = *bucket;
    while (dir != NULL && !slice_equal_text(text, dir->text)) {
        dir = dir->next;
    }
    if (dir == NULL) {
        dir = xcalloc(1, sizeof *dir + text.size + 1);
        memcpy(dir->text, text.data, text.size);
        dir->next = *bucket;
        *bucket = dir;
        names->count++;
    }
    dir->users++;
    return dir;
}

void dir_names_drop(struct dir_names *names, struct dir_name *dir)
{
    if (--dir->users > 0) {
        return;
    }
    struct dir_name **place = bucket_of(names, slice_of_text(dir->text));
    while (*place != dir) {
        place = &(*place)->next;
    }
    *place = dir->next;
    names->count--;
    free(dir);
}
