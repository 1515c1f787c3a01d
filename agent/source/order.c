// The order of generations that are found together: after a start, or when much has happened since
// the last look. One that is seen to take the place of another is ordered where it is seen
// (look.c).
//
// A name says which log a file is or was: rotation adds numbers and dates to it. The time of the
// last change says which of those is older. What was known before is older than what is new.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "source/archive.h"
#include "source/state.h"

enum rank { RANK_KNOWN, RANK_ROTATED, RANK_LOG };

struct place {
    struct source_file *file;
    uint32_t log; // digest of its name
    enum rank rank;
    uint64_t age; // within the rank
};

struct places {
    struct place *items;
    size_t count;
    size_t capacity;
};

// Whether the end of a name is what a rotation adds.
static bool is_rotation_suffix(const char *text)
{
    static const char *const words[] = {"old", "gz"};
    while (*text != '\0') {
        size_t digits = strspn(text, ".-_:T0123456789");
        text += digits;
        size_t length = 0;
        for (size_t i = 0; i < ARRAY_COUNT(words) && length == 0; i++) {
            size_t count = strlen(words[i]);
            length = strncmp(text, words[i], count) == 0 ? count : 0;
        }
        if (digits == 0 || (length == 0 && *text != '\0')) {
            return false;
        }
        text += length;
    }
    return true;
}

// Takes from a path what rotation has added to it. Returns whether there was something.
static bool cut_suffix(char *path)
{
    char *slash = strrchr(path, '/');
    char *cut = NULL;
    for (char *at = path + strlen(path); slash != NULL && --at > slash + 1;) {
        if (*at != '.' && *at != '-') {
            continue;
        }
        if (!is_rotation_suffix(at)) {
            break;
        }
        cut = at;
    }
    if (cut != NULL) {
        *cut = '\0';
    }
    return cut != NULL;
}

static void add(struct places *places, const struct place *place)
{
    if (places->count == places->capacity) {
        places->capacity = places->capacity * 2 + 64;
        places->items = xreallocarray(places->items, places->capacity, sizeof *places->items);
    }
    places->items[places->count++] = *place;
}

static void add_known(struct places *places, struct source_file *file)
{
    struct place place = {
        .file = file, .log = file->generation.first_name, .age = file->generation.id};
    add(places, &place);
}

static void add_new(struct source *source, struct places *places, struct source_file *file)
{
    if (archive_is_named(file) && !source->config->compressed) {
        return;
    }
    char path[PATH_MAX];
    char room[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", file_path(file, room));
    struct file_stat stat;
    struct place place = {.file = file, .rank = RANK_LOG, .age = file->generation.id};
    if (cut_suffix(path) && source->io->stat(source->io, file_path(file, room), true, &stat) == 0) {
        place.rank = RANK_ROTATED;
        place.age = stat.mtime_ns;
    }
    place.log = generation_name(path) & GENERATION_NAME_MAX;
    add(places, &place);
}

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a;
    const struct place *other = b;
    if (one->log != other->log) {
        return one->log < other->log ? -1 : 1;
    }
    if (one->rank != other->rank) {
        return one->rank < other->rank ? -1 : 1;
    }
    return one->age < other->age ? -1 : one->age > other->age;
}

// Makes each file wait for the one before it. It does not wait any more for what is missing and had
// its name: if that goes on in a copy, the copy has a place here, and that place is then its own.
static void put_in_order(struct places *places)
{
    if (places->count > 0) {
        qsort(places->items, places->count, sizeof *places->items, compare_places);
    }
    for (size_t i = places->count; i > 1; i--) {
        const struct place *younger = &places->items[i - 1];
        const struct place *older = &places->items[i - 2];
        if (older->log == younger->log) {
            file_leave_order(older->file);
            file_order_before(older->file, younger->file);
            file_unready(younger->file);
        }
    }
    free(places->items);
}

void order_new(struct source *source)
{
    struct places places = {0};
    const struct link *ring = &source->unjudged;
    for (const struct link *link = ring->next; link != ring; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, waiting);
        if (file->work->younger == NULL) {
            add_new(source, &places, file);
        }
    }
    put_in_order(&places);
}

void order_all(struct source *source)
{
    struct places places = {0};
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        bool is_there = (file->phase == FILE_LIVE || file->phase == FILE_FRESH) && !file->restored;
        // What came into a file that was known to be empty may be younger than anything here.
        bool is_new = !file->announced || file->generation.head.length == 0;
        if (file->phase == FILE_FRESH && is_there && is_new) {
            add_new(source, &places, file);
        } else if ((is_there || file->phase == FILE_ORPHAN) && extent_lag(file) > 0) {
            add_known(&places, file);
        }
    }
    put_in_order(&places);
}
