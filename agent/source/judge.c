#include <errno.h>

#include "base/error.h"
#include "source/archive.h"
#include "source/compare.h"
#include "source/identity.h"
#include "source/state.h"

enum {
    CANDIDATES_MAX = 32, // known generations whose files are looked at for one file
    VISITS_MAX = 4096,   // likewise, of which only what is known is compared
};

struct finding {
    enum copy_verdict verdict;
    struct source_file *original;
};

// ---- search ----

// How much may still be looked at.
struct budget {
    size_t visits;
    size_t candidates;
};

static const struct budget SEARCH_BUDGET = {.visits = VISITS_MAX, .candidates = CANDIDATES_MAX};

static bool spend(size_t *budget)
{
    return *budget > 0 && (*budget)-- > 0;
}

// Whether the archive may be made of a file that has to be judged itself.
static bool is_undecided(struct subject *subject, const struct source_file *original)
{
    bool undecided = original->phase == FILE_FRESH || original->phase == FILE_HELD;
    return subject->file->archive != NULL && original->archive == NULL && undecided &&
           original->generation.head.length > 0 &&
           compare_heads(subject, original) != MATCH_DIFFERENT;
}

// False when enough was looked at.
static bool consider(struct source *source, struct subject *subject, struct source_file *original,
                     struct budget *budget, struct finding *finding)
{
    if (!spend(&budget->visits)) {
        return false;
    }
    if (is_undecided(subject, original)) {
        subject->like_count++;
        if (finding->verdict < COPY_PERHAPS) {
            *finding = (struct finding){.verdict = COPY_PERHAPS, .original = original};
        }
        return true;
    }
    if (!compare_known(source, subject, original)) {
        return true;
    }
    if (!spend(&budget->candidates)) {
        return false;
    }
    enum copy_verdict verdict = compare_with(source, subject, original);
    bool further = verdict == finding->verdict && finding->original != NULL &&
                   original->read_position > finding->original->read_position;
    if (verdict != COPY_NOT && (verdict > finding->verdict || further)) {
        *finding = (struct finding){.verdict = verdict, .original = original};
    }
    return true;
}

static void consider_ring(struct source *source, struct subject *subject, const struct link *ring,
                          struct finding *finding)
{
    struct budget budget = SEARCH_BUDGET;
    const struct link *link = ring->previous;
    bool more = true;
    while (link != ring && more) {
        struct source_file *original = LINK_ENTRY(link, struct source_file, waiting);
        link = link->previous;
        more = consider(source, subject, original, &budget, finding);
    }
}

// Those that begin with the first `count` bytes of the subject, and have no more when these are
// few.
static void consider_first(struct source *source, struct subject *subject, size_t count,
                           struct finding *finding)
{
    struct budget budget = SEARCH_BUDGET;
    struct source_file *original = file_table_first(source->table, slice_of(subject->head, count));
    bool more = true;
    while (original != NULL && more) {
        struct source_file *next = original->first_next;
        more = consider(source, subject, original, &budget, finding);
        original = next;
    }
}

// Those that the index does not find, because the subject is only the beginning of them yet.
static void consider_longer(struct source *source, struct subject *subject, struct finding *finding)
{
    struct budget budget = {.visits = CANDIDATES_MAX, .candidates = CANDIDATES_MAX};
    struct link *all = file_table_all(source->table);
    bool more = true;
    for (struct link *link = all->previous; link != all && more; link = link->previous) {
        struct source_file *original = LINK_ENTRY(link, struct source_file, all);
        more = original->first_count > subject->head_size
                   ? consider(source, subject, original, &budget, finding)
                   : spend(&budget.visits);
    }
}

static struct finding find_original(struct source *source, struct subject *subject)
{
    struct finding finding = {.verdict = COPY_NOT};
    consider_ring(source, subject, &source->orphans, &finding);
    if (finding.verdict < COPY_CONTINUES) {
        consider_ring(source, subject, &source->past, &finding);
    }
    if (finding.verdict >= COPY_CONTINUES) {
        return finding;
    }
    size_t count = subject->head_size < FIRST_BYTES ? subject->head_size : FIRST_BYTES;
    if (count < FIRST_BYTES) {
        consider_longer(source, subject, &finding);
    }
    for (; count > 0; count--) {
        consider_first(source, subject, count, &finding);
    }
    return finding;
}

