// The durable FIFO between the collector and the sender of a flow: a directory of segment files in
// which data and the positions of its sources are one write, and one acknowledgement file.
//
// One thread appends (collector), one takes and settles (sender), one syncs (syncer); each group of
// functions below names its thread. The queue locks where they meet. Nothing here creates threads,
// waits or logs.
//
// Diagnostics: E_FULL (the size limit; `when_full` is the caller's business), E_MIN_FREE, -ENOSPC
// and the like (cut back, nothing changed, try again later), E_CONDEMNED (a sync failed: no call
// works any more until queue_close and queue_open, which recovers in place). Damage never fails an
// open: it is set aside and counted in the report.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/books.h"
#include "base/compiler.h"
#include "base/generation.h"
#include "base/io.h"
#include "base/slice.h"
#include "base/stats.h"
#include "config/config.h"
#include "queue/block.h"

struct queue; // opaque

struct queue_options {
    const char *dir;  // a path with a slash; created when missing
    const char *flow; // its name; a directory of another flow is refused with E_CONFIG
    const struct queue_config *config;
    uint64_t min_free; // see queue.min_free
    // Whether the queues of all flows together have room for more (queue.total_max); NULL: always.
    // Called by the collector, without the lock of this queue.
    bool (*has_room)(void *context);
    void *has_room_context;
    struct stats *stats;
};

// What an open found, for one log line each.
struct queue_report {
    bool fresh;            // the directory held no queue
    bool positions_lost;   // segments were there, but no snapshot could be read: sources start at 0
    bool acks_lost;        // no ack slot was good: everything in the segments is sent again
    uint64_t segments_bad; // segments set aside
    uint64_t records_damaged;
    uint64_t segments_discarded; // behind the first gap of an unsealed segment; read again
    uint64_t records_rewound;    // the log ended before the acknowledged frontier (power loss)
    uint64_t records_queued;
    uint64_t maybe_repeated; // offered before the stop, and not known to be acknowledged
    // Not 0: the machine stopped, and what was sent after this real time may be repeated as well.
    uint64_t unsure_since_ns;
    bool same_boot; // the last writer ran in this boot of the machine
};

// How many descriptors a queue of this size holds when it is full, about: each segment has one.
uint64_t queue_descriptors(const struct queue_config *config);

NODISCARD int queue_open(struct io *io, const struct queue_options *options,
                         struct queue **out_queue, struct queue_report *out_report);
// Writes what is known, syncs when the disk lets it, and frees the queue. Never fails: what could
// not be written is read again from its source. All threads have left it.
void queue_close(struct queue *queue);

// The generations that are known, with their paths: in one piece, to be freed. Collector.
struct generation *queue_generations(const struct queue *queue, size_t *out_count);
// First generation id that was never used in this directory.
uint64_t queue_next_generation_id(const struct queue *queue);
// True when `files_digest` (of the flow's patterns) differs from the one stored, or none is stored.
bool queue_files_changed(const struct queue *queue, uint64_t files_digest);

// ---- collector ----

// Records are gathered into a block in the making, with the positions behind them.

// Stores a generation (new, head grown, renamed, state changed, GENERATION_FORGET) ahead of the
// next append. Copied.
void queue_note_generation(struct queue *queue, const struct generation *generation);
void queue_note_files_digest(struct queue *queue, uint64_t files_digest);

// Adds a record of a file. `origin` says where its first byte is; `reason` (base/reason.h) is not 0
// for a dead letter. False when the builder has no room: append first.
NODISCARD bool queue_add_record(struct queue *queue, struct record_origin origin, struct slice data,
                                struct slice key, uint32_t source_bytes, uint16_t reason);
