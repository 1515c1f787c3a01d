#include "support/simfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "support/simfs_tree.h"

static struct simfs *fs_of(struct io *io)
{
    return (struct simfs *)(void *)io;
}

// ---- io: files ----

static int new_fd(struct simfs *fs)
{
    if (fs->open_count >= fs->open_max) {
        return -EMFILE;
    }
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (fs->fds[fd] == NULL && fs->notifies[fd] == NULL) {
            fs->open_count++;
            return fd;
        }
    }
    return -EMFILE;
}

static int sim_open(struct io *io, const char *path, int flags, mode_t mode)
{
    (void)mode;
    struct simfs *fs = fs_of(io);
    ASSERT((flags & (O_ACCMODE | O_CREAT)) == O_RDONLY);
    struct place place;
    int error = simfs_find(fs, path, true, &place);
    if (error != 0 || place.inode == NULL) {
        return error != 0 ? error : -ENOENT;
    }
    ASSERT(place.inode->kind != FILE_OTHER || (flags & O_NONBLOCK) != 0);
    if (place.inode->unreadable) {
        return -EACCES;
    }
    int fd = new_fd(fs);
    if (fd >= 0) {
        fs->fds[fd] = place.inode;
        place.inode->opens++;
    }
    return fd;
}

static void free_notify(struct simfs *fs, struct notify *notify)
{
    while (notify->watches != NULL) {
        struct watch *watch = notify->watches;
        notify->watches = watch->next;
        fs->watch_count--;
        free(watch);
    }
    buf_deinit(&notify->events);
    free(notify);
}

static void sim_close(struct io *io, int fd)
{
    struct simfs *fs = fs_of(io);
    ASSERT(fs->fds[fd] != NULL || fs->notifies[fd] != NULL);
    fs->open_count--;
    if (fs->notifies[fd] != NULL) {
        free_notify(fs, fs->notifies[fd]);
        fs->notifies[fd] = NULL;
        return;
    }
    struct inode *inode = fs->fds[fd];
    fs->fds[fd] = NULL;
    inode->opens--;
    simfs_inode_release(fs, inode);
}

static int64_t sim_pread(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    const struct inode *inode = fs_of(io)->fds[fd];
    ASSERT(inode != NULL);
    if (inode->kind == FILE_DIRECTORY) {
        return -EISDIR;
    }
    if (offset >= inode->data.size) {
        return 0;
    }
    size_t left = inode->data.size - (size_t)offset;
    size_t count = size < left ? size : left;
    memcpy(data, inode->data.data + offset, count);
    return (int64_t)count;
}

// What is zeros only, in whole blocks, is not stored.
static int64_t sim_data_start(struct io *io, int fd, uint64_t offset)
{
    const struct inode *inode = fs_of(io)->fds[fd];
    size_t at = (size_t)offset;
    if (at >= inode->data.size) {
        return -ENXIO;
    }
    at += slice_zeros(slice_of(inode->data.data + at, inode->data.size - at));
    size_t start = at == inode->data.size ? at : at - at % 4096;
    return start > offset ? (int64_t)start : (int64_t)offset;
}

static void fill(const struct simfs *fs, const struct inode *inode, struct file_stat *out_stat)
{
    *out_stat = (struct file_stat){
        .kind = inode->kind,
        .device = fs->device,
        .inode = inode->number,
        .size = inode->data.size,
        .link_count = inode->links,
        .birth_ns = fs->births ? inode->birth_ns : 0,
        .mtime_ns = inode->mtime_ns,
        .ctime_ns = inode->ctime_ns,
    };
}

static int sim_readlink(struct io *io, const char *path, char *target, size_t size)
{
    struct place place;
    int error = simfs_find(fs_of(io), path, false, &place);
    if (error != 0 || place.inode == NULL) {
        return error != 0 ? error : -ENOENT;
    }
    if (place.inode->kind != FILE_SYMLINK) {
        return -EINVAL;
    }
    const struct buf *data = &place.inode->data;
    if (data->size >= size) {
        return -ENAMETOOLONG;
    }
    memcpy(target, data->data, data->size);
    target[data->size] = '\0';
    return (int)data->size;
}

static int sim_stat(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    struct simfs *fs = fs_of(io);
    struct place place;
    int error = simfs_find(fs, path, follow, &place);
    if (error != 0 || place.inode == NULL) {
        return error != 0 ? error : -ENOENT;
    }
    fill(fs, place.inode, out_stat);
    return 0;
}