// ---- verdicts ----

static void take_archive(struct source *source, struct source_file *original,
                         struct source_file *copy)
{
    archive_release(source, copy);
    archive_free(original->archive);
    original->archive = copy->archive;
    copy->archive = NULL;
    if (original->archive != NULL) {
        archive_survey_end(source, original);
    }
}

// The file is the original from now on.
static void become(struct source *source, struct source_file *original, struct source_file *copy)
{
    if (original->phase == FILE_PAST) {
        source->past_count -= link_in_ring(&original->waiting) ? 1 : 0;
    }
    link_remove(&original->waiting);
    file_unready(original);
    const struct generation *generation = &copy->generation;
    uint64_t device = generation->device;
    uint64_t inode = generation->inode;
    uint64_t birth_ns = generation->birth_ns;
    uint64_t size = generation->size_seen;
    original->generation.head = generation->head;
    file_table_hide(source->table, copy);
    reader_close(source, original);
    if (copy->fd >= 0) {
        reader_move(source, copy, original);
    }
    take_archive(source, original, copy);
    while (copy->names != NULL) {
        struct name *name = copy->names;
        file_detach(name);
        file_attach(original, name);
        tree_look(source->tree, name);
    }
    char path[PATH_MAX];
    file_set_path(original, file_path(copy, path));
    file_table_set_first(source->table, original, slice_of(copy->first, copy->first_count));
    original->mtime_ns = 0;
    file_table_move(source->table, original, device, inode, birth_ns);
    struct source_file *younger = copy->work->younger;
    file_take_place(original, copy);
    life_forget(source, copy);
    original->generation.state = GENERATION_LIVE;
    file_work(original)->gone_ns = 0;
    original->away = false;
    original->cut = false;
    original->restored = false;
    original->unwatched = false;
    if (!archive_is_unknown(original)) {
        extent_shrunk(source, original, size);
    }
    life_resume(source, original, size);
    if (younger != NULL) {
        life_ready(source, younger);
    }
}

static void accept(struct source *source, const struct subject *subject)
{
    struct source_file *file = subject->file;
    file_work(file)->alike_id = 0;
    link_remove(&file->waiting);
    if (file->archive != NULL) {
        archive_survey_end(source, file);
    }
    bool skips = file->initial && source->config->start_at == START_AT_END;
    if (skips && file->archive != NULL) {
        skip_archive(source, file);
        return;
    }
    if (skips) {
        skip_to_end(source, file, subject->size);
    } else {
        life_announce(source, file);
    }
    life_resume(source, file, subject->size);
}

// The whole content was read from the original.
static void discard(struct source *source, const struct subject *subject,
                    const struct source_file *original)
{
    struct source_file *file = subject->file;
    file->generation.first_name = original->generation.first_name;
    tell_copied(source, file, original->generation.id);
    link_remove(&file->waiting);
    struct fingerprint tail =
        file->archive == NULL ? reader_tail(source, file, subject->size) : archive_last_tail(file);
    if (file->archive != NULL) {
        archive_survey_end(source, file);
    }
    file->generation.position = subject->size;
    file->generation.tail = tail;
    extent_set_read(source, file, subject->size, tail);
    life_past(source, file);
}

// ---- judging ----

static int look_at(struct source *source, struct subject *subject)
{
    struct source_file *file = subject->file;
    struct file_stat stat;
    int error = reader_open(source, file);
    if (error != 0) {
        return error;
    }
    error = file->generation.head.length == 0 ? archive_detect(source, file) : 0;
    if (error < 0) {
        return error;
    }
    if (archive_is_refused(source, file)) {
        return 0;
    }
    int64_t count = reader_peek(source, file, subject->head, sizeof subject->head, 0);
    if (count < 0) {
        return (int)count;
    }
    error = source->io->fstat(source->io, file->fd, &stat);
    if (error != 0) {
        return error;
    }
    subject->head_size = (size_t)count;
    if (file->archive != NULL) {
        archive_looked_at(source, file, &stat);
        bool known = archive_end(file) != ARCHIVE_OPEN;
        subject->size = known ? archive_content_size(file, &stat) : stat.size;
        extent_set_content(source, file, subject->size);
        return archive_survey_error(file);
    }
    subject->size = stat.size;
    if (stat.size > subject->file->generation.size_seen) {
        subject->file->quiet_ns = source->now_ns;
    }
    extent_set_size(source, subject->file, stat.size);
    return 0;
}

