// Where known files have gone while the agent was not running. One that is under no matching name
// was renamed, moved or deleted; what was not read of it may still be had. It is looked for by its
// inode in the directories in which a rotation would put it: the one where it was, the one to which
// a symbolic link under its name leads, those below them, and those beside them; where a directory
// of its path is a symbolic link, in those beside the one to which that leads.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "source/state.h"

enum {
    ENTRIES_MAX = 20000, // looked at in directories where none has been
    LINKS_MAX = 8,       // that follow one another
};

struct paths {
    char **items;
    size_t count;
};

struct search {
    struct source *source;
    const char *dir;     // that is being listed
    struct paths *below; // the directories in it; NULL: not wanted
    struct paths found;  // paths of missing files in it
    size_t entries_left; // to be looked at
};

static bool is_missing(const struct source_file *file)
{
    return file->restored && file->phase != FILE_PAST;
}

static bool any_missing(const struct source *source)
{
    const struct link *all = file_table_all(source->table);
    for (const struct link *link = all->next; link != all; link = link->next) {
        if (is_missing(LINK_ENTRY(link, struct source_file, all))) {
            return true;
        }
    }
    return false;
}

// Takes the path over.
static void append(struct paths *paths, char *path)
{
    paths->items = xreallocarray(paths->items, paths->count + 1, sizeof *paths->items);
    paths->items[paths->count++] = path;
}

// Likewise, once.
static void add(struct paths *paths, char *path)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (strcmp(paths->items[i], path) == 0) {
            free(path);
            return;
        }
    }
    append(paths, path);
}

static void free_paths(struct paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i]);
    }
    free(paths->items);
    *paths = (struct paths){0};
}

// Adds the directory of a path. Returns false when it has none.
static bool add_parent(struct paths *paths, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return false;
    }
    add(paths, xstrndup(slice_of(path, slash == path ? 1 : (size_t)(slash - path))));
    return true;
}

// Makes `path` that to which the symbolic link at it leads. False when it is none.
static bool follow_link(struct io *io, char path[PATH_MAX])
{
    char target[PATH_MAX];
    if (io->readlink(io, path, target, sizeof target) <= 0) {
        return false;
    }
    char *slash = strrchr(path, '/');
    size_t dir_size = target[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (dir_size + strlen(target) >= PATH_MAX) {
        return false;
    }
    memcpy(path + dir_size, target, strlen(target) + 1);
    return true;
}

static struct paths dirs_of_missing(struct source *source)
{
    struct paths dirs = {0};
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        char path[PATH_MAX];
        if (!is_missing(file)) {
            continue;
        }
        const char *known = file_path(file, path);
        if (known != path) {
            memcpy(path, known, strlen(known) + 1);
        }
        for (int i = 0; add_parent(&dirs, path) && i < LINKS_MAX; i++) {
            if (!follow_link(source->io, path)) {
                break;
            }
        }
    }
    return dirs;
}

static int look_at_entry(void *context, const char *name, enum file_kind kind)
{
    struct search *search = context;
    struct io *io = search->source->io;
    if (search->entries_left == 0) {
        return -ENOSPC;
    }
    search->entries_left--;
    char *path = xasprintf("%s/%s", strcmp(search->dir, "/") == 0 ? "" : search->dir, name);
    if (kind == FILE_DIRECTORY && search->below != NULL) {
        append(search->below, path);
        return 0;
    }
    struct file_stat stat;
    bool missing = false;
    if (kind == FILE_REGULAR && io->stat(io, path, false, &stat) == 0) {
        struct source_file *file = file_table_inode(search->source->table, stat.inode);
        for (; file != NULL && !missing; file = file->inode_next) {
            missing = is_missing(file) && file->generation.inode == stat.inode;
        }
    }
    if (missing) {
        append(&search->found, path);
    } else {
        free(path);
    }
    return 0;
}

static void search_dir(struct search *search, const char *dir)
{
    struct source *source = search->source;
    search->dir = dir;
    (void)source->io->list(source->io, dir, look_at_entry, search);
    for (size_t i = 0; i < search->found.count; i++) {
        struct name *name = tree_follow(source->tree, search->found.items[i]);
        if (name != NULL) {
            tree_look(source->tree, name);
        } else {
            look_elsewhere(source, search->found.items[i]);
        }
    }
    free_paths(&search->found);
}

static void look_at_names(struct source *source)
{
    struct name *name;
    while ((name = tree_take(source->tree)) != NULL) {
        look_behind(source, name);
    }
}

