#include "runtime/leaver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crash_point.h"
#include "base/error.h"

enum { SAME_NAMES_MAX = 10000 }; // in the directory that files are moved to

static const char HIDDEN_PREFIX[] = ".kintail-shipped-";

void leaver_deinit(struct leaver *leaver)
{
    free(leaver->path);
    leaver->path = NULL;
}

bool leaver_is_rotated(const struct generation *generation)
{
    return generation->first_name != (generation_name(generation->path) & GENERATION_NAME_MAX);
}

bool leaver_is_compressed(const struct flow_config *flow, const struct generation *generation)
{
    size_t length = strlen(generation->path);
    return flow->source.compressed && length > 3 &&
           strcmp(generation->path + length - 3, ".gz") == 0;
}

// ---- looking ----

static bool is_it(const struct generation *generation, const struct file_stat *stat)
{
    return stat->kind == FILE_REGULAR && stat->device == generation->device &&
           stat->inode == generation->inode &&
           (stat->birth_ns == 0 || generation->birth_ns == 0 ||
            stat->birth_ns == generation->birth_ns);
}

static bool is_same(const struct file_stat *a, const struct file_stat *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

// The name that a file has while it is deleted, in its own directory; owned.
static char *hidden_path_of(const char *path, uint64_t inode)
{
    int dir_bytes = (int)(name_of(path) - path);
    return xasprintf("%.*s%s%llx", dir_bytes, path, HIDDEN_PREFIX, (unsigned long long)inode);
}

static bool is_hidden(const char *path)
{
    return strncmp(name_of(path), HIDDEN_PREFIX, sizeof HIDDEN_PREFIX - 1) == 0;
}

int leaver_look_at(struct io *io, struct leaver *leaver, const struct generation *generation,
                   uint64_t now_ns, enum leaver_look *out_look)
{
    struct file_stat stat;
    char *path = xstrdup(generation->path);
    int error = io->stat(io, path, false, &stat);
    if (error == -ENOENT || (error == 0 && !is_it(generation, &stat))) {
        free(path);
        path = hidden_path_of(generation->path, generation->inode);
        error = io->stat(io, path, false, &stat);
    }
    if (error != 0 || !is_it(generation, &stat)) {
        free(path);
        *out_look = LEAVER_GONE;
        return error == -ENOENT || error == -ENOTDIR ? 0 : error;
    }
    bool same =
        leaver->seen_ns != 0 && is_same(&leaver->seen, &stat) && strcmp(leaver->path, path) == 0;
    free(leaver->path);
    leaver->path = path;
    leaver->seen = stat;
    leaver->seen_ns = same ? leaver->seen_ns : now_ns;
    *out_look = same ? LEAVER_SAME : LEAVER_CHANGED;
    return 0;
}

static bool has_bytes(struct io *io, int fd, uint64_t end, struct fingerprint known)
{
    uint8_t bytes[HEAD_BYTES_MAX];
    if (known.length == 0) {
        return true;
    }
    if (known.length > sizeof bytes || known.length > end) {
        return false;
    }
    int64_t count = io_pread_all(io, fd, bytes, known.length, end - known.length);
    return count == (int64_t)known.length &&
           fingerprint_equal(known, fingerprint_of(slice_of(bytes, known.length)));
}

int leaver_may_go(struct io *io, const struct leaver *leaver, const struct generation *generation,
                  bool compressed, const char **out_why)
{
    *out_why = NULL;
    int fd = io->open(io, leaver->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (fd < 0) {
        return fd;
    }
    struct file_stat stat;
    int error = io->fstat(io, fd, &stat);
    if (error == 0 && !is_same(&leaver->seen, &stat)) {
        *out_why = "it has changed since it was looked at";
    } else if (error == 0 && io->has_writer(io, fd) == 1) {
        *out_why = "a process has it open for writing";
    } else if (error == 0 && !compressed &&
               !(has_bytes(io, fd, generation->head.length, generation->head) &&
                 has_bytes(io, fd, generation->position, generation->tail))) {
        *out_why = "its content is not what was read";
    }
    io->close(io, fd);
    return error;
}

// ---- acting ----

// Whether the file at `path` is the one that was looked at. If not, gives it its name back.
static int check_moved(struct io *io, const struct leaver *leaver, const char *path)
{
    struct file_stat stat;
    int error = io->stat(io, path, false, &stat);
    if (error == 0 && is_same(&leaver->seen, &stat)) {
        return 0;
    }
    if (error == 0) {
        error = io->rename_new(io, path, leaver->path);
    }
    return error == 0 ? -ESTALE : error;
}

int leaver_delete(struct io *io, const struct leaver *leaver)
{
    char *hidden = hidden_path_of(leaver->path, leaver->seen.inode);
    int error = 0;
    if (!is_hidden(leaver->path)) {
        error = io->rename_new(io, leaver->path, hidden);
        CRASH_POINT("after a shipped file was hidden");
    }
    if (error == 0) {
        error = check_moved(io, leaver, hidden);
    }
    if (error == 0) {
        error = io->unlink(io, hidden);
        CRASH_POINT("after the removal of a shipped file");
    }
    free(hidden);
    return error;
}

int leaver_move(struct io *io, const struct leaver *leaver, const char *dir, char **out_path)
{
    const char *name = name_of(leaver->path);
    int error = -EEXIST;
    for (unsigned i = 0; error == -EEXIST && i < SAME_NAMES_MAX; i++) {
        char *to = i == 0 ? xasprintf("%s/%s", dir, name) : xasprintf("%s/%s-%u", dir, name, i);
        error = io->rename_new(io, leaver->path, to);
        if (error == 0) {
            CRASH_POINT("after the move of a shipped file");
            error = check_moved(io, leaver, to);
            if (error == 0) {
                *out_path = to;
                return 0;
            }
        }
        free(to);
    }
    return error;
}
