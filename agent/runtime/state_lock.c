#include "runtime/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"

static pid_t read_holder(struct io *io, int fd)
{
    char text[16];
    int64_t count = io_pread_all(io, fd, text, sizeof text, 0);
    uint64_t pid = 0;
    size_t length = 0;
    while (count > 0 && length < (size_t)count && text[length] != '\n') {
        length++;
    }
    return number_parse_u64(slice_of(text, length), &pid) == 0 ? (pid_t)pid : 0;
}

static int write_holder(struct io *io, int fd)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    int error = io->ftruncate(io, fd, 0);
    return error != 0 ? error : io_pwrite_all(io, fd, text, (size_t)length, 0);
}

int state_lock_take(struct io *io, const char *state_dir, pid_t *out_holder)
{
    int error = io_mkdir_all(io, state_dir, 0750);
    if (error != 0) {
        return error;
    }
    char *path = xasprintf("%s/lock", state_dir);
    int fd = io->open(io, path, O_RDWR | O_CREAT, 0640);
    free(path);
    if (fd < 0) {
        return fd;
    }
    error = io->lock(io, fd);
    if (error == E_LOCKED) {
        *out_holder = read_holder(io, fd);
    } else if (error == 0) {
        // A full disk must not keep the agent from shipping what frees it.
        int written = write_holder(io, fd);
        error = written == -ENOSPC || written == -EDQUOT ? 0 : written;
    }
    if (error != 0) {
        io->close(io, fd);
        return error;
    }
    return fd;
}