static int sim_fstat(struct io *io, int fd, struct file_stat *out_stat)
{
    fill(fs_of(io), fs_of(io)->fds[fd], out_stat);
    return 0;
}

static int sim_list(struct io *io, const char *path, io_list_fn *entry_fn, void *context)
{
    struct simfs *fs = fs_of(io);
    struct place place;
    int error = simfs_find(fs, path, true, &place);
    if (error != 0 || place.inode == NULL) {
        return error != 0 ? error : -ENOENT;
    }
    if (place.inode->kind != FILE_DIRECTORY) {
        return -ENOTDIR;
    }
    int result = place.inode->unreadable ? -EACCES : 0;
    for (struct entry *entry = place.inode->entries; result == 0 && entry != NULL;
         entry = entry->next) {
        result = entry_fn(context, entry->name, entry->inode->kind);
    }
    return result;
}

static void sim_advise(struct io *io, int fd, uint64_t offset, uint64_t size, enum io_advice advice)
{
    (void)io;
    (void)fd;
    (void)offset;
    (void)size;
    (void)advice;
}

static int sim_fs_magic(struct io *io, const char *path, uint64_t *out_magic)
{
    (void)path;
    *out_magic = fs_of(io)->network ? 0x6969 : 0xef53;
    return 0;
}

// ---- io: events ----

static int sim_notify_open(struct io *io)
{
    struct simfs *fs = fs_of(io);
    int fd = new_fd(fs);
    if (fd >= 0) {
        ASSERT(fd <= 64);
        fs->notifies[fd] = xcalloc(1, sizeof(struct notify));
        fs->notifies[fd]->next_watch = 1;
        buf_init(&fs->notifies[fd]->events, SIZE_MAX);
    }
    return fd;
}

static int sim_notify_add(struct io *io, int fd, const char *path, uint32_t mask)
{
    struct simfs *fs = fs_of(io);
    struct notify *notify = fs->notifies[fd];
    struct place place;
    int error = simfs_find(fs, path, true, &place);
    if (error != 0 || place.inode == NULL) {
        return error != 0 ? error : -ENOENT;
    }
    if ((mask & IN_ONLYDIR) != 0 && place.inode->kind != FILE_DIRECTORY) {
        return -ENOTDIR;
    }
    for (struct watch *watch = notify->watches; watch != NULL; watch = watch->next) {
        if (watch->inode == place.inode) {
            watch->mask = mask;
            return watch->id;
        }
    }
    if (fs->watch_count >= fs->watches_max) {
        return -ENOSPC;
    }
    struct watch *watch = xcalloc(1, sizeof *watch);
    *watch = (struct watch){
        .next = notify->watches, .inode = place.inode, .id = notify->next_watch++, .mask = mask};
    notify->watches = watch;
    fs->watch_count++;
    return watch->id;
}

static void sim_notify_remove(struct io *io, int fd, int id)
{
    struct simfs *fs = fs_of(io);
    struct watch **place = &fs->notifies[fd]->watches;
    while (*place != NULL && (*place)->id != id) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        struct watch *watch = *place;
        *place = watch->next;
        free(watch);
        fs->watch_count--;
        simfs_queue_event(fs, fs->notifies[fd], id, IN_IGNORED, 0, "");
    }
}

static int64_t sim_notify_read(struct io *io, int fd, void *events, size_t size)
{
    struct notify *notify = fs_of(io)->notifies[fd];
    size_t taken = 0;
    while (taken < notify->events.size) {
        struct inotify_event event;
        memcpy(&event, notify->events.data + taken, sizeof event);
        if (taken + sizeof event + event.len > size) {
            break;
        }
        taken += sizeof event + event.len;
    }
    if (taken == 0) {
        return 0;
    }
    memcpy(events, notify->events.data, taken);
    buf_consume(&notify->events, taken);
    notify->count = notify->events.size == 0 ? 0 : 1;
    notify->last = 0;
    notify->overflowed = notify->overflowed && notify->events.size > 0;
    return (int64_t)taken;
}

// ---- io: the rest ----

static uint64_t sim_now(struct io *io)
{
    return fs_of(io)->now_ns;
}

static uint64_t sim_real(struct io *io)
{
    return fs_of(io)->now_ns - fs_of(io)->back_ns;
}

static void sim_random(struct io *io, void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)data)[i] = (uint8_t)prng_next(&fs_of(io)->prng);
    }
}

