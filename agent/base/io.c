#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int64_t io_pread_all(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        int64_t count = io->pread(io, fd, (uint8_t *)data + done, size - done, offset + done);
        if (count < 0) {
            return count;
        }
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    return (int64_t)done;
}

int io_pwrite_all(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        int64_t count =
            io->pwrite(io, fd, (const uint8_t *)data + done, size - done, offset + done);
        if (count < 0) {
            return (int)count;
        }
        if (count == 0) {
            return -EIO;
        }
        done += (size_t)count;
    }
    return 0;
}

int io_read_file(struct io *io, const char *path, size_t size_max, uint8_t **out_data,
                 size_t *out_size)
{
    int fd = io->open(io, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) {
        return fd;
    }
    struct file_stat stat;
    int error = io->fstat(io, fd, &stat);
    if (error == 0 && stat.kind == FILE_DIRECTORY) {
        error = -EISDIR;
    }
    if (error < 0) {
        io->close(io, fd);
        return error;
    }
    // Sizes lie (/proc, a growing file), so the read itself is what is limited.
    size_t capacity = stat.size < size_max ? (size_t)stat.size + 1 : size_max + 1;
    if (stat.size == 0) {
        capacity = size_max + 1;
    }
    uint8_t *data = xmalloc(capacity + 1);
    int64_t count = io_pread_all(io, fd, data, capacity, 0);
    io->close(io, fd);
    if (count < 0 || (size_t)count > size_max) {
        free(data);
        return count < 0 ? (int)count : E_TOO_LARGE;
    }
    data[count] = '\0';
    *out_data = data;
    *out_size = (size_t)count;
    return 0;
}

int io_mkdir_all(struct io *io, const char *path, mode_t mode)
{
    char *part = xstrdup(path);
    int error = 0;
    for (char *slash = part; error == 0 && slash != NULL && *slash != '\0';) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        error = io->mkdir(io, part, mode);
        if (error == -EEXIST) {
            error = 0;
        }
        if (slash != NULL) {
            *slash = '/';
        }
    }
    free(part);
    struct file_stat stat;
    if (error == 0) {
        error = io->stat(io, path, true, &stat);
    }
    if (error == 0 && stat.kind != FILE_DIRECTORY) {
        error = -ENOTDIR;
    }
    return error;
}