void judge_head(struct source *source, struct source_file *file)
{
    uint8_t head[HEAD_BYTES_MAX];
    if (archive_detect(source, file) < 0) {
        return; // it is looked at again when it is judged
    }
    int64_t count = reader_peek(source, file, head, sizeof head, 0);
    if (count > 0) {
        file->generation.head = fingerprint_of(slice_of(head, (size_t)count));
        file_table_set_first(source->table, file, slice_of(head, (size_t)count));
    }
}

// Whether what was noted of the file before it was judged, or while it was held, is gone already.
static bool is_overwritten(const struct subject *subject)
{
    struct fingerprint head = subject->file->generation.head;
    if (head.length == 0) {
        return false;
    }
    size_t size = subject->head_size < head.length ? subject->head_size : head.length;
    return !fingerprint_equal(head, fingerprint_of(slice_of(subject->head, size)));
}

static void set_unreadable(struct source_file *file, int error)
{
    for (struct name *name = file->names; name != NULL; name = name->file_next) {
        name->trouble = error == -EACCES || error == -EPERM ? TROUBLE_PERMISSION : TROUBLE_ERROR;
    }
}

// There is nothing to be read in it, for now.
static void pass_empty(struct source *source, struct source_file *file, uint64_t size)
{
    if (file->archive == NULL) {
        extent_shrunk(source, file, size);
    } else {
        archive_survey_end(source, file);
        extent_set_content(source, file, size);
    }
    if (file->archive == NULL && file->names == NULL) {
        life_resume(source, file,
                    size); // its writer may go on, and only the descriptor leads there
        return;
    }
    reader_close(source, file);
    if (file->work->older == NULL) {
        life_at_end(source, file);
    }
}

// What an archive was made of may itself be a copy that is not judged yet.
static bool plain_comes_first(const struct source *source)
{
    const struct link *ring = &source->unjudged;
    const struct link *link = ring->next;
    while (link != ring && LINK_ENTRY(link, const struct source_file, waiting)->archive != NULL) {
        link = link->next;
    }
    return source->judge_held || link != ring;
}

// Whether an archive cannot be judged yet: it has to be looked through, as far as it may be a copy,
// and it may be written at this time.
static bool has_to_wait(struct source *source, struct subject *subject)
{
    struct source_file *file = subject->file;
    if (archive_is_surveyed(file)) {
        bool growing = archive_end(file) == ARCHIVE_CUT &&
                       file->quiet_ns + HOLD_MS * NS_PER_MS > source->now_ns;
        if (growing) {
            life_hold(source, file, NULL);
        } else if (plain_comes_first(source)) {
            life_question(source, file);
            return true;
        }
        return growing;
    }
    if (!archive_was_asked(file)) {
        subject->asks = true;
        (void)find_original(source, subject);
        subject->asks = false;
        bool skipped = file->initial && source->config->start_at == START_AT_END;
        if (subject->like_count == 0 && (skipped || subject->head_size == sizeof subject->head)) {
            return false;
        }
    }
    archive_survey(source, file);
    return true;
}

