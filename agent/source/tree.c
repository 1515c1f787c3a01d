#include "source/tree.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "source/tree_state.h"

enum {
    RESYNC_STATS = 5000,  // looks a step after events were lost
    POLLED_SHARE = 350,   // of TREE_STATS_PER_WAKE, for names that only polling can follow
    DIRECTORY_SHARE = 50, // and for directories
};

// ---- rescan ----

static size_t look_at_some(struct tree *tree, struct name_list *list, size_t budget)
{
    size_t count = budget < list->count ? budget : list->count;
    for (size_t i = 0; i < count; i++) {
        list->cursor = list->cursor >= list->count ? 0 : list->cursor;
        tree_enqueue(tree, list->items[list->cursor++], true);
    }
    return count;
}

static size_t check_some_dirs(struct tree *tree, size_t budget)
{
    size_t count = budget < tree->dir_count ? budget : tree->dir_count;
    for (size_t i = 0; i < count; i++) {
        tree->dir_cursor = tree->dir_cursor >= tree->dir_count ? 0 : tree->dir_cursor;
        struct dir *dir = tree->dirs[tree->dir_cursor++];
        tree_dir_check(tree, dir, false);
        tree_dir_tidy(tree, dir);
    }
    return count;
}

static void rescan(struct tree *tree, size_t budget)
{
    size_t dirs = budget * DIRECTORY_SHARE / TREE_STATS_PER_WAKE;
    size_t polled = budget * POLLED_SHARE / TREE_STATS_PER_WAKE;
    size_t left = budget;
    left -= check_some_dirs(tree, dirs > 0 ? dirs : 1);
    left -= look_at_some(tree, &tree->polled, polled);
    (void)look_at_some(tree, &tree->watched, left);
}

void tree_step(struct tree *tree, uint64_t now_ns)
{
    tree->now_ns = now_ns;
    struct watch_event event;
    while (watch_next(tree->watch, &event)) {
        tree_take_event(tree, &event);
    }
    if (tree->resync > 0) {
        rescan(tree, RESYNC_STATS);
        tree->resync -= tree->resync < RESYNC_STATS ? tree->resync : RESYNC_STATS;
    }
    if (now_ns < tree->next_scan_ns) {
        return;
    }
    if (watch_retry(tree->watch)) {
        tree_resync(tree);
    }
    uint64_t interval_ns = NS_PER_S;
    if (tree->polled.count > 0 && tree->poll_interval_ns < interval_ns) {
        interval_ns = tree->poll_interval_ns;
    }
    rescan(tree, (size_t)(TREE_STATS_PER_WAKE * interval_ns / NS_PER_S));
    tree->next_scan_ns = now_ns + interval_ns;
}

uint64_t tree_next_step(const struct tree *tree)
{
    return tree->resync > 0 ? 0 : tree->next_scan_ns;
}

void tree_scan(struct tree *tree)
{
    for (size_t i = 0; i < glob_base_count(tree->glob); i++) {
        tree_dir_check(tree, tree->dirs[i], true);
    }
}

void tree_look_everywhere(struct tree *tree)
{
    struct watch_event event;
    while (watch_next(tree->watch, &event)) {
        tree_take_event(tree, &event);
    }
    for (size_t i = 0; i < tree->dir_count; i++) {
        tree_dir_check(tree, tree->dirs[i], true);
    }
    (void)look_at_some(tree, &tree->polled, SIZE_MAX);
    (void)look_at_some(tree, &tree->watched, SIZE_MAX);
}

void tree_look_around(struct tree *tree, const struct name *name)
{
    tree_dir_check(tree, name->dir, true);
}

// ---- life ----

struct tree *tree_create(struct io *io, const struct glob *glob, uint64_t poll_interval_ms)
{
    struct tree *tree = xcalloc(1, sizeof *tree);
    tree->io = io;
    tree->glob = glob;
    tree->watch = watch_create(io);
    tree->poll_interval_ns = (poll_interval_ms < 50 ? 50 : poll_interval_ms) * NS_PER_MS;
    tree->bucket_count = 64;
    tree->buckets = xcalloc(tree->bucket_count, sizeof(struct name *));
    for (size_t i = 0; i < glob_base_count(glob); i++) {
        struct dir *dir = tree_dir_add(tree, NULL, glob_base(glob, i));
        glob_start(glob, i, dir->states);
    }
    return tree;
}

static void free_names(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

void tree_free(struct tree *tree)
{
    if (tree == NULL) {
        return;
    }
    free_names(&tree->watched);
    free_names(&tree->polled);
    for (size_t i = 0; i < tree->dir_count; i++) {
        tree_dir_free(tree->dirs[i]);
    }
    free(tree->dirs);
    free(tree->dir_buckets);
    free(tree->buckets);
    free(tree->queue);
    watch_free(tree->watch);
    free(tree);
}

int tree_notify_fd(const struct tree *tree)
{
    return watch_fd(tree->watch);
}

size_t tree_name_count(const struct tree *tree)
{
    return tree->watched.count + tree->polled.count;
}

size_t tree_polled_count(const struct tree *tree)
{
    return tree->polled.count;
}

void tree_each(const struct tree *tree, void (*each)(void *context, const struct name *name),
               void *context)
{
    for (size_t i = 0; i < tree->watched.count; i++) {
        each(context, tree->watched.items[i]);
    }
    for (size_t i = 0; i < tree->polled.count; i++) {
        each(context, tree->polled.items[i]);
    }
}

void tree_each_closed(const struct tree *tree, void (*each)(void *context, const char *path),
                      void *context)
{
    for (size_t i = 0; i < tree->dir_count; i++) {
        if (tree->dirs[i]->closed) {
            each(context, tree->dirs[i]->path);
        }
    }
}

size_t tree_dir_count(const struct tree *tree, enum tree_blindness blindness)
{
    return tree->seen_dirs[blindness];
}

uint64_t tree_overflow_count(const struct tree *tree)
{
    return tree->overflow_count;
}
