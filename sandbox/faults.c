#include "sandbox/faults.h"

#include <math.h>

#include "base/error.h"

static const char *const fault_names[FAULT_COUNT] = {
#define X(id, name, help) [id] = (name),
    FAULTS_LIST(X)
#undef X
};

static const char *const value_names[FAULT_VALUE_COUNT] = {
#define X(id, name, initial, help) [id] = (name),
    FAULT_VALUES_LIST(X)
#undef X
};

static const int64_t value_initials[FAULT_VALUE_COUNT] = {
#define X(id, name, initial, help) [id] = (initial),
    FAULT_VALUES_LIST(X)
#undef X
};

enum { OFFSET_S_MAX = 400 * 24 * 3600 };

void faults_init(struct faults *faults, uint64_t seed)
{
    *faults = (struct faults){.prng = prng_of_seed(seed)};
    faults_reset(faults);
}

void faults_reset(struct faults *faults)
{
    faults->operations = 0;
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        faults->share[i] = 0;
    }
    for (size_t i = 0; i < FAULT_VALUE_COUNT; i++) {
        faults->value[i] = value_initials[i];
    }
}

static bool value_in_range(enum fault_value id, double value)
{
    if (id == FAULT_DATE_OFFSET_S || id == FAULT_CLOCK_OFFSET_S) {
        return fabs(value) <= OFFSET_S_MAX;
    }
    return value >= (id == FAULT_LIMIT ? -1 : 0) && value <= INT32_MAX;
}

int faults_set(struct faults *faults, struct slice name, double value)
{
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if (slice_equal_text(name, fault_names[i])) {
            if (!(value >= 0 && value <= 1)) {
                return E_RANGE;
            }
            faults->share[i] = value;
            return 0;
        }
    }
    for (size_t i = 0; i < FAULT_VALUE_COUNT; i++) {
        if (slice_equal_text(name, value_names[i])) {
            if (!value_in_range((enum fault_value)i, value)) {
                return E_RANGE;
            }
            faults->value[i] = (int64_t)value;
            return 0;
        }
    }
    return E_NOT_FOUND;
}

bool faults_strike(struct faults *faults, enum fault fault)
{
    double share = faults->share[fault];
    if (share <= 0 || faults->value[FAULT_LIMIT] == 0) {
        return false;
    }
    double drawn = (double)(prng_next(&faults->prng) >> 11) / (double)(UINT64_C(1) << 53);
    if (drawn >= share) {
        return false;
    }
    if (faults->value[FAULT_LIMIT] > 0) {
        faults->value[FAULT_LIMIT]--;
    }
    faults->injected[fault]++;
    return true;
}

const char *fault_name(enum fault fault)
{
    return fault_names[fault];
}

const char *fault_value_name(enum fault_value value)
{
    return value_names[value];
}

static enum fault draw_for_call(struct faults *faults, bool cbor)
{
    if (cbor && faults_strike(faults, FAULT_NO_CBOR)) {
        return FAULT_NO_CBOR;
    }
    for (enum fault fault = FAULT_ERROR_500; fault < FAULT_NO_CBOR; fault++) {
        if (faults_strike(faults, fault)) {
            return fault;
        }
    }
    return FAULT_COUNT;
}

struct fault_plan faults_plan(struct faults *faults, unsigned operation, bool cbor)
{
    struct fault_plan plan = {.fault = FAULT_COUNT};
    if (faults->operations != 0 && (faults->operations >> operation & 1) == 0) {
        return plan;
    }
    plan.records = true;
    plan.fault = draw_for_call(faults, cbor);
    plan.oversize_bytes = (uint64_t)faults->value[FAULT_OVERSIZE_BYTES];
    plan.latency_ms = (uint64_t)faults->value[FAULT_LATENCY_MS];
    uint64_t jitter_ms = (uint64_t)faults->value[FAULT_JITTER_MS];
    if (jitter_ms > 0) {
        plan.latency_ms += prng_below(&faults->prng, jitter_ms + 1);
    }
    return plan;
}
