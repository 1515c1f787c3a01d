#include "simulation/sim_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { ACK_SLOT_BYTES_MIN = 4096 };

static struct sim_io *sim_of(struct io *io)
{
    return (struct sim_io *)(void *)io;
}

static bool is_disk_fd(int fd)
{
    return fd >= SIM_DISK_FD_BASE;
}

static struct io *side_of_path(const struct sim_io *sim, const char *path)
{
    return strncmp(path, "/state", 6) == 0 ? sim->disk : sim->files;
}

static struct io *side_of_fd(const struct sim_io *sim, int fd)
{
    return is_disk_fd(fd) ? sim->disk : sim->files;
}

static int64_t counted(struct sim_io *sim, const struct io *side, int64_t result)
{
    sim->failures += side == sim->disk && result < 0 && result != -ENOENT && result != -EEXIST &&
                     result != -EOPNOTSUPP;
    return result;
}

static void pause_at(struct sim_io *sim, enum disk_file kind)
{
    sim->pause(sim->context, kind);
}

static enum disk_file kind_of_fd(const struct sim_io *sim, int fd)
{
    return is_disk_fd(fd) ? sim->kinds[fd - SIM_DISK_FD_BASE] : DISK_OTHER;
}

static enum disk_file kind_of(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    if (strstr(path, "/dead/") != NULL) {
        return DISK_DEAD;
    }
    if (strcmp(name, "ack") == 0) {
        return DISK_ACK;
    }
    return strstr(name, ".seg") != NULL ? DISK_SEGMENT : DISK_OTHER;
}

static int route_open(struct io *io, const char *path, int flags, mode_t mode)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_path(sim, path);
    if ((flags & O_CREAT) != 0) {
        pause_at(sim, kind_of(path));
    }
    int fd = (int)counted(sim, side, side->open(side, path, flags, mode));
    if (is_disk_fd(fd)) {
        sim->kinds[fd - SIM_DISK_FD_BASE] = kind_of(path);
    }
    if ((flags & O_CREAT) != 0) {
        sim->named(sim->context, "creates", path, fd < 0 ? fd : 0);
    }
    return fd;
}

static void route_close(struct io *io, int fd)
{
    struct io *side = side_of_fd(sim_of(io), fd);
    side->close(side, fd);
}

static int64_t route_pread(struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_fd(sim, fd);
    if (is_disk_fd(fd)) {
        pause_at(sim, kind_of_fd(sim, fd));
    }
    return counted(sim, side, side->pread(side, fd, data, size, offset));
}

// A slot of acknowledgements counts when its last byte is written, however many writes that takes.
static void note_ack(struct sim_io *sim, size_t size, uint64_t offset, int64_t result)
{
    if (offset != sim->ack_end) {
        sim->ack_bytes = 0;
    }
    if (result > 0) {
        sim->ack_bytes += (size_t)result;
        sim->ack_end = offset + (uint64_t)result;
    }
    sim->ack_torn = result != (int64_t)size;
    if (!sim->ack_torn && sim->ack_bytes >= ACK_SLOT_BYTES_MIN) {
        sim->written(sim->context, DISK_ACK, slice_of(NULL, 0));
        sim->ack_bytes = 0;
    }
}

static int64_t route_pwrite(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    enum disk_file kind = kind_of_fd(sim, fd);
    pause_at(sim, kind);
    if (kind == DISK_SEGMENT && size > sim->block_bytes_max) {
        sim->block_bytes_max = size;
    }
    int64_t result = counted(sim, sim->disk, sim->disk->pwrite(sim->disk, fd, data, size, offset));
    if (kind == DISK_ACK) {
        note_ack(sim, size, offset, result);
    } else if (result > 0) {
        sim->written(sim->context, kind, slice_of(data, (size_t)result));
    }
    return result;
}

static int64_t route_data_start(struct io *io, int fd, uint64_t offset)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_fd(sim, fd);
    return counted(sim, side, side->data_start(side, fd, offset));
}

static int route_ftruncate(struct io *io, int fd, uint64_t size)
{
    struct sim_io *sim = sim_of(io);
    return (int)counted(sim, sim->disk, sim->disk->ftruncate(sim->disk, fd, size));
}

static int route_fdatasync(struct io *io, int fd)
{
    struct sim_io *sim = sim_of(io);
    pause_at(sim, kind_of_fd(sim, fd));
    int result = (int)counted(sim, sim->disk, sim->disk->fdatasync(sim->disk, fd));
    if (result == 0) {
        sim->synced(sim->context, kind_of_fd(sim, fd));
    }
    return result;
}

static int route_sync_dir(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    pause_at(sim, DISK_OTHER);
    return (int)counted(sim, sim->disk, sim->disk->sync_dir(sim->disk, path));
}

static int route_rename(struct io *io, const char *from, const char *to)
{
    struct sim_io *sim = sim_of(io);
    int result = (int)counted(sim, sim->disk, sim->disk->rename(sim->disk, from, to));
    sim->named(sim->context, "renames", to, result);
    return result;
}

