// Anything as a configuration file: loads or is refused; what loads is printed and loads again.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "config/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A filesystem that holds one file.
struct one_file {
    struct io io;
    struct slice content;
};

static int open_file(struct io *io, const char *path, int flags, mode_t mode)
{
    (void)io;
    (void)path;
    (void)flags;
    (void)mode;
    return 3;
}

static void close_file(struct io *io, int fd)
{
    (void)io;
    (void)fd;
}

static int64_t read_file(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    (void)fd;
    struct one_file *file = (struct one_file *)(void *)io;
    if (offset >= file->content.size) {
        return 0;
    }
    size_t left = file->content.size - (size_t)offset;
    size_t count = size < left ? size : left;
    memcpy(data, file->content.data + offset, count);
    return (int64_t)count;
}

static int stat_descriptor(struct io *io, int fd, struct file_stat *out_stat)
{
    (void)fd;
    struct one_file *file = (struct one_file *)(void *)io;
    *out_stat = (struct file_stat){.kind = FILE_REGULAR, .size = file->content.size};
    return 0;
}

static int stat_path(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    (void)path;
    (void)follow;
    return stat_descriptor(io, 3, out_stat);
}

static const char *environment(const char *name)
{
    return name[0] == 'A' ? "a" : NULL;
}

static int load(struct slice text, struct config **out_config, struct buf *report)
{
    struct one_file file = {.io = {.open = open_file,
                                   .close = close_file,
                                   .pread = read_file,
                                   .stat = stat_path,
                                   .fstat = stat_descriptor},
                            .content = text};
    struct config_source source = {.path = "a.yaml", .getenv = environment};
    return config_load(&file.io, &source, out_config, report);
}

static bool has_secret(const struct config *config)
{
    return config->credentials.secret_access_key != NULL;
}

static void load_again(const struct config *config)
{
    struct config *again = NULL;
    struct buf first;
    struct buf second;
    struct buf report;
    buf_init(&first, CONFIG_FILE_BYTES_MAX);
    buf_init(&second, CONFIG_FILE_BYTES_MAX);
    buf_init(&report, CONFIG_FILE_BYTES_MAX);
    config_print(config, &first);
    if (!first.overflow && !has_secret(config)) {
        ASSERT(load(buf_slice(&first), &again, &report) == 0);
        config_print(again, &second);
        ASSERT(slice_equal(buf_slice(&first), buf_slice(&second)));
    }
    config_free(again);
    buf_deinit(&first);
    buf_deinit(&second);
    buf_deinit(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct buf report;
    buf_init(&report, CONFIG_FILE_BYTES_MAX);
    int error = load(slice_of(data, size), &config, &report);
    ASSERT((error == 0) == (report.size == 0));
    if (error == 0) {
        load_again(config);
        config_free(config);
    }
    buf_deinit(&report);
    return 0;
}
