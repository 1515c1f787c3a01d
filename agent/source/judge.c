#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "source/archive.h"
#include "source/identity.h"
#include "source/state.h"

enum {
    CANDIDATES_MAX = 32, // known generations whose files are looked at for one file
    VISITS_MAX = 4096,   // likewise, of which only what is known is compared
};

// What is known of the file that is judged.
struct subject {
    struct source_file *file;
    uint64_t size;
    uint8_t head[HEAD_BYTES_MAX];
    size_t head_size;
    struct fingerprint head_part; // of as many of its first bytes as were asked for last
    struct fingerprint tail_part; // likewise, of those before `tail_end`
    uint64_t tail_end;
    bool asks;         // only which tails the survey has to find
    bool unanswered;   // a tail is needed that the survey did not find
    size_t like_count; // originals that begin alike
};

struct finding {
    enum copy_verdict verdict;
    struct source_file *original;
};

// ---- facts ----

static enum match match_of(bool equal)
{
    return equal ? MATCH_EQUAL : MATCH_DIFFERENT;
}

static enum match compare_heads(struct subject *subject, const struct source_file *original)
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
        if (count != (int64_t)size) {
            return MATCH_DIFFERENT;
        }
        subject->tail_part = fingerprint_of(slice_of(bytes, size));
        subject->tail_end = position;
    }
    return match_of(fingerprint_equal(subject->tail_part, original->read_tail));
}

enum condition { ORIGINAL_GONE, ORIGINAL_INTACT, ORIGINAL_UNCLEAR };

// Whether the content of the original is still where it was, and since when it is not (0: unknown).
// What became of it when it seems not to be is found out in its turn.
static enum condition condition_of(struct source *source, const struct source_file *original,
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
    struct fingerprint tail = archive_last_tail(subject->file);
    return match_of(stat.size >= subject->size &&
                    fingerprint_equal(reader_tail(source, original, subject->size), tail));
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
        uint64_t id = original->generation.id;
        facts->beside = condition == ORIGINAL_GONE || file->work->alike_id == id ||
                        file->names == NULL || is_named_after(file, original);
        facts->all_read = original->generation.position >= subject->size;
        file_work(file)->alike_id = facts->beside ? id : file->work->alike_id;
        file_work(file)->alike_bytes = facts->beside ? subject->size : file->work->alike_bytes;
    }
    return identity_copy(facts);
}

// Whether the file may be a copy of the original, by what is known of the original.
static bool may_be_copy(struct source *source, struct subject *subject,
                        const struct source_file *original)
{
    const struct generation *ours = &subject->file->generation;
    const struct generation *theirs = &original->generation;
    bool unread = (original->phase == FILE_ORPHAN && original->work->alike_id != 0) ||
                  (original->phase == FILE_PAST && original->read_position == 0);
    if (original->archive != NULL && unread) {
        return false; // another one has its content
    }
    bool comparable = original != subject->file && theirs->head.length > 0 &&
                      original->phase != FILE_FRESH && original->phase != FILE_HELD &&
                      (ours->inode != theirs->inode || ours->device != theirs->device ||
                       subject->file->archive != NULL);
    return comparable && compare_heads(subject, original) != MATCH_DIFFERENT &&
           compare_tails(source, subject, original) != MATCH_DIFFERENT;
}

static enum copy_verdict compare(struct source *source, struct subject *subject,
                                 struct source_file *original)
{
    struct source_file *file = subject->file;
    const struct generation *generation = &original->generation;
    if (subject->asks) {
        return COPY_NOT;
    }
    struct copy_facts facts = {
        .head = compare_heads(subject, original),
        .tail = compare_tails(source, subject, original),
        .was_prefix =
            file->work->alike_id == generation->id && file->work->alike_bytes == subject->size,
        .quiet = file->quiet_ns + HOLD_MS * NS_PER_MS <= source->now_ns,
    };
    if (file->archive != NULL) {
        return compare_archive(source, subject, original, &facts);
    }
    uint64_t gone_ns;
    enum condition condition = condition_of(source, original, &gone_ns);
    facts.born_after_the_end = gone_ns != 0 && file->generation.birth_ns > gone_ns;
    if (facts.born_after_the_end) {
        return COPY_NOT;
    }
    if (condition == ORIGINAL_INTACT && original->phase == FILE_LIVE &&
        reader_check(source, original) == -ESTALE) {
        life_ready(source, original); // reading it will find out
        condition = ORIGINAL_UNCLEAR;
    }
    if (condition == ORIGINAL_UNCLEAR) {
        return COPY_PERHAPS;
    }
    facts.original_gone = condition == ORIGINAL_GONE;
    if (condition == ORIGINAL_INTACT) {
        facts.tail = compare_content(source, subject, original);
        if (facts.tail == MATCH_EQUAL) {
            file_work(file)->alike_id = generation->id;
            file_work(file)->alike_bytes = subject->size;
        }
    }
    return identity_copy(&facts);
}

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
    if (!may_be_copy(source, subject, original)) {
        return true;
    }
    if (!spend(&budget->candidates)) {
        return false;
    }
    enum copy_verdict verdict = compare(source, subject, original);
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
    if (file->generation.head.length == 0) {
        (void)archive_detect(source, file);
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
    (void)archive_detect(source, file);
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

// A file that has changed may have been cut: what is copied then may be content of it that was
// never looked at, so that has to be known first.
static void look_at_changed(struct source *source)
{
    size_t count = 0;
    struct link *link = source->ready.next;
    while (link != &source->ready && count++ < JUDGED_MAX) {
        struct source_file *file = file_of_ready(link);
        link = link->next;
        if (file->phase == FILE_LIVE && reader_check(source, file) == -ESTALE && file->fd >= 0) {
            life_truncated(source, file);
        } else if (file->phase == FILE_LIVE) {
            refresh_first(source, file);
        }
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
            break;
        }
    }
}
