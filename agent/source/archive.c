#include "source/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "source/gzip.h"

enum {
    HISTORY_BYTES = 64 * 1024,      // of what was inflated last; a power of two
    PIECE_BYTES = 32 * 1024,        // inflated at once
    STEP_BYTES = 8 * 1024 * 1024,   // of content, in one step
    STEP_READS = 1024,              // likewise, where there is little content in much file
    PEEK_BYTES_MAX = 256 * 1048576, // that a peek goes to where it looks
};

struct question {
    uint64_t position;
    uint32_t length;
    bool answered;
    struct fingerprint tail;
};

struct archive {
    struct gzip *gzip; // NULL: there is no stream
    uint8_t *history;  // the last HISTORY_BYTES of the content that the stream gave, as a ring
    uint64_t file_seen;
    uint64_t mtime_ns; // when it was looked at
    uint64_t mtime_sure_ns;
    enum archive_end end;
    uint64_t end_file_size; // of the file that ends so
    uint64_t content_size;
    struct fingerprint last_tail; // of the content
    struct fingerprint proof;     // of the last bytes of the file; length 0: not known
    uint64_t expected;
    struct question *questions;
    size_t question_count;
    bool restored; // and not looked into since
    bool surveying;
    bool seeking;
    bool reported;
    int error; // of seeking, for the next read
};

// ---- is it one ----

static bool has_suffix(const char *path)
{
    size_t length = strlen(path);
    return length > 3 && strcmp(path + length - 3, ".gz") == 0;
}

bool archive_is_named(const struct source_file *file)
{
    for (const struct name *name = file->names; name != NULL; name = name->file_next) {
        if (has_suffix(name->text)) {
            return true;
        }
    }
    char room[PATH_MAX];
    return file->names == NULL && has_suffix(file_path(file, room));
}

bool archive_detect(struct source *source, struct source_file *file)
{
    uint8_t magic[GZIP_MAGIC_BYTES];
    if (file->archive != NULL || file->fd < 0 || !archive_is_named(file)) {
        return file->archive != NULL;
    }
    int64_t count = io_pread_all(source->io, file->fd, magic, sizeof magic, 0);
    if (count <= 0 || !gzip_begins(slice_of(magic, (size_t)count))) {
        return false;
    }
    file->archive = xcalloc(1, sizeof *file->archive);
    return true;
}

static void free_stream(struct archive *archive)
{
    gzip_free(archive->gzip);
    archive->gzip = NULL;
    free(archive->history);
    archive->history = NULL;
    archive->seeking = false;
    archive->error = 0;
}

void archive_free(struct archive *archive)
{
    if (archive != NULL) {
        free_stream(archive);
        free(archive->questions);
        free(archive);
    }
}

bool archive_is_refused(const struct source *source, const struct source_file *file)
{
    return file->archive != NULL && !source->config->compressed;
}

uint64_t archive_mtime_ns(const struct source_file *file)
{
    return file->archive->mtime_ns;
}

void archive_expect(struct source_file *file, uint64_t content_size)
{
    if (content_size > file->archive->expected) {
        file->archive->expected = content_size;
    }
}

// ---- its end ----

enum archive_end archive_end(const struct source_file *file)
{
    return file->archive->end;
}

uint64_t archive_seen_to(const struct source_file *file)
{
    return file->archive->end == ARCHIVE_WHOLE ? file->archive->end_file_size : 0;
}

bool archive_is_unknown(const struct source_file *file)
{
    return file->archive != NULL &&
           (file->archive->end == ARCHIVE_OPEN || file->archive->end == ARCHIVE_TOO_LARGE);
}

uint64_t archive_content_size(const struct source_file *file, const struct file_stat *stat)
{
    const struct archive *archive = file->archive;
    if (archive == NULL) {
        return stat->size;
    }
    if (archive->end != ARCHIVE_OPEN && stat->size == archive->end_file_size) {
        return archive->content_size;
    }
    uint64_t taken = archive->gzip == NULL ? 0 : gzip_file_position(archive->gzip);
    return file->read_position + (stat->size > taken ? stat->size - taken : 1);
}

