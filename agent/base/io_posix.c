#include "base/io_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

static int posix_open(struct io *io, const char *path, int flags, mode_t mode)
{
    (void)io;
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return result_of(fd);
}

static void posix_close(struct io *io, int fd)
{
    (void)io;
    close(fd);
}

static int64_t posix_pread(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    (void)io;
    ssize_t count;
    do {
        count = pread(fd, data, size, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static int64_t posix_pwrite(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    (void)io;
    ssize_t count;
    do {
        count = pwrite(fd, data, size, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

static int64_t posix_data_start(struct io *io, int fd, uint64_t offset)
{
    (void)io;
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);
    int error = data < 0 ? -errno : 0;
    if (error == -ENXIO) { // nothing but a hole follows, or nothing at all
        data = lseek(fd, 0, SEEK_END);
        error = data < 0 ? -errno : (uint64_t)data > offset ? 0 : -ENXIO;
    }
    return error != 0 ? error : data;
}

static int posix_ftruncate(struct io *io, int fd, uint64_t size)
{
    (void)io;
    return result_of(ftruncate(fd, (off_t)size));
}

static int posix_fdatasync(struct io *io, int fd)
{
    (void)io;
    return result_of(fdatasync(fd));
}

static int posix_sync_dir(struct io *io, const char *path)
{
    int fd = posix_open(io, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return fd;
    }
    int error = result_of(fsync(fd));
    close(fd);
    return error;
}

static int posix_rename(struct io *io, const char *from, const char *to)
{
    (void)io;
    return result_of(rename(from, to));
}

static int posix_rename_new(struct io *io, const char *from, const char *to)
{
    (void)io;
    int error = result_of(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
    if (error != -EINVAL && error != -ENOSYS) {
        return error;
    }
    // A filesystem that cannot do it at once.
    struct stat stat;
    return lstat(to, &stat) == 0 ? -EEXIST : result_of(rename(from, to));
}

// A lease for reading is given only while nobody has the file open for writing (fcntl(2)). Should
// somebody open it before the lease is given back, the signal that tells is one that does nothing.
static int posix_has_writer(struct io *io, int fd)
{
    (void)io;
    if (fcntl(fd, F_SETSIG, SIGURG) != 0) {
        return -errno;
    }
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) {
        return errno == EAGAIN ? 1 : -errno;
    }
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return 0;
}

static int posix_unlink(struct io *io, const char *path)
{
    (void)io;
    return result_of(unlink(path));
}

static int posix_mkdir(struct io *io, const char *path, mode_t mode)
{
    (void)io;
    return result_of(mkdir(path, mode));
}

static enum file_kind kind_of_mode(mode_t mode)
{
    if (S_ISREG(mode)) {
        return FILE_REGULAR;
    }
    if (S_ISDIR(mode)) {
        return FILE_DIRECTORY;
    }
    return S_ISLNK(mode) ? FILE_SYMLINK : FILE_OTHER;
}

static uint64_t ns_of(struct statx_timestamp time)
{
    return time.tv_sec < 0 ? 0 : (uint64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static int statx_of(int dir_fd, const char *path, int flags, struct file_stat *out_stat)
{
    struct statx stat;
    unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
    if (statx(dir_fd, path, flags | AT_NO_AUTOMOUNT, mask, &stat) != 0) {
        return -errno;
    }
    *out_stat = (struct file_stat){
        .kind = kind_of_mode(stat.stx_mode),
        .device = makedev(stat.stx_dev_major, stat.stx_dev_minor),
        .inode = stat.stx_ino,
        .size = stat.stx_size,
        .link_count = stat.stx_nlink,
        .birth_ns = (stat.stx_mask & STATX_BTIME) != 0 ? ns_of(stat.stx_btime) : 0,
        .mtime_ns = ns_of(stat.stx_mtime),
        .ctime_ns = ns_of(stat.stx_ctime),
        .allocated = stat.stx_blocks * 512,
    };
    return 0;
}

static int posix_stat(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    (void)io;
    return statx_of(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, out_stat);
}

static int posix_fstat(struct io *io, int fd, struct file_stat *out_stat)
{
    (void)io;
    return statx_of(fd, "", AT_EMPTY_PATH, out_stat);
}

static enum file_kind kind_of_entry(int dir_fd, const struct dirent *entry)
{
    switch (entry->d_type) {
    case DT_REG:
        return FILE_REGULAR;
    case DT_DIR:
        return FILE_DIRECTORY;
    case DT_LNK:
        return FILE_SYMLINK;
    case DT_UNKNOWN: {
        struct file_stat stat = {.kind = FILE_OTHER};
        (void)statx_of(dir_fd, entry->d_name, AT_SYMLINK_NOFOLLOW, &stat);
        return stat.kind;
    }
    default:
        return FILE_OTHER;
    }
}

static int posix_list(struct io *io, const char *path, io_list_fn *entry_fn, void *context)
{
    (void)io;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -errno;
    }
    int result = 0;
    while (result == 0) {
        errno = 0;
        // Each DIR belongs to this call alone, so readdir is safe here.
        struct dirent *entry = readdir(dir); // NOLINT(concurrency-mt-unsafe)
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = entry_fn(context, entry->d_name, kind_of_entry(dirfd(dir), entry));
        }
    }
    closedir(dir);
    return result;
}

static int posix_readlink(struct io *io, const char *path, char *target, size_t size)
{
    (void)io;
    ssize_t length = readlink(path, target, size);
    if (length < 0) {
        return -errno;
    }
    if ((size_t)length >= size) {
        return -ENAMETOOLONG;
    }
    target[length] = '\0';
    return (int)length;
}

static int posix_lock(struct io *io, int fd)
{
    (void)io;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return 0;
    }
    return errno == EWOULDBLOCK ? E_LOCKED : -errno;
}

static int posix_allocate(struct io *io, int fd, uint64_t offset, uint64_t size)
{
    (void)io;
    return result_of(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size));
}

static void posix_advise(struct io *io, int fd, uint64_t offset, uint64_t size,
                         enum io_advice advice)
{
    (void)io;
    int value = advice == IO_ADVICE_DONTNEED ? POSIX_FADV_DONTNEED : POSIX_FADV_SEQUENTIAL;
    (void)posix_fadvise(fd, (off_t)offset, (off_t)size, value);
}

static int posix_free_bytes(struct io *io, const char *path, uint64_t *out_bytes)
{
    (void)io;
    struct statvfs stat;
    if (statvfs(path, &stat) != 0) {
        return -errno;
    }
    *out_bytes = (uint64_t)stat.f_bavail * stat.f_frsize;
    return 0;
}

static int posix_fs_magic(struct io *io, const char *path, uint64_t *out_magic)
{
    (void)io;
    struct statfs stat;
    if (statfs(path, &stat) != 0) {
        return -errno;
    }
    *out_magic = (uint64_t)stat.f_type;
    return 0;
}

static int posix_notify_open(struct io *io)
{
    (void)io;
    return result_of(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

static int posix_notify_add(struct io *io, int fd, const char *path, uint32_t mask)
{
    (void)io;
    return result_of(inotify_add_watch(fd, path, mask));
}

static void posix_notify_remove(struct io *io, int fd, int watch)
{
    (void)io;
    inotify_rm_watch(fd, watch);
}

static int64_t posix_notify_read(struct io *io, int fd, void *events, size_t size)
{
    (void)io;
    ssize_t count;
    do {
        count = read(fd, events, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return errno == EAGAIN ? 0 : -errno;
    }
    return count;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t posix_monotonic_ns(struct io *io)
{
    (void)io;
    return now_ns(CLOCK_MONOTONIC);
}

static uint64_t posix_real_ns(struct io *io)
{
    (void)io;
    return now_ns(CLOCK_REALTIME);
}

static void posix_random(struct io *io, void *data, size_t size)
{
    (void)io;
    for (size_t done = 0; done < size;) {
        ssize_t count = getrandom((uint8_t *)data + done, size - done, 0);
        ASSERT(count > 0 || errno == EINTR);
        done += count > 0 ? (size_t)count : 0;
    }
}

static int posix_boot_id(struct io *io, char out_id[37])
{
    int fd = posix_open(io, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    int64_t count = posix_pread(io, fd, out_id, 36, 0);
    close(fd);
    if (count != 36) {
        return count < 0 ? (int)count : E_TRUNCATED;
    }
    out_id[36] = '\0';
    return 0;
}

struct io *io_posix(void)
{
    static struct io posix = {
        .open = posix_open,
        .close = posix_close,
        .pread = posix_pread,
        .pwrite = posix_pwrite,
        .data_start = posix_data_start,
        .ftruncate = posix_ftruncate,
        .fdatasync = posix_fdatasync,
        .sync_dir = posix_sync_dir,
        .rename = posix_rename,
        .rename_new = posix_rename_new,
        .has_writer = posix_has_writer,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .list = posix_list,
        .readlink = posix_readlink,
        .stat = posix_stat,
        .fstat = posix_fstat,
        .lock = posix_lock,
        .allocate = posix_allocate,
        .advise = posix_advise,
        .free_bytes = posix_free_bytes,
        .fs_magic = posix_fs_magic,
        .notify_open = posix_notify_open,
        .notify_add = posix_notify_add,
        .notify_remove = posix_notify_remove,
        .notify_read = posix_notify_read,
        .monotonic_ns = posix_monotonic_ns,
        .real_ns = posix_real_ns,
        .random = posix_random,
        .boot_id = posix_boot_id,
    };
    return &posix;
}