struct simfs *simfs_create(void)
{
    struct simfs *fs = xcalloc(1, sizeof *fs);
    fs->io = (struct io){
        .open = sim_open,
        .close = sim_close,
        .pread = sim_pread,
        .data_start = sim_data_start,
        .list = sim_list,
        .readlink = sim_readlink,
        .stat = sim_stat,
        .fstat = sim_fstat,
        .advise = sim_advise,
        .fs_magic = sim_fs_magic,
        .notify_open = sim_notify_open,
        .notify_add = sim_notify_add,
        .notify_remove = sim_notify_remove,
        .notify_read = sim_notify_read,
        .monotonic_ns = sim_now,
        .real_ns = sim_real,
        .random = sim_random,
    };
    fs->next_inode = 10;
    fs->inode_stride = 1;
    fs->device = 1;
    fs->now_ns = (uint64_t)1000000 * NS_PER_S;
    fs->births = true;
    fs->queue_max = 16384;
    fs->watches_max = SIZE_MAX;
    fs->open_max = FDS_MAX;
    fs->root = simfs_inode_make(fs, FILE_DIRECTORY);
    fs->root->links = 1;
    return fs;
}

static void free_tree(struct simfs *fs, struct inode *dir)
{
    while (dir->entries != NULL) {
        struct inode *inode = simfs_entry_remove(dir, dir->entries->name);
        if (inode->kind == FILE_DIRECTORY) {
            free_tree(fs, inode);
        }
        simfs_inode_release(fs, inode);
    }
}

void simfs_free(struct simfs *fs)
{
    ASSERT(fs->open_count == 0);
    free_tree(fs, fs->root);
    fs->root->links = 0;
    simfs_inode_release(fs, fs->root);
    free(fs);
}

struct io *simfs_io(struct simfs *fs)
{
    return &fs->io;
}

// ---- the world ----

void simfs_set_back_ns(struct simfs *fs, uint64_t ns)
{
    fs->back_ns += ns;
}

void simfs_advance_ns(struct simfs *fs, uint64_t ns)
{
    fs->now_ns += ns;
}

void simfs_set_births(struct simfs *fs, bool on)
{
    fs->births = on;
}

void simfs_set_reuse(struct simfs *fs, bool on)
{
    fs->reuse = on;
}

void simfs_set_inode_stride(struct simfs *fs, uint64_t stride)
{
    fs->inode_stride = stride;
}

void simfs_set_device(struct simfs *fs, uint64_t device)
{
    fs->device = device;
}

void simfs_set_network(struct simfs *fs, bool on)
{
    fs->network = on;
}

void simfs_set_queue_max(struct simfs *fs, size_t events)
{
    fs->queue_max = events;
}

void simfs_set_watches_max(struct simfs *fs, size_t watches)
{
    fs->watches_max = watches;
}

void simfs_set_open_max(struct simfs *fs, size_t descriptors)
{
    fs->open_max = descriptors;
}

// ---- what other programs do ----

static struct inode *create(struct simfs *fs, const char *path, enum file_kind kind)
{
    struct place place;
    int error = simfs_find(fs, path, false, &place);
    ASSERT(error == 0 && place.inode == NULL);
    struct inode *inode = simfs_inode_make(fs, kind);
    simfs_entry_add(place.dir, place.name, inode);
    place.dir->mtime_ns = fs->now_ns;
    simfs_tell(fs, place.dir, IN_CREATE | (kind == FILE_DIRECTORY ? IN_ISDIR : 0), 0, place.name);
    return inode;
}

void simfs_mkdir(struct simfs *fs, const char *path)
{
    (void)create(fs, path, FILE_DIRECTORY);
}

void simfs_fifo(struct simfs *fs, const char *path)
{
    (void)create(fs, path, FILE_OTHER);
}

void simfs_symlink(struct simfs *fs, const char *target, const char *path)
{
    buf_append_text(&create(fs, path, FILE_SYMLINK)->data, target);
}

void simfs_append(struct simfs *fs, const char *path, const void *data, size_t size)
{
    struct place place;
    int error = simfs_find(fs, path, true, &place);
    ASSERT(error == 0);
    struct inode *inode = place.inode == NULL ? create(fs, path, FILE_REGULAR) : place.inode;
    if (size > 0) {
        buf_append(&inode->data, data, size);
        simfs_modified(fs, inode);
    }
}

