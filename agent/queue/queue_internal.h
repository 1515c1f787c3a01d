// The inside of a queue, shared by its collector side (builder.c, append.c), sender side (take.c,
// shipping.c), syncer side (sync.c) and recovery (open.c). Nothing else includes it.
#pragma once

#include <pthread.h>

#include "queue/ackslot.h"
#include "queue/deadletter.h"
#include "queue/harm.h"
#include "queue/queue.h"
#include "queue/segment.h"

enum {
    BLOCK_TARGET_BYTES = 256 * 1024,
    SYNC_BYTES_MAX = 16 << 20, // unsynced data that calls for a sync before its time
    CACHE_BLOCKS = 4,          // blocks that the sender keeps
    SEGMENT_BYTES_DEFAULT = 64 << 20,
};

struct segment {
    char name[SEGMENT_NAME_MAX];
    int fd;      // for reading; also for writing while it is not sealed
    uint64_t id; // within this opening of the queue, ascending; what record_place names
    uint64_t epoch;
    uint64_t first_sequence;
    uint64_t data_offset;
    struct read_totals start_totals;
    // Under the lock of the queue:
    uint64_t written;      // end of the blocks
    uint64_t synced;       // up to here it is on disk
    uint64_t end_sequence; // first sequence behind its last block
    struct read_totals end_totals;
    bool finished;         // nothing will be written to it any more
    bool sealed;           // its footer is on disk
    bool damaged;          // to be set aside, not removed
    bool without_snapshot; // it cannot be read
    bool write_again;      // before it is synced
};

struct cached_block {
    uint64_t segment; // its id
    uint64_t offset;
    bool used;
    uint64_t last_use;
    struct block_header header;
    struct buf payload;
};

// The sender's place in the log.
struct taker {
    uint64_t segment;        // first sequence of the segment under the cursor
    bool positioned;         // `segment` and `offset` are valid
    uint64_t offset;         // of the next block
    uint64_t sequence;       // of the next record
    uint64_t not_before;     // records below it were handed out before
    uint64_t appended_bytes; // source bytes of records in front of it, by the totals of the blocks
    struct cached_block *block; // the block that is being walked, or NULL
    struct block_walk walk;
    struct cached_block cache[CACHE_BLOCKS];
    uint64_t uses;
    uint64_t settled_bytes; // of every settlement in this opening
};

struct id_list {
    uint64_t *items;
    size_t count;
    size_t capacity;
};
void id_list_add(struct id_list *list, uint64_t id);

// The block in the making.
struct builder {
    struct buf block; // room for a header, then records, then positions while it is written
    uint32_t record_count;
    struct record_origin next_origin; // where the next record is expected to begin
    struct block_position *positions;
    size_t position_count;
    size_t position_capacity;
    struct buf sources;   // room for a header, then generations
    struct id_list ended; // of these, the ones that have ended
    struct read_totals totals;
};

struct queue {
    struct io *io;
    struct queue_config config;
    char *dir;
    char *flow;
    uint64_t min_free;
    bool (*has_room)(void *context);
    void *has_room_context;
    struct stats *stats;
    uint64_t epoch; // of the next segment; changes under the lock
    char boot_id[BOOT_ID_BYTES];
    uint64_t files_digest;
    struct queue_bells bells;

    pthread_mutex_t lock;      // of everything up to the next heading
    struct segment **segments; // oldest first
    size_t segment_count;
    struct segment
        *current; // the last one, while it is being written; NULL before the first append
    struct positions positions;
    struct harms harms;
    struct id_list ended; // generations, for who tracks them
    bool tracks_ended;
    uint64_t checkpoint_wanted_ns; // see queue_checkpoint
    uint64_t checkpoint_ns;        // what was there at that time is durable
    struct read_totals totals;
    uint64_t next_sequence;
    uint64_t durable_sequence;
    uint64_t dirty_since_ns; // monotonic; 0 when everything is synced
    uint64_t acks_since_ns;  // the same of the acknowledgements that were written
    bool dir_dirty;          // a segment was created since the directory was synced
    bool condemned;
    bool collector_waits; // for room
    bool drop_wanted;
    uint64_t settled_frontier; // as persisted
    uint64_t settled_set;
    struct settled_totals settled_totals;
    uint64_t settled_bytes;
    uint64_t appended_bytes; // source bytes of the records in the log
    uint64_t taking_segment; // id of the segment that the sender reads in
    uint64_t next_segment_id;

    // Sender:
    struct taker taker;
    struct ack_state ack;
    struct ackslot slot;
    bool ack_dirty;
    bool repeats_dirty; // repeats were counted since the acks were written
    struct deadletter *deadletter;
    struct record_place damaged; // in whose block a record was found damaged last

    // Collector:
    struct builder builder;
    bool short_of_space; // the disk had no room for the last append
};

// Begins an empty block, from the totals as they are.
void builder_reset(struct builder *builder, const struct read_totals *totals);
bool builder_has_data(const struct queue *queue);
bool builder_has_sources(const struct queue *queue);

static inline uint64_t appended_bytes_of(const struct read_totals *totals)
{
    return totals->read_bytes - totals->filtered_bytes;
}
static inline uint64_t settled_bytes_of(const struct settled_totals *totals)
{
    return totals->acknowledged.bytes + totals->dead_lettered.bytes + totals->dropped.bytes +
           totals->damaged.bytes;
}

char *queue_path(const struct queue *queue, const char *name);
// NULL when it is gone.
struct segment *queue_find_segment(const struct queue *queue, uint64_t id);
// Takes the segment and gives it an id.
void queue_add_segment(struct queue *queue, struct segment *segment);
// Bytes of all segments.
uint64_t queue_bytes(const struct queue *queue);
// After a sync that failed.
void queue_condemn(struct queue *queue);
void queue_ring(void (*bell)(void *context), void *context);
// Renames a damaged segment, or removes it when enough of them are kept.
NODISCARD int queue_set_aside(struct queue *queue, const char *name);
// The header of a segment that begins with the next record.
struct segment_header queue_segment_header(const struct queue *queue);
void segment_free(struct io *io, struct segment *segment);
// Makes durable what is known against generations, when it is due. Sender, or recovery.
NODISCARD int queue_write_harms(struct queue *queue);

// Writes the state of the acknowledgements as it is; not synced. Sender, or recovery.
NODISCARD int queue_write_acks(struct queue *queue);
// Makes durable what was written of them. An error condemns the queue.
NODISCARD int queue_sync_acks(struct queue *queue);

// open.c: puts a queue together from whatever the directory holds.
NODISCARD int queue_recover(struct queue *queue, struct queue_report *out_report);
