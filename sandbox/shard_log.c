#include "sandbox/shard_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/log.h"
#include "sandbox/shard_log_file.h"

enum {
    FRAME_HEAD = 26,
    CRC_BYTES = 4,
    RUN_BYTES = 256 << 10,
    RUN_BYTES_MAX = 64 << 20,
    FILE_BYTES = 16 << 20,
};

// A run of neighbouring records. Only the last one grows.
struct run {
    uint64_t first_counter;
    uint64_t first_arrival_ns;
    uint64_t last_arrival_ns;
    uint64_t file;   // the counter in the name of its file
    uint64_t offset; // in that file
    uint64_t size;
    struct buf bytes; // the frames; empty when they are only in the file
};

struct shard_log {
    struct log_options options;
    char *dir;
    struct run *runs; // the last one takes the records
    size_t run_count;
    uint64_t next_counter;
    uint64_t committed_counter;
    uint64_t committed_size;       // of the last run
    uint64_t committed_arrival_ns; // of the last record of the last run
    uint64_t bytes;                // of all runs
};

static struct run *last_run(const struct shard_log *log)
{
    return &log->runs[log->run_count - 1];
}

static void add_run(struct shard_log *log, uint64_t file, uint64_t offset)
{
    log->runs = xreallocarray(log->runs, log->run_count + 1, sizeof(*log->runs));
    struct run *run = &log->runs[log->run_count++];
    *run = (struct run){.first_counter = log->next_counter, .file = file, .offset = offset};
    buf_init(&run->bytes, RUN_BYTES_MAX);
    log->committed_size = 0;
    log->committed_arrival_ns = 0;
}

static void drop_first_run(struct shard_log *log)
{
    struct run *run = &log->runs[0];
    log->bytes -= run->size;
    if (log->options.kind == LOG_IN_MEMORY) {
        log->options.memory->bytes -= run->size;
    }
    buf_deinit(&run->bytes);
    log->run_count--;
    memmove(log->runs, log->runs + 1, log->run_count * sizeof(*log->runs));
}

// Reads one frame. False when there is no whole, undamaged one.
static bool next_frame(struct cursor *cursor, struct log_record *out_record)
{
    struct slice start = cursor->rest;
    uint32_t crc = cursor_u32(cursor);
    uint32_t data_size = cursor_u32(cursor);
    uint16_t key_size = cursor_u16(cursor);
    out_record->counter = cursor_u64(cursor);
    out_record->arrival_ns = cursor_u64(cursor);
    out_record->key = cursor_bytes(cursor, key_size);
    out_record->data = cursor_bytes(cursor, data_size);
    if (cursor->failed) {
        return false;
    }
    size_t size = start.size - cursor->rest.size;
    return crc == crc32c(0, start.data + CRC_BYTES, size - CRC_BYTES);
}

static void put_frame(struct buf *out, const struct log_record *record)
{
    size_t start = out->size;
    put_u32(out, 0);
    put_u32(out, (uint32_t)record->data.size);
    put_u16(out, (uint16_t)record->key.size);
    put_u64(out, record->counter);
    put_u64(out, record->arrival_ns);
    buf_append_slice(out, record->key);
    buf_append_slice(out, record->data);
    ASSERT(!out->overflow);
    uint8_t *frame = out->data + start;
    store_u32(frame, crc32c(0, frame + CRC_BYTES, out->size - start - CRC_BYTES));
}

static void note_record(struct shard_log *log, const struct log_record *record, uint64_t size)
{
    struct run *run = last_run(log);
    if (run->size == 0) {
        run->first_counter = record->counter;
        run->first_arrival_ns = record->arrival_ns;
    }
    run->last_arrival_ns = record->arrival_ns;
    run->size += size;
    log->bytes += size;
    log->next_counter = record->counter + 1;
}

static void settle(struct shard_log *log)
{
    log->committed_counter = log->next_counter;
    log->committed_size = last_run(log)->size;
    log->committed_arrival_ns = last_run(log)->last_arrival_ns;
}

// A new run, in a new file when the one of the last run is full.
static void seal_run(struct shard_log *log)
{
    struct run *run = last_run(log);
    uint64_t end = run->offset + run->size;
    if (log->options.kind == LOG_IN_FILES) {
        buf_deinit(&run->bytes);
        bool roll = end >= FILE_BYTES;
        add_run(log, roll ? log->next_counter : run->file, roll ? 0 : end);
    } else {
        buf_shrink(&run->bytes, 0);
        add_run(log, 0, 0);
    }
}