void judge(struct source *source, struct source_file *file)
{
    struct subject subject = {.file = file};
    int error = look_at(source, &subject);
    if (error == E_FULL) {
        return;
    }
    link_remove(&file->waiting);
    if (error != 0) {
        set_unreadable(file, error);
        life_unreadable(source, file);
        return;
    }
    if (archive_is_refused(source, file)) {
        pass_empty(source, file, 0);
        return;
    }
    if (is_overwritten(&subject)) {
        life_truncated(source, file);
        return;
    }
    struct slice head = slice_of(subject.head, subject.head_size);
    file->generation.head = fingerprint_of(head);
    file_table_set_first(source->table, file, head);
    if (file->archive != NULL && has_to_wait(source, &subject)) {
        return;
    }
    if (subject.head_size == 0) {
        pass_empty(source, file, subject.size);
        if (!file->announced) {
            life_announce(source, file);
        }
        return;
    }
    struct finding finding = find_original(source, &subject);
    if (subject.unanswered) {
        archive_survey_end(source, file);
        life_question(source, file);
        return;
    }
    switch (finding.verdict) {
    case COPY_CONTINUES:
        become(source, finding.original, file);
        break;
    case COPY_READ:
        discard(source, &subject, finding.original);
        break;
    case COPY_BESIDE:
        life_wait_beside(source, file);
        break;
    case COPY_PERHAPS:
        if (!(source->starting && source->fresh)) {
            life_hold(source, file, finding.original);
            break;
        }
        accept(source, &subject);
        break;
    case COPY_NOT:
        accept(source, &subject);
        break;
    }
}

void judge_beside(struct source *source, const struct source_file *original)
{
    struct link *link = source->beside.next;
    while (link != &source->beside) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, waiting);
        link = link->next;
        if (file->work->alike_id == original->generation.id &&
            file->work->alike_bytes <= original->generation.position) {
            ring_append(&source->unjudged, &file->waiting);
        }
    }
}

// How a file begins may be more than was known when it was found.
static void refresh_first(struct source *source, struct source_file *file)
{
    uint8_t first[FIRST_BYTES];
    if (file->first_count < FIRST_BYTES) {
        int64_t count = reader_peek(source, file, first, sizeof first, 0);
        if (count > file->first_count) {
            file_table_set_first(source->table, file, slice_of(first, (size_t)count));
        }
    }
}

static void look_at_content(struct source *source, struct source_file *file)
{
    if (file->phase == FILE_LIVE && reader_check(source, file) == -ESTALE && file->fd >= 0) {
        life_truncated(source, file);
    } else if (file->phase == FILE_LIVE) {
        refresh_first(source, file);
    }
}

// A file that has changed may have been cut: what is copied then may be content of it that was
// never looked at, so that has to be known first. Those that wait for an older one are not ready.
static void look_at_changed(struct source *source)
{
    size_t count = 0;
    struct link *link = source->ready.next;
    while (link != &source->ready && count++ < JUDGED_MAX) {
        struct source_file *file = file_of_ready(link);
        link = link->next;
        look_at_content(source, file);
    }
    link = source->open.next;
    for (size_t left = source->open_count; left > 0 && link != &source->open; left--) {
        struct source_file *file = file_of_open(link);
        link = link->next;
        if (file->work->older != NULL && count++ < JUDGED_MAX) {
            look_at_content(source, file);
        }
    }
}

// The next one waits for a descriptor. One behind it that has no name keeps its own until it is
// judged.
static void judge_unnamed(struct source *source)
{
    struct link *link = source->unjudged.next;
    for (size_t i = 0; i < JUDGED_MAX && link != &source->unjudged; i++) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, waiting);
        if (file->fd >= 0 && file->names == NULL) {
            judge(source, file);
            return;
        }
        link = link->next;
    }
}

void judge_all(struct source *source)
{
    if (source->judge_held) {
        source->judge_held = false;
        while (!ring_empty(&source->held)) {
            ring_append(&source->unjudged, source->held.next);
        }
        while (!ring_empty(&source->beside)) {
            ring_append(&source->unjudged, source->beside.next);
        }
    }
    while (!ring_empty(&source->held)) {
        struct source_file *file = LINK_ENTRY(source->held.next, struct source_file, waiting);
        if (file->quiet_ns + HOLD_MS * NS_PER_MS > source->now_ns) {
            break;
        }
        ring_append(&source->unjudged, &file->waiting);
    }
    if (!ring_empty(&source->unjudged)) {
        look_at_changed(source);
    }
    for (size_t i = 0; i < JUDGED_MAX && !ring_empty(&source->unjudged); i++) {
        struct source_file *file = LINK_ENTRY(source->unjudged.next, struct source_file, waiting);
        judge(source, file);
        if (source->unjudged.next == &file->waiting) {
            judge_unnamed(source);
            break;
        }
    }
}
