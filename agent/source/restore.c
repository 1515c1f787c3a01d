#include "source/archive.h"
#include "source/identity.h"
#include "source/state.h"

void restore_known(struct source *source, const struct generation *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i].state == GENERATION_FORGET) {
            continue;
        }
        struct source_file *file = file_table_add(source->table, &known[i]);
        file->restored = true;
        file->announced = true;
        file->away = true;
        file->unwatched = true;
        file->quiet_ns = source->now_ns;
        // Where nothing was read yet it may have been held as a copy, and still has to be judged.
        bool unread = known[i].position == 0;
        file->phase = known[i].state != GENERATION_LIVE ? FILE_PAST
                      : unread                          ? FILE_FRESH
                                                        : FILE_LIVE;
        extent_count(source, file);
        if (known[i].state == GENERATION_DELETED) {
            file_work(file)->gone_ns = (known[i].seen_s + 1) * NS_PER_S;
            ring_append(&source->past, &file->waiting);
            source->past_count++;
        }
    }
}

static enum match match_of(struct fingerprint known, struct fingerprint found)
{
    if (known.length == 0) {
        return MATCH_UNKNOWN;
    }
    return fingerprint_equal(known, found) ? MATCH_EQUAL : MATCH_DIFFERENT;
}

// Fingerprint of `size` bytes that end at `end`; of what is there, when there are fewer.
static int fingerprint_before(struct io *io, int fd, uint64_t end, size_t size,
                              struct fingerprint *out_fingerprint)
{
    uint8_t bytes[HEAD_BYTES_MAX];
    *out_fingerprint = (struct fingerprint){0};
    if (size == 0 || size > sizeof bytes || size > end) {
        return 0;
    }
    int64_t count = io_pread_all(io, fd, bytes, size, end - size);
    if (count < 0) {
        return (int)count;
    }
    *out_fingerprint = fingerprint_of(slice_of(bytes, (size_t)count));
    return 0;
}

// Whether the open file has the content of the generation: 1, 0, or an error of reading it.
static int has_content(struct io *io, int fd, const struct generation *generation, uint64_t size)
{
    struct fingerprint head;
    struct fingerprint tail = {0};
    int error = fingerprint_before(io, fd, generation->head.length, generation->head.length, &head);
    if (error == 0) {
        error = fingerprint_before(io, fd, generation->position, generation->tail.length, &tail);
    }
    struct life_facts facts = {
        .size = size,
        .position = generation->position,
        .head = match_of(generation->head, head),
        .tail = match_of(generation->tail, tail),
    };
    return error != 0 ? error : identity_goes_on(&facts);
}

// Whether `a` has had the inode that both have had after `b`: one that was there until the end is,
// and else the one that began later.
static bool is_later(const struct generation *a, const struct generation *b)
{
    bool live_a = a->state == GENERATION_LIVE;
    bool live_b = b->state == GENERATION_LIVE;
    return live_a != live_b ? live_a : a->id > b->id;
}

struct source_file *restore_pick(struct source *source, struct source_file *first,
                                 bool (*matches)(const struct source *source,
                                                 const struct source_file *file, const char *path,
                                                 const struct file_stat *stat),
                                 const char *path, const struct file_stat *stat)
{
    struct source_file *last = first;
    for (struct source_file *file = first; file != NULL; file = file->inode_next) {
        if (file->restored && matches(source, file, path, stat) &&
            is_later(&file->generation, &last->generation)) {
            last = file;
        }
    }
    for (struct source_file *file = first, *next; file != NULL; file = next) {
        next = file->inode_next;
        if (file != last && file->restored && matches(source, file, path, stat)) {
            file_table_hide(source->table, file);
        }
    }
    return last;
}

// What was read of an archive is compared on the way to its position. One that has ended is not
// read again unless it was modified afterwards.
static void found_archive(struct source *source, struct source_file *file,
                          const struct file_stat *stat)
{
    archive_set_restored(file);
    if (file->phase == FILE_PAST && stat->mtime_ns / NS_PER_S < file->generation.seen_s) {
        archive_set_done(source, file, stat);
    }
}

// Its inode as it is counted now.
static void take_inode(struct source *source, struct source_file *file,
                       const struct file_stat *stat)
{
    const struct generation *generation = &file->generation;
    if (generation->device != stat->device || generation->birth_ns != stat->birth_ns) {
        file_table_move(source->table, file, stat->device, stat->inode, stat->birth_ns);
        life_announce(source, file);
    }
}

void restore_found(struct source *source, struct source_file *file, const struct file_stat *stat)
{
    const struct generation *generation = &file->generation;
    file->restored = false;
    take_inode(source, file, stat);
    uint8_t head[HEAD_BYTES_MAX];
    int64_t count = reader_peek(source, file, head, sizeof head, 0);
    // What cannot be read now is compared when it is read.
    int same = count < 0 ? (int)count : has_content(source->io, file->fd, generation, stat->size);
    int is_archive = same == 0 ? archive_detect(source, file) : 0;
    if (is_archive < 0) {
        same = is_archive;
    } else if (is_archive > 0) {
        count = reader_peek(source, file, head, sizeof head, 0);
        bool equal = count >= (int64_t)generation->head.length &&
                     fingerprint_equal(generation->head,
                                       fingerprint_of(slice_of(head, generation->head.length)));
        same = equal ? 1 : 0;
        found_archive(source, file, stat);
    }
    if (same == 0 && file->names == NULL) {
        life_orphan(source, file); // what came after it in its inode is under no matching name
        return;
    }
    if (same == 0) {
        life_truncated(source, file);
        return;
    }
    file->away = false;
    file->unwatched = false;
    if (file->phase == FILE_FRESH) {
        life_question(source, file);
        return;
    }
    if (count >= 0) {
        file_table_set_first(source->table, file, slice_of(head, (size_t)count));
    }
    if (file->archive != NULL) {
        life_depart(source, file);
    }
    bool wanted = file->archive == NULL && stat->size > file->read_position;
    if (file->names != NULL && !wanted) {
        reader_close(source, file);
    }
}

void restore_found_elsewhere(struct source *source, struct source_file *file, const char *path,
                             const struct file_stat *stat)
{
    take_inode(source, file, stat);
    if (reader_open_at(source, file, path) != 0) {
        return;
    }
    restore_found(source, file, stat);
    if (file->phase == FILE_ORPHAN) {
        return;
    }
    if (file_set_path(file, path) && file->announced) {
        life_announce(source, file);
    }
    extent_set_size(source, file, stat->size);
    life_depart(source, file);
}