// Adopts the frames of one file. Returns how many bytes of it are good.
static uint64_t adopt(struct shard_log *log, uint64_t file, struct slice content)
{
    struct cursor cursor = cursor_of(content);
    struct log_record record;
    uint64_t good = 0;
    add_run(log, file, 0);
    while (cursor.rest.size > 0 && next_frame(&cursor, &record)) {
        uint64_t end = content.size - cursor.rest.size;
        if (last_run(log)->size >= RUN_BYTES) {
            add_run(log, file, good);
        }
        note_record(log, &record, end - good);
        good = end;
    }
    return good;
}

static int adopt_file(struct shard_log *log, uint64_t file, bool is_last)
{
    struct io *io = log->options.io;
    char *path = shard_log_path(log->dir, log->options.shard, file);
    uint8_t *data = NULL;
    size_t size = 0;
    int error = io_read_file(io, path, RUN_BYTES_MAX, &data, &size);
    if (error == 0) {
        log->next_counter = file > log->next_counter ? file : log->next_counter;
        uint64_t good = adopt(log, file, slice_of(data, size));
        if (good < size) {
            log_warning("%s: %" PRIu64 " bytes at the end are no whole record and are left out",
                        path, (uint64_t)size - good);
        }
        if (good < size && is_last) {
            error = shard_log_cut(io, path, good);
        }
    }
    free(data);
    free(path);
    return error;
}

// The last run takes records only from memory, so what is adopted is closed.
static int open_files(struct shard_log *log, uint64_t first_counter)
{
    uint64_t *files;
    size_t count;
    int error = shard_log_list(log->options.io, log->dir, log->options.shard, &files, &count);
    log->next_counter = first_counter;
    for (size_t i = 0; error == 0 && i < count; i++) {
        error = adopt_file(log, files[i], i + 1 == count);
    }
    free(files);
    if (error == 0 && log->run_count > 0) {
        seal_run(log);
    }
    return error;
}

int shard_log_open(const struct log_options *options, uint64_t first_counter,
                   struct shard_log **out_log)
{
    struct shard_log *log = xcalloc(1, sizeof(*log));
    log->options = *options;
    log->next_counter = first_counter;
    int error = 0;
    if (options->kind == LOG_IN_FILES) {
        log->dir = xstrdup(options->dir);
        error = open_files(log, first_counter);
    }
    if (error != 0) {
        shard_log_free(log);
        return error;
    }
    if (log->run_count == 0) {
        add_run(log, first_counter, 0);
    }
    settle(log);
    *out_log = log;
    return 0;
}

void shard_log_free(struct shard_log *log)
{
    if (log == NULL) {
        return;
    }
    while (log->run_count > 0) {
        drop_first_run(log);
    }
    free(log->runs);
    free(log->dir);
    free(log);
}

int64_t shard_log_append(struct shard_log *log, struct slice key, struct slice data,
                         uint64_t arrival_ns)
{
    struct log_record record = {log->next_counter, arrival_ns, key, data};
    size_t size = FRAME_HEAD + key.size + data.size;
    struct log_memory *memory = log->options.memory;
    if (log->options.kind == LOG_DISCARD) {
        log->next_counter++;
        return (int64_t)record.counter;
    }
    if (log->options.kind == LOG_IN_MEMORY) {
        if (size > memory->bytes_max - memory->bytes) {
            return E_FULL;
        }
        memory->bytes += size;
    }
    put_frame(&last_run(log)->bytes, &record);
    note_record(log, &record, size);
    return (int64_t)record.counter;
}

static void roll_back(struct shard_log *log)
{
    struct run *run = last_run(log);
    log->bytes -= run->size - log->committed_size;
    run->size = log->committed_size;
    run->last_arrival_ns = log->committed_arrival_ns;
    buf_truncate(&run->bytes, run->size);
    log->next_counter = log->committed_counter;
}

int shard_log_commit(struct shard_log *log)
{
    struct run *run = last_run(log);
    if (log->options.kind == LOG_IN_FILES && run->size > log->committed_size) {
        char *path = shard_log_path(log->dir, log->options.shard, run->file);
        struct slice fresh = slice_skip(buf_slice(&run->bytes), log->committed_size);
        int error =
            shard_log_write(log->options.io, path, fresh, run->offset + log->committed_size);
        free(path);
        if (error != 0) {
            roll_back(log);
            return error;
        }
    }
    settle(log);
    if (run->size >= RUN_BYTES) {
        seal_run(log);
    }
    return 0;
}

