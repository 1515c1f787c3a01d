#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "source/tree_state.h"

enum { QUEUE_KEPT = 2048 }; // places in the queue of names, when it is empty

bool tree_join(const char *dir, const char *name, char out_path[PATH_MAX])
{
    size_t dir_size = strlen(dir);
    size_t name_size = strlen(name);
    bool slash = dir_size > 0 && dir[dir_size - 1] != '/';
    if (dir_size + name_size + 2 > PATH_MAX) {
        return false;
    }
    memcpy(out_path, dir, dir_size);
    if (slash) {
        out_path[dir_size++] = '/';
    }
    memcpy(out_path + dir_size, name, name_size);
    out_path[dir_size + name_size] = '\0';
    return true;
}

bool tree_path(const struct name *name, char out_path[PATH_MAX])
{
    return tree_join(name->dir->path, name->text, out_path);
}

static uint64_t hash_of(const struct dir *dir, const char *text)
{
    uint64_t hash = (uint64_t)(uintptr_t)dir * 0x9e3779b97f4a7c15u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return hash ^ hash >> 29;
}

static struct name **bucket_of(const struct tree *tree, const struct dir *dir, const char *text)
{
    return &tree->buckets[hash_of(dir, text) & (tree->bucket_count - 1)];
}

static void grow_buckets(struct tree *tree)
{
    struct name **old = tree->buckets;
    size_t old_count = tree->bucket_count;
    tree->bucket_count = old_count * 2;
    tree->buckets = xcalloc(tree->bucket_count, sizeof(struct name *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct name *name = old[i];
            old[i] = name->bucket_next;
            struct name **bucket = bucket_of(tree, name->dir, name->text);
            name->bucket_next = *bucket;
            *bucket = name;
        }
    }
    free(old);
}

struct name *tree_name_find(const struct tree *tree, const struct dir *dir, const char *text)
{
    struct name *name = *bucket_of(tree, dir, text);
    while (name != NULL && (name->dir != dir || strcmp(name->text, text) != 0)) {
        name = name->bucket_next;
    }
    return name;
}

static void list_append(struct name_list *list, struct name *name)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity + list->capacity / 2 + 16;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    name->index = (uint32_t)list->count;
    list->items[list->count++] = name;
}

static void list_remove(struct name_list *list, struct name *name)
{
    struct name *last = list->items[--list->count];
    list->items[name->index] = last;
    last->index = name->index;
}

static bool wants_polling(const struct name *name)
{
    return name->pinned || name->dir->network || name->dir->watch < 0;
}

void tree_name_sort(struct tree *tree, struct name *name)
{
    bool polled = wants_polling(name);
    if (polled != name->polled) {
        list_remove(name->polled ? &tree->polled : &tree->watched, name);
        name->polled = polled;
        list_append(polled ? &tree->polled : &tree->watched, name);
    }
}

void tree_enqueue(struct tree *tree, struct name *name, bool moved)
{
    name->moved = name->moved || moved;
    if (name->queued) {
        return;
    }
    if (tree->queue_count == tree->queue_capacity) {
        size_t capacity = tree->queue_capacity * 2 + 64;
        struct name **queue = xcalloc(capacity, sizeof(struct name *));
        for (size_t i = 0; i < tree->queue_count; i++) {
            queue[i] = tree->queue[(tree->queue_first + i) % tree->queue_capacity];
        }
        free(tree->queue);
        tree->queue = queue;
        tree->queue_first = 0;
        tree->queue_capacity = capacity;
    }
    name->queued = true;
    tree->queue[(tree->queue_first + tree->queue_count++) % tree->queue_capacity] = name;
}

// A start, or what makes it look at everything again, needs a place for each name; nothing else
// does.
static void shrink_queue(struct tree *tree)
{
    if (tree->queue_capacity > QUEUE_KEPT) {
        free(tree->queue);
        tree->queue = NULL;
        tree->queue_capacity = 0;
        tree->queue_first = 0;
    }
}

struct name *tree_take(struct tree *tree)
{
    while (tree->queue_count > 0) {
        struct name *name = tree->queue[tree->queue_first];
        tree->queue_first = (tree->queue_first + 1) % tree->queue_capacity;
        tree->queue_count--;
        if (name != NULL) {
            name->queued = false;
            return name;
        }
    }
    shrink_queue(tree);
    return NULL;
}

void tree_look(struct tree *tree, struct name *name)
{
    tree_enqueue(tree, name, true);
}

bool tree_pending(const struct tree *tree)
{
    return tree->queue_count > 0;
}

struct name *tree_name_add(struct tree *tree, struct dir *dir, const char *text)
{
    if (tree_name_count(tree) >= 2 * tree->bucket_count) {
        grow_buckets(tree);
    }
    size_t size = strlen(text) + 1;
    struct name *name = xcalloc(1, sizeof *name + size);
    name->dir = dir;
    name->target_watch = -1;
    memcpy(name->text, text, size);
    struct name **bucket = bucket_of(tree, dir, text);
    name->bucket_next = *bucket;
    *bucket = name;
    name->dir_next = dir->names;
    if (dir->names != NULL) {
        dir->names->dir_previous = name;
    }
    dir->names = name;
    name->polled = wants_polling(name);
    list_append(name->polled ? &tree->polled : &tree->watched, name);
    return name;
}

static void unlink_from_dir(struct name *name)
{
    if (name->dir_previous != NULL) {
        name->dir_previous->dir_next = name->dir_next;
    } else {
        name->dir->names = name->dir_next;
    }
    if (name->dir_next != NULL) {
        name->dir_next->dir_previous = name->dir_previous;
    }
}

static void forget_queued(struct tree *tree, struct name *name)
{
    for (size_t i = 0; name->queued && i < tree->queue_count; i++) {
        struct name **place = &tree->queue[(tree->queue_first + i) % tree->queue_capacity];
        if (*place == name) {
            *place = NULL;
            name->queued = false;
        }
    }
}

void tree_drop(struct tree *tree, struct name *name)
{
    forget_queued(tree, name);
    watch_remove(tree->watch, name->target_watch, name);
    struct name **place = bucket_of(tree, name->dir, name->text);
    while (*place != name) {
        place = &(*place)->bucket_next;
    }
    *place = name->bucket_next;
    unlink_from_dir(name);
    list_remove(name->polled ? &tree->polled : &tree->watched, name);
    if (tree->moved_name == name) {
        tree->moved_name = NULL;
    }
    struct dir *dir = name->dir;
    free(name);
    tree_dir_tidy(tree, dir);
}

void tree_name_poll(struct tree *tree, struct name *name, bool has_target)
{
    char path[PATH_MAX];
    watch_remove(tree->watch, name->target_watch, name);
    name->target_watch = -1;
    name->pinned = true;
    if (has_target && tree_path(name, path)) {
        int id = watch_add(tree->watch, path, false, name);
        name->target_watch = id < 0 ? -1 : id;
    }
    tree_name_sort(tree, name);
}
