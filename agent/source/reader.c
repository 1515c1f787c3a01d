#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "source/archive.h"
#include "source/state.h"

enum { IDLE_MS = 30000 }; // a file that was not used for so long is closed

static void count_open(struct source *source, int change)
{
    source->open_count = (size_t)((int64_t)source->open_count + change);
    stats_set(source->stats, STAT_SOURCE_FILES_OPEN, source->open_count);
}

// One that waits for a descriptor may try again.
static void wake_starving(struct source *source)
{
    if (!ring_empty(&source->starving)) {
        struct source_file *file = file_of_ready(source->starving.next);
        file->starved = false;
        ring_append(&source->ready, &file_work(file)->ready);
    }
}

void reader_close(struct source *source, struct source_file *file)
{
    archive_release(source, file);
    if (file->fd < 0) {
        return;
    }
    source->io->close(source->io, file->fd);
    file->fd = -1;
    link_remove(&file_work(file)->open);
    count_open(source, -1);
    file_rest(file);
    wake_starving(source);
}

void reader_move(struct source *source, struct source_file *from, struct source_file *to)
{
    archive_release(source, from);
    to->fd = from->fd;
    from->fd = -1;
    if (link_in_ring(&from->work->open)) {
        ring_append(from->work->open.next, &file_work(to)->open);
        link_remove(&file_work(from)->open);
    }
}

// A file whose descriptor is the only way to it must keep it.
static bool can_reopen(const struct source *source, const struct source_file *file)
{
    return file->names != NULL && !archive_is_busy(source, file);
}

void reader_offer(struct source *source, const struct source_file *file)
{
    if (file->fd >= 0 && can_reopen(source, file)) {
        wake_starving(source);
    }
}

// Closes the descriptor that was used least recently. False when every one is needed.
static bool close_one(struct source *source)
{
    for (struct link *link = source->open.next; link != &source->open; link = link->next) {
        struct source_file *file = file_of_open(link);
        if (can_reopen(source, file)) {
            reader_close(source, file);
            return true;
        }
    }
    return false;
}

void reader_close_idle(struct source *source)
{
    uint64_t idle_ns = IDLE_MS * NS_PER_MS;
    struct link *link = source->open.next;
    while (link != &source->open) {
        struct source_file *file = file_of_open(link);
        link = link->next;
        if (file->quiet_ns + idle_ns > source->now_ns) {
            return;
        }
        if (can_reopen(source, file) && !link_in_ring(&file->work->ready)) {
            reader_close(source, file);
        } else {
            ring_append(&source->open, &file_work(file)->open);
            return;
        }
    }
}

static int open_path(struct source *source, const char *path)
{
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    int fd = source->io->open(source->io, path, flags, 0);
    if ((fd == -EMFILE || fd == -ENFILE) && close_one(source)) {
        fd = source->io->open(source->io, path, flags, 0);
    }
    return fd == -EMFILE || fd == -ENFILE ? E_FULL : fd;
}

static int open_file(struct source *source, struct source_file *file, const char *path)
{
    struct file_stat stat;
    int fd = open_path(source, path);
    if (fd < 0) {
        return fd;
    }
    int error = source->io->fstat(source->io, fd, &stat);
    const struct generation *generation = &file->generation;
    if (error == 0 && (stat.kind != FILE_REGULAR || stat.inode != generation->inode ||
                       stat.device != generation->device ||
                       (generation->birth_ns != 0 && stat.birth_ns != generation->birth_ns))) {
        error = -ESTALE;
    }
    if (error != 0) {
        source->io->close(source->io, fd);
        return error;
    }
    file->fd = fd;
    ring_append(&source->open, &file_work(file)->open);
    count_open(source, 1);
    source->io->advise(source->io, fd, 0, 0, IO_ADVICE_SEQUENTIAL);
    return 0;
}

static bool has_room(struct source *source)
{
    return source->open_count < source->open_max || close_one(source);
}

int reader_open_at(struct source *source, struct source_file *file, const char *path)
{
    return has_room(source) ? open_file(source, file, path) : E_FULL;
}

int reader_open(struct source *source, struct source_file *file)
{
    if (file->fd >= 0) {
        ring_append(&source->open, &file_work(file)->open);
        return 0;
    }
    if (!has_room(source)) {
        return E_FULL;
    }
    int error = -ENOENT;
    for (struct name *name = file->names; name != NULL; name = name->file_next) {
        char path[PATH_MAX];
        error = tree_path(name, path) ? open_file(source, file, path) : -ENAMETOOLONG;
        if (error == 0 || error == E_FULL) {
            return error;
        }
        if (error == -ESTALE || error == -ENOENT) {
            tree_look(source->tree, name);
        }
    }
    return error;
}

int64_t reader_peek(struct source *source, struct source_file *file, uint8_t *room, size_t size,
                    uint64_t offset)
{
    if (file->archive != NULL) {
        return archive_peek(source, file, room, size, offset);
    }
    int error = reader_open(source, file);
    return error != 0 ? error : io_pread_all(source->io, file->fd, room, size, offset);
}

struct fingerprint reader_tail(struct source *source, struct source_file *file, uint64_t position)
{
    uint8_t tail[TAIL_BYTES_MAX];
    if (file->archive != NULL) {
        return archive_tail(file, position);
    }
    size_t size = position < sizeof tail ? (size_t)position : sizeof tail;
    if (size == 0 || reader_peek(source, file, tail, size, position - size) != (int64_t)size) {
        return (struct fingerprint){0};
    }
    return fingerprint_of(slice_of(tail, size));
}

