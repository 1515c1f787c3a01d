// A world in one loop: programs that write and rotate logs, one flow of the agent (collector,
// queue, sender, all of it production code), the service that it ships to, and what goes wrong with
// each of them. Everything is drawn from one seed, so a run can be had again, with a trace.
//
// Each line carries a number and is followed from the file to the service. A line that is lost,
// altered or repeated without a reason ends the run with the seed and the reason.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/books.h"
#include "base/compiler.h"
#include "base/generation.h"
#include "base/prng.h"
#include "base/stats.h"
#include "base/transport.h"
#include "config/config.h"
#include "queue/queue.h"
#include "runtime/collector.h"
#include "simulation/sim_io.h"
#include "sink/sender.h"
#include "support/fault_io.h"
#include "support/service_wire.h"

enum {
    SIM_LINES_MAX = 2048,
    SIM_LINE_BYTES_MAX = 8192,
    SIM_CALLS_MAX = 40,
    SIM_SHARDS = 4,
    SIM_NAMES = 4, // app.log, app.log.1 and so on
    SIM_PATH_BYTES = 32,
};

#define SIM_QUEUE_DIR "/state/web"

// What the agent knows of an acceptance.
enum line_ack {
    LINE_OPEN,
    LINE_SETTLED, // the answer was taken
    LINE_WRITTEN, // it is in the acknowledgement file
    LINE_DURABLE, // which was synced
};

struct sim_line {
    uint64_t sequence;  // the queue's last one when the line was in it
    uint64_t order;     // of the lines that were appended; 0: no more
    uint64_t sent_ns;   // with the last call that was accepted, by the agent's clock
    uint64_t unsure_ns; // what was sent since then may be repeated
    uint16_t padding;
    uint8_t accepted; // times
    uint8_t copies;   // files that hold it
    uint8_t letters;  // dead letters that hold it, counted at the end
    enum line_ack ack;
    bool continues;  // belongs to the record of a line before it
    bool unended;    // the last of a file that is not known under another name, without a newline
    bool filtered;   // by the configuration
    bool poison;     // the service refuses its record for ever
    bool in_doubt;   // the agent died while it wrote that it is settled
    bool offered;    // by this agent, as the first of a record
    bool may_repeat; // the agent cannot know that it was accepted
    bool appended;   // to the queue
    bool unsure;     // whether it is: a call failed
    bool durable;    // there
    bool excused;    // its bytes went before they could be read or were safe
};

// How often things go wrong, in thousandths of the calls, or of the records.
struct sim_weather {
    unsigned not_sent;
    unsigned lost_request; // no answer, nothing accepted
    unsigned lost_answer;  // no answer, everything accepted
    unsigned late;         // no answer, everything accepted after it was given up
    unsigned twice;        // the request arrives twice, the answer is that to the second
    unsigned bad_answer;   // everything accepted, an answer that was cut
    unsigned garbage;      // everything accepted, a 200 that says nothing of use
    unsigned server_error; // 500; half of them had accepted everything
    unsigned slow_down;    // the call is throttled
    unsigned record_throttled;
    unsigned record_failed;
};

struct sim_call {
    bool used;
    bool of_ages_ago; // power was lost since
    bool given_up;    // the agent has its answer: none
    bool cbor;
    void *context;
    uint64_t order;
    uint64_t sent_ns; // by the agent's clock
    uint64_t answered_ns;
    uint64_t served_ns; // when given up
    struct buf body;
    struct buf text;             // of the records, unless it lies in the body
    struct wire_record *records; // owned
    size_t count;
    int64_t signed_s; // X-Amz-Date
};

// Which thread of the agent is at work.
enum sim_part { PART_COLLECTOR, PART_SENDER, PART_SYNCER, PART_NONE };

// What a sequence number was seen to stand for.
struct sim_number {
    uint64_t epoch;
    uint64_t hash;
};

