// How far a file was seen and read: its position, its size, and the lag that is the sum of what
// lies between.
#include "source/state.h"

uint64_t extent_lag(const struct source_file *file)
{
    uint64_t size = file->generation.size_seen;
    return file->phase == FILE_PAST || size <= file->read_position ? 0 : size - file->read_position;
}

static void set_lag(struct source *source, uint64_t before, uint64_t after)
{
    source->lag_bytes = source->lag_bytes - before + after;
    stats_set(source->stats, STAT_SOURCE_LAG_BYTES, source->lag_bytes);
}

void extent_count(struct source *source, const struct source_file *file)
{
    set_lag(source, 0, extent_lag(file));
}

void extent_uncount(struct source *source, const struct source_file *file)
{
    set_lag(source, extent_lag(file), 0);
}

void extent_set_size(struct source *source, struct source_file *file, uint64_t size)
{
    uint64_t before = extent_lag(file);
    if (size > file->generation.size_seen) {
        file->generation.size_seen = size;
    }
    set_lag(source, before, extent_lag(file));
}

void extent_set_content(struct source *source, struct source_file *file, uint64_t size)
{
    uint64_t before = extent_lag(file);
    file->generation.size_seen = size;
    set_lag(source, before, extent_lag(file));
}

void extent_set_read(struct source *source, struct source_file *file, uint64_t position,
                     struct fingerprint tail)
{
    uint64_t before = extent_lag(file);
    file->read_position = position;
    file->read_tail = tail;
    if (position > file->generation.size_seen) {
        file->generation.size_seen = position;
    }
    set_lag(source, before, extent_lag(file));
}

void extent_drop_unread(struct source *source, struct source_file *file)
{
    uint64_t before = extent_lag(file);
    file->generation.size_seen = file->read_position;
    set_lag(source, before, 0);
}

uint64_t extent_min(const struct source_file *file)
{
    uint64_t head = file->generation.head.length;
    return file->read_position > head ? file->read_position : head;
}

void extent_set_phase(struct source *source, struct source_file *file, enum file_phase phase)
{
    uint64_t before = extent_lag(file);
    file->phase = (uint8_t)phase;
    set_lag(source, before, extent_lag(file));
}

void extent_forget_unsure(struct source *source, struct source_file *file)
{
    struct file_stat stat;
    bool grown = file->archive == NULL && file->fd >= 0 &&
                 source->io->fstat(source->io, file->fd, &stat) == 0 &&
                 stat.size >= extent_min(file);
    uint64_t sure = file->size_sure > file->read_position ? file->size_sure : file->read_position;
    if (grown && sure < file->generation.size_seen) {
        uint64_t before = extent_lag(file);
        file->generation.size_seen = sure;
        file->away = true;
        set_lag(source, before, extent_lag(file));
    }
}

void extent_shrunk(struct source *source, struct source_file *file, uint64_t size)
{
    struct generation *generation = &file->generation;
    if (size < generation->size_seen) {
        uint64_t kept = size > file->read_position ? size : file->read_position;
        uint64_t before = extent_lag(file);
        if (kept < generation->size_seen) {
            tell_lost(source, file, generation->size_seen - kept, LOSS_EXACT);
        }
        generation->size_seen = kept;
        set_lag(source, before, extent_lag(file));
    }
    extent_set_size(source, file, size);
}
