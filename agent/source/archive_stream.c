// The content of an archive, inflated piece by piece.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "source/archive_state.h"

enum {
    HISTORY_BYTES = 64 * 1024,      // of what was inflated last; a power of two
    PIECE_BYTES = 32 * 1024,        // inflated at once
    PEEK_BYTES_MAX = 256 * 1048576, // that a peek goes to where it looks
    PEEK_READS_MAX = 16 * ARCHIVE_STEP_READS,
};

void archive_free_stream(struct archive *archive)
{
    gzip_free(archive->gzip);
    archive->gzip = NULL;
    free(archive->history);
    archive->history = NULL;
    archive->seeking = false;
    archive->error = 0;
}

int archive_open_stream(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    int error = reader_open(source, file);
    if (error == 0 && archive->gzip == NULL) {
        archive->gzip = gzip_create(source->io, file->fd);
        archive->history = xmalloc(HISTORY_BYTES);
    }
    return error;
}

void archive_release(struct source *source, struct source_file *file)
{
    if (file->archive != NULL) {
        archive_free_stream(file->archive);
    }
    if (source->inflating == file) {
        source->inflating = NULL;
    }
    if (source->surveyed == file) {
        source->surveyed = NULL;
    }
}

bool archive_is_busy(const struct source *source, const struct source_file *file)
{
    return source->inflating == file || source->surveys.next == &file->waiting;
}

bool archive_is_seeking(const struct source *source, const struct source_file *file)
{
    return source->inflating == file && file->archive->seeking;
}

void archive_copy_history(const struct archive *archive, uint64_t offset, uint8_t *room,
                          size_t size)
{
    size_t at = (size_t)(offset % HISTORY_BYTES);
    size_t first = HISTORY_BYTES - at < size ? HISTORY_BYTES - at : size;
    memcpy(room, archive->history + at, first);
    memcpy(room + first, archive->history, size - first);
}

// Whether these bytes of the content are among the last ones that the stream gave.
static bool in_history(const struct archive *archive, uint64_t offset, uint64_t size)
{
    if (archive->gzip == NULL) {
        return false;
    }
    uint64_t end = gzip_position(archive->gzip);
    return offset + size <= end && end - offset <= HISTORY_BYTES;
}

struct fingerprint archive_tail_at(const struct archive *archive, uint64_t position,
                                   uint32_t length)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    if (length > sizeof bytes || length > position ||
        !in_history(archive, position - length, length)) {
        return (struct fingerprint){0};
    }
    archive_copy_history(archive, position - length, bytes, length);
    return fingerprint_of(slice_of(bytes, length));
}

static uint32_t tail_length(uint64_t position)
{
    return position < TAIL_BYTES_MAX ? (uint32_t)position : TAIL_BYTES_MAX;
}

int64_t archive_advance(struct archive *archive, uint64_t size)
{
    size_t at = (size_t)(gzip_position(archive->gzip) % HISTORY_BYTES);
    size_t piece = HISTORY_BYTES - at < PIECE_BYTES ? HISTORY_BYTES - at : PIECE_BYTES;
    return gzip_read(archive->gzip, archive->history + at, size < piece ? (size_t)size : piece);
}

int archive_reach_end(struct source *source, struct source_file *file, int64_t result)
{
    struct archive *archive = file->archive;
    struct file_stat stat;
    int error = source->io->fstat(source->io, file->fd, &stat);
    if (error == 0 && result != 0 && result != E_CORRUPT) {
        error = (int)result;
    }
    if (error == 0) {
        error = gzip_check(archive->gzip);
    }
    if (error != 0) {
        return error;
    }
    uint64_t taken = gzip_file_position(archive->gzip);
    if (stat.size < taken) {
        return -ESTALE;
    }
    if (result == 0 && stat.size > taken) {
        return E_AGAIN;
    }
    uint64_t position = gzip_position(archive->gzip);
    enum archive_end end = result == E_CORRUPT            ? ARCHIVE_DAMAGED
                           : gzip_complete(archive->gzip) ? ARCHIVE_WHOLE
                                                          : ARCHIVE_CUT;
    archive_set_end(source, file, end, position, &stat);
    archive->missing_min = gzip_missing_min(archive->gzip, stat.size);
    archive->last_tail = archive_tail_at(archive, position, tail_length(position));
    return 0;
}

int64_t archive_peek(struct source *source, struct source_file *file, uint8_t *room, size_t size,
                     uint64_t offset)
{
    struct archive *archive = file->archive;
    if (in_history(archive, offset, size)) {
        archive_copy_history(archive, offset, room, size);
        return (int64_t)size;
    }
    int error = reader_open(source, file);
    if (error != 0) {
        return error;
    }
    if (offset > PEEK_BYTES_MAX) {
        return E_UNAVAILABLE;
    }
    struct gzip *gzip = gzip_create(source->io, file->fd);
    uint8_t *skipped = xmalloc(PIECE_BYTES);
    size_t done = 0;
    int64_t count = 1;
    for (unsigned i = 0; i < PEEK_READS_MAX && done < size && (count > 0 || count == E_AGAIN);
         i++) {
        uint64_t left = offset - (gzip_position(gzip) - done);
        count = left > 0 ? gzip_read(gzip, skipped, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES)
                         : gzip_read(gzip, room + done, size - done);
        done += left == 0 && count > 0 ? (size_t)count : 0;
    }
    free(skipped);
    gzip_free(gzip);
    return count < 0 && count != E_AGAIN && count != E_CORRUPT ? count : (int64_t)done;
}

struct fingerprint archive_tail(const struct source_file *file, uint64_t position)
{
    return archive_tail_at(file->archive, position, tail_length(position));
}
