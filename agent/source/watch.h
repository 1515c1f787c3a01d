// Watches of inotify(7): which inode belongs to whom, and the stream of their events.
//
// Two paths can lead to one inode, which has only one watch: each of its owners gets its events.
//
// Diagnostics: -ENOSPC (no watches left) and -EMFILE (no instances left) mean that the owner has to
// be polled; trying again later is right. Every other error belongs to the path.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"

struct watch; // opaque

struct watch_event {
    void *owner; // NULL when events were lost (mask IN_Q_OVERFLOW)
    bool directory;
    uint32_t mask;
    uint32_t cookie;
    const char *name; // "" when it is about the watched inode itself; until the next watch_next
};

// Takes an inotify instance; without one (watch_fd is -1) every watch_add fails with -EMFILE until
// watch_retry succeeds.
struct watch *watch_create(struct io *io);
void watch_free(struct watch *watch);
int watch_fd(const struct watch *watch);
// Tries to get an instance where there is none. True when one was got.
bool watch_retry(struct watch *watch);

// Watches `path` for `owner`; `directory` is handed back with its events. Returns a number >= 0
// for watch_remove.
NODISCARD int watch_add(struct watch *watch, const char *path, bool directory, void *owner);
void watch_remove(struct watch *watch, int id, void *owner);

// Takes the next event. False when there is none now. An event with IN_IGNORED says that the watch
// is gone and needs no watch_remove.
bool watch_next(struct watch *watch, struct watch_event *out_event);
