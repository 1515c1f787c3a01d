#include "sink/pace.h"

uint64_t backoff_ns(struct prng *prng, unsigned failures)
{
    uint64_t most = BACKOFF_MIN_NS;
    for (unsigned i = 1; i < failures && most < BACKOFF_MAX_NS; i++) {
        most *= 2;
    }
    most = most > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : most;
    return prng_below(prng, most) + 1;
}

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.limit = PACE_IN_FLIGHT_START};
}

unsigned pace_limit(const struct pace *pace)
{
    return pace->failures > 0 ? 1 : pace->limit;
}

void pace_accepted(struct pace *pace)
{
    pace->failures = 0;
    if (++pace->successes >= pace->limit && pace->limit < PACE_IN_FLIGHT_MAX) {
        pace->limit++;
        pace->successes = 0;
    }
}

void pace_answered(struct pace *pace)
{
    pace->failures = 0;
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
        pace->resume_ns = now_ns + backoff_ns(prng, pace->failures);
    }
}

void pace_wait(struct pace *pace, struct prng *prng, uint64_t submitted_ns, uint64_t now_ns)
{
    enum { FAILURES_SKIPPED = 4 }; // so that it starts at seconds
    if (count_failure(pace, submitted_ns, now_ns)) {
        pace->resume_ns = now_ns + NS_PER_S + backoff_ns(prng, pace->failures + FAILURES_SKIPPED);
    }
}
