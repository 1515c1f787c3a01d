#include "support/fault_io.h"

#include <string.h>

#include "base/assert.h"

static enum fault_call call_of(const char *function)
{
    static const char *const names[] = {
#define X(name) [FAULT_CALL_##name] = #name,
        FAULT_IO_LIST(X)
#undef X
            [FAULT_CALL_ANY] = FAULT_ANY,
    };
    unsigned call = 0;
    while (strcmp(names[call], function) != 0) {
        call++;
        ASSERT(call < FAULT_CALL_COUNT);
    }
    return (enum fault_call)call;
}

static bool strikes(const struct fault_io *fault, const struct fault *one, enum fault_call call)
{
    if (one->call != call && one->call != FAULT_CALL_ANY) {
        return false;
    }
    if (one->error == 0 && call != FAULT_CALL_pread && call != FAULT_CALL_pwrite) {
        return false;
    }
    uint64_t number = fault->calls[one->call];
    return number >= one->first && number <= one->last;
}

// Counts the call. Returns its error, or 0 after lowering `*size` (may be NULL) to what it may
// move.
static int enter(struct fault_io *fault, enum fault_call call, size_t *size)
{
    int error = 0;
    pthread_mutex_lock(&fault->mutex);
    fault->calls[call]++;
    fault->calls[FAULT_CALL_ANY]++;
    for (unsigned i = 0; i < fault->fault_count && error == 0; i++) {
        const struct fault *one = &fault->faults[i];
        if (!strikes(fault, one, call)) {
            continue;
        }
        error = one->error;
        if (error != 0) {
            fault->struck++;
        } else if (size != NULL && *size > one->bytes_max) {
            fault->struck++;
            *size = one->bytes_max;
        }
    }
    pthread_mutex_unlock(&fault->mutex);
    return error;
}

static struct fault_io *fault_of(struct io *io)
{
    return (struct fault_io *)(void *)io;
}