enum sim_end {
    END_CLOSED,
    END_KILLED,    // what was written is there
    END_CONDEMNED, // a sync failed; the process lives
    END_POWER,
};

struct sim {
    uint64_t seed;
    struct prng prng;
    bool trace;
    bool keeps_power; // the process dies, the machine does not

    struct simfs *files;
    struct simdisk *disk;
    struct fault_io fault;     // over the disk
    struct fault_io log_fault; // over the logs
    bool troubled;
    struct sim_io io;

    // Writers
    struct sim_line lines[SIM_LINES_MAX + 1]; // by number, from 1
    unsigned line_count;
    unsigned padding_max;
    unsigned poison_odds; // one record in so many; 0: none
    bool multiline;
    bool never_copies; // logs; then the clock may go back, and reading logs may fail
    bool compresses;
    bool first_is_rotated; // app.log.1 is no copy
    bool floods;           // at times much is written at once
    bool floods_now;
    unsigned late_losses; // lines whose bytes went

    struct sim_life *lives;
    size_t life_count;

    // The agent
    struct flow_config flow;
    struct stats stats;
    struct queue *queue;
    struct queue_report report;
    struct collector *collector;
    struct sender *sender;
    struct credentials_store *credentials;
    bool running;
    bool appending; // the collector is at work
    enum sim_part part;
    bool interrupted;          // another thread runs in the middle of its step
    struct books books_at_end; // of the agent before
    bool knows_books;
    enum sim_end last_end;
    bool knows_offers;         // of the agent before
    uint64_t repeats_expected; // by a copy of the disk
    bool knows_submitted;      // it did not end between the note of an offer and the offer
    uint64_t unsure_ns;        // what was sent since then may be repeated: power was lost
    bool clock_was_set;
    uint64_t collector_next_ns;
    uint64_t sender_next_ns;
    uint64_t syncer_next_ns;
    uint64_t retry_ns; // of an opening that failed
    unsigned fresh[SIM_LINES_MAX];
    unsigned fresh_count; // lines in the blocks of this step
    uint64_t appended_count;
    struct sim_number *numbers; // by sequence
    size_t number_count;

    // The service
    struct transport transport;
    struct sim_weather weather;
    struct sim_call calls[SIM_CALLS_MAX];
    uint64_t call_count;
    uint64_t latency_ns;
    uint64_t slow_until_ns[SIM_SHARDS];
    struct buf answer;
    struct buf ranges; // of lines, for the trace
    unsigned range_first;
    unsigned range_last;
    char date[64];    // of the answer
    bool blames_call; // a call with a refused record is refused as a whole
    bool keys_expired;
    bool stream_missing;
    int64_t service_ahead_s;            // of the agent's clock
    uint64_t repeats;                   // acceptances of what had been accepted
    uint64_t repeats_ns[SIM_LINES_MAX]; // of those that have to be in the number of the agent
    uint64_t repeat_count;
    unsigned repeats_now; // in the call at hand
    bool rewound;         // power was lost or a sync failed
    bool condemned;       // a sync failed
};

// ---- sim_world.c ----

// One run. Returns normally only when everything held.
void sim_run(uint64_t seed, bool trace);
// Draws from the seed.
uint64_t sim_below(struct sim *sim, uint64_t bound);
bool sim_one_in(struct sim *sim, uint64_t count);
uint64_t sim_now(const struct sim *sim);
void sim_advance(struct sim *sim, uint64_t ns);
// A step of some part of the agent or the service, as they may come while a program writes.
void sim_step_something(struct sim *sim);

// ---- sim_trace.c ----

PRINTF_LIKE(3, 4) void sim_trace(const struct sim *sim, const char *actor, const char *format, ...);
// What was drawn for the run, and how it came out.
void sim_trace_start(const struct sim *sim);
void sim_trace_end(const struct sim *sim);
// Gathers numbers of lines as ranges. The text is valid until the next number.
void sim_ranges_add(struct sim *sim, unsigned number);
const char *sim_ranges_take(struct sim *sim);
// Ends the run and the process.
NORETURN PRINTF_LIKE(2, 3) void sim_fail(const struct sim *sim, const char *format, ...);