static int route_unlink(struct io *io, const char *path)
{
    struct sim_io *sim = sim_of(io);
    pause_at(sim, kind_of(path));
    int result = (int)counted(sim, sim->disk, sim->disk->unlink(sim->disk, path));
    sim->named(sim->context, "removes", path, result);
    return result;
}

static int route_mkdir(struct io *io, const char *path, mode_t mode)
{
    struct sim_io *sim = sim_of(io);
    return (int)counted(sim, sim->disk, sim->disk->mkdir(sim->disk, path, mode));
}

static int route_list(struct io *io, const char *path, io_list_fn *entry, void *context)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_path(sim, path);
    return (int)counted(sim, side, side->list(side, path, entry, context));
}

static int route_readlink(struct io *io, const char *path, char *target, size_t size)
{
    struct io *files = sim_of(io)->files;
    return files->readlink(files, path, target, size);
}

static int route_stat(struct io *io, const char *path, bool follow, struct file_stat *out_stat)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_path(sim, path);
    return (int)counted(sim, side, side->stat(side, path, follow, out_stat));
}

static int route_fstat(struct io *io, int fd, struct file_stat *out_stat)
{
    struct sim_io *sim = sim_of(io);
    struct io *side = side_of_fd(sim, fd);
    return (int)counted(sim, side, side->fstat(side, fd, out_stat));
}

static int route_lock(struct io *io, int fd)
{
    struct io *disk = sim_of(io)->disk;
    return disk->lock(disk, fd);
}

static int route_allocate(struct io *io, int fd, uint64_t offset, uint64_t size)
{
    struct io *disk = sim_of(io)->disk;
    return disk->allocate(disk, fd, offset, size);
}

static void route_advise(struct io *io, int fd, uint64_t offset, uint64_t size,
                         enum io_advice advice)
{
    struct io *side = side_of_fd(sim_of(io), fd);
    side->advise(side, fd, offset, size, advice);
}

static int route_free_bytes(struct io *io, const char *path, uint64_t *out_bytes)
{
    struct io *disk = sim_of(io)->disk;
    return disk->free_bytes(disk, path, out_bytes);
}

static int route_fs_magic(struct io *io, const char *path, uint64_t *out_magic)
{
    struct io *files = sim_of(io)->files;
    return files->fs_magic(files, path, out_magic);
}

static int route_notify_open(struct io *io)
{
    struct io *files = sim_of(io)->files;
    return files->notify_open(files);
}

static int route_notify_add(struct io *io, int fd, const char *path, uint32_t mask)
{
    struct io *files = sim_of(io)->files;
    return files->notify_add(files, fd, path, mask);
}

static void route_notify_remove(struct io *io, int fd, int watch)
{
    struct io *files = sim_of(io)->files;
    files->notify_remove(files, fd, watch);
}

static int64_t route_notify_read(struct io *io, int fd, void *events, size_t size)
{
    struct io *files = sim_of(io)->files;
    return files->notify_read(files, fd, events, size);
}

static uint64_t sim_monotonic_ns(struct io *io)
{
    return sim_of(io)->now_ns - sim_of(io)->booted_ns;
}

static uint64_t sim_real_ns(struct io *io)
{
    const struct sim_io *sim = sim_of(io);
    return sim->now_ns + (uint64_t)sim->real_ahead_ns;
}

static void sim_random(struct io *io, void *data, size_t size)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = prng_next(&sim_of(io)->prng);
        memcpy(bytes + i, &word, size - i < sizeof word ? size - i : sizeof word);
    }
}

static int route_boot_id(struct io *io, char out_id[37])
{
    struct io *disk = sim_of(io)->disk;
    return disk->boot_id(disk, out_id);
}

void sim_io_init(struct sim_io *sim, struct io *files, struct io *disk, uint64_t seed)
{
    *sim = (struct sim_io){
        .io = {.open = route_open,
               .close = route_close,
               .pread = route_pread,
               .pwrite = route_pwrite,
               .data_start = route_data_start,
               .ftruncate = route_ftruncate,
               .fdatasync = route_fdatasync,
               .sync_dir = route_sync_dir,
               .rename = route_rename,
               .unlink = route_unlink,
               .mkdir = route_mkdir,
               .list = route_list,
               .readlink = route_readlink,
               .stat = route_stat,
               .fstat = route_fstat,
               .lock = route_lock,
               .allocate = route_allocate,
               .advise = route_advise,
               .free_bytes = route_free_bytes,
               .fs_magic = route_fs_magic,
               .notify_open = route_notify_open,
               .notify_add = route_notify_add,
               .notify_remove = route_notify_remove,
               .notify_read = route_notify_read,
               .monotonic_ns = sim_monotonic_ns,
               .real_ns = sim_real_ns,
               .random = sim_random,
               .boot_id = route_boot_id},
        .files = files,
        .disk = disk,
        .prng = prng_of_seed(seed),
    };
}