static struct fingerprint proof_of(struct source *source, const struct source_file *file,
                                   uint64_t size)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    size_t length = size < sizeof bytes ? (size_t)size : sizeof bytes;
    if (file->fd < 0) {
        return (struct fingerprint){0};
    }
    int64_t count = io_pread_all(source->io, file->fd, bytes, length, size - length);
    return fingerprint_of(slice_of(bytes, count < 0 ? 0 : (size_t)count));
}

static void set_end(struct source *source, struct source_file *file, enum archive_end end,
                    uint64_t content_size, const struct file_stat *stat)
{
    struct archive *archive = file->archive;
    archive->end = end;
    archive->restored = false;
    archive->content_size = content_size;
    archive->end_file_size = stat->size;
    archive->file_seen = stat->size;
    archive->mtime_ns = stat->mtime_ns;
    archive->mtime_sure_ns = tree_settled_mtime(source->io, stat->mtime_ns);
    archive->proof = proof_of(source, file, stat->size);
}

void archive_set_done(struct source *source, struct source_file *file, const struct file_stat *stat)
{
    set_end(source, file, ARCHIVE_WHOLE, file->read_position, stat);
    file->archive->mtime_sure_ns = stat->mtime_ns;
}

void archive_set_restored(struct source_file *file)
{
    file->archive->restored = true;
    archive_expect(file, file->generation.size_seen);
}

bool archive_is_restored(const struct source_file *file)
{
    return file->archive->restored;
}

void archive_looked_at(struct source *source, struct source_file *file,
                       const struct file_stat *stat)
{
    struct archive *archive = file->archive;
    archive->file_seen = stat->size;
    archive->mtime_ns = stat->mtime_ns;
    if (archive->end == ARCHIVE_OPEN) {
        return;
    }
    bool same = stat->size == archive->end_file_size;
    if (same && archive->mtime_sure_ns != stat->mtime_ns && archive->proof.length > 0) {
        bool closed = file->fd < 0;
        same = reader_open(source, file) == 0 &&
               fingerprint_equal(proof_of(source, file, stat->size), archive->proof);
        if (closed) {
            reader_close(source, file);
        }
    }
    if (same) {
        archive->mtime_sure_ns = tree_settled_mtime(source->io, stat->mtime_ns);
    } else {
        archive->end = ARCHIVE_OPEN;
        archive->reported = false;
    }
}

static uint64_t size_max(const struct source *source, const struct archive *archive)
{
    uint64_t limit = source->config->compressed_max_size;
    return limit == 0 ? UINT64_MAX : limit > archive->expected ? limit : archive->expected;
}

void archive_report(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    if (archive == NULL || archive->reported || archive->end <= ARCHIVE_WHOLE) {
        return;
    }
    archive->reported = true;
    if (archive->end == ARCHIVE_TOO_LARGE) {
        char path[PATH_MAX];
        log_warning("%s holds more than %" PRIu64
                    " bytes; the rest is not read until compressed_max_size is larger",
                    file_path(file, path), archive->content_size);
        return;
    }
    stats_add(source->stats, STAT_SOURCE_ARCHIVES_BROKEN, 1);
    tell_lost(source, file, 0, archive->end == ARCHIVE_CUT ? LOSS_CUT : LOSS_DAMAGED);
}

// ---- the stream ----

static int open_stream(struct source *source, struct source_file *file)
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
        free_stream(file->archive);
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
    return source->inflating == file || source->surveyed == file;
}

bool archive_is_seeking(const struct source *source, const struct source_file *file)
{
    return source->inflating == file && file->archive->seeking;
}

static void copy_history(const struct archive *archive, uint64_t offset, uint8_t *room, size_t size)
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

static struct fingerprint tail_at(const struct archive *archive, uint64_t position, uint32_t length)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    if (length > sizeof bytes || length > position ||
        !in_history(archive, position - length, length)) {
        return (struct fingerprint){0};
    }
    copy_history(archive, position - length, bytes, length);
    return fingerprint_of(slice_of(bytes, length));
}

static uint32_t tail_length(uint64_t position)
{
    return position < TAIL_BYTES_MAX ? (uint32_t)position : TAIL_BYTES_MAX;
}

