// What the parts of the sender share; nobody else includes it.
//
// A record that queue_next gave is always in exactly one place: held, in the batch that is being
// filled, in a batch that is ready or in flight, in a regroup, or parked; or it is settled.
#pragma once

#include <pthread.h>

#include "aws/credentials.h"
#include "base/io.h"
#include "base/prng.h"
#include "sink/batch.h"
#include "sink/clock_offset.h"
#include "sink/limits.h"
#include "sink/pace.h"
#include "sink/parked.h"
#include "sink/sender.h"
#include "sink/shards.h"
#include "sink/signer.h"
#include "sink/verdict.h"

// What is wrong, so that each change is logged once.
enum condition {
    CONDITION_FINE,
    CONDITION_QUEUE,       // the disk
    CONDITION_NETWORK,     // no connection, no answer, no usable answer
    CONDITION_SERVICE,     // the service fails or throttles whole calls
    CONDITION_CREDENTIALS, // none, or refused
    CONDITION_CLOCK,
    CONDITION_REFUSED, // only a person can mend it
};

enum { LAST_ERROR_SIZE = 512 };

// Records that go again as a request of their own: a batch that was cut in two or encoded anew.
struct regroup {
    struct regroup *next;
    uint64_t due_ns;
    bool trial; // see struct batch
    bool flawed;
    uint64_t flawed_since;
    size_t count;
    struct offer offers[];
};

enum { FLAWED_GROUPS_MAX = 64 }; // beyond, it is not a record's fault

// A record that was taken from the queue and has no batch yet.
struct held {
    bool any;
    bool fresh; // the slices of `record` are still valid
    struct queued_record record;
    struct offer offer;
};

struct sender {
    struct io *io;
    const struct flow_config *flow;
    struct queue *queue;
    struct transport *transport;
    struct credentials_store *credentials;
    struct stats *stats;

    struct limits limits;
    const struct encoder *encoder;
    bool wire_known; // a call in this encoding was accepted, or the configuration says so
    struct signer *signer;
    struct clock_offset clock;
    struct prng prng;

    struct batch_pool *pool;
    struct batch *filling; // NULL when there is none
    struct batch_list ready;
    struct regroup *regroups;
    unsigned flawed_groups;
    struct held held;
    struct parked *parked;
    struct shards *shards;
    struct pace pace;
    struct batch *in_flight[PACE_IN_FLIGHT_MAX];
    unsigned in_flight_count;
    uint64_t calls_accepted;
    unsigned barren_calls; // in a row of which no record was accepted

    bool draining;
    bool finishing;
    bool acks_due;           // settled, and not yet persisted
    uint64_t queue_retry_ns; // after an error of the queue
    unsigned queue_failures;
    unsigned dead_letters; // written in this step

    pthread_mutex_t lock; // of what follows; any thread reads it
    enum condition condition;
    char last_error[LAST_ERROR_SIZE];
    uint64_t last_error_ns;
};

// ---- sender.c ----

PRINTF_LIKE(3, 4)
void sender_report(struct sender *sender, enum condition condition, const char *format, ...);
void sender_report_fine(struct sender *sender);
// An error of the queue: said, and the sender pauses what needs the disk.
void sender_queue_failed(struct sender *sender, const char *what, int error, uint64_t now_ns);

// ---- sender_fill.c ----

enum fill {
    FILL_READY,   // a batch was put on the ready list
    FILL_STARVED, // nothing more to offer now
    FILL_BLOCKED, // no memory for another body, or the disk is in trouble
};

enum fill sender_fill(struct sender *sender, uint64_t now_ns);
// Puts what is being filled on the ready list.
void sender_close_filling(struct sender *sender);

// ---- sender_settle.c ----

void sender_take_answer(struct sender *sender, const struct transport_answer *answer,
                        uint64_t now_ns);
// Reads a record again. Returns 1; 0 when it is damaged for good, and settled as that; or an error.
int sender_reread(struct sender *sender, const struct offer *offer,
                  struct queued_record *out_record);
// Writes a dead letter and settles the record; parks it when the disk does not let it.
void sender_dead_letter(struct sender *sender, const struct queued_record *record,
                        struct offer *offer, uint16_t reason, const char *detail, uint64_t now_ns);
// Appends records of a batch as a request of their own. Returns it for its flags to be set.
struct regroup *sender_regroup(struct sender *sender, const struct offer *offers, size_t count,
                               uint64_t due_ns);
// When the first regroup is due; TIME_NEVER when there is none.
uint64_t sender_regroup_next_ns(const struct sender *sender);
// Gives back a batch whose records are all elsewhere.
void sender_release(struct sender *sender, struct batch *batch);

// ---- sender_drop.c ----

// Drops the oldest segment when the queue wants it. Returns true while records of it are in flight:
// then nothing may be submitted.
bool sender_make_room(struct sender *sender, uint64_t now_ns);
