// The syncer's side of a queue: fdatasync, sealing, giving segments back.
//
// Crash arguments. A sync: before and during it, what it covers may be lost, data and positions
// together, and is read again from the source; after it, it is there. A footer is written only
// after everything before it is on disk, so a segment with a footer is whole. A segment is removed
// only when every record in it is settled and the ack file that says so is on disk, and when a
// later segment, whose snapshot replaces it, is on disk with its directory entry.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/error.h"
#include "queue/queue_internal.h"

enum { BAD_FILES_MAX = 8 }; // damaged segments that are kept for inspection

void queue_condemn(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->condemned = true;
    pthread_mutex_unlock(&queue->lock);
    stats_add(queue->stats, STAT_QUEUE_CONDEMNED, 1);
    queue_ring(queue->bells.sender, queue->bells.context);
    queue_ring(queue->bells.collector, queue->bells.context);
}

// Whether something has to be synced now; `*out_due_ns` is the time at which it will be otherwise.
static bool is_due(const struct queue *queue, uint64_t now_ns, uint64_t *out_due_ns)
{
    *out_due_ns = TIME_NEVER;
    if (queue->condemned) {
        return false;
    }
    bool finished = false;
    for (size_t i = 0; i < queue->segment_count; i++) {
        finished = finished || (queue->segments[i]->finished && !queue->segments[i]->sealed);
    }
    if (finished || queue->dir_dirty) {
        return true;
    }
    if (queue->dirty_since_ns == 0 || queue->config.sync == SYNC_OS) {
        return false;
    }
    if (queue->config.sync == SYNC_ALWAYS ||
        queue->current->written - queue->current->synced > SYNC_BYTES_MAX) {
        return true;
    }
    *out_due_ns = queue->dirty_since_ns + queue->config.sync_interval_ms * NS_PER_MS;
    return now_ns >= *out_due_ns;
}

// The same of the acknowledgements.
static bool acks_are_due(const struct queue *queue, uint64_t now_ns, uint64_t *out_due_ns)
{
    *out_due_ns = TIME_NEVER;
    if (queue->condemned || queue->acks_since_ns == 0 || queue->config.sync == SYNC_OS) {
        return false;
    }
    *out_due_ns = queue->acks_since_ns;
    if (queue->config.sync == SYNC_INTERVAL) {
        *out_due_ns += queue->config.sync_interval_ms * NS_PER_MS;
    }
    return now_ns >= *out_due_ns;
}

// What recovery left where it is may have failed to be synced before. E_AGAIN: not now.
static int write_again(struct queue *queue, struct segment *segment)
{
    if (!segment->write_again) {
        return 0;
    }
    int error = segment_write_again(queue->io, segment->fd, segment->written);
    if (error != 0) {
        return error_class(error) == ERROR_RETRY ? E_AGAIN : error;
    }
    segment->write_again = false;
    return 0;
}

