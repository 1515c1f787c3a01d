// A queue on a simulated disk beside a model of it: a source with files that can be read again from
// any position, a service that counts what it stored, and what the queue must hold after whatever
// happened. Every step checks what it sees.
//
// The content of a file follows from the seed, the file and the offset, so a record that comes out
// of the queue is checked byte by byte against its origin.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"
#include "base/stats.h"
#include "queue/queue.h"
#include "support/fault_io.h"
#include "support/simdisk.h"

enum { WORLD_FILES = 3 };

#define WORLD_DIR "/state/web"

// What may have happened to the disk since the queue was last open.
enum ending {
    ENDED_CLOSED,
    ENDED_KILLED,    // all writes are there
    ENDED_CONDEMNED, // a sync failed: like a loss of power for what was not synced
    ENDED_POWER,
};

enum fate { FATE_OPEN, FATE_ACKNOWLEDGED, FATE_DEAD_LETTERED, FATE_DROPPED };

// A record of a file.
struct world_record {
    uint64_t offset;
    unsigned stored;   // how often the service has it
    unsigned lettered; // how often it was settled as a dead letter
    bool dropped;
};

struct world_file {
    struct world_record *records;
    size_t count;
};

// A record in the log.
struct world_item {
    unsigned file;
    size_t index;
    uint64_t instance; // another one each time it is appended
    uint64_t sequence;
    uint64_t epoch; // 0 until it came out
    struct record_place place;
    bool taken;       // in this opening
    bool offered;     // in this opening
    unsigned letters; // dead letters on disk
    enum fate fate;
    bool persisted; // the fate
    bool in_doubt;  // the process died while the fate was persisted
};

// The state behind a block.
struct world_mark {
    size_t items;
    uint64_t last_sequence;
    size_t next[WORLD_FILES];      // index of the next record
    uint64_t version[WORLD_FILES]; // of the generation, 0: not in the queue
    struct tally read;
    struct tally filtered;
};

struct world_name {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t instance;
};

struct world {
    struct simdisk *disk;
    struct fault_io fault;
    struct prng prng;
    uint64_t seed;
    struct queue_config config;
    struct stats stats;
    uint64_t record_bytes_max;
    struct queue *queue;
    struct queue_report report;

    struct world_file files[WORLD_FILES];
    struct world_item *items; // the log, and behind it the block in the making
    size_t item_count;
    uint64_t instances;
    struct world_mark *marks; // one for each block that counts, and one before them
    size_t mark_count;
    size_t durable_mark;
    struct world_mark pending;      // behind the block in the making
    uint64_t versions[WORLD_FILES]; // the last that was noted
    bool append_in_doubt;
    bool open_in_doubt; // a recovery died
    size_t cursor;      // next item to take
    uint64_t next_sequence;
    uint64_t submitted;
    uint64_t submitted_at_most;
    struct world_name *names;
    size_t name_count;
    bool keeps_power; // the process dies, the disk does not
    bool faulty;      // calls may fail
    bool rewound;     // power was lost or a sync failed: what was settled may have come back
};

struct world *queue_world_create(uint64_t seed);
void queue_world_free(struct world *world);

// ---- what a program does; false when the process is dead or the queue condemned ----

// Puts records of a file into the block in the making.
void queue_world_read(struct world *world, unsigned count);
bool queue_world_append(struct world *world);
bool queue_world_take(struct world *world, unsigned count);
// Offers what was taken, up to a random record of it.
bool queue_world_submit(struct world *world);
// Settles some of what was offered.
bool queue_world_answer(struct world *world, unsigned percent);
// Offers some records again whose answer was lost.
bool queue_world_repeat(struct world *world);
bool queue_world_persist(struct world *world);
bool queue_world_sync(struct world *world, bool now);
bool queue_world_drop(struct world *world);

// ---- ends and beginnings ----

// Ends the process or the queue in the given way, and opens it again, perhaps through more deaths
// in recovery. Checks what came back.
void queue_world_reopen(struct world *world, enum ending ending);
// Whether the last step ended the process or condemned the queue: then reopen.
bool queue_world_ended(struct world *world, enum ending *out_ending);
// Without faults: reads, sends and settles everything, and checks that nothing is missing.
void queue_world_finish(struct world *world);
// What holds at any time.
void queue_world_check(struct world *world);