// ---- sim_writer.c ----

void sim_writer_step(struct sim *sim);
void sim_write_records(struct sim *sim, const char *path);
void sim_write_tail(struct sim *sim, const char *path);
bool sim_has_lines_left(const struct sim *sim);
// The text of a line; returns its size.
size_t sim_line_text(const struct sim *sim, unsigned number, char out_text[SIM_LINE_BYTES_MAX]);
// The number at the start of a line, 0 when there is none.
unsigned sim_line_number(const uint8_t *text, size_t size);

// ---- sim_rotation.c ----

void sim_files_step(struct sim *sim);
// Whether the agent knows a file, and still will when it loses power.
bool sim_is_known(const struct sim *sim, const char *path);
// The process ended: what it alone could still read is gone.
void sim_writer_process_ended(struct sim *sim);

// ---- sim_life.c ----

struct sim_life;

// A line was written at the end of a file, which begins with it or is known.
void sim_life_add(struct sim *sim, const char *path, unsigned number, size_t bytes);
void sim_life_copy(struct sim *sim, const char *from, const char *to);
void sim_life_move(struct sim *sim, const char *from, const char *to);
// The file is deleted or cut to nothing.
void sim_life_end(struct sim *sim, const char *path);
void sim_life_each(struct sim *sim, const char *path, void (*each)(void *context, unsigned number),
                   void *context);
void sim_lives_free(struct sim *sim);
typedef bool sim_has_line(void *context, unsigned number);
// Whether there was a file that begins as the generation does, and `has_line` says yes to each of
// its lines in front of the position; else the first line that is missing (0: there was no file).
bool sim_life_covers(const struct sim *sim, const struct generation *generation,
                     sim_has_line *has_line, void *context, unsigned *out_missing);

// ---- sim_agent.c ----

void sim_agent_open(struct sim *sim);
void sim_agent_end(struct sim *sim, enum sim_end end);
void sim_part_step(struct sim *sim, enum sim_part part);
// New keys for the sender.
void sim_agent_give_keys(struct sim *sim);
// Reacts to a death or a condemned queue. Whether the agent runs.
bool sim_agent_supervise(struct sim *sim);
bool sim_agent_done(struct sim *sim);
// What keeps it from being done.
const char *sim_agent_state(struct sim *sim);
void sim_agent_init(struct sim *sim);
void sim_agent_deinit(struct sim *sim);

// ---- sim_invariants.c ----

// What must hold at any time.
void sim_agent_check(struct sim *sim);
// What an opening owes to the agent before.
void sim_start_check(struct sim *sim);
// A line is accepted again.
void sim_note_repeat(struct sim *sim, const struct sim_line *line);

// ---- sim_recovery.c ----

// Opens a copy of what is on the disk: recovery holds to its rules.
void sim_recovery_check(struct sim *sim);

// ---- sim_trouble.c ----

void sim_trouble_step(struct sim *sim);
// Whatever is wrong with the disk and the logs is mended.
void sim_trouble_end(struct sim *sim);
// Ends the agent in some way.
void sim_end_agent(struct sim *sim);
// Of the process, or of the machine.
enum sim_end sim_any_death(struct sim *sim);

// ---- sim_service.c ----

void sim_service_init(struct sim *sim);
void sim_service_deinit(struct sim *sim);
// What the service does by itself: calls that were given up arrive.
void sim_service_step(struct sim *sim);
// The agent's connections end; some of the calls were served.
void sim_service_hang_up(struct sim *sim);
// Calls `each` for the lines of a record. Ends the run unless its bytes are those that were
// written.
void sim_record_lines(struct sim *sim, struct slice data,
                      void (*each)(void *context, unsigned number), void *context);
// When the next answer is there, or TIME_NEVER.
uint64_t sim_service_next_ns(const struct sim *sim);
