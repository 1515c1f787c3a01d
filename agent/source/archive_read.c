// The archive that is read: on the way to its position, and from there on.
#include <errno.h>

#include "base/error.h"
#include "source/archive_state.h"

void archive_park(struct source *source, struct source_file *file)
{
    if (archive_is_refused(source, file)) {
        life_at_end(source, file);
        return;
    }
    if (source->inflating == file) {
        if (!file->archive->seeking) {
            ring_append(&source->ready, &file_work(file)->ready);
        }
        return;
    }
    struct link *before = source->archives.previous;
    while (before != &source->archives &&
           file_of_ready(before)->archive->mtime_ns > file->archive->mtime_ns) {
        before = before->previous;
    }
    ring_append(before->next, &file_work(file)->ready);
    if (file->names != NULL) {
        reader_close(source, file);
    }
}

// It stops at the largest size that is read, and there is more. Returns 0 or an error.
static int stop_at_limit(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    int error = source->io->fstat(source->io, file->fd, &stat);
    if (error != 0) {
        return error;
    }
    uint64_t taken = gzip_file_position(file->archive->gzip);
    uint64_t left = stat.size > taken ? stat.size - taken : 1;
    archive_set_end(source, file, ARCHIVE_TOO_LARGE, file->read_position, &stat);
    archive_report(source, file);
    extent_set_content(source, file, file->read_position + left);
    if (file->names == NULL) {
        reader_close(source, file);
        return -ENOENT; // it will never be read
    }
    archive_release(source, file);
    link_remove(&file->waiting);
    file->departing = false;
    return 0;
}

void archive_reached_end(struct source *source, struct source_file *file,
                         const struct file_stat *stat)
{
    const struct archive *archive = file->archive;
    if (archive->end != ARCHIVE_TOO_LARGE) {
        extent_set_content(source, file, archive_content_size(file, stat));
    }
    if (archive->end == ARCHIVE_CUT && archive->gzip != NULL) {
        return; // it may grow
    }
    archive_release(source, file);
    if (file->names != NULL) {
        reader_close(source, file);
    }
}

int64_t archive_read(struct source *source, struct source_file *file, uint8_t *room, size_t size)
{
    struct archive *archive = file->archive;
    if (source->inflating != file || archive->seeking) {
        file_unready(file);
        archive_park(source, file);
        return E_AGAIN;
    }
    int error = archive->error;
    if (error != 0) {
        archive_release(source, file);
        return error;
    }
    if (archive->gzip == NULL) {
        return 0;
    }
    uint64_t left = archive_size_max(source, archive) - file->read_position;
    int64_t count = archive_advance(archive, left == 0 ? 1 : left < size ? left : size);
    if (count > 0 && left == 0) {
        return stop_at_limit(source, file);
    }
    error = count > 0 ? gzip_check(archive->gzip) : archive_reach_end(source, file, count);
    if (error != 0) {
        // What it holds now is found out on the way back to the position.
        if (error != E_AGAIN) {
            archive_release(source, file);
        }
        file_unready(file);
        archive->seeking = error == E_AGAIN;
        archive_park(source, file);
        return error == E_AGAIN || error == -ESTALE ? E_AGAIN : error;
    }
    if (count <= 0) {
        return 0;
    }
    archive_copy_history(archive, file->read_position, room, (size_t)count);
    if (archive->end == ARCHIVE_OPEN) {
        uint64_t taken = gzip_file_position(archive->gzip);
        uint64_t rest = archive->file_seen > taken ? archive->file_seen - taken : 0;
        extent_set_content(source, file, file->read_position + (uint64_t)count + rest);
    }
    return count;
}

// One step towards the position. Returns 0 there, E_AGAIN on the way, or an error.
static int seek(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    struct file_stat stat;
    int error = reader_open(source, file);
    if (error == 0) {
        error = source->io->fstat(source->io, file->fd, &stat);
    }
    if (error != 0) {
        return error;
    }
    archive_looked_at(source, file, &stat);
    bool ended = archive->end != ARCHIVE_OPEN && archive->content_size == file->read_position;
    if (archive->gzip == NULL && ended) {
        return 0;
    }
    error = archive_open_stream(source, file);
    uint64_t start = error == 0 ? gzip_position(archive->gzip) : 0;
    for (int i = 0; error == 0 && i < ARCHIVE_STEP_READS; i++) {
        uint64_t position = gzip_position(archive->gzip);
        if (position == file->read_position) {
            struct fingerprint tail = archive_tail_at(archive, position, file->read_tail.length);
            bool same = tail.length == 0 || fingerprint_equal(tail, file->read_tail);
            return same ? 0 : -ESTALE;
        }
        if (position - start > ARCHIVE_STEP_BYTES) {
            return E_AGAIN;
        }
        int64_t count = archive_advance(archive, file->read_position - position);
        if (count == 0 || count == E_CORRUPT) {
            return -ESTALE;
        }
        error = count < 0 && count != E_AGAIN ? (int)count : 0;
    }
    return error == 0 ? E_AGAIN : error;
}

static bool any_older(const struct link *ring, uint64_t mtime_ns)
{
    for (const struct link *link = ring->next; link != ring; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, const struct source_file, waiting);
        if (file->archive != NULL && file->archive->mtime_ns < mtime_ns) {
            return true;
        }
    }
    return false;
}

bool archive_is_turn(const struct source *source)
{
    if (ring_empty(&source->archives)) {
        return false;
    }
    uint64_t mtime_ns = file_of_ready(source->archives.next)->archive->mtime_ns;
    return !any_older(&source->surveys, mtime_ns) && !any_older(&source->unjudged, mtime_ns);
}

void archive_step_reading(struct source *source)
{
    struct source_file *file = source->inflating;
    bool waits = !ring_empty(&source->archives);
    if (file != NULL && waits && !file->archive->seeking && !link_in_ring(&file->work->ready)) {
        archive_release(source, file);
        if (file->names != NULL) {
            reader_close(source, file);
        }
        file = NULL;
    }
    if (file == NULL && archive_is_turn(source)) {
        file = file_of_ready(source->archives.next);
        file_unready(file);
        source->inflating = file;
        file->archive->seeking = true;
    }
    if (file == NULL || !file->archive->seeking) {
        return;
    }
    int error = seek(source, file);
    if (error == E_AGAIN) {
        return;
    }
    if (error == E_FULL) {
        archive_release(source, file);
        archive_park(source, file);
        source->archives_starve = true;
        return;
    }
    file->archive->seeking = false;
    file->archive->error = error;
    ring_append(&source->ready, &file_work(file)->ready);
}
