#include "queue/deadletter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "queue/segment.h"

enum {
    FILE_SHARE = 8,         // a file takes this part of the limit
    REMEMBERED_MAX = 65536, // letters that recovery compares with
    FILE_NAME_MAX = 32,
};

struct name_of_letter {
    uint64_t epoch;
    uint64_t sequence;
};

struct deadletter {
    struct io *io;
    char *dir;
    uint64_t bytes_max;
    uint64_t file_number; // of the file that is written, 0: none yet
    int fd;
    uint64_t written;
    bool dirty;
    bool dir_dirty;
    bool failed; // a sync failed: what was written before it cannot be made durable any more
    struct name_of_letter *known; // ascending by sequence is likely, not certain
    size_t known_count;
};

// ---- files ----

struct file_list {
    uint64_t *numbers;
    size_t count;
};

static void name_of(uint64_t number, char out_name[FILE_NAME_MAX])
{
    snprintf(out_name, FILE_NAME_MAX, "%016llx.dead", (unsigned long long)number);
}

// False for a foreign name.
static bool parse_number(const char *name, uint64_t *out_number)
{
    unsigned long long number;
    char ours[FILE_NAME_MAX];
    if (sscanf(name, "%16llx", &number) != 1) { // NOLINT(cert-err34-c)
        return false;
    }
    name_of(number, ours);
    *out_number = number;
    return strcmp(name, ours) == 0;
}