// Extends the head by what was read at `offset`. Returns whether it grew.
static bool extend_head(struct fingerprint *head, uint64_t offset, struct slice bytes)
{
    uint64_t end = offset + bytes.size < HEAD_BYTES_MAX ? offset + bytes.size : HEAD_BYTES_MAX;
    if (offset > head->length || end <= head->length) {
        return false;
    }
    size_t skip = (size_t)(head->length - offset);
    *head = fingerprint_extend(*head, slice_of(bytes.data + skip, (size_t)(end - offset) - skip));
    return true;
}

static void extend_first(struct source *source, struct source_file *file, uint64_t offset,
                         struct slice bytes)
{
    uint8_t first[FIRST_BYTES];
    size_t known = file->first_count;
    if (known == FIRST_BYTES || offset > known || offset + bytes.size <= known) {
        return;
    }
    memcpy(first, file->first, known);
    struct slice more = slice_skip(bytes, known - (size_t)offset);
    size_t count = more.size < FIRST_BYTES - known ? more.size : FIRST_BYTES - known;
    memcpy(first + known, more.data, count);
    file_table_set_first(source->table, file, slice_of(first, known + count));
}

// The fingerprint of the last bytes of `before` and `chunk` together.
static struct fingerprint tail_of(const uint8_t *before, size_t before_size, struct slice chunk)
{
    if (chunk.size >= TAIL_BYTES_MAX) {
        return fingerprint_of(slice_of(chunk.data + chunk.size - TAIL_BYTES_MAX, TAIL_BYTES_MAX));
    }
    size_t keep = TAIL_BYTES_MAX - chunk.size;
    keep = keep < before_size ? keep : before_size;
    struct fingerprint tail = fingerprint_of(slice_of(before + before_size - keep, keep));
    return fingerprint_extend(tail, chunk);
}

// The bytes by which the file is known to be what it was.
struct proof {
    uint8_t bytes[HEAD_BYTES_MAX];
    size_t before_size; // so many of them, from before_at, lie just before the position
    size_t before_at;
};

// Reads the bytes before the position; the whole head where the position lies in it, because few
// bytes before a position prove little. 0, -ESTALE when they are not what they were, or an error.
static int check_proof(struct source *source, struct source_file *file, struct proof *out_proof)
{
    const struct fingerprint *head = &file->generation.head;
    uint64_t position = file->read_position;
    bool whole = position <= head->length;
    const struct fingerprint *known = whole ? head : &file->read_tail;
    size_t size = known->length;
    uint64_t start = whole ? 0 : position - size;
    size_t tail = position < TAIL_BYTES_MAX ? (size_t)position : TAIL_BYTES_MAX;
    out_proof->before_size = whole ? tail : size;
    out_proof->before_at = whole ? (size_t)position - tail : 0;
    if (size == 0) {
        return 0;
    }
    int64_t count = reader_peek(source, file, out_proof->bytes, size, start);
    if (count < 0) {
        return (int)count;
    }
    struct slice found = slice_of(out_proof->bytes, (size_t)count);
    return fingerprint_equal(*known, fingerprint_of(found)) ? 0 : -ESTALE;
}

int reader_check(struct source *source, struct source_file *file)
{
    struct proof proof;
    int error = reader_open(source, file);
    // An archive is proven on the way to its next bytes.
    return error != 0 || file->archive != NULL ? error : check_proof(source, file, &proof);
}

// Takes note of what was read at the position.
static void take(struct source *source, struct source_file *file, struct slice chunk,
                 struct fingerprint tail)
{
    uint64_t position = file->read_position;
    file->size_sure = file->generation.size_seen;
    if (chunk.size > 0) {
        bool grown = extend_head(&file->generation.head, position, chunk);
        extend_first(source, file, position, chunk);
        extent_set_read(source, file, position + chunk.size, tail);
        if (file->archive == NULL && position + chunk.size >= HEAD_BYTES_MAX) {
            file_mark(file, position + chunk.size, tail, source->now_ns);
        }
        if (grown) {
            life_announce(source, file);
        }
    }
}

static int64_t read_archive(struct source *source, struct source_file *file, uint8_t *room,
                            size_t size)
{
    int64_t count = archive_read(source, file, room, size);
    if (count >= 0) {
        struct slice chunk = slice_of(room, (size_t)count);
        take(source, file, chunk, archive_tail(file, file->read_position + chunk.size));
    }
    return count;
}

int64_t reader_read(struct source *source, struct source_file *file, uint8_t *room, size_t size)
{
    if (file->archive != NULL) {
        return read_archive(source, file, room, size);
    }
    struct proof proof;
    int64_t count = reader_peek(source, file, room, size, file->read_position);
    if (count < 0) {
        return count;
    }
    // Looked at after the bytes were read: when it is still there, the file was not cut in between.
    int error = check_proof(source, file, &proof);
    if (error != 0) {
        return error;
    }
    struct slice chunk = slice_of(room, (size_t)count);
    take(source, file, chunk, tail_of(proof.bytes + proof.before_at, proof.before_size, chunk));
    return count;
}

uint64_t reader_pass_hole(struct source *source, struct source_file *file)
{
    static const uint8_t zeros[TAIL_BYTES_MAX];
    struct proof proof;
    uint64_t position = file->read_position;
    // Nearer to the start the bytes count for the head.
    if (file->archive != NULL || position < HEAD_BYTES_MAX || file->fd < 0) {
        return 0;
    }
    int64_t start = source->io->data_start(source->io, file->fd, position);
    bool hole = start > 0 && (uint64_t)start > position + sizeof zeros;
    if (!hole || check_proof(source, file, &proof) != 0) {
        return 0;
    }
    file->size_sure = file->generation.size_seen;
    extent_set_read(source, file, (uint64_t)start, fingerprint_of(slice_of(zeros, sizeof zeros)));
    return (uint64_t)start - position;
}
