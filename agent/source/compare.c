#include "source/compare.h"

#include <errno.h>
#include <string.h>

#include "source/archive.h"

enum { TICK_NS = 10 * 1000 * 1000 }; // of the kernel's coarse clock, where it is slowest (100 Hz)

static enum match match_of(bool equal)
{
    return equal ? MATCH_EQUAL : MATCH_DIFFERENT;
}

enum match compare_heads(struct subject *subject, const struct source_file *original)
{
    const struct fingerprint *head = &original->generation.head;
    if (subject->head_size >= head->length) {
        if (subject->head_part.length != head->length) {
            subject->head_part = fingerprint_of(slice_of(subject->head, head->length));
        }
        return match_of(fingerprint_equal(subject->head_part, *head));
    }
    size_t size =
        original->first_count < subject->head_size ? original->first_count : subject->head_size;
    return memcmp(original->first, subject->head, size) == 0 ? MATCH_UNKNOWN : MATCH_DIFFERENT;
}

static enum match compare_archive_tails(struct subject *subject, const struct source_file *original)
{
    uint64_t position = original->read_position;
    struct fingerprint tail = original->read_tail;
    if (subject->asks) {
        const struct marks *marks = original->work->marks;
        for (unsigned i = 0; marks != NULL && i < marks->count; i++) {
            archive_ask(subject->file, marks->items[i].position, marks->items[i].tail.length);
        }
        archive_expect(subject->file, original->generation.size_seen);
        archive_ask(subject->file, position, tail.length);
        subject->like_count++;
        return MATCH_UNKNOWN;
    }
    struct fingerprint found;
    if (!archive_answer(subject->file, position, tail.length, &found) || subject->size < position) {
        return MATCH_UNKNOWN;
    }
    return match_of(tail.length == 0 || fingerprint_equal(tail, found));
}

static enum match compare_tails(struct source *source, struct subject *subject,
                                const struct source_file *original)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    subject->unreadable = false;
    if (subject->file->archive != NULL) {
        return compare_archive_tails(subject, original);
    }
    uint64_t position = original->read_position;
    size_t size = original->read_tail.length;
    if (subject->size < position) {
        return MATCH_UNKNOWN;
    }
    if (size == 0) {
        return MATCH_EQUAL;
    }
    if (subject->tail_end != position || subject->tail_part.length != size) {
        int64_t count = reader_peek(source, subject->file, bytes, size, position - size);
        subject->unreadable = count < 0;
        if (count != (int64_t)size) {
            return count < 0 ? MATCH_UNKNOWN : MATCH_DIFFERENT;
        }
        subject->tail_part = fingerprint_of(slice_of(bytes, size));
        subject->tail_end = position;
    }
    return match_of(fingerprint_equal(subject->tail_part, original->read_tail));
}

// Whether the file has the bytes before an offset.
static bool has_tail(struct source *source, const struct subject *subject, const struct mark *mark)
{
    struct fingerprint found = {0};
    if (subject->file->archive == NULL) {
        found = reader_tail(source, subject->file, mark->position);
    } else if (!archive_answer(subject->file, mark->position, mark->tail.length, &found)) {
        return false;
    }
    return fingerprint_equal(found, mark->tail);
}

// Whether a file that ends before the position of the original has what was read of that up to the
// last mark in it: it is a copy of the original, made before the last of it was written.
static bool has_marks(struct source *source, const struct subject *subject,
                      const struct source_file *original)
{
    const struct marks *marks = original->work->marks;
    unsigned count = marks == NULL || subject->size >= original->read_position ? 0 : marks->count;
    while (count > 0 && marks->items[count - 1].position > subject->size) {
        count--;
    }
    return count > 0 && has_tail(source, subject, &marks->items[count - 1]);
}

enum condition { ORIGINAL_GONE, ORIGINAL_INTACT, ORIGINAL_UNCLEAR };

