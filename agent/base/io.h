// The seam between the program and the operating system. Everything that touches files, clocks or
// chance goes through a struct io, so that tests can put a simulated disk and a virtual clock
// behind the very same code. The real one is io_posix.h.
//
// Calls that can fail return a negative error (-errno). Descriptors are only valid with the io that
// returned them. The real io may be used by any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_SYMLINK, FILE_OTHER };

struct file_stat {
    enum file_kind kind;
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t link_count;
    uint64_t birth_ns; // time of birth, 0 where the filesystem has none
    uint64_t mtime_ns;
    uint64_t ctime_ns;  // of the last change to content, names or attributes
    uint64_t allocated; // bytes of storage behind the file
};

// Called by io_list for every entry but "." and "..". A non-zero result ends the listing and
// becomes its result.
typedef int io_list_fn(void *context, const char *name, enum file_kind kind);

enum io_advice { IO_ADVICE_SEQUENTIAL, IO_ADVICE_DONTNEED };

struct io {
    // open(2). O_CLOEXEC is added. Returns a descriptor.
    int (*open)(struct io *io, const char *path, int flags, mode_t mode);
    void (*close)(struct io *io, int fd);
    // pread(2) and pwrite(2), repeated over EINTR. May be short.
    int64_t (*pread)(struct io *io, int fd, void *data, size_t size, uint64_t offset);
    int64_t (*pwrite)(struct io *io, int fd, const void *data, size_t size, uint64_t offset);
    // Where the next bytes that are stored begin, at `offset` or behind it; before it are NUL bytes
    // only. The size of the file when there are none, -ENXIO when `offset` is at the end.
    int64_t (*data_start)(struct io *io, int fd, uint64_t offset);
    int (*ftruncate)(struct io *io, int fd, uint64_t size);
    int (*fdatasync)(struct io *io, int fd);
    // Makes the entries of a directory durable (open, fsync, close).
    int (*sync_dir)(struct io *io, const char *path);
    int (*rename)(struct io *io, const char *from, const char *to);
    // The same, but -EEXIST when `to` is there.
    int (*rename_new)(struct io *io, const char *from, const char *to);
    int (*unlink)(struct io *io, const char *path);
    int (*mkdir)(struct io *io, const char *path, mode_t mode);
    int (*list)(struct io *io, const char *path, io_list_fn *entry, void *context);
    // readlink(2) into `target`, NUL-terminated. Returns the length, or -ENAMETOOLONG.
    int (*readlink)(struct io *io, const char *path, char *target, size_t size);
    int (*stat)(struct io *io, const char *path, bool follow, struct file_stat *out_stat);
    int (*fstat)(struct io *io, int fd, struct file_stat *out_stat);
    // Whether any process has the file open for writing: 1 or 0, or an error where that cannot be
    // told. `fd` is open for reading only.
    int (*has_writer)(struct io *io, int fd);
    // Exclusive flock(2) without waiting; E_LOCKED when another process holds it.
    int (*lock)(struct io *io, int fd);
    // fallocate(2) with FALLOC_FL_KEEP_SIZE; -EOPNOTSUPP is not an error for callers.
    int (*allocate)(struct io *io, int fd, uint64_t offset, uint64_t size);
    void (*advise)(struct io *io, int fd, uint64_t offset, uint64_t size, enum io_advice advice);
    // Bytes of the filesystem that holds `path` which an unprivileged process can still use.
    int (*free_bytes)(struct io *io, const char *path, uint64_t *out_bytes);
    // The kind of filesystem that holds `path`: f_type of statfs(2).
    int (*fs_magic)(struct io *io, const char *path, uint64_t *out_magic);

    // inotify(7). notify_read fills `events` with struct inotify_event; 0 when there is none.
    int (*notify_open)(struct io *io);
    int (*notify_add)(struct io *io, int fd, const char *path, uint32_t mask);
    void (*notify_remove)(struct io *io, int fd, int watch);
    int64_t (*notify_read)(struct io *io, int fd, void *events, size_t size);

    uint64_t (*monotonic_ns)(struct io *io);
    uint64_t (*real_ns)(struct io *io);
    // Fills `data` with random bytes fit for keys and ids.
    void (*random)(struct io *io, void *data, size_t size);
    // The kernel's boot id: 36 characters and a NUL.
    int (*boot_id)(struct io *io, char out_id[37]);
};

// Wrappers that finish short transfers.

// Reads until `size` bytes or the end of the file. Returns the number read.
NODISCARD int64_t io_pread_all(struct io *io, int fd, void *data, size_t size, uint64_t offset);
// Writes everything or fails; after a failure some bytes may be in the file.
NODISCARD int io_pwrite_all(struct io *io, int fd, const void *data, size_t size, uint64_t offset);
// Reads a whole file of at most `size_max` bytes. Returns owned memory with a NUL behind the
// content in `*out_data` and the size in `*out_size`; E_TOO_LARGE when it is larger.
NODISCARD int io_read_file(struct io *io, const char *path, size_t size_max, uint8_t **out_data,
                           size_t *out_size);
// mkdir -p: creates what is missing, with `mode`. -ENOTDIR when something else has one of the
// names.
NODISCARD int io_mkdir_all(struct io *io, const char *path, mode_t mode);
