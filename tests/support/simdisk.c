#include "support/simdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "support/simdisk_state.h"

static struct simdisk *disk_of(struct io *io)
{
    return (struct simdisk *)(void *)io;
}

// ---- the end of a process ----

// Whether a call fails because the process is gone.
static bool is_gone(const struct simdisk *disk)
{
    return disk->stopped;
}

// Counts a change. True when the process dies in it.
static bool dies_here(struct simdisk *disk)
{
    if (disk->stops_in == 0 || --disk->stops_in > 0) {
        return false;
    }
    disk->stopped = true;
    return true;
}

// The same for changes that take effect or do not: true when this one does not.
static bool dies_before(struct simdisk *disk)
{
    return dies_here(disk) && sim_one_in(disk, 2);
}

static int result_of_change(const struct simdisk *disk)
{
    return disk->stopped ? -EIO : 0;
}

// ---- files ----

static struct inode *inode_of(const struct simdisk *disk, int fd)
{
    ASSERT(fd >= FD_BASE && fd < FD_BASE + OPEN_MAX);
    struct inode *inode = disk->open[fd - FD_BASE];
    ASSERT(inode != NULL || disk->stopped);
    return inode;
}

static int take_descriptor(struct simdisk *disk, struct inode *inode)
{
    for (int i = 0; i < OPEN_MAX; i++) {
        if (disk->open[i] == NULL) {
            disk->open[i] = inode;
            inode->users++;
            return FD_BASE + i;
        }
    }
    return -EMFILE;
}

static int sim_open(struct io *io, const char *path, int flags, mode_t mode)
{
    (void)mode;
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    struct inode *inode = sim_find(disk, path);
    if (inode != NULL) {
        if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) {
            return -EEXIST;
        }
        return inode->is_directory ? -EISDIR : take_descriptor(disk, inode);
    }
    if ((flags & O_CREAT) == 0 || !sim_has_parent(&disk->cache, path)) {
        return -ENOENT;
    }
    if (dies_before(disk)) {
        return -EIO;
    }
    sim_change_tree(disk, NULL, path, sim_inode_create(disk, false));
    return disk->stopped ? -EIO : take_descriptor(disk, sim_find(disk, path));
}

static void sim_close(struct io *io, int fd)
{
    struct simdisk *disk = disk_of(io);
    struct inode *inode = inode_of(disk, fd);
    if (inode == NULL) {
        return;
    }
    if (inode->lock_fd == fd) {
        inode->lock_fd = 0;
    }
    disk->open[fd - FD_BASE] = NULL;
    sim_inode_release(inode);
}

static int64_t sim_pread(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    const struct content *content = &inode_of(disk, fd)->cache;
    if (offset >= content->size) {
        return 0;
    }
    size = sim_smaller(size, content->size - (size_t)offset);
    memcpy(data, content->data + offset, size);
    return (int64_t)size;
}

static uint64_t pages_used(const struct simdisk *disk)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < disk->cache.count; i++) {
        pages += sim_pages_of(disk->cache.entries[i].inode);
    }
    return pages;
}

// How many of `size` bytes at `offset` fit on the disk.
static size_t room_for(const struct simdisk *disk, const struct inode *inode, uint64_t offset,
                       size_t size)
{
    uint64_t used = pages_used(disk) - sim_pages_of(inode);
    uint64_t pages = disk->capacity / PAGE;
    uint64_t end_max = pages > used ? (pages - used) * PAGE : 0;
    end_max = end_max > sim_pages_of(inode) * PAGE ? end_max : sim_pages_of(inode) * PAGE;
    return end_max <= offset ? 0 : sim_smaller(size, (size_t)(end_max - offset));
}

static int64_t sim_pwrite(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    struct inode *inode = inode_of(disk, fd);
    size = room_for(disk, inode, offset, size);
    if (size == 0) {
        return -ENOSPC;
    }
    if (dies_here(disk)) {
        // A killed process leaves whole pages.
        size_t kept = (size_t)prng_below(&disk->prng, (offset + size) / PAGE - offset / PAGE + 1);
        size_t end = (size_t)(offset / PAGE + kept) * PAGE;
        size = end > offset ? end - (size_t)offset : 0;
        size = sim_one_in(disk, 4) ? 0 : size;
    }
    size_t end = (size_t)offset + size;
    if (end > inode->cache.size) {
        sim_content_resize(&inode->cache, end);
    }
    if (size > 0) {
        memcpy(inode->cache.data + offset, data, size);
    }
    sim_mark_dirty(inode, (size_t)offset, end);
    if (sim_one_in(disk, 8)) {
        sim_write_some(disk, inode, sim_one_in(disk, 2) ? SECTOR : PAGE, 3);
    }
    return disk->stopped ? -EIO : (int64_t)size;
}

static int sim_ftruncate(struct io *io, int fd, uint64_t size)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk) || dies_before(disk)) {
        return -EIO;
    }
    struct inode *inode = inode_of(disk, fd);
    sim_content_resize(&inode->cache, (size_t)size);
    inode->dirty_count = sim_smaller(inode->dirty_count, ((size_t)size + SECTOR - 1) / SECTOR);
    if (inode->platter.size > size && sim_one_in(disk, 2)) {
        sim_content_resize(&inode->platter, (size_t)size);
    }
    return result_of_change(disk);
}

