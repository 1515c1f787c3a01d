// A sender in a world of its own: a real queue in a temporary directory, a clock that only the test
// moves, and a service that keeps a ledger of what it accepted and can be told to misbehave.
//
// Records carry a number, "<number>:<padding>"; the ledger counts how often each was accepted, and
// how often nobody could know whether it was. Every call is held to the limits of the service.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/io.h"
#include "base/prng.h"
#include "base/stats.h"
#include "base/transport.h"
#include "config/config.h"
#include "queue/queue.h"
#include "sink/sender.h"

enum { WORLD_RECORDS_MAX = 40000, WORLD_SHARDS_MAX = 64, WORLD_CALLS_MAX = 32 };

// How often things go wrong, in thousandths of the calls, or of the records.
struct weather {
    unsigned not_sent;
    unsigned lost_request; // no answer, nothing accepted
    unsigned lost_answer;  // no answer, everything accepted
    unsigned bad_answer;   // everything accepted, an answer that was cut
    unsigned wrong_length; // everything accepted, an answer that lists too few
    unsigned garbage;      // everything accepted, a 200 that says nothing
    unsigned server_error; // 500; half of them had accepted everything
    unsigned slow_down;    // the call is throttled
    unsigned record_throttled;
    unsigned record_failed;  // InternalFailure
    unsigned record_unknown; // a code that nobody knows
};

struct world_record {
    struct slice data;
    struct slice key;
    unsigned number;
    unsigned shard;
};

struct world_call {
    bool used;
    bool cbor;
    void *context;
    char content_type[64];
    char date[32]; // X-Amz-Date
    char *body;
    size_t body_size;
    uint64_t answered_ns;
    uint64_t order;
};

struct world_answer {
    enum transport_outcome outcome;
    int status;
    char content_type[64];
    char error_type[64];
    char date[64];
    struct buf body;
};

struct world;
// Answers a call in place of the service. False: the service answers as usual.
typedef bool world_service_fn(struct world *world, const struct world_record *records, size_t count,
                              const struct world_call *call, struct world_answer *answer);

struct world_options {
    enum service service;
    enum wire wire;
    unsigned shards;
    uint64_t max_size;        // of a batch; 0: 1 MiB
    uint64_t max_record_size; // 0: 1 MiB
    uint64_t memory;          // 0: 8 MiB
    uint64_t queue_max_size;  // 0: 64 MiB
    enum when_full when_full;
    bool no_credentials;
};

struct world {
    struct io io; // first
    struct transport transport;
    uint64_t now_ns;
    int64_t clock_error_s; // of the local real clock
    int disk_error;        // of every write, 0: none
    struct prng prng;
    struct weather weather;
    world_service_fn *service;
    void *service_context;
    uint64_t latency_ns;
    uint64_t slow_until_ns[WORLD_SHARDS_MAX]; // the shard refuses everything

    char *dir;
    struct flow_config flow;
    struct stats stats;
    struct queue *queue;
    struct credentials_store *credentials;
    struct sender *sender;
    unsigned shards;

    struct world_call calls[WORLD_CALLS_MAX];
    struct world_answer answer;
    uint64_t call_count;
    unsigned in_flight_most;
    uint64_t body_bytes_most; // in flight together

    unsigned appended;
    uint8_t accepted[WORLD_RECORDS_MAX];   // times
    uint8_t unknown[WORLD_RECORDS_MAX];    // offers whose outcome nobody told the sender
    uint64_t offered_to[WORLD_SHARDS_MAX]; // records
    uint64_t refused_by[WORLD_SHARDS_MAX];
};

struct world *world_create(uint64_t seed, const struct world_options *options);
void world_free(struct world *world);
// Gives the sender keys.
void world_give_credentials(struct world *world);

// Appends numbered records of `size` bytes as one or more blocks. `key` may be NULL.
void world_append(struct world *world, unsigned count, size_t size, const char *key);
// The same, and what does not fit into the queue any more is left out. Returns how many fitted.
unsigned world_append_until_full(struct world *world, unsigned count, size_t size);
// Appends one record as it is.
void world_append_raw(struct world *world, struct slice data, struct slice key, uint16_t reason);

// One step of the sender.
uint64_t world_step(struct world *world);
// Steps, moving the clock to whatever happens next, until the sender is idle or so much time is
// over. Returns whether it is idle.
bool world_run(struct world *world, uint64_t for_ns);
// Checks the ledger: everything appended was accepted, and more than once only after an outcome
// that nobody could know; the books agree.
void world_check_all_accepted(struct world *world);

// Flips a byte of every place in the queue's segments where this text stands.
void world_damage(struct world *world, const char *text);

// Answers a call as `world->service` or the usual service does.
void world_serve(struct world *world, const struct world_call *call, struct world_answer *answer);

// The shard of a key, of `world->shards` equal ones.
unsigned world_shard_of(const struct world *world, struct slice key);
// What the usual service does with records: accepts all and lists them.
void world_accept(struct world *world, const struct world_record *records, size_t count);
void world_list_accepted(struct world *world, const struct world_record *records, size_t count,
                         const struct world_call *call, struct world_answer *answer);
// Fills an error answer as the services write it.
void world_error(const struct world_call *call, int status, const char *code, const char *message,
                 struct world_answer *answer);