static int list_entry(void *context, const char *name, enum file_kind kind)
{
    struct file_list *list = context;
    uint64_t number;
    if (kind != FILE_DIRECTORY && parse_number(name, &number)) {
        list->numbers = xreallocarray(list->numbers, list->count + 1, sizeof *list->numbers);
        list->numbers[list->count++] = number;
    }
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

// Files in the order in which they were written. A missing directory has none.
static int list_files(struct io *io, const char *dir, struct file_list *out_list)
{
    *out_list = (struct file_list){0};
    int error = io->list(io, dir, list_entry, out_list);
    if (error == -ENOENT) {
        error = 0;
    }
    if (out_list->count > 0) {
        qsort(out_list->numbers, out_list->count, sizeof *out_list->numbers, compare_numbers);
    }
    return error;
}

static char *path_of(const char *dir, uint64_t number)
{
    char name[FILE_NAME_MAX];
    name_of(number, name);
    return xasprintf("%s/%s", dir, name);
}

// ---- reading ----

static int decode(const struct block_header *header, struct slice payload,
                  struct dead_record *out_record)
{
    struct cursor cursor = cursor_of(payload);
    struct dead_record record = {
        .epoch = header->epoch, .sequence = header->first_sequence, .time_ns = header->time_ns};
    record.offset = cursor_u64(&cursor);
    record.source_bytes = cursor_u32(&cursor);
    record.reason = cursor_u16(&cursor);
    uint16_t path_bytes = cursor_u16(&cursor);
    uint16_t detail_bytes = cursor_u16(&cursor);
    uint16_t key_bytes = cursor_u16(&cursor);
    record.path = cursor_bytes(&cursor, path_bytes);
    record.detail = cursor_bytes(&cursor, detail_bytes);
    record.key = cursor_bytes(&cursor, key_bytes);
    record.data = cursor.rest;
    if (cursor.failed) {
        return E_CORRUPT;
    }
    *out_record = record;
    return 0;
}

static int each_of_file(struct io *io, const char *path,
                        void (*each)(void *context, const struct dead_record *record),
                        void *context)
{
    int fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    struct file_stat stat;
    int error = io->fstat(io, fd, &stat);
    struct buf payload;
    buf_init(&payload, BLOCK_PAYLOAD_MAX);
    uint64_t offset = 0;
    while (error == 0 && offset < stat.size) {
        struct block_header header;
        bool sound;
        int result = segment_read_block(io, fd, offset, stat.size, &header, &sound, &payload);
        struct dead_record record;
        if (result < 0 && result != E_CORRUPT && result != E_TRUNCATED && result != E_VERSION) {
            error = result;
            break;
        }
        if (result == 1 && header.kind == BLOCK_DEAD &&
            decode(&header, buf_slice(&payload), &record) == 0) {
            each(context, &record);
        }
        if (sound) {
            offset += BLOCK_HEADER_BYTES + header.payload_bytes;
        } else {
            error = segment_find_block(io, fd, offset + 1, stat.size, &offset);
        }
    }
    buf_deinit(&payload);
    io->close(io, fd);
    return error == E_NOT_FOUND ? 0 : error;
}

int deadletter_each(struct io *io, const char *dir,
                    void (*each)(void *context, const struct dead_record *record), void *context)
{
    struct file_list list;
    int error = list_files(io, dir, &list);
    for (size_t i = 0; error == 0 && i < list.count; i++) {
        char *path = path_of(dir, list.numbers[i]);
        error = each_of_file(io, path, each, context);
        free(path);
    }
    free(list.numbers);
    return error;
}

// ---- writing ----

struct remember {
    struct deadletter *deadletter;
    uint64_t frontier;
};

static void remember_letter(void *context, const struct dead_record *record)
{
    struct remember *remember = context;
    struct deadletter *deadletter = remember->deadletter;
    if (record->sequence > remember->frontier && deadletter->known_count < REMEMBERED_MAX) {
        deadletter->known = xreallocarray(deadletter->known, deadletter->known_count + 1,
                                          sizeof *deadletter->known);
        deadletter->known[deadletter->known_count++] =
            (struct name_of_letter){record->epoch, record->sequence};
    }
}

// The directory itself may be new, too.
static int sync_dirs(const struct deadletter *deadletter)
{
    struct io *io = deadletter->io;
    int error = io->sync_dir(io, deadletter->dir);
    const char *slash = strrchr(deadletter->dir, '/');
    if (error == 0 && slash != NULL && slash != deadletter->dir) {
        char *parent = xstrndup(slice_of(deadletter->dir, (size_t)(slash - deadletter->dir)));
        error = io->sync_dir(io, parent);
        free(parent);
    }
    return error;
}

// Makes a file durable that an earlier process may have left unsynced. It is written over itself
// first: after a sync that failed its pages may count as clean without being on the disk.
static int make_durable(struct deadletter *deadletter, const char *path)
{
    struct io *io = deadletter->io;
    int fd = io->open(io, path, O_RDWR, 0);
    if (fd < 0) {
        return fd;
    }
    enum { CHUNK_BYTES = 64 * 1024 };
    uint8_t *chunk = xmalloc(CHUNK_BYTES);
    int64_t count = 0;
    int error = 0;
    for (uint64_t offset = 0; error == 0; offset += (uint64_t)count) {
        count = io_pread_all(io, fd, chunk, CHUNK_BYTES, offset);
        if (count <= 0) {
            error = (int)count;
            break;
        }
        error = io_pwrite_all(io, fd, chunk, (size_t)count, offset);
    }
    free(chunk);
    CRASH_POINT("after letters over themselves");
    if (error == 0) {
        error = io->fdatasync(io, fd);
    }
    io->close(io, fd);
    return error == 0 ? sync_dirs(deadletter) : error;
}

// Remembers the letters of a file whose records are still queued.
static int remember_file(struct deadletter *deadletter, uint64_t number, uint64_t frontier)
{
    struct remember remember = {.deadletter = deadletter, .frontier = frontier};
    size_t before = deadletter->known_count;
    char *path = path_of(deadletter->dir, number);
    int error = each_of_file(deadletter->io, path, remember_letter, &remember);
    if (error == 0 && deadletter->known_count > before) {
        error = make_durable(deadletter, path);
    }
    free(path);
    return error;
}

int deadletter_open(struct io *io, const char *dir, uint64_t bytes_max, uint64_t frontier,
                    struct deadletter **out_deadletter)
{
    struct deadletter *deadletter = xcalloc(1, sizeof *deadletter);
    *deadletter =
        (struct deadletter){.io = io, .dir = xstrdup(dir), .bytes_max = bytes_max, .fd = -1};
    struct file_list list;
    int error = list_files(io, dir, &list);
    for (size_t i = 0; error == 0 && i < list.count; i++) {
        error = remember_file(deadletter, list.numbers[i], frontier);
        deadletter->file_number = list.numbers[i];
    }
    free(list.numbers);
    if (error != 0) {
        deadletter_close(deadletter);
        return error;
    }
    *out_deadletter = deadletter;
    return 0;
}

void deadletter_close(struct deadletter *deadletter)
{
    if (deadletter == NULL) {
        return;
    }
    if (deadletter->fd >= 0) {
        deadletter->io->close(deadletter->io, deadletter->fd);
    }
    free(deadletter->known);
    free(deadletter->dir);
    free(deadletter);
}

static bool is_known(const struct deadletter *deadletter, const struct dead_record *record)
{
    for (size_t i = 0; i < deadletter->known_count; i++) {
        if (deadletter->known[i].sequence == record->sequence &&
            deadletter->known[i].epoch == record->epoch) {
            return true;
        }
    }
    return false;
}

// Removes the oldest files until `needed` more bytes fit.
static int make_room(struct deadletter *deadletter, uint64_t needed)
{
    struct io *io = deadletter->io;
    struct file_list list;
    int error = list_files(io, deadletter->dir, &list);
    uint64_t total = needed;
    for (size_t i = list.count; error == 0 && i > 0; i--) {
        char *path = path_of(deadletter->dir, list.numbers[i - 1]);
        struct file_stat stat;
        if (io->stat(io, path, false, &stat) == 0) {
            total += stat.size;
            if (total > deadletter->bytes_max) {
                error = io->unlink(io, path);
            }
        }
        free(path);
    }
    free(list.numbers);
    return error;
}

static int open_file(struct deadletter *deadletter)
{
    struct io *io = deadletter->io;
    int error = io->mkdir(io, deadletter->dir, 0750);
    if (error != 0 && error != -EEXIST) {
        return error;
    }
    error = make_room(deadletter, deadletter->bytes_max / FILE_SHARE);
    if (error != 0) {
        return error;
    }
    char *path = path_of(deadletter->dir, deadletter->file_number + 1);
    int fd = io->open(io, path, O_RDWR | O_CREAT | O_EXCL, 0640);
    free(path);
    if (fd < 0) {
        return fd;
    }
    CRASH_POINT("after the creation of a file of letters");
    deadletter->file_number++;
    deadletter->fd = fd;
    deadletter->written = 0;
    deadletter->dir_dirty = true;
    return 0;
}

static struct slice clipped(struct slice text)
{
    return slice_of(text.data, text.size < UINT16_MAX ? text.size : UINT16_MAX);
}

static void encode(const struct dead_record *record, struct buf *out)
{
    struct slice path = clipped(record->path);
    struct slice detail = clipped(record->detail);
    uint8_t *place = buf_extend(out, BLOCK_HEADER_BYTES);
    memset(place, 0, BLOCK_HEADER_BYTES);
    put_u64(out, record->offset);
    put_u32(out, record->source_bytes);
    put_u16(out, record->reason);
    put_u16(out, (uint16_t)path.size);
    put_u16(out, (uint16_t)detail.size);
    put_u16(out, (uint16_t)record->key.size);
    buf_append_slice(out, path);
    buf_append_slice(out, detail);
    buf_append_slice(out, record->key);
    buf_append_slice(out, record->data);
    struct slice payload = slice_skip(buf_slice(out), BLOCK_HEADER_BYTES);
    struct block_header header = {
        .kind = BLOCK_DEAD,
        .payload_bytes = (uint32_t)payload.size,
        .payload_crc = crc32c(0, payload.data, payload.size),
        .records_bytes = (uint32_t)payload.size,
        .record_count = 1,
        .epoch = record->epoch,
        .first_sequence = record->sequence,
        .time_ns = record->time_ns,
    };
    block_header_encode(&header, out->data);
}

int deadletter_write(struct deadletter *deadletter, const struct dead_record *record)
{
    if (is_known(deadletter, record)) {
        return 0;
    }
    struct io *io = deadletter->io;
    struct buf block;
    buf_init(&block, BLOCK_PAYLOAD_MAX);
    encode(record, &block);
    int error = 0;
    if (deadletter->fd >= 0 &&
        deadletter->written + block.size > deadletter->bytes_max / FILE_SHARE) {
        error = deadletter_sync(deadletter);
        if (error == 0) {
            io->close(io, deadletter->fd);
            deadletter->fd = -1;
        }
    }
    if (error == 0 && deadletter->fd < 0) {
        error = open_file(deadletter);
    }
    if (error == 0) {
        CRASH_POINT("before a dead letter");
        error = io_pwrite_all(io, deadletter->fd, block.data, block.size, deadletter->written);
        CRASH_POINT("after a dead letter");
    }
    if (error == 0) {
        deadletter->written += block.size;
        deadletter->dirty = true;
    }
    buf_deinit(&block);
    return error;
}

int deadletter_sync(struct deadletter *deadletter)
{
    if (deadletter->failed) {
        return E_CONDEMNED;
    }
    int error = 0;
    if (deadletter->dirty) {
        CRASH_POINT("before the sync of the dead letters");
        error = deadletter->io->fdatasync(deadletter->io, deadletter->fd);
    }
    if (error == 0 && deadletter->dir_dirty) {
        error = sync_dirs(deadletter);
    }
    if (error != 0) {
        deadletter->failed = true;
        return E_CONDEMNED;
    }
    CRASH_POINT("after the sync of the dead letters");
    deadletter->dirty = false;
    deadletter->dir_dirty = false;
    return 0;
}
