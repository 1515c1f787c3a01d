// A disk in memory behind a struct io, for tests of what writes files: the page cache and the
// platter apart, so that a loss of power can keep any legal part of what was not synced. For faults
// of single calls put a fault_io on top of it. One thread at a time.
//
//     struct simdisk *disk = simdisk_create(seed);
//     queue_open(simdisk_io(disk), ...);
//     simdisk_stop_after(disk, 5);  // the process dies in the fifth change from now
//     ...                           // calls fail with -EIO; free what belongs to the process
//     simdisk_lose_power(disk);     // or simdisk_restart(disk): the process alone was gone
//
// What is kept of data at a loss of power: each sector of 512 bytes, or each page of 4 KiB, that
// was written since the last fdatasync has its old or its new content; between syncs the disk
// writes some of it by itself. The size lies between the synced one and the last one; holes are
// zeros. Of directory entries: what sync_dir covered, and of the changes after it none, all, the
// first ones or any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"

struct simdisk; // opaque

struct simdisk *simdisk_create(uint64_t seed);
// The files alone, as programs see them now, all of it on the platter; nothing is open.
struct simdisk *simdisk_copy(const struct simdisk *disk, uint64_t seed);
void simdisk_free(struct simdisk *disk);
struct io *simdisk_io(struct simdisk *disk);

void simdisk_advance_ns(struct simdisk *disk, uint64_t ns);
// Bytes of all files, rounded up to pages, that fit; a write beyond them is short, then -ENOSPC.
void simdisk_set_capacity(struct simdisk *disk, uint64_t bytes);
// The `nth` fdatasync from now (1 is the next one) writes a part, says -EIO, and forgets what it
// did not write, as Linux does: the syncs after it succeed. 0: no more.
void simdisk_fail_sync(struct simdisk *disk, unsigned nth);
// Reads every clean page from the platter again, as after memory pressure.
void simdisk_drop_caches(struct simdisk *disk);

// The process dies in the `nth` change from now: a write is cut short, another call takes effect or
// not. From then on every call fails with -EIO. 0: it does not.
void simdisk_stop_after(struct simdisk *disk, uint64_t nth);
// The process is dead now.
void simdisk_stop(struct simdisk *disk);
bool simdisk_stopped(const struct simdisk *disk);
// A new process: nothing is open, what was written is there.
void simdisk_restart(struct simdisk *disk);
// A new boot: nothing is open, and of what was not synced some is there.
void simdisk_lose_power(struct simdisk *disk);

// ---- what other programs do to files; they exist ----

size_t simdisk_size(const struct simdisk *disk, const char *path);
bool simdisk_exists(const struct simdisk *disk, const char *path);
void simdisk_cut(struct simdisk *disk, const char *path, size_t size);
// Flips bits of the byte at `offset`.
void simdisk_flip(struct simdisk *disk, const char *path, size_t offset, uint8_t bits);
void simdisk_write_file(struct simdisk *disk, const char *path, const void *data, size_t size);
// Bytes of all files.
uint64_t simdisk_used(const struct simdisk *disk);
size_t simdisk_open_count(const struct simdisk *disk);
