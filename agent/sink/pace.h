// How fast a flow may send: calls in flight between 1 and PACE_IN_FLIGHT_MAX, raised one by one and
// halved on trouble, and a pause with exponential backoff and full jitter after failures. It is
// about the endpoint as a whole; a throttled shard is struct shards. Accepted records are progress:
// pauses grow while calls bring nothing or little.
//
// Source of backoff and jitter: AWS Architecture Blog, "Exponential Backoff And Jitter".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/prng.h"

enum { PACE_IN_FLIGHT_MAX = 16, PACE_IN_FLIGHT_START = 4 };

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (20 * NS_PER_S)

// A random pause before the try after `failures` (at least 1) in a row: up to 100 ms, doubling, up
// to 20 s.
uint64_t backoff_ns(struct prng *prng, unsigned failures);

struct pace {
    unsigned limit_max;
    unsigned limit;     // calls in flight
    unsigned successes; // towards the next rise
    unsigned failures;  // in a row; one for all that was in flight together
    uint64_t gap_ns;    // mean pause between calls while the endpoint throttles records, or 0
    uint64_t failed_ns; // when the last failure, or call that brought little, was counted
    uint64_t resume_ns; // nothing is sent before
};

// `limit_max`: at most PACE_IN_FLIGHT_MAX.
void pace_init(struct pace *pace, unsigned limit_max);
// Calls that may be in flight now: one while it is not known whether the endpoint is back.
unsigned pace_limit(const struct pace *pace);
// A call was accepted whole; the endpoint answered, though not all was accepted.
void pace_accepted(struct pace *pace, struct prng *prng, uint64_t now_ns);
void pace_answered(struct pace *pace);
// A call was accepted in part, and the endpoint throttled `throttled` records of it (at least 1):
// the pause follows the share that is accepted, so that the endpoint is used up to its limit.
void pace_throttled(struct pace *pace, struct prng *prng, size_t accepted, size_t throttled,
                    uint64_t submitted_ns, uint64_t now_ns);
// A call that was submitted at `submitted_ns` failed or was throttled as a whole. Calls that were
// under way together count as one failure.
void pace_failed(struct pace *pace, struct prng *prng, uint64_t submitted_ns, uint64_t now_ns);
// The same for what only a person can mend: at least a second.
void pace_wait(struct pace *pace, struct prng *prng, uint64_t submitted_ns, uint64_t now_ns);