// The body of a call that goes to `inner`, the wrapped io, unless it fails.
#define PASS(name, ...)                                       \
    struct io *inner = fault_of(io)->inner;                   \
    int error = enter(fault_of(io), FAULT_CALL_##name, NULL); \
    return error != 0 ? error : inner->name(__VA_ARGS__)

static int fault_open(struct io *io, const char *path, int flags, mode_t mode)
{
    PASS(open, inner, path, flags, mode);
}

static void fault_close(struct io *io, int fd)
{
    struct io *inner = fault_of(io)->inner;
    inner->close(inner, fd);
}

static int64_t fault_pread(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    struct fault_io *fault = fault_of(io);
    int error = enter(fault, FAULT_CALL_pread, &size);
    return error != 0 ? error : fault->inner->pread(fault->inner, fd, data, size, offset);
}

static int64_t fault_pwrite(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    struct fault_io *fault = fault_of(io);
    int error = enter(fault, FAULT_CALL_pwrite, &size);
    return error != 0 ? error : fault->inner->pwrite(fault->inner, fd, data, size, offset);
}

static int64_t fault_data_start(struct io *io, int fd, uint64_t offset)
{
    PASS(data_start, inner, fd, offset);
}

static int fault_ftruncate(struct io *io, int fd, uint64_t size)
{
    PASS(ftruncate, inner, fd, size);
}

static int fault_fdatasync(struct io *io, int fd)
{
    PASS(fdatasync, inner, fd);
}

static int fault_sync_dir(struct io *io, const char *path)
{
    PASS(sync_dir, inner, path);
}

static int fault_rename(struct io *io, const char *from, const char *to)
{
    PASS(rename, inner, from, to);
}

static int fault_unlink(struct io *io, const char *path)
{
    PASS(unlink, inner, path);
}

static int fault_mkdir(struct io *io, const char *path, mode_t mode)
{
    PASS(mkdir, inner, path, mode);
}

static int fault_list(struct io *io, const char *path, io_list_fn *entry, void *context)
{
    PASS(list, inner, path, entry, context);
}

static int fault_readlink(struct io *io, const char *path, char *target, size_t size)
{
    PASS(readlink, inner, path, target, size);
}

static int fault_stat(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    PASS(stat, inner, path, follow, out_stat);
}

static int fault_fstat(struct io *io, int fd, struct file_stat *out_stat)
{
    PASS(fstat, inner, fd, out_stat);
}

static int fault_lock(struct io *io, int fd)
{
    PASS(lock, inner, fd);
}

static int fault_allocate(struct io *io, int fd, uint64_t offset, uint64_t size)
{
    PASS(allocate, inner, fd, offset, size);
}

static void fault_advise(struct io *io, int fd, uint64_t offset, uint64_t size,
                         enum io_advice advice)
{
    struct io *inner = fault_of(io)->inner;
    inner->advise(inner, fd, offset, size, advice);
}

static int fault_free_bytes(struct io *io, const char *path, uint64_t *out_bytes)
{
    PASS(free_bytes, inner, path, out_bytes);
}

static int fault_fs_magic(struct io *io, const char *path, uint64_t *out_magic)
{
    PASS(fs_magic, inner, path, out_magic);
}

static int fault_notify_open(struct io *io)
{
    PASS(notify_open, inner);
}

static int fault_notify_add(struct io *io, int fd, const char *path, uint32_t mask)
{
    PASS(notify_add, inner, fd, path, mask);
}

static void fault_notify_remove(struct io *io, int fd, int watch)
{
    struct io *inner = fault_of(io)->inner;
    inner->notify_remove(inner, fd, watch);
}

static int64_t fault_notify_read(struct io *io, int fd, void *events, size_t size)
{
    PASS(notify_read, inner, fd, events, size);
}

static uint64_t fault_monotonic_ns(struct io *io)
{
    struct io *inner = fault_of(io)->inner;
    return inner->monotonic_ns(inner);
}

static uint64_t fault_real_ns(struct io *io)
{
    struct io *inner = fault_of(io)->inner;
    return inner->real_ns(inner);
}

static void fault_random(struct io *io, void *data, size_t size)
{
    struct io *inner = fault_of(io)->inner;
    inner->random(inner, data, size);
}

static int fault_boot_id(struct io *io, char out_id[37])
{
    PASS(boot_id, inner, out_id);
}

void fault_io_init(struct fault_io *fault, struct io *inner)
{
    *fault = (struct fault_io){
        .io =
            {
#define X(name) .name = fault_##name,
                FAULT_IO_LIST(X)
#undef X
                    .close = fault_close,
                .advise = fault_advise,
                .notify_remove = fault_notify_remove,
                .monotonic_ns = fault_monotonic_ns,
                .real_ns = fault_real_ns,
                .random = fault_random,
            },
        .inner = inner,
    };
    pthread_mutex_init(&fault->mutex, NULL);
}

void fault_io_deinit(struct fault_io *fault)
{
    pthread_mutex_destroy(&fault->mutex);
}

static void add_fault(struct fault_io *fault, struct fault one, uint64_t nth, uint64_t count)
{
    ASSERT(nth >= 1 && count >= 1);
    pthread_mutex_lock(&fault->mutex);
    ASSERT(fault->fault_count < FAULTS_MAX);
    one.first = fault->calls[one.call] + nth;
    one.last = count > UINT64_MAX - one.first ? UINT64_MAX : one.first + count - 1;
    fault->faults[fault->fault_count++] = one;
    pthread_mutex_unlock(&fault->mutex);
}

void fault_io_fail(struct fault_io *fault, const char *function, uint64_t nth, uint64_t count,
                   int error)
{
    ASSERT(error < 0);
    add_fault(fault, (struct fault){.call = call_of(function), .error = error}, nth, count);
}

void fault_io_shorten(struct fault_io *fault, const char *function, uint64_t nth, uint64_t count,
                      size_t bytes_max)
{
    add_fault(fault, (struct fault){.call = call_of(function), .bytes_max = bytes_max}, nth, count);
}

void fault_io_heal(struct fault_io *fault)
{
    pthread_mutex_lock(&fault->mutex);
    fault->fault_count = 0;
    pthread_mutex_unlock(&fault->mutex);
}

uint64_t fault_io_calls(struct fault_io *fault, const char *function)
{
    enum fault_call call = call_of(function);
    pthread_mutex_lock(&fault->mutex);
    uint64_t calls = fault->calls[call];
    pthread_mutex_unlock(&fault->mutex);
    return calls;
}

uint64_t fault_io_struck(struct fault_io *fault)
{
    pthread_mutex_lock(&fault->mutex);
    uint64_t struck = fault->struck;
    pthread_mutex_unlock(&fault->mutex);
    return struck;
}