uint64_t shard_log_end(const struct shard_log *log)
{
    return log->committed_counter;
}

uint64_t shard_log_begin(const struct shard_log *log)
{
    return log->runs[0].size > 0 ? log->runs[0].first_counter : log->committed_counter;
}

uint64_t shard_log_bytes(const struct shard_log *log)
{
    return log->bytes;
}

// The next file must exist first: its name keeps the counter across a restart.
static void delete_file(struct shard_log *log, uint64_t file)
{
    struct io *io = log->options.io;
    char *next = shard_log_path(log->dir, log->options.shard, log->runs[0].file);
    char *path = shard_log_path(log->dir, log->options.shard, file);
    if (shard_log_write(io, next, slice_of(NULL, 0), 0) == 0) {
        (void)io->unlink(io, path);
    }
    free(next);
    free(path);
}

void shard_log_expire(struct shard_log *log, uint64_t before_ns)
{
    while (log->run_count > 1 && log->runs[0].last_arrival_ns < before_ns) {
        uint64_t file = log->runs[0].file;
        drop_first_run(log);
        if (log->options.kind == LOG_IN_FILES && log->runs[0].file != file) {
            delete_file(log, file);
        }
    }
}

// Index of the last run that starts at or before a counter; 0 when there is none.
static size_t find_run(const struct shard_log *log, uint64_t counter)
{
    size_t low = 0;
    size_t high = log->run_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (log->runs[middle].first_counter <= counter) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

// The frames of a run; `*out_owned` is to be freed.
static int load_run(const struct shard_log *log, const struct run *run, struct slice *out_frames,
                    uint8_t **out_owned)
{
    *out_owned = NULL;
    uint64_t size = run == last_run(log) ? log->committed_size : run->size;
    if (run->bytes.size > 0 || size == 0) {
        *out_frames = slice_of(run->bytes.data, size);
        return 0;
    }
    char *path = shard_log_path(log->dir, log->options.shard, run->file);
    int error = shard_log_read_at(log->options.io, path, run->offset, size, out_owned);
    free(path);
    *out_frames = slice_of(*out_owned, size);
    return error;
}

struct reading {
    uint64_t counter;
    log_each_fn *each;
    void *context;
    bool stopped;
};

static int read_run(const struct shard_log *log, const struct run *run, struct reading *reading)
{
    struct slice frames;
    uint8_t *owned;
    int error = load_run(log, run, &frames, &owned);
    if (error != 0) {
        return error;
    }
    struct cursor cursor = cursor_of(frames);
    struct log_record record;
    while (!reading->stopped && cursor.rest.size > 0) {
        if (!next_frame(&cursor, &record)) {
            error = E_CORRUPT;
            break;
        }
        if (record.counter >= reading->counter) {
            reading->stopped = !reading->each(reading->context, &record);
        }
    }
    free(owned);
    return error;
}

int shard_log_read(const struct shard_log *log, uint64_t counter, log_each_fn *each, void *context)
{
    struct reading reading = {.counter = counter, .each = each, .context = context};
    int error = 0;
    for (size_t i = find_run(log, counter); i < log->run_count; i++) {
        error = read_run(log, &log->runs[i], &reading);
        if (error != 0 || reading.stopped) {
            break;
        }
    }
    return error;
}

struct time_search {
    uint64_t real_ns;
    uint64_t counter;
};

static bool arrived_at(void *context, const struct log_record *record)
{
    struct time_search *search = context;
    if (record->arrival_ns < search->real_ns) {
        return true;
    }
    search->counter = record->counter;
    return false;
}

uint64_t shard_log_at_time(const struct shard_log *log, uint64_t real_ns)
{
    struct time_search search = {.real_ns = real_ns, .counter = log->committed_counter};
    size_t i = 0;
    while (i + 1 < log->run_count && log->runs[i].last_arrival_ns < real_ns) {
        i++;
    }
    if (shard_log_read(log, log->runs[i].first_counter, arrived_at, &search) != 0) {
        return shard_log_begin(log);
    }
    return search.counter;
}