// A directory of the path may be a symbolic link, like the `current` of a deployment: the log is as
// far below one that is beside where that leads now.
static void search_beside_links(struct search *search, const char *dir)
{
    for (const char *rest = strchr(dir + 1, '/');; rest = strchr(rest + 1, '/')) {
        size_t size = rest == NULL ? strlen(dir) : (size_t)(rest - dir);
        char path[PATH_MAX];
        memcpy(path, dir, size);
        path[size] = '\0';
        struct paths parents = {0};
        struct paths beside = {0};
        for (int i = 0; i < LINKS_MAX && follow_link(search->source->io, path); i++) {
            (void)add_parent(&parents, path);
        }
        search->below = &beside;
        for (size_t i = 0; i < parents.count; i++) {
            search_dir(search, parents.items[i]);
        }
        search->below = NULL;
        for (size_t i = 0; i < beside.count && any_missing(search->source); i++) {
            char *below = xasprintf("%s%s", beside.items[i], rest == NULL ? "" : rest);
            search_dir(search, below);
            free(below);
        }
        free_paths(&parents);
        free_paths(&beside);
        if (rest == NULL) {
            return;
        }
    }
}

// Files that were put aside, by logrotate's olddir for example.
static void search_around(struct source *source, const struct paths *near)
{
    struct paths around = {0};
    struct search search = {.source = source, .below = &around, .entries_left = ENTRIES_MAX};
    for (size_t i = 0; i < near->count; i++) {
        search_dir(&search, near->items[i]);
    }
    struct paths parents = {0};
    for (size_t i = 0; i < near->count; i++) {
        (void)add_parent(&parents, near->items[i]);
    }
    for (size_t i = 0; i < parents.count; i++) {
        search_dir(&search, parents.items[i]);
    }
    search.below = NULL;
    for (size_t i = 0; i < around.count && any_missing(source); i++) {
        search_dir(&search, around.items[i]);
    }
    for (size_t i = 0; i < near->count && any_missing(source); i++) {
        search_beside_links(&search, near->items[i]);
    }
    free_paths(&parents);
    free_paths(&around);
}

// It has the name under which it began, which is not to be read any more.
static bool is_unmatched(const struct source *source, const struct source_file *file)
{
    char room[PATH_MAX];
    const char *path = file_path(file, room);
    return (generation_name(path) & GENERATION_NAME_MAX) == file->generation.first_name &&
           !glob_matches_path(source->glob, path);
}

static void leave(struct source *source, struct source_file *file)
{
    char room[PATH_MAX];
    struct file_stat stat;
    if (source->io->stat(source->io, file_path(file, room), true, &stat) == 0 &&
        stat.inode == file->generation.inode) {
        extent_set_size(source, file, stat.size);
    }
    unsigned long long unread = extent_lag(file);
    log_warning("%s is not read any more: no pattern of `files` matches it, or `exclude` does; %llu"
                " bytes of it were not read",
                file_path(file, room), unread);
    extent_drop_unread(source, file);
    life_past(source, file);
}

static void leave_unmatched(struct source *source)
{
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (is_missing(file) && is_unmatched(source, file)) {
            leave(source, file);
        }
    }
}

// What has the name of a file that is missing now is younger than that.
static void order_successor(struct source *source, struct source_file *file)
{
    char path[PATH_MAX];
    const struct name *name = tree_find(source->tree, file_path(file, path));
    if (name != NULL && name->file != NULL && name->file != file) {
        file_order(file, name->file);
    }
}

// It may be where it was, behind a directory that is closed to us now.
static bool is_out_of_reach(const struct source *source, const struct source_file *file)
{
    char path[PATH_MAX];
    struct file_stat stat;
    int error = source->io->stat(source->io, file_path(file, path), true, &stat);
    return error == -EACCES || error == -EPERM;
}

void search_missing(struct source *source)
{
    leave_unmatched(source);
    struct paths near = dirs_of_missing(source);
    struct search search = {.source = source, .entries_left = SIZE_MAX};
    for (size_t i = 0; i < near.count; i++) {
        search_dir(&search, near.items[i]);
    }
    look_at_names(source);
    if (any_missing(source)) {
        search_around(source, &near);
        look_at_names(source);
    }
    free_paths(&near);
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (is_missing(file) && is_out_of_reach(source, file)) {
            continue;
        }
        if (is_missing(file)) {
            life_orphan(source, file);
        } else if (file->restored && !link_in_ring(&file->waiting)) {
            life_past(source, file);
        }
    }
    order_all(source);
    for (struct link *link = source->orphans.next; link != &source->orphans; link = link->next) {
        order_successor(source, LINK_ENTRY(link, struct source_file, waiting));
    }
}
