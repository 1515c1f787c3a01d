#include "source/archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "source/archive_state.h"

enum { MAGIC_BYTES_MAX = 6 };

// What rotations compress with: the ends of names, and how the files begin (RFC 1952; the xz file
// format, 2.1.1.1; RFC 8878, 3.1.1; the LZ4 frame format; bzip2 and compress as file(1) knows
// them).
struct form {
    const char *suffix;
    uint8_t magic[MAGIC_BYTES_MAX];
    size_t magic_bytes;
    const char *refusal; // NULL: it can be inflated
};

static const struct form forms[] = {
    {".gz", {0x1f, 0x8b}, 2, NULL},
    {".xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, "not read: compressed by xz; only gzip can be read"},
    {".zst", {0x28, 0xb5, 0x2f, 0xfd}, 4, "not read: compressed by zstd; only gzip can be read"},
    {".bz2", {'B', 'Z', 'h'}, 3, "not read: compressed by bzip2; only gzip can be read"},
    {".lz4", {0x04, 0x22, 0x4d, 0x18}, 4, "not read: compressed by lz4; only gzip can be read"},
    {".Z", {0x1f, 0x9d}, 2, "not read: compressed by compress; only gzip can be read"},
};

static const struct form *form_of_name(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        size_t size = strlen(forms[i].suffix);
        if (length > size && strcmp(path + length - size, forms[i].suffix) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

static const struct form *form_of(const struct source_file *file)
{
    const struct form *form = NULL;
    for (const struct name *name = file->names; name != NULL && form == NULL;
         name = name->file_next) {
        form = form_of_name(name->text);
    }
    char room[PATH_MAX];
    return file->names == NULL ? form_of_name(file_path(file, room)) : form;
}

bool archive_is_named(const struct source_file *file)
{
    return form_of(file) != NULL;
}

int archive_detect(struct source *source, struct source_file *file)
{
    if (file->archive != NULL) {
        return 1;
    }
    const struct form *form = file->fd < 0 ? NULL : form_of(file);
    if (form == NULL) {
        return 0;
    }
    uint8_t magic[MAGIC_BYTES_MAX];
    int64_t count = io_pread_all(source->io, file->fd, magic, form->magic_bytes, 0);
    if (count <= 0 || memcmp(magic, form->magic, (size_t)count) != 0) {
        return count < 0 ? (int)count : 0;
    }
    file->archive = xcalloc(1, sizeof *file->archive);
    file->archive->refusal = form->refusal;
    return 1;
}

void archive_free(struct archive *archive)
{
    if (archive != NULL) {
        archive_free_stream(archive);
        free(archive->questions);
        free(archive);
    }
}

const char *archive_refusal(const struct source *source, const struct source_file *file)
{
    if (file->archive == NULL || file->archive->refusal != NULL) {
        return file->archive == NULL ? NULL : file->archive->refusal;
    }
    return source->config->compressed ? NULL : "not read: compressed; set compressed: true";
}

bool archive_is_refused(const struct source *source, const struct source_file *file)
{
    return archive_refusal(source, file) != NULL;
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

void archive_set_end(struct source *source, struct source_file *file, enum archive_end end,
                     uint64_t content_size, const struct file_stat *stat)
{
    struct archive *archive = file->archive;
    archive->end = end;
    archive->restored = false;
    archive->content_size = content_size;
    archive->missing_min = 0;
    archive->end_file_size = stat->size;
    archive->file_seen = stat->size;
    archive->mtime_ns = stat->mtime_ns;
    archive->mtime_sure_ns = tree_settled_mtime(source->io, stat->mtime_ns);
    archive->proof = proof_of(source, file, stat->size);
}

void archive_set_done(struct source *source, struct source_file *file, const struct file_stat *stat)
{
    archive_set_end(source, file, ARCHIVE_WHOLE, file->read_position, stat);
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

uint64_t archive_size_max(const struct source *source, const struct archive *archive)
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
    tell_lost(source, file, archive->missing_min,
              archive->end == ARCHIVE_CUT ? LOSS_CUT : LOSS_DAMAGED);
}

// ---- its turn ----

void archive_step(struct source *source)
{
    source->archives_starve = false;
    archive_step_survey(source);
    archive_step_reading(source);
}

bool archive_is_pending(const struct source *source)
{
    bool seeking = source->inflating != NULL && source->inflating->archive->seeking;
    bool idle = source->inflating == NULL || !link_in_ring(&source->inflating->work->ready);
    return !source->archives_starve &&
           (!ring_empty(&source->surveys) || seeking || (idle && archive_is_turn(source)));
}
