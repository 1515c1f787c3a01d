#include "support/simfs_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/assert.h"

// ---- inodes ----

static uint64_t next_number(struct simfs *fs)
{
    fs->next_inode += fs->inode_stride;
    return fs->next_inode;
}

struct inode *simfs_inode_make(struct simfs *fs, enum file_kind kind)
{
    struct inode *inode = xcalloc(1, sizeof *inode);
    bool again = fs->reuse && fs->free_inode_count > 0;
    inode->number = again ? fs->free_inodes[--fs->free_inode_count] : next_number(fs);
    inode->kind = kind;
    inode->birth_ns = fs->now_ns;
    inode->mtime_ns = fs->now_ns;
    inode->ctime_ns = fs->now_ns;
    buf_init(&inode->data, 64 << 20);
    return inode;
}

void simfs_inode_release(struct simfs *fs, struct inode *inode)
{
    if (inode->links > 0 || inode->opens > 0) {
        return;
    }
    if (fs->free_inode_count < INODES_FREE_MAX) {
        fs->free_inodes[fs->free_inode_count++] = inode->number;
    }
    buf_deinit(&inode->data);
    free(inode);
}

static struct entry **find_entry(struct inode *dir, const char *name, size_t size)
{
    struct entry **place = &dir->entries;
    while (*place != NULL && !slice_equal_text(slice_of(name, size), (*place)->name)) {
        place = &(*place)->next;
    }
    return place;
}

void simfs_entry_add(struct inode *dir, const char *name, struct inode *inode)
{
    struct entry **place = find_entry(dir, name, strlen(name));
    ASSERT(*place == NULL);
    *place = xcalloc(1, sizeof **place);
    **place = (struct entry){.inode = inode, .name = xstrdup(name)};
    inode->links++;
}

struct inode *simfs_entry_remove(struct inode *dir, const char *name)
{
    struct entry **place = find_entry(dir, name, strlen(name));
    struct entry *entry = *place;
    ASSERT(entry != NULL);
    struct inode *inode = entry->inode;
    *place = entry->next;
    free(entry->name);
    free(entry);
    inode->links--;
    return inode;
}

// ---- paths ----

static int walk(const struct simfs *fs, const char *path, bool follow, unsigned *links,
                struct place *out_place);

static int follow_link(const struct simfs *fs, struct place *place, const char *rest,
                       unsigned *links)
{
    if (++*links > LINKS_MAX) {
        return -ELOOP;
    }
    char target[PATH_MAX];
    size_t size = place->inode->data.size;
    memcpy(target, place->inode->data.data, size);
    memcpy(target + size, rest, strlen(rest) + 1);
    return walk(fs, target, true, links, place);
}

static int walk(const struct simfs *fs, const char *path, bool follow, unsigned *links,
                struct place *out_place)
{
    *out_place = (struct place){.dir = fs->root, .inode = fs->root};
    while (*path == '/') {
        path++;
    }
    while (*path != '\0') {
        struct inode *dir = out_place->inode;
        if (dir == NULL) {
            return -ENOENT;
        }
        if (dir->kind != FILE_DIRECTORY) {
            return -ENOTDIR;
        }
        size_t size = strcspn(path, "/");
        ASSERT(size <= NAME_MAX);
        struct entry *entry = *find_entry(dir, path, size);
        out_place->dir = dir;
        memcpy(out_place->name, path, size);
        out_place->name[size] = '\0';
        out_place->inode = entry == NULL ? NULL : entry->inode;
        path += size;
        bool last = *path == '\0';
        if (entry != NULL && entry->inode->kind == FILE_SYMLINK && (!last || follow)) {
            return follow_link(fs, out_place, path, links);
        }
        path += last ? 0 : 1;
    }
    return 0;
}

int simfs_find(const struct simfs *fs, const char *path, bool follow, struct place *out_place)
{
    unsigned links = 0;
    return walk(fs, path, follow, &links, out_place);
}

struct inode *simfs_inode_at(const struct simfs *fs, const char *path)
{
    struct place place;
    int error = simfs_find(fs, path, true, &place);
    ASSERT(error == 0 && place.inode != NULL);
    return place.inode;
}

// ---- events ----

void simfs_queue_event(struct simfs *fs, struct notify *notify, int id, uint32_t mask,
                       uint32_t cookie, const char *name)
{
    if (notify->overflowed) {
        return;
    }
    if (notify->count >= fs->queue_max) {
        notify->overflowed = true;
        struct inotify_event overflow = {.wd = -1, .mask = IN_Q_OVERFLOW};
        buf_append(&notify->events, &overflow, sizeof overflow);
        return;
    }
    size_t length = name[0] == '\0' ? 0 : (strlen(name) / 16 + 1) * 16;
    size_t size = sizeof(struct inotify_event) + length;
    uint8_t bytes[sizeof(struct inotify_event) + NAME_MAX + 17] = {0};
    struct inotify_event event = {
        .wd = id, .mask = mask, .cookie = cookie, .len = (uint32_t)length};
    memcpy(bytes, &event, sizeof event);
    memcpy(bytes + sizeof event, name, strlen(name));
    bool same = notify->count > 0 && notify->events.size - notify->last == size &&
                memcmp(notify->events.data + notify->last, bytes, size) == 0;
    if (!same) {
        notify->last = notify->events.size;
        buf_append(&notify->events, bytes, size);
        notify->count++;
    }
}

void simfs_tell(struct simfs *fs, const struct inode *inode, uint32_t mask, uint32_t cookie,
                const char *name)
{
    for (size_t i = 0; i < FDS_MAX && !fs->network; i++) {
        struct notify *notify = fs->notifies[i];
        for (struct watch *w = notify == NULL ? NULL : notify->watches; w != NULL; w = w->next) {
            if (w->inode == inode && (w->mask & mask & IN_ALL_EVENTS) != 0) {
                simfs_queue_event(fs, notify, w->id, mask, cookie, name);
            }
        }
        if (i > 64) {
            break;
        }
    }
}

void simfs_watches_end(struct simfs *fs, const struct inode *inode)
{
    simfs_tell(fs, inode, IN_DELETE_SELF, 0, "");
    for (size_t i = 0; i <= 64; i++) {
        struct notify *notify = fs->notifies[i];
        struct watch **place = notify == NULL ? NULL : &notify->watches;
        while (place != NULL && *place != NULL) {
            struct watch *watch = *place;
            if (watch->inode == inode) {
                simfs_queue_event(fs, notify, watch->id, IN_IGNORED, 0, "");
                *place = watch->next;
                fs->watch_count--;
                free(watch);
            } else {
                place = &watch->next;
            }
        }
    }
}

void simfs_tell_parents(struct simfs *fs, struct inode *dir, const struct inode *inode,
                        uint32_t mask)
{
    for (struct entry *entry = dir->entries; entry != NULL; entry = entry->next) {
        if (entry->inode == inode) {
            simfs_tell(fs, dir, mask, 0, entry->name);
        } else if (entry->inode->kind == FILE_DIRECTORY) {
            simfs_tell_parents(fs, entry->inode, inode, mask);
        }
    }
}

void simfs_modified(struct simfs *fs, struct inode *inode)
{
    inode->mtime_ns = fs->now_ns;
    inode->ctime_ns = fs->now_ns;
    simfs_tell(fs, inode, IN_MODIFY, 0, "");
    simfs_tell_parents(fs, fs->root, inode, IN_MODIFY);
}