static int sim_fdatasync(struct io *io, int fd)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    struct inode *inode = inode_of(disk, fd);
    bool fails = disk->sync_fails_in > 0 && --disk->sync_fails_in == 0;
    if (dies_here(disk)) {
        sim_write_some(disk, inode, PAGE, 2);
        return -EIO;
    }
    if (fails) {
        sim_write_some(disk, inode, PAGE, 2);
        inode->dirty_count = 0;
        return -EIO;
    }
    sim_write_all(inode);
    return 0;
}

// ---- names ----

static int sim_sync_dir(struct io *io, const char *path)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk) || dies_before(disk)) {
        return -EIO;
    }
    if (strcmp(path, "/") != 0 && sim_find(disk, path) == NULL) {
        return -ENOENT;
    }
    const char *dir = strcmp(path, "/") == 0 ? "" : path;
    for (size_t i = 0; i < disk->change_count;) {
        const struct change *change = &disk->changes[i];
        if ((change->from != NULL && sim_lies_in(change->from, dir)) ||
            (change->to != NULL && sim_lies_in(change->to, dir))) {
            sim_change_apply(&disk->platter, change);
            sim_change_forget(disk, i);
        } else {
            i++;
        }
    }
    return result_of_change(disk);
}

static int sim_rename(struct io *io, const char *from, const char *to)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk) || dies_before(disk)) {
        return -EIO;
    }
    struct inode *inode = sim_find(disk, from);
    if (inode == NULL || !sim_has_parent(&disk->cache, to)) {
        return -ENOENT;
    }
    ASSERT(!inode->is_directory);
    sim_change_tree(disk, from, to, inode);
    return result_of_change(disk);
}

static int sim_unlink(struct io *io, const char *path)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk) || dies_before(disk)) {
        return -EIO;
    }
    struct inode *inode = sim_find(disk, path);
    if (inode == NULL || inode->is_directory) {
        return inode == NULL ? -ENOENT : -EISDIR;
    }
    sim_change_tree(disk, path, NULL, inode);
    return result_of_change(disk);
}

static int sim_mkdir(struct io *io, const char *path, mode_t mode)
{
    (void)mode;
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    if (sim_find(disk, path) != NULL) {
        return -EEXIST;
    }
    if (!sim_has_parent(&disk->cache, path)) {
        return -ENOENT;
    }
    if (dies_before(disk)) {
        return -EIO;
    }
    sim_change_tree(disk, NULL, path, sim_inode_create(disk, true));
    return result_of_change(disk);
}

static int sim_list(struct io *io, const char *path, io_list_fn *entry, void *context)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    if (sim_find(disk, path) == NULL) {
        return -ENOENT;
    }
    // The callback may change the tree.
    struct tree names = {0};
    for (size_t i = 0; i < disk->cache.count; i++) {
        if (sim_lies_in(disk->cache.entries[i].path, path)) {
            sim_tree_set(&names, disk->cache.entries[i].path, disk->cache.entries[i].inode);
        }
    }
    int result = 0;
    for (size_t i = 0; result == 0 && i < names.count; i++) {
        const struct entry *found = &names.entries[i];
        result = entry(context, strrchr(found->path, '/') + 1,
                       found->inode->is_directory ? FILE_DIRECTORY : FILE_REGULAR);
    }
    sim_tree_clear(&names);
    return result;
}

static void fill_stat(const struct inode *inode, struct file_stat *out_stat)
{
    *out_stat = (struct file_stat){.kind = inode->is_directory ? FILE_DIRECTORY : FILE_REGULAR,
                                   .device = 1,
                                   .inode = inode->number,
                                   .size = inode->cache.size,
                                   .link_count = 1,
                                   .allocated = sim_pages_of(inode) * PAGE};
}

static int sim_stat(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    (void)follow;
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    const struct inode *inode = sim_find(disk, path);
    if (inode == NULL) {
        return -ENOENT;
    }
    fill_stat(inode, out_stat);
    return 0;
}

static int sim_fstat(struct io *io, int fd, struct file_stat *out_stat)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    fill_stat(inode_of(disk, fd), out_stat);
    return 0;
}

static int sim_lock(struct io *io, int fd)
{
    struct simdisk *disk = disk_of(io);
    if (is_gone(disk)) {
        return -EIO;
    }
    struct inode *inode = inode_of(disk, fd);
    if (inode->lock_fd != 0 && inode->lock_fd != fd) {
        return E_LOCKED;
    }
    inode->lock_fd = fd;
    return 0;
}

static int sim_allocate(struct io *io, int fd, uint64_t offset, uint64_t size)
{
    (void)io;
    (void)fd;
    (void)offset;
    (void)size;
    return -EOPNOTSUPP;
}

static void sim_advise(struct io *io, int fd, uint64_t offset, uint64_t size, enum io_advice advice)
{
    (void)io;
    (void)fd;
    (void)offset;
    (void)size;
    (void)advice;
}