// Inflates a piece of at most `size` bytes into the history. Returns what gzip_read does.
static int64_t advance(struct archive *archive, uint64_t size)
{
    size_t at = (size_t)(gzip_position(archive->gzip) % HISTORY_BYTES);
    size_t piece = HISTORY_BYTES - at < PIECE_BYTES ? HISTORY_BYTES - at : PIECE_BYTES;
    return gzip_read(archive->gzip, archive->history + at, size < piece ? (size_t)size : piece);
}

// The stream gave no more bytes: `result`. Notes how the content ends. Returns 0, E_AGAIN when the
// file has grown meanwhile or is not what it was, or an error.
static int reach_end(struct source *source, struct source_file *file, int64_t result)
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
    set_end(source, file, end, position, &stat);
    archive->last_tail = tail_at(archive, position, tail_length(position));
    return 0;
}

int64_t archive_peek(struct source *source, struct source_file *file, uint8_t *room, size_t size,
                     uint64_t offset)
{
    struct archive *archive = file->archive;
    if (in_history(archive, offset, size)) {
        copy_history(archive, offset, room, size);
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
    for (unsigned i = 0; i < STEP_READS * 16 && done < size && (count > 0 || count == E_AGAIN);
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

// ---- reading ----

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
    set_end(source, file, ARCHIVE_TOO_LARGE, file->read_position, &stat);
    archive_report(source, file);
    life_set_content(source, file, file->read_position + left);
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
        life_set_content(source, file, archive_content_size(file, stat));
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
    uint64_t left = size_max(source, archive) - file->read_position;
    int64_t count = advance(archive, left == 0 ? 1 : left < size ? left : size);
    if (count > 0 && left == 0) {
        return stop_at_limit(source, file);
    }
    error = count > 0 ? gzip_check(archive->gzip) : reach_end(source, file, count);
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
    copy_history(archive, file->read_position, room, (size_t)count);
    if (archive->end == ARCHIVE_OPEN) {
        uint64_t taken = gzip_file_position(archive->gzip);
        uint64_t rest = archive->file_seen > taken ? archive->file_seen - taken : 0;
        life_set_content(source, file, file->read_position + (uint64_t)count + rest);
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
    error = open_stream(source, file);
    uint64_t start = error == 0 ? gzip_position(archive->gzip) : 0;
    for (int i = 0; error == 0 && i < STEP_READS; i++) {
        uint64_t position = gzip_position(archive->gzip);
        if (position == file->read_position) {
            struct fingerprint tail = tail_at(archive, position, file->read_tail.length);
            bool same = tail.length == 0 || fingerprint_equal(tail, file->read_tail);
            return same ? 0 : -ESTALE;
        }
        if (position - start > STEP_BYTES) {
            return E_AGAIN;
        }
        int64_t count = advance(archive, file->read_position - position);
        if (count == 0 || count == E_CORRUPT) {
            return -ESTALE;
        }
        error = count < 0 && count != E_AGAIN ? (int)count : 0;
    }
    return error == 0 ? E_AGAIN : error;
}

static void step_reading(struct source *source)
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
    if (file == NULL && waits) {
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

// ---- surveys ----

void archive_ask(struct source_file *file, uint64_t position, uint32_t length)
{
    struct archive *archive = file->archive;
    struct fingerprint tail;
    if (archive_answer(file, position, length, &tail)) {
        return;
    }
    archive->questions =
        xreallocarray(archive->questions, archive->question_count + 1, sizeof *archive->questions);
    archive->questions[archive->question_count++] =
        (struct question){.position = position, .length = length};
}

bool archive_was_asked(const struct source_file *file)
{
    return file->archive->surveying;
}

void archive_survey(struct source *source, struct source_file *file)
{
    file->archive->surveying = true;
    ring_append(&source->surveys, &file->waiting);
}

bool archive_is_surveyed(const struct source_file *file)
{
    const struct archive *archive = file->archive;
    return archive->surveying && archive->end != ARCHIVE_OPEN &&
           archive->end_file_size == archive->file_seen;
}

int archive_survey_error(const struct source_file *file)
{
    return file->archive->surveying ? file->archive->error : 0;
}

struct fingerprint archive_tail(const struct source_file *file, uint64_t position)
{
    return tail_at(file->archive, position, tail_length(position));
}

bool archive_answer(const struct source_file *file, uint64_t position, uint32_t length,
                    struct fingerprint *out_tail)
{
    const struct archive *archive = file->archive;
    for (size_t i = 0; i < archive->question_count; i++) {
        const struct question *question = &archive->questions[i];
        if (question->position == position && question->length == length) {
            *out_tail = question->tail;
            return true;
        }
    }
    return false;
}

struct fingerprint archive_last_tail(const struct source_file *file)
{
    return file->archive->last_tail;
}

void archive_survey_end(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    archive_release(source, file);
    free(archive->questions);
    archive->questions = NULL;
    archive->question_count = 0;
    archive->surveying = false;
}

static void answer_questions(struct archive *archive)
{
    uint64_t end = gzip_position(archive->gzip);
    for (size_t i = 0; i < archive->question_count; i++) {
        struct question *question = &archive->questions[i];
        if (!question->answered && question->position <= end) {
            question->answered = true;
            question->tail = tail_at(archive, question->position, question->length);
        }
    }
}

// One step of a survey. Returns 0 at the end, E_AGAIN before it, or an error.
static int survey(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    bool anew = archive->gzip == NULL;
    int error = open_stream(source, file);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; anew && i < archive->question_count; i++) {
        archive->questions[i].answered = false;
    }
    uint64_t start = gzip_position(archive->gzip);
    for (int i = 0; i < STEP_READS; i++) {
        int64_t count = advance(archive, UINT64_MAX);
        answer_questions(archive);
        uint64_t position = gzip_position(archive->gzip);
        if (position > size_max(source, archive)) {
            struct file_stat stat;
            error = source->io->fstat(source->io, file->fd, &stat);
            set_end(source, file, ARCHIVE_TOO_LARGE, position, &stat);
            return error;
        }
        if (count <= 0 && count != E_AGAIN) {
            return reach_end(source, file, count);
        }
        if (position - start > STEP_BYTES) {
            break;
        }
    }
    return gzip_check(archive->gzip) == 0 ? E_AGAIN : -ESTALE;
}

static void step_survey(struct source *source)
{
    if (ring_empty(&source->surveys)) {
        return;
    }
    struct source_file *file = LINK_ENTRY(source->surveys.next, struct source_file, waiting);
    if (source->surveyed != NULL && source->surveyed != file) {
        archive_release(source, source->surveyed);
    }
    source->surveyed = file;
    int error = survey(source, file);
    if (error == E_FULL) {
        source->archives_starve = true;
    }
    if (error == E_AGAIN || error == E_FULL) {
        return;
    }
    if (error != 0) {
        archive_release(source, file);
        file->archive->error = error == -ESTALE ? 0 : error;
    }
    ring_append(&source->unjudged, &file->waiting);
}

void archive_step(struct source *source)
{
    source->archives_starve = false;
    step_survey(source);
    step_reading(source);
}

bool archive_is_pending(const struct source *source)
{
    bool seeking = source->inflating != NULL && source->inflating->archive->seeking;
    bool idle = source->inflating == NULL || !link_in_ring(&source->inflating->work->ready);
    return !source->archives_starve &&
           (!ring_empty(&source->surveys) || seeking || (idle && !ring_empty(&source->archives)));
}

static bool may_be_alike(const struct source_file *a, const struct source_file *b)
{
    size_t count = a->first_count < b->first_count ? a->first_count : b->first_count;
    struct fingerprint head_a = a->generation.head;
    struct fingerprint head_b = b->generation.head;
    return memcmp(a->first, b->first, count) == 0 &&
           (head_a.length != head_b.length || head_a.hash == head_b.hash);
}

static bool awaits(const struct link *ring, const struct source_file *original)
{
    for (const struct link *link = ring->next; link != ring; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, const struct source_file, waiting);
        if (file->archive != NULL && file->archive->surveying && may_be_alike(file, original)) {
            return true;
        }
    }
    return false;
}

bool archive_is_awaited(const struct source *source, const struct source_file *original)
{
    return awaits(&source->surveys, original) || awaits(&source->held, original);
}
