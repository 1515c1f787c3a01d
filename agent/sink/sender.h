// The sending half of a flow: takes records from the queue, makes requests of them, and settles
// each record by what the service says about it. All of it belongs to the flow's sender thread; a
// step does a bounded amount of work and never waits.
//
// Diagnostics: nothing the service or the network does is an error of sender_step. Conditions that
// a person should know (no credentials, stream missing, access denied, certificate not trusted) are
// logged once per change and kept as the flow's last error.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/compiler.h"
#include "base/io.h"
#include "base/stats.h"
#include "base/transport.h"
#include "config/config.h"
#include "queue/queue.h"

struct sender; // opaque

struct sender_options {
    const struct flow_config *flow;
    const char *endpoint; // NULL: the service's own
    struct queue *queue;
    struct transport *transport;
    struct credentials_store *credentials;
    struct stats *stats;
};

NODISCARD int sender_create(struct io *io, const struct sender_options *options,
                            struct sender **out_sender);
void sender_free(struct sender *sender);

// Collects answers, settles records, persists acknowledgements, fills and submits requests. Returns
// the monotonic time at which it wants to be called again without an event of the transport or
// queue.
uint64_t sender_step(struct sender *sender, uint64_t now_ns);

// Draining: partial batches are sent at once.
void sender_drain(struct sender *sender);
// From now on nothing is submitted; answers to what is in flight are still taken.
void sender_finish(struct sender *sender);
// True when nothing is in flight and the queue has nothing left to offer.
bool sender_idle(const struct sender *sender);
// Requests without an answer yet.
unsigned sender_in_flight(const struct sender *sender);

// The last thing that went wrong, "" when all is well, and when (real time). Any thread.
void sender_last_error(struct sender *sender, char *text, size_t size, uint64_t *out_real_ns);