void simfs_truncate(struct simfs *fs, const char *path, uint64_t size)
{
    struct inode *inode = simfs_inode_at(fs, path);
    ASSERT(size <= inode->data.size);
    buf_truncate(&inode->data, (size_t)size);
    simfs_modified(fs, inode);
}

static void drop(struct simfs *fs, struct inode *dir, const char *name)
{
    struct inode *inode = simfs_entry_remove(dir, name);
    inode->ctime_ns = fs->now_ns;
    dir->mtime_ns = fs->now_ns;
    ASSERT(inode->kind != FILE_DIRECTORY || inode->entries == NULL);
    if (inode->links == 0) {
        simfs_watches_end(fs, inode);
    } else {
        simfs_tell(fs, inode, IN_ATTRIB, 0, "");
    }
    simfs_inode_release(fs, inode);
}

void simfs_rename(struct simfs *fs, const char *from, const char *to)
{
    struct place source;
    struct place target;
    int error = simfs_find(fs, from, false, &source);
    ASSERT(error == 0 && source.inode != NULL);
    error = simfs_find(fs, to, false, &target);
    ASSERT(error == 0 && target.inode != source.inode);
    uint32_t dir_bit = source.inode->kind == FILE_DIRECTORY ? IN_ISDIR : 0;
    struct inode *inode = simfs_entry_remove(source.dir, source.name);
    inode->links++;
    if (target.inode != NULL) {
        drop(fs, target.dir, target.name);
    }
    inode->links--;
    simfs_entry_add(target.dir, target.name, inode);
    source.dir->mtime_ns = fs->now_ns;
    target.dir->mtime_ns = fs->now_ns;
    uint32_t cookie = ++fs->next_cookie;
    simfs_tell(fs, source.dir, IN_MOVED_FROM | dir_bit, cookie, source.name);
    simfs_tell(fs, target.dir, IN_MOVED_TO | dir_bit, cookie, target.name);
    simfs_tell(fs, inode, IN_MOVE_SELF, 0, "");
}

void simfs_unlink(struct simfs *fs, const char *path)
{
    struct place place;
    int error = simfs_find(fs, path, false, &place);
    ASSERT(error == 0 && place.inode != NULL);
    uint32_t dir_bit = place.inode->kind == FILE_DIRECTORY ? IN_ISDIR : 0;
    drop(fs, place.dir, place.name);
    simfs_tell(fs, place.dir, IN_DELETE | dir_bit, 0, place.name);
}

void simfs_link(struct simfs *fs, const char *from, const char *to)
{
    struct inode *inode = simfs_inode_at(fs, from);
    struct place place;
    int error = simfs_find(fs, to, false, &place);
    ASSERT(error == 0 && place.inode == NULL);
    simfs_entry_add(place.dir, place.name, inode);
    place.dir->mtime_ns = fs->now_ns;
    simfs_tell(fs, place.dir, IN_CREATE, 0, place.name);
}

void simfs_set_readable(struct simfs *fs, const char *path, bool on)
{
    struct inode *inode = simfs_inode_at(fs, path);
    inode->unreadable = !on;
    simfs_tell(fs, inode, IN_ATTRIB, 0, "");
    simfs_tell_parents(fs, fs->root, inode, IN_ATTRIB);
}

void simfs_copy_bytes(struct simfs *fs, const char *from, const char *to, uint64_t offset,
                      size_t size)
{
    struct slice content = simfs_content(fs, from);
    ASSERT(offset + size <= content.size);
    simfs_append(fs, to, content.data + offset, size);
}

void simfs_copy_mtime(struct simfs *fs, const char *from, const char *to)
{
    simfs_inode_at(fs, to)->mtime_ns = simfs_inode_at(fs, from)->mtime_ns;
}

bool simfs_exists(const struct simfs *fs, const char *path)
{
    struct place place;
    return simfs_find(fs, path, true, &place) == 0 && place.inode != NULL;
}

bool simfs_is_open(const struct simfs *fs, const char *path)
{
    return simfs_inode_at(fs, path)->opens > 0;
}

uint64_t simfs_size(const struct simfs *fs, const char *path)
{
    return simfs_inode_at(fs, path)->data.size;
}

struct slice simfs_content(const struct simfs *fs, const char *path)
{
    return buf_slice(&simfs_inode_at(fs, path)->data);
}

size_t simfs_open_count(const struct simfs *fs)
{
    return fs->open_count;
}

size_t simfs_watch_count(const struct simfs *fs)
{
    return fs->watch_count;
}
