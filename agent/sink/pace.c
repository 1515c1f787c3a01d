#include "sink/pace.h"

#define GAP_START_NS (BACKOFF_MIN_NS / 2)
#define GAP_MIN_NS   (5 * NS_PER_MS)

uint64_t backoff_ns(struct prng *prng, unsigned failures)
{
    uint64_t most = BACKOFF_MIN_NS;
    for (unsigned i = 1; i < failures && most < BACKOFF_MAX_NS; i++) {
        most *= 2;
    }
    most = most > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : most;
    return prng_below(prng, most) + 1;
}

void pace_init(struct pace *pace, unsigned limit_max)
{
    unsigned start = limit_max < PACE_IN_FLIGHT_START ? limit_max : PACE_IN_FLIGHT_START;
    *pace = (struct pace){.limit_max = limit_max, .limit = start};
}

unsigned pace_limit(const struct pace *pace)
{
    return pace->failures > 0 ? 1 : pace->limit;
}

static void pause_after(struct pace *pace, struct prng *prng, uint64_t now_ns)
{
    uint64_t pause = pace->failures > 0 ? backoff_ns(prng, pace->failures) : 0;
    if (pace->gap_ns > 0) {
        uint64_t gap = pace->gap_ns / 2 + prng_below(prng, pace->gap_ns);
        pause = gap > pause ? gap : pause;
    }
    pace->resume_ns = now_ns + pause;
}

// More calls in flight while there is no longer gap to shorten.
static void rise(struct pace *pace)
{
    if (pace->gap_ns > GAP_MIN_NS) {
        pace->gap_ns -= pace->gap_ns / 8;
    } else if (++pace->successes >= pace->limit && pace->limit < pace->limit_max) {
        pace->limit++;
        pace->successes = 0;
    }
}

static void fall(struct pace *pace)
{
    pace->successes = 0;
    if (pace->limit > 1) {
        pace->limit /= 2;
    } else if (pace->gap_ns < BACKOFF_MAX_NS) {
        pace->gap_ns += pace->gap_ns / 2;
    }
}

void pace_accepted(struct pace *pace, struct prng *prng, uint64_t now_ns)
{
    pace->failures = 0;
    rise(pace);
    pace->gap_ns = pace->gap_ns <= GAP_MIN_NS ? 0 : pace->gap_ns;
    if (pace->gap_ns > 0 && now_ns >= pace->resume_ns) {
        pause_after(pace, prng, now_ns);
    }
}

void pace_answered(struct pace *pace)
{
    pace->failures = 0;
}

void pace_throttled(struct pace *pace, struct prng *prng, size_t accepted, size_t throttled,
                    uint64_t submitted_ns, uint64_t now_ns)
{
    pace->failures = 0;
    pace->gap_ns = pace->gap_ns > 0 ? pace->gap_ns : GAP_START_NS;
    if (accepted >= 2 * throttled) {
        rise(pace);
    } else if (accepted < throttled && submitted_ns >= pace->failed_ns) {
        fall(pace);
        pace->failed_ns = now_ns;
    }
    if (now_ns >= pace->resume_ns) {
        pause_after(pace, prng, now_ns);
    }
}

// Returns false when this failure was counted together with an earlier one.
static bool count_failure(struct pace *pace, uint64_t submitted_ns, uint64_t now_ns)
{
    if (pace->failures > 0 && submitted_ns < pace->failed_ns) {
        return false;
    }
    pace->failures++;
    pace->failed_ns = now_ns;
    pace->successes = 0;
    pace->limit = pace->limit > 1 ? pace->limit / 2 : 1;
    return true;
}

void pace_failed(struct pace *pace, struct prng *prng, uint64_t submitted_ns, uint64_t now_ns)
{
    if (count_failure(pace, submitted_ns, now_ns)) {
        pause_after(pace, prng, now_ns);
    }
}

void pace_wait(struct pace *pace, struct prng *prng, uint64_t submitted_ns, uint64_t now_ns)
{
    enum { FAILURES_SKIPPED = 4 }; // so that it starts at seconds
    if (count_failure(pace, submitted_ns, now_ns)) {
        pace->resume_ns = now_ns + NS_PER_S + backoff_ns(prng, pace->failures + FAILURES_SKIPPED);
    }
}