static int sim_free_bytes(struct io *io, const char *path, uint64_t *out_bytes)
{
    (void)path;
    struct simdisk *disk = disk_of(io);
    uint64_t used = pages_used(disk) * PAGE;
    *out_bytes = disk->capacity > used ? disk->capacity - used : 0;
    return is_gone(disk) ? -EIO : 0;
}

// ---- clock and chance ----

static uint64_t sim_monotonic_ns(struct io *io)
{
    return disk_of(io)->now_ns;
}

static uint64_t sim_real_ns(struct io *io)
{
    return disk_of(io)->now_ns;
}

static void sim_random(struct io *io, void *data, size_t size)
{
    struct simdisk *disk = disk_of(io);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)data)[i] = (uint8_t)prng_next(&disk->prng);
    }
}

static int sim_boot_id(struct io *io, char out_id[37])
{
    snprintf(out_id, 37, "00000000-0000-4000-8000-%012llx", (unsigned long long)disk_of(io)->boots);
    return 0;
}

// ---- life ----

struct simdisk *simdisk_create(uint64_t seed)
{
    struct simdisk *disk = xcalloc(1, sizeof *disk);
    *disk = (struct simdisk){
        .io = {.open = sim_open,
               .close = sim_close,
               .pread = sim_pread,
               .pwrite = sim_pwrite,
               .ftruncate = sim_ftruncate,
               .fdatasync = sim_fdatasync,
               .sync_dir = sim_sync_dir,
               .rename = sim_rename,
               .unlink = sim_unlink,
               .mkdir = sim_mkdir,
               .list = sim_list,
               .stat = sim_stat,
               .fstat = sim_fstat,
               .lock = sim_lock,
               .allocate = sim_allocate,
               .advise = sim_advise,
               .free_bytes = sim_free_bytes,
               .monotonic_ns = sim_monotonic_ns,
               .real_ns = sim_real_ns,
               .random = sim_random,
               .boot_id = sim_boot_id},
        .prng = prng_of_seed(seed),
        .now_ns = 1,
        .capacity = UINT64_MAX,
    };
    return disk;
}

struct simdisk *simdisk_copy(const struct simdisk *disk, uint64_t seed)
{
    struct simdisk *copy = simdisk_create(seed);
    copy->boots = disk->boots;
    copy->now_ns = disk->now_ns;
    copy->capacity = disk->capacity;
    for (size_t i = 0; i < disk->cache.count; i++) {
        const struct entry *entry = &disk->cache.entries[i];
        struct inode *inode = sim_inode_create(copy, entry->inode->is_directory);
        sim_content_copy(&inode->cache, &entry->inode->cache);
        sim_content_copy(&inode->platter, &entry->inode->cache);
        sim_tree_set(&copy->cache, entry->path, inode);
        sim_tree_set(&copy->platter, entry->path, inode);
    }
    return copy;
}

static void close_all(struct simdisk *disk)
{
    for (size_t i = 0; i < OPEN_MAX; i++) {
        if (disk->open[i] != NULL) {
            sim_close(&disk->io, FD_BASE + (int)i);
        }
    }
}

void simdisk_free(struct simdisk *disk)
{
    close_all(disk);
    while (disk->change_count > 0) {
        sim_change_forget(disk, disk->change_count - 1);
    }
    free(disk->changes);
    sim_tree_clear(&disk->cache);
    sim_tree_clear(&disk->platter);
    free(disk);
}

struct io *simdisk_io(struct simdisk *disk)
{
    return &disk->io;
}

void simdisk_advance_ns(struct simdisk *disk, uint64_t ns)
{
    disk->now_ns += ns;
}

void simdisk_set_capacity(struct simdisk *disk, uint64_t bytes)
{
    disk->capacity = bytes;
}

void simdisk_fail_sync(struct simdisk *disk, unsigned nth)
{
    disk->sync_fails_in = nth;
}

void simdisk_drop_caches(struct simdisk *disk)
{
    for (size_t i = 0; i < disk->cache.count; i++) {
        struct inode *inode = disk->cache.entries[i].inode;
        for (size_t start = 0; start < inode->cache.size; start += SECTOR) {
            size_t sector = start / SECTOR;
            if (sector < inode->dirty_count && inode->dirty[sector]) {
                continue;
            }
            size_t end = sim_smaller(start + SECTOR, inode->cache.size);
            memset(inode->cache.data + start, 0, end - start);
            if (start < inode->platter.size) {
                memcpy(inode->cache.data + start, inode->platter.data + start,
                       sim_smaller(end, inode->platter.size) - start);
            }
        }
    }
}

void simdisk_stop_after(struct simdisk *disk, uint64_t nth)
{
    disk->stops_in = nth;
}

void simdisk_stop(struct simdisk *disk)
{
    disk->stopped = true;
}

bool simdisk_stopped(const struct simdisk *disk)
{
    return disk->stopped;
}

void simdisk_restart(struct simdisk *disk)
{
    close_all(disk);
    disk->stopped = false;
    disk->stops_in = 0;
}