// Finds out what has become of it.
static void look_again(struct source *source, struct source_file *original)
{
    if (original->phase == FILE_LIVE) {
        life_ready(source, original); // reading it will tell
    }
    for (struct name *name = original->names; name != NULL; name = name->file_next) {
        tree_look(source->tree, name);
    }
}

// Whether the content of the original is still where it was, and since when it is not (0: unknown).
// What became of it when it seems not to be is found out in its turn.
static enum condition condition_of(struct source *source, struct source_file *original,
                                   uint64_t *out_gone_ns)
{
    *out_gone_ns = original->work->gone_ns;
    if (original->hidden || original->phase == FILE_ORPHAN ||
        (original->names == NULL && original->fd < 0)) {
        return ORIGINAL_GONE;
    }
    struct file_stat stat;
    char path[PATH_MAX];
    enum condition condition = ORIGINAL_INTACT;
    for (struct name *name = original->names; name != NULL; name = name->file_next) {
        if (!tree_path(name, path) || source->io->stat(source->io, path, true, &stat) != 0 ||
            stat.inode != original->generation.inode ||
            archive_content_size(original, &stat) < extent_min(original)) {
            tree_look(source->tree, name);
            condition = ORIGINAL_UNCLEAR;
        }
    }
    if (original->names == NULL && source->io->fstat(source->io, original->fd, &stat) == 0 &&
        stat.link_count == 0) {
        *out_gone_ns = stat.ctime_ns;
        return ORIGINAL_GONE;
    }
    if (condition == ORIGINAL_INTACT && reader_check(source, original) == -ESTALE) {
        look_again(source, original);
        return ORIGINAL_UNCLEAR;
    }
    return condition;
}

// Compares with an intact original at the end of the shorter of both.
static enum match compare_content(struct source *source, const struct subject *subject,
                                  struct source_file *original)
{
    struct file_stat stat;
    if (original->archive != NULL || reader_open(source, original) != 0 ||
        source->io->fstat(source->io, original->fd, &stat) != 0 ||
        stat.size < extent_min(original)) {
        return MATCH_UNKNOWN;
    }
    // No copy is longer than what it is a copy of. (What was read to its end was just proven
    // whole.)
    if (subject->size > stat.size && stat.size == original->read_position) {
        return MATCH_DIFFERENT;
    }
    uint64_t size = stat.size < subject->size ? stat.size : subject->size;
    struct fingerprint theirs = reader_tail(source, original, size);
    struct fingerprint ours = reader_tail(source, subject->file, size);
    if (theirs.length == 0 || ours.length == 0) {
        return MATCH_UNKNOWN;
    }
    return match_of(fingerprint_equal(theirs, ours));
}

// Whether one of the original's names is one of the archive's without its suffix.
static bool is_named_after(const struct source_file *archive, const struct source_file *original)
{
    for (const struct name *ours = archive->names; ours != NULL; ours = ours->file_next) {
        for (const struct name *name = original->names; name != NULL; name = name->file_next) {
            size_t length = strlen(name->text);
            if (ours->dir == name->dir && strncmp(ours->text, name->text, length) == 0 &&
                strcmp(ours->text + length, ".gz") == 0) {
                return true;
            }
        }
    }
    return false;
}

// Compares the end of the archive's content with an original that is there.
static enum match compare_inflated(struct source *source, const struct subject *subject,
                                   struct source_file *original)
{
    struct file_stat stat;
    if (original->archive != NULL || reader_open(source, original) != 0 ||
        source->io->fstat(source->io, original->fd, &stat) != 0) {
        return MATCH_UNKNOWN;
    }
    if (stat.size < subject->size) {
        return MATCH_DIFFERENT;
    }
    struct fingerprint ours = archive_last_tail(subject->file);
    struct fingerprint theirs = reader_tail(source, original, subject->size);
    if (theirs.length == 0 && ours.length > 0) {
        return MATCH_UNKNOWN;
    }
    return match_of(fingerprint_equal(theirs, ours));
}

