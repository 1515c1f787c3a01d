// A filesystem in memory behind a struct io, for tests of what reads files: directories, symbolic
// and hard links, inode numbers that are used again, unlinked files that are still open, inotify
// with renames, overflow and loss, and a clock that only tests move.
//
// Writing is never torn and never fails; for disks that lose power there is another simulation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"

struct simfs; // opaque

struct simfs *simfs_create(void);
void simfs_free(struct simfs *fs);
struct io *simfs_io(struct simfs *fs);

// ---- the world ----

void simfs_advance_ns(struct simfs *fs, uint64_t ns);
// The real time is set back by so much. What files and the monotonic clock have goes on.
void simfs_set_back_ns(struct simfs *fs, uint64_t ns);
// Whether files have a time of birth; whether a freed inode number is given to the next file.
void simfs_set_births(struct simfs *fs, bool on);
void simfs_set_reuse(struct simfs *fs, bool on);
// How far apart the numbers of inodes are.
void simfs_set_inode_stride(struct simfs *fs, uint64_t stride);
// The device number, which may change between mounts.
void simfs_set_device(struct simfs *fs, uint64_t device);
// As on NFS: fs_magic says so, and there are no events.
void simfs_set_network(struct simfs *fs, bool on);
// Limits: events in a queue before it overflows, watches of all instances.
void simfs_set_queue_max(struct simfs *fs, size_t events);
void simfs_set_watches_max(struct simfs *fs, size_t watches);
void simfs_set_open_max(struct simfs *fs, size_t descriptors);

// ---- what other programs do; all of it must succeed ----

void simfs_mkdir(struct simfs *fs, const char *path);
void simfs_append(struct simfs *fs, const char *path, const void *data, size_t size);
void simfs_truncate(struct simfs *fs, const char *path, uint64_t size);
void simfs_rename(struct simfs *fs, const char *from, const char *to);
void simfs_unlink(struct simfs *fs, const char *path);
void simfs_link(struct simfs *fs, const char *from, const char *to);
void simfs_symlink(struct simfs *fs, const char *target, const char *path);
void simfs_fifo(struct simfs *fs, const char *path);
void simfs_set_readable(struct simfs *fs, const char *path, bool on);

// Appends bytes of one file to another.
void simfs_copy_bytes(struct simfs *fs, const char *from, const char *to, uint64_t offset,
                      size_t size);

// Gives a file the time of the last change of another one, as gzip(1) does.
void simfs_copy_mtime(struct simfs *fs, const char *from, const char *to);

bool simfs_exists(const struct simfs *fs, const char *path);
// Whether a program has a descriptor of it.
bool simfs_is_open(const struct simfs *fs, const char *path);
uint64_t simfs_size(const struct simfs *fs, const char *path);
// The content, borrowed until the next change.
struct slice simfs_content(const struct simfs *fs, const char *path);
size_t simfs_open_count(const struct simfs *fs);
size_t simfs_watch_count(const struct simfs *fs);