// Counts what was read but is not in the queue.
void queue_add_filtered(struct queue *queue, uint64_t records, uint64_t bytes);
void queue_add_skipped(struct queue *queue, uint64_t bytes);
void queue_add_lost(struct queue *queue, uint64_t generation_id, uint64_t bytes, bool exact);
// There may have been more of a generation than was ever seen; false: no, it was found again.
void queue_note_perhaps_lost(struct queue *queue, uint64_t generation_id, bool perhaps);
// All of a generation was read as part of another one.
void queue_note_copy(struct queue *queue, uint64_t generation_id, uint64_t original_id);
// The generation's position behind the records added so far.
void queue_set_position(struct queue *queue, uint64_t generation_id, uint64_t position,
                        struct fingerprint tail);
// Whether the builder holds enough for a block of full size.
bool queue_block_full(const struct queue *queue);
// Whether the builder holds anything at all.
bool queue_block_empty(const struct queue *queue);
// Writes the builder as one block, with its generations, positions and counts. On an error nothing
// was written and the builder is unchanged; call again later. However small the limits are, a block
// goes in when everything before it is settled.
NODISCARD int queue_append(struct queue *queue);

// ---- sender ----

// Where a record lies; enough to read it again.
struct record_place {
    uint64_t sequence;
    uint64_t segment;      // which segment, in this opening of the queue
    uint64_t block_offset; // of its block in the segment
    uint32_t data_offset;  // of the record in the block's payload
};

struct queued_record {
    struct record_place place;
    struct slice data; // borrowed until the next queue_next or queue_reread
    struct slice key;
    uint32_t source_bytes;
    uint16_t reason;             // dead letter when not 0
    uint64_t epoch;              // with the sequence, the name of the record for ever
    struct record_origin origin; // of queue_next only; after queue_reread the generation is 0
};

// The next record in order that may be offered and is not settled. Returns 1, or 0 when there is
// none now. With `sync: always` only what is on disk is handed out. A damaged block is set aside,
// counted and passed over.
NODISCARD int queue_next(struct queue *queue, struct queued_record *out_record);
// Frees the memory of the blocks that were read, for a sender that has nothing to do. What
// queue_next and queue_reread lent is no longer valid.
void queue_rest(struct queue *queue);
// The same record that queue_next gave for `place`.
NODISCARD int queue_reread(struct queue *queue, const struct record_place *place,
                           struct queued_record *out_record);
// How far ahead of the frontier queue_next has come: it gives nothing beyond QUEUE_WINDOW records.
enum { QUEUE_WINDOW = 32768 };

// Persists that records up to `sequence` were offered, the repeats that were counted, and what is
// settled. Called before they are offered, or offered again.
NODISCARD int queue_submitted(struct queue *queue, uint64_t sequence);
enum settlement {
    SETTLED_ACKNOWLEDGED,
    SETTLED_DEAD_LETTERED,
    SETTLED_DROPPED,
    SETTLED_DAMAGED, // queue_reread says for good that it cannot be read
};
// A record needs no more work. In memory until queue_persist_acks.
void queue_settle(struct queue *queue, const struct record_place *place, uint32_t source_bytes,
                  enum settlement settlement);
// Records that are offered again although an answer to them was lost. Called before
// queue_submitted, so that a crash does not forget them.
void queue_count_repeated(struct queue *queue, uint64_t records);
// Writes the ack file (pwrite, no sync). An error means: what is settled may be sent again after a
// crash; go on and try again.
NODISCARD int queue_persist_acks(struct queue *queue);
// Writes a dead letter, unless a crash came between an earlier write of it and its settlement. The
// next queue_persist_acks syncs it before it says that the record is settled. Settle the record
// afterwards.
NODISCARD int queue_write_dead_letter(struct queue *queue, const struct queued_record *record,
                                      uint16_t reason, const char *detail);
// Whether `when_full: drop_oldest` wants the oldest segment to go, because the collector waits for
// room, and the last sequence in it.
bool queue_wants_drop(struct queue *queue, uint64_t *out_last);
// Drops the oldest segment: settles its unsettled records as dropped. Nothing of it may be in
// flight. Returns their number, or E_NOT_FOUND when there is no segment but the one being written.
NODISCARD int64_t queue_drop_oldest(struct queue *queue);
// True when everything that was appended is settled. Any thread.
bool queue_drained(struct queue *queue);