// Compares an archive that was surveyed. One that was made of a file which is still there, or open,
// is not needed before that one is gone and was not read to its end.
static enum copy_verdict compare_archive(struct source *source, struct subject *subject,
                                         struct source_file *original, struct copy_facts *facts)
{
    struct source_file *file = subject->file;
    uint64_t gone_ns;
    enum condition condition = condition_of(source, original, &gone_ns);
    if (gone_ns != 0 && archive_mtime_ns(file) > gone_ns) {
        return COPY_NOT; // written after the original was gone
    }
    if (condition == ORIGINAL_UNCLEAR) {
        return COPY_PERHAPS;
    }
    bool readable = original->fd >= 0 && original->phase != FILE_PAST;
    facts->original_gone = condition == ORIGINAL_GONE && !readable;
    if (facts->original_gone) {
        struct fingerprint tail;
        facts->was_prefix = facts->was_prefix ||
                            (facts->head == MATCH_EQUAL && has_marks(source, subject, original));
        subject->unanswered =
            subject->unanswered ||
            !archive_answer(file, original->read_position, original->read_tail.length, &tail);
        return identity_copy(facts);
    }
    facts->tail = compare_inflated(source, subject, original);
    if (facts->tail == MATCH_UNKNOWN && is_named_after(file, original)) {
        file->quiet_ns = source->now_ns; // it could not be opened just now
        return COPY_PERHAPS;
    }
    if (facts->tail == MATCH_EQUAL) {
        facts->beside = condition == ORIGINAL_GONE || file->names == NULL ||
                        is_named_after(file, original) ||
                        (file->beside && file->work->alike_id == original->generation.id);
        facts->all_read = original->generation.position >= subject->size;
        file->beside = facts->beside;
        file_work(file)->alike_id = original->generation.id;
        file_work(file)->alike_bytes = subject->size;
    }
    return identity_copy(facts);
}

bool compare_known(struct source *source, struct subject *subject,
                   const struct source_file *original)
{
    const struct generation *ours = &subject->file->generation;
    const struct generation *theirs = &original->generation;
    bool ended = original->phase == FILE_ORPHAN || original->phase == FILE_PAST;
    bool copied = original->work->alike_id != 0;
    bool is_archive = original->archive != NULL;
    bool whole = is_archive || original->work->alike_bytes == theirs->size_seen;
    bool unread =
        original->read_position == 0 && (original->phase == FILE_PAST || (copied && whole));
    bool outgrown =
        is_archive && copied && !subject->asks && subject->size != original->read_position;
    if (ended && (unread || outgrown)) {
        return false; // another one has its content
    }
    bool comparable = original != subject->file && theirs->head.length > 0 &&
                      original->phase != FILE_FRESH && original->phase != FILE_HELD &&
                      (ours->inode != theirs->inode || ours->device != theirs->device ||
                       subject->file->archive != NULL);
    return comparable && compare_heads(subject, original) != MATCH_DIFFERENT &&
           compare_tails(source, subject, original) != MATCH_DIFFERENT;
}

// Whether what a deleted file has can still be read.
static bool is_readable(const struct source_file *original)
{
    return original->names == NULL && original->fd >= 0 && original->phase == FILE_LIVE &&
           original->archive == NULL;
}

// What the original waits for may wait for the subject.
static void let_it_be_read(struct source *source, struct source_file *original, bool quiet)
{
    struct source_file *older = original->work->older;
    while (older != NULL && !link_in_ring(&older->work->ready)) {
        older = older->work->older;
    }
    if (quiet && older == NULL && original->work->older != NULL) {
        file_unorder(original->work->older);
    }
    life_ready(source, original);
}

static bool is_prefix(const struct subject *subject, const struct source_file *original)
{
    const struct file_work *work = subject->file->work;
    return work->alike_id == original->generation.id && work->alike_bytes == subject->size;
}

