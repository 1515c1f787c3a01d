#include "sandbox/shard_log_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"

enum { FILE_MODE = 0644 };

char *shard_log_path(const char *dir, uint32_t shard, uint64_t file)
{
    return xasprintf("%s/%012" PRIu32 "-%020" PRIu64 ".log", dir, shard, file);
}

struct listing {
    char prefix[16];
    uint64_t *files;
    size_t count;
};

static int note_file(void *context, const char *name, enum file_kind kind)
{
    struct listing *listing = context;
    struct slice text = slice_of_text(name);
    struct slice prefix = slice_of_text(listing->prefix);
    struct slice suffix = slice_of_text(".log");
    if (kind != FILE_REGULAR || text.size <= prefix.size + suffix.size ||
        !slice_starts_with(text, prefix)) {
        return 0;
    }
    struct slice digits = slice_skip(text, prefix.size);
    digits.size -= suffix.size;
    uint64_t file;
    if (slice_equal(slice_of(digits.data + digits.size, suffix.size), suffix) &&
        number_parse_u64(digits, &file) == 0) {
        listing->files = xreallocarray(listing->files, listing->count + 1, sizeof(*listing->files));
        listing->files[listing->count++] = file;
    }
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

int shard_log_list(struct io *io, const char *dir, uint32_t shard, uint64_t **out_files,
                   size_t *out_count)
{
    struct listing listing = {0};
    snprintf(listing.prefix, sizeof(listing.prefix), "%012" PRIu32 "-", shard);
    int error = io->list(io, dir, note_file, &listing);
    if (listing.count > 1) {
        qsort(listing.files, listing.count, sizeof(*listing.files), compare_files);
    }
    *out_files = listing.files;
    *out_count = listing.count;
    return error;
}

int shard_log_write(struct io *io, const char *path, struct slice data, uint64_t offset)
{
    int fd = io->open(io, path, O_WRONLY | O_CREAT, FILE_MODE);
    if (fd < 0) {
        return fd;
    }
    int error = io_pwrite_all(io, fd, data.data, data.size, offset);
    if (error != 0) {
        (void)io->ftruncate(io, fd, offset);
    }
    io->close(io, fd);
    return error;
}

int shard_log_cut(struct io *io, const char *path, uint64_t size)
{
    int fd = io->open(io, path, O_WRONLY, 0);
    if (fd < 0) {
        return fd;
    }
    int error = io->ftruncate(io, fd, size);
    io->close(io, fd);
    return error;
}

int shard_log_read_at(struct io *io, const char *path, uint64_t offset, uint64_t size,
                      uint8_t **out_data)
{
    int fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    uint8_t *data = xmalloc(size);
    int64_t got = io_pread_all(io, fd, data, size, offset);
    io->close(io, fd);
    if (got != (int64_t)size) {
        free(data);
        return got < 0 ? (int)got : E_TRUNCATED;
    }
    *out_data = data;
    return 0;
}
