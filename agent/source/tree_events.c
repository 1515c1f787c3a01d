#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "source/tree_state.h"

static struct dir *dir_of_path(const struct tree *tree, const char *path, const char **out_text)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    *out_text = slash + 1;
    return tree_dir_find(tree, slice_of(path, slash == path ? 1 : (size_t)(slash - path)));
}

const struct name *tree_find(const struct tree *tree, const char *path)
{
    const char *text;
    const struct dir *dir = dir_of_path(tree, path, &text);
    return dir == NULL ? NULL : tree_name_find(tree, dir, text);
}

struct name *tree_follow(struct tree *tree, const char *path)
{
    const char *text;
    struct dir *dir = dir_of_path(tree, path, &text);
    if (dir == NULL) {
        return NULL;
    }
    struct name *name = tree_name_find(tree, dir, text);
    if (name == NULL) {
        name = tree_name_add(tree, dir, text);
        name->unmatched = true;
    }
    return name;
}

// A file of ours was renamed to a name that no pattern matches: it may still be written to.
static void follow_rename(struct tree *tree, struct dir *dir, const struct watch_event *event)
{
    if ((event->mask & (IN_MOVED_TO | IN_ISDIR)) != IN_MOVED_TO || tree->moved_name == NULL ||
        event->cookie != tree->moved_cookie || tree->moved_name->file == NULL ||
        tree_name_find(tree, dir, event->name) != NULL) {
        return;
    }
    struct name *name = tree_name_add(tree, dir, event->name);
    name->unmatched = true;
    tree_enqueue(tree, name, true);
}

static void take_entry_event(struct tree *tree, struct dir *dir, const struct watch_event *event)
{
    bool content = (event->mask & (IN_MODIFY | IN_ISDIR)) == IN_MODIFY;
    struct name *name = tree_name_find(tree, dir, event->name);
    if (name != NULL) {
        tree_enqueue(tree, name, !content);
        if ((event->mask & IN_MOVED_FROM) != 0) {
            tree->moved_cookie = event->cookie;
            tree->moved_name = name;
        }
    }
    if (content && name != NULL) {
        return;
    }
    bool gone = (event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
    char path[PATH_MAX];
    if (gone) {
        struct dir *child =
            tree_join(dir->path, event->name, path) ? tree_dir_child(tree, dir, path) : NULL;
        if (child != NULL) {
            tree_dir_check(tree, child, false);
            tree_dir_tidy(tree, child);
        }
        return;
    }
    // inotify does not tell a symbolic link from a file: both are tried.
    enum file_kind kind = (event->mask & IN_ISDIR) != 0 ? FILE_DIRECTORY : FILE_REGULAR;
    if ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0 && kind != FILE_DIRECTORY &&
        tree_join(dir->path, event->name, path)) {
        struct file_stat stat;
        uint64_t *states = xcalloc(glob_state_words(tree->glob), sizeof *states);
        if (glob_enter(tree->glob, dir->states, event->name, false, states) &&
            tree->io->stat(tree->io, path, false, &stat) == 0) {
            kind = stat.kind;
        }
        free(states);
    }
    tree_dir_entry(tree, dir, event->name, kind);
    follow_rename(tree, dir, event);
    name = tree_name_find(tree, dir, event->name);
    if (name != NULL && (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        name->arrived = (event->mask & IN_MOVED_TO) != 0;
    }
}

void tree_resync(struct tree *tree)
{
    for (size_t i = 0; i < tree->dir_count; i++) {
        tree->dirs[i]->list_due_ns = 0;
    }
    tree->resync = tree->dir_count + tree->watched.count + tree->polled.count;
}

void tree_take_event(struct tree *tree, const struct watch_event *event)
{
    if (event->owner == NULL) {
        tree->overflow_count++;
        tree_resync(tree);
        return;
    }
    if (!event->directory) {
        struct name *name = event->owner;
        if ((event->mask & IN_IGNORED) != 0) {
            name->target_watch = -1;
        }
        tree_enqueue(tree, name, event->mask != IN_MODIFY);
        return;
    }
    struct dir *dir = event->owner;
    if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
        dir->watch = (event->mask & IN_IGNORED) != 0 ? -1 : dir->watch;
    }
    if (event->name[0] == '\0') {
        tree_dir_check(tree, dir, (event->mask & IN_ATTRIB) != 0);
        tree_dir_tidy(tree, dir);
        return;
    }
    take_entry_event(tree, dir, event);
}