// Compares with an original that can be read, and takes note of what is alike.
static enum match compare_readable(struct source *source, const struct subject *subject,
                                   struct source_file *original)
{
    enum match match = compare_content(source, subject, original);
    if (match == MATCH_EQUAL) {
        file_work(subject->file)->alike_id = original->generation.id;
        file_work(subject->file)->alike_bytes = subject->size;
    }
    return match;
}

// Whether the file was born when the original was gone at `gone_ns` (0: unknown). Times of birth
// are ticks of a clock, and what was deleted was gone before that was seen: a file that was born
// within a tick of a deletion, where the original was, is a log that was created anew, not a copy:
// unless it was renamed to where it is.
static bool is_born_after(const struct source *source, const struct source_file *file,
                          const struct source_file *original, enum condition condition,
                          uint64_t gone_ns)
{
    char ours[PATH_MAX];
    char theirs[PATH_MAX];
    bool arrived = file->names != NULL && file->names->arrived;
    bool anew = condition == ORIGINAL_GONE && original->names == NULL && !original->cut &&
                !arrived && strcmp(file_path(file, ours), file_path(original, theirs)) == 0;
    bool set_back =
        file->premature || file->generation.birth_ns > source->io->real_ns(source->io) + NS_PER_S;
    return gone_ns != 0 && !set_back && file->generation.birth_ns + (anew ? TICK_NS : 0) > gone_ns;
}

// Compares with a deleted original that is still open: it is read to its end before anything is
// taken from a copy. Returns COPY_NOT or COPY_PERHAPS when that decides it, else COPY_READ.
static enum copy_verdict compare_deleted(struct source *source, const struct subject *subject,
                                         struct source_file *original, bool quiet)
{
    struct file_stat stat;
    int error = source->io->fstat(source->io, original->fd, &stat);
    enum match match = compare_readable(source, subject, original);
    error = error != 0 ? error : reader_check(source, original);
    bool read = error == 0 && stat.size == original->read_position;
    bool goes_on = read && subject->size > stat.size; // may be written to instead of the original
    if (error == 0 && match == MATCH_DIFFERENT && !goes_on) {
        return COPY_NOT;
    }
    if (!read) {
        let_it_be_read(source, original, quiet);
        return COPY_PERHAPS;
    }
    bool may_grow = subject->size < original->read_position && !quiet;
    return may_grow ? COPY_PERHAPS : COPY_READ;
}

enum copy_verdict compare_with(struct source *source, struct subject *subject,
                               struct source_file *original)
{
    struct source_file *file = subject->file;
    if (subject->asks) {
        return COPY_NOT;
    }
    struct copy_facts facts = {
        .head = compare_heads(subject, original),
        .tail = compare_tails(source, subject, original),
        .was_prefix = is_prefix(subject, original),
        .quiet = file->quiet_ns + HOLD_MS * NS_PER_MS <= source->now_ns,
    };
    if (file->archive != NULL) {
        return compare_archive(source, subject, original, &facts);
    }
    uint64_t gone_ns;
    enum condition condition = condition_of(source, original, &gone_ns);
    facts.born_after_the_end = is_born_after(source, file, original, condition, gone_ns);
    if (facts.born_after_the_end) {
        return COPY_NOT;
    }
    if (condition == ORIGINAL_UNCLEAR || subject->unreadable) {
        return COPY_PERHAPS;
    }
    facts.original_gone = condition == ORIGINAL_GONE;
    if (facts.original_gone && facts.head == MATCH_EQUAL && !facts.was_prefix) {
        facts.was_prefix = has_marks(source, subject, original);
    }
    if (condition == ORIGINAL_INTACT) {
        facts.tail = compare_readable(source, subject, original);
    } else if (is_readable(original)) {
        enum copy_verdict verdict = compare_deleted(source, subject, original, facts.quiet);
        if (verdict != COPY_READ) {
            return verdict;
        }
        facts.was_prefix = is_prefix(subject, original);
    }
    return identity_copy(&facts);
}