// Syncs one segment up to what is written now, and seals it when it is finished. Its fields are
// read under the lock; the segment itself stays, because only the syncer removes segments.
static int sync_segment(struct queue *queue, struct segment *segment)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t written = segment->written;
    uint64_t end_sequence = segment->end_sequence;
    bool finished = segment->finished;
    struct read_totals totals = segment->end_totals;
    bool needed = segment->synced < written;
    pthread_mutex_unlock(&queue->lock);
    int rewritten = write_again(queue, segment);
    if (rewritten != 0) {
        return rewritten;
    }
    CRASH_POINT("before the sync of a segment");
    int error = needed ? queue->io->fdatasync(queue->io, segment->fd) : 0;
    if (error != 0) {
        return error;
    }
    CRASH_POINT("after the sync of a segment");
    stats_add(queue->stats, STAT_QUEUE_SYNCS, needed ? 1 : 0);
    if (finished) {
        struct block_header footer = {.kind = BLOCK_FOOTER,
                                      .epoch = segment->epoch,
                                      .first_sequence = end_sequence,
                                      .time_ns = queue->io->real_ns(queue->io),
                                      .totals = totals};
        CRASH_POINT("before a footer");
        error = segment_write_footer(queue->io, segment->fd, written, &footer);
        if (error == 0) {
            CRASH_POINT("before the sync of a footer");
            error = queue->io->fdatasync(queue->io, segment->fd);
        } else if (error_class(error) == ERROR_RETRY) {
            return E_AGAIN; // no room for the footer: the data is safe, the seal comes later
        }
    }
    pthread_mutex_lock(&queue->lock);
    if (error == 0) {
        segment->synced = written;
        segment->sealed = finished;
        if (queue->durable_sequence < end_sequence - 1) {
            queue->durable_sequence = end_sequence - 1;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return error;
}

// The first of those up to `last_id`.
static struct segment *next_unsynced(struct queue *queue, uint64_t last_id)
{
    pthread_mutex_lock(&queue->lock);
    struct segment *found = NULL;
    for (size_t i = 0; found == NULL && i < queue->segment_count; i++) {
        struct segment *segment = queue->segments[i];
        bool wanted = segment->synced < segment->written || (segment->finished && !segment->sealed);
        if (wanted && segment->id <= last_id) {
            found = segment;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

// Syncs what is there now. New data may come meanwhile; what is in a new segment waits for the next
// time, because the directory was synced without it.
static int sync_all(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->dirty_since_ns = 0;
    bool dir_dirty = queue->dir_dirty;
    queue->dir_dirty = false;
    size_t rounds = queue->segment_count;
    uint64_t last_id = queue->next_segment_id;
    pthread_mutex_unlock(&queue->lock);
    CRASH_POINT("before the sync of the directory");
    int error = dir_dirty ? queue->io->sync_dir(queue->io, queue->dir) : 0;
    for (size_t i = 0; error == 0 && i < rounds; i++) {
        struct segment *segment = next_unsynced(queue, last_id);
        if (segment == NULL) {
            break;
        }
        error = sync_segment(queue, segment);
    }
    if (error == E_AGAIN) {
        return E_AGAIN;
    }
    if (error != 0) {
        queue_condemn(queue);
        return E_CONDEMNED;
    }
    return 0;
}

// Whether the next recovery finds what is known of files behind the oldest segment.
static bool is_snapshot_behind(const struct queue *queue)
{
    for (size_t i = 1; i < queue->segment_count; i++) {
        const struct segment *successor = queue->segments[i];
        if (!successor->without_snapshot) {
            return successor->synced >= successor->data_offset;
        }
        if (!successor->sealed) {
            return false;
        }
    }
    return false;
}

// The oldest segment, when it can be given back.
static struct segment *removable(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct segment *oldest = NULL;
    if (queue->segment_count > 1 && !queue->condemned && !queue->dir_dirty) {
        struct segment *candidate = queue->segments[0];
        if (candidate->sealed && candidate->end_sequence <= queue->settled_frontier + 1 &&
            is_snapshot_behind(queue) && queue->taking_segment != candidate->id) {
            oldest = candidate;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return oldest;
}

static int count_bad(void *context, const char *name, enum file_kind kind)
{
    (void)kind;
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".bad") == 0) {
        ++*(unsigned *)context;
    }
    return 0;
}

int queue_set_aside(struct queue *queue, const char *name)
{
    struct io *io = queue->io;
    unsigned bad_files = 0;
    int error = io->list(io, queue->dir, count_bad, &bad_files);
    char *path = queue_path(queue, name);
    if (error == 0 && bad_files < BAD_FILES_MAX) {
        char *bad_path = xasprintf("%s.bad", path);
        error = io->rename(io, path, bad_path);
        free(bad_path);
    } else {
        error = io->unlink(io, path);
    }
    free(path);
    return error;
}

static int remove_file(struct queue *queue, const struct segment *segment)
{
    if (segment->damaged) {
        return queue_set_aside(queue, segment->name);
    }
    char *path = queue_path(queue, segment->name);
    CRASH_POINT("before the removal of a segment");
    int error = queue->io->unlink(queue->io, path);
    CRASH_POINT("after the removal of a segment");
    free(path);
    return error;
}

// Returns whether there is more room now.
static bool give_back(struct queue *queue)
{
    bool gave = false;
    struct segment *segment;
    while ((segment = removable(queue)) != NULL) {
        if (!gave && queue_sync_acks(queue) != 0) {
            return false;
        }
        if (remove_file(queue, segment) != 0) {
            break;
        }
        gave = true;
        pthread_mutex_lock(&queue->lock);
        queue->segment_count--;
        memmove(queue->segments, queue->segments + 1,
                queue->segment_count * sizeof *queue->segments);
        pthread_mutex_unlock(&queue->lock);
        segment_free(queue->io, segment);
    }
    return gave;
}

static void wake_waiting(struct queue *queue, bool synced)
{
    pthread_mutex_lock(&queue->lock);
    bool collector_waits = queue->collector_waits;
    pthread_mutex_unlock(&queue->lock);
    if (collector_waits) {
        queue_ring(queue->bells.collector, queue->bells.context);
    }
    if (synced && queue->config.sync == SYNC_ALWAYS) {
        queue_ring(queue->bells.sender, queue->bells.context);
    }
}

int queue_sync_acks(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->acks_since_ns = 0;
    pthread_mutex_unlock(&queue->lock);
    if (ackslot_sync(&queue->slot) != 0) {
        queue_condemn(queue);
        return E_CONDEMNED;
    }
    return 0;
}

// What has to be done now, and when the next is due otherwise.
struct work {
    bool data;
    bool acks;
    bool checkpoint;
    uint64_t next_ns;
};

static struct work work_of(struct queue *queue, uint64_t now_ns)
{
    struct work work = {0};
    uint64_t acks_due_ns;
    pthread_mutex_lock(&queue->lock);
    work.checkpoint = queue->checkpoint_wanted_ns > queue->checkpoint_ns && !queue->condemned;
    work.data = is_due(queue, now_ns, &work.next_ns) || work.checkpoint;
    work.acks = acks_are_due(queue, now_ns, &acks_due_ns) || work.checkpoint ||
                (work.data && queue->acks_since_ns != 0);
    if (work.data) {
        work.next_ns = TIME_NEVER;
    }
    if (work.checkpoint && queue->checkpoint_wanted_ns > now_ns) {
        work.next_ns = queue->checkpoint_wanted_ns; // the clock has not moved since
    }
    if (!work.acks && acks_due_ns < work.next_ns) {
        work.next_ns = acks_due_ns;
    }
    pthread_mutex_unlock(&queue->lock);
    return work;
}

uint64_t queue_sync_step(struct queue *queue, uint64_t now_ns)
{
    struct work work = work_of(queue, now_ns);
    int error = work.data ? sync_all(queue) : 0;
    if (work.acks && error != E_CONDEMNED && queue_sync_acks(queue) != 0) {
        error = E_CONDEMNED;
    }
    if (work.checkpoint && error == 0) {
        pthread_mutex_lock(&queue->lock);
        queue->checkpoint_ns = now_ns;
        pthread_mutex_unlock(&queue->lock);
    }
    // While a seal has to wait, so has the collector, or the two would wake each other without end.
    bool gave = error != E_CONDEMNED && give_back(queue);
    if (error == 0 || gave) {
        wake_waiting(queue, work.data);
    }
    return error == E_AGAIN ? now_ns + NS_PER_S : work.next_ns;
}

int queue_sync_now(struct queue *queue)
{
    if (queue_condemned(queue)) {
        return E_CONDEMNED;
    }
    return sync_all(queue);
}