// ---- syncer ----

// Makes appended data durable when it is due, seals segments, gives acknowledged ones back. Returns
// the monotonic time of the next work, TIME_NEVER until the next append.
uint64_t queue_sync_step(struct queue *queue, uint64_t now_ns);
// Makes everything that was appended durable now, whatever `sync` says (start positions, shutdown).
// May be called by any thread while no other is in queue_sync_step.
NODISCARD int queue_sync_now(struct queue *queue);
// Called, from any of the threads, when the syncer has work, when the sender has new records, and
// when the collector has room again. Must not call back into the queue.
struct queue_bells {
    void *context;
    void (*syncer)(void *context);
    void (*sender)(void *context);
    void (*collector)(void *context);
};
void queue_set_bells(struct queue *queue, const struct queue_bells *bells);

// ---- any thread ----

void queue_books(struct queue *queue, struct books *out_books);
// Bytes of all segments on disk.
uint64_t queue_size(struct queue *queue);
struct queue_usage {
    uint64_t bytes;     // on disk, all files of the flow
    uint64_t bytes_max; // the limit of the segments
    uint64_t records;   // not settled
    uint64_t segments;
    uint64_t oldest_ns; // real time at which the oldest unsettled block was written; 0: none
    uint64_t last_sequence;
    uint64_t durable_sequence;
    uint64_t frontier; // everything up to here is settled
};
void queue_usage(struct queue *queue, struct queue_usage *out_usage);
// What a queue knows of one generation. Where `harmed` is not set and nothing is queued, all of it
// up to `position` was acknowledged by the service or filtered by a rule.
struct queue_shipping {
    uint64_t position; // everything before it was read, and is or was in the queue
    uint64_t queued;   // at most so many records of it are not settled
    uint64_t end;      // first sequence behind its records, or a later one; 0: it has none
    uint64_t settled;  // first sequence that is not settled
    struct fingerprint head;
    struct fingerprint tail; // of the bytes before `tail_position`
    uint64_t tail_position;
    bool skipped; // start_at passed over its beginning
    uint64_t lost_bytes;
    uint64_t lost_bytes_at_least;
    bool perhaps_lost;      // it may have had more than was ever seen of it
    uint64_t dropped;       // records; after a crash at least so many
    uint64_t dead_lettered; // likewise
    bool damaged;           // some of it may have been in what could not be read
    uint64_t copy_of;       // all of it was read as this generation, 0: not so
    bool harmed;            // one of the above, of it or of what it is a copy of
};
// False when the generation is not known.
bool queue_shipping(struct queue *queue, uint64_t generation_id, struct queue_shipping *out);
// A copy of a generation, path owned by the caller. False when it is not known.
bool queue_generation(struct queue *queue, uint64_t generation_id, struct generation *out);
// From now on the generations that end are collected, beginning with those that have ended.
void queue_track_ended(struct queue *queue);
// The ids of those that ended since the last call, or were noted again since; owned by the caller,
// NULL when there are none.
uint64_t *queue_take_ended(struct queue *queue, size_t *out_count);
// Asks the syncer to make durable, in its time, everything appended and acknowledged before `time`
// (monotonic). Returns whether that has been done.
bool queue_checkpoint(struct queue *queue, uint64_t time_ns);
// Calls `each` under the lock for every generation of which something was lost, dropped,
// dead-lettered or damaged. Any thread; must not call back.
void queue_each_harmed(struct queue *queue,
                       void (*each)(void *context, const struct generation *generation,
                                    const struct queue_shipping *shipping),
                       void *context);
// Whether a sync failed and the queue must be closed and opened again.
bool queue_condemned(struct queue *queue);
