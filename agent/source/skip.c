// start_at: end, for the files that are there when a flow begins.
#include <string.h>

#include "source/archive.h"
#include "source/state.h"

enum { LINE_SEARCH_BYTES = 64 * 1024 }; // so far back is looked for where a line begins

static uint64_t start_of_last_line(struct source *source, struct source_file *file, uint64_t size)
{
    uint8_t room[4096];
    uint64_t end = size;
    uint64_t limit = size > LINE_SEARCH_BYTES ? size - LINE_SEARCH_BYTES : 0;
    while (end > limit) {
        size_t part = end - limit < sizeof room ? (size_t)(end - limit) : sizeof room;
        if (reader_peek(source, file, room, part, end - part) != (int64_t)part) {
            break;
        }
        const uint8_t *newline = memrchr(room, '\n', part);
        if (newline != NULL) {
            return end - part + (uint64_t)(newline - room) + 1;
        }
        end -= part;
    }
    return limit == 0 && end == 0 ? 0 : size;
}

void skip_to_end(struct source *source, struct source_file *file, uint64_t size)
{
    uint64_t position = start_of_last_line(source, file, size);
    struct fingerprint tail = reader_tail(source, file, position);
    file->generation.position = position;
    file->generation.tail = tail;
    file->generation.skipped = position > 0;
    extent_set_read(source, file, position, tail);
    extent_set_size(source, file, size);
    life_announce(source, file);
    if (position > 0) {
        tell_skipped(source, file, position);
    }
}

// What is in it is neither known nor asked.
void skip_archive(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    if (source->io->fstat(source->io, file->fd, &stat) != 0) {
        return;
    }
    file->generation.skipped = true;
    archive_set_done(source, file, &stat);
    extent_set_content(source, file, 0);
    life_announce(source, file);
    tell_skipped(source, file, stat.size);
    life_past(source, file);
}
