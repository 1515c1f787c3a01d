// The archive that is looked through before it is judged, to learn what its content is.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "source/archive_state.h"

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
        (struct archive_question){.position = position, .length = length};
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

bool archive_answer(const struct source_file *file, uint64_t position, uint32_t length,
                    struct fingerprint *out_tail)
{
    const struct archive *archive = file->archive;
    for (size_t i = 0; i < archive->question_count; i++) {
        const struct archive_question *question = &archive->questions[i];
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
        struct archive_question *question = &archive->questions[i];
        if (!question->answered && question->position <= end) {
            question->answered = true;
            question->tail = archive_tail_at(archive, question->position, question->length);
        }
    }
}

// One step of a survey. Returns 0 at the end, E_AGAIN before it, or an error.
static int survey(struct source *source, struct source_file *file)
{
    struct archive *archive = file->archive;
    bool anew = archive->gzip == NULL;
    int error = archive_open_stream(source, file);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; anew && i < archive->question_count; i++) {
        archive->questions[i].answered = false;
    }
    uint64_t start = gzip_position(archive->gzip);
    for (int i = 0; i < ARCHIVE_STEP_READS; i++) {
        int64_t count = archive_advance(archive, UINT64_MAX);
        answer_questions(archive);
        uint64_t position = gzip_position(archive->gzip);
        if (position > archive_size_max(source, archive)) {
            struct file_stat stat;
            error = source->io->fstat(source->io, file->fd, &stat);
            archive_set_end(source, file, ARCHIVE_TOO_LARGE, position, &stat);
            return error;
        }
        if (count <= 0 && count != E_AGAIN) {
            return archive_reach_end(source, file, count);
        }
        if (position - start > ARCHIVE_STEP_BYTES) {
            break;
        }
    }
    return gzip_check(archive->gzip) == 0 ? E_AGAIN : -ESTALE;
}

void archive_step_survey(struct source *source)
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
        file->archive->error = error == -ESTALE ? 0 : error;
    }
    // What it is judged by may need the descriptor. One that is cut may go on where it stopped.
    if (error != 0 || file->archive->end != ARCHIVE_CUT) {
        archive_release(source, file);
        reader_offer(source, file);
    }
    ring_append(&source->unjudged, &file->waiting);
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
