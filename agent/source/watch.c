#include "source/watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/inotify.h>

#include "base/alloc.h"

enum {
    DIRECTORY_MASK = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |
                     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
    FILE_MASK = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
    EVENTS_BYTES = 64 * 1024,
};

struct entry {
    struct entry *next; // in its bucket
    int id;
    bool directory;
    void *owner;
};

struct watch {
    struct io *io;
    int fd;
    struct entry **buckets; // a power of two, by id
    size_t bucket_count;
    size_t entry_count;

    struct entry *more; // owners that still have to get the event at `position`
    size_t position;
    size_t size;
    _Alignas(struct inotify_event) uint8_t events[EVENTS_BYTES];
};

struct watch *watch_create(struct io *io)
{
    struct watch *watch = xcalloc(1, sizeof *watch);
    watch->io = io;
    watch->fd = -1;
    watch->bucket_count = 16;
    watch->buckets = xcalloc(watch->bucket_count, sizeof(struct entry *));
    (void)watch_retry(watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    for (size_t i = 0; i < watch->bucket_count; i++) {
        while (watch->buckets[i] != NULL) {
            struct entry *entry = watch->buckets[i];
            watch->buckets[i] = entry->next;
            free(entry);
        }
    }
    free(watch->buckets);
    if (watch->fd >= 0) {
        watch->io->close(watch->io, watch->fd);
    }
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

bool watch_retry(struct watch *watch)
{
    if (watch->fd >= 0) {
        return false;
    }
    int fd = watch->io->notify_open(watch->io);
    watch->fd = fd < 0 ? -1 : fd;
    return fd >= 0;
}

static struct entry **bucket_of(const struct watch *watch, int id)
{
    return &watch->buckets[(unsigned)id & (watch->bucket_count - 1)];
}

static void grow(struct watch *watch)
{
    struct entry **old = watch->buckets;
    size_t old_count = watch->bucket_count;
    watch->bucket_count *= 2;
    watch->buckets = xcalloc(watch->bucket_count, sizeof(struct entry *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct entry *entry = old[i];
            old[i] = entry->next;
            struct entry **bucket = bucket_of(watch, entry->id);
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

static struct entry *find(struct entry *entry, int id)
{
    while (entry != NULL && entry->id != id) {
        entry = entry->next;
    }
    return entry;
}

int watch_add(struct watch *watch, const char *path, bool directory, void *owner)
{
    if (watch->fd < 0) {
        return -EMFILE;
    }
    uint32_t mask = directory ? DIRECTORY_MASK : FILE_MASK;
    int id = watch->io->notify_add(watch->io, watch->fd, path, mask);
    if (id < 0) {
        return id;
    }
    struct entry *entry = find(*bucket_of(watch, id), id);
    while (entry != NULL && entry->owner != owner) {
        entry = find(entry->next, id);
    }
    if (entry != NULL) {
        return id;
    }
    if (watch->entry_count >= watch->bucket_count) {
        grow(watch);
    }
    entry = xcalloc(1, sizeof *entry);
    struct entry **bucket = bucket_of(watch, id);
    *entry = (struct entry){.next = *bucket, .id = id, .directory = directory, .owner = owner};
    *bucket = entry;
    watch->entry_count++;
    return id;
}

// Takes the entry out. Returns whether another owner has the same watch.
static bool drop(struct watch *watch, int id, const void *owner)
{
    bool shared = false;
    struct entry **place = bucket_of(watch, id);
    while (*place != NULL) {
        struct entry *entry = *place;
        if (entry->id == id && entry->owner == owner) {
            *place = entry->next;
            watch->more = watch->more == entry ? find(entry->next, id) : watch->more;
            watch->entry_count--;
            free(entry);
            continue;
        }
        shared = shared || entry->id == id;
        place = &entry->next;
    }
    return shared;
}

void watch_remove(struct watch *watch, int id, void *owner)
{
    if (id >= 0 && !drop(watch, id, owner)) {
        watch->io->notify_remove(watch->io, watch->fd, id);
    }
}

// The event at the current position, or NULL when the kernel has no more.
static const struct inotify_event *current_event(struct watch *watch)
{
    if (watch->position >= watch->size) {
        int64_t count = watch->fd < 0 ? 0
                                      : watch->io->notify_read(watch->io, watch->fd, watch->events,
                                                               EVENTS_BYTES);
        watch->position = 0;
        watch->size = count > 0 ? (size_t)count : 0;
        if (watch->size < sizeof(struct inotify_event)) {
            watch->size = 0;
            return NULL;
        }
    }
    return (const struct inotify_event *)(const void *)(watch->events + watch->position);
}

static void fill(struct watch_event *out_event, const struct inotify_event *event,
                 const struct entry *entry)
{
    *out_event = (struct watch_event){
        .owner = entry == NULL ? NULL : entry->owner,
        .directory = entry != NULL && entry->directory,
        .mask = event->mask,
        .cookie = event->cookie,
        .name = event->len > 0 ? event->name : "",
    };
}

bool watch_next(struct watch *watch, struct watch_event *out_event)
{
    for (;;) {
        bool fresh = watch->more == NULL;
        const struct inotify_event *event = current_event(watch);
        if (event == NULL) {
            return false;
        }
        struct entry *entry = fresh ? find(*bucket_of(watch, event->wd), event->wd) : watch->more;
        watch->more = entry == NULL ? NULL : find(entry->next, event->wd);
        if (watch->more == NULL) {
            watch->position += sizeof *event + event->len;
        }
        if ((event->mask & IN_Q_OVERFLOW) != 0) {
            fill(out_event, event, NULL);
            return true;
        }
        if (entry != NULL) {
            fill(out_event, event, entry);
            if ((event->mask & IN_IGNORED) != 0) {
                (void)drop(watch, event->wd, out_event->owner);
            }
            return true;
        }
    }
}
