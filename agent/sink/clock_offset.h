// The difference between the service's clock and ours, for signatures. It is adopted only from an
// answer that refuses a signature for its time, and only when it is large: a service allows for
// five minutes, and a Date from a proxy's cache must not break what works.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/compiler.h"

#define CLOCK_OFFSET_MIN_S 240

struct clock_offset {
    int64_t seconds; // service minus ours
};

// The time to sign at.
uint64_t clock_offset_apply(const struct clock_offset *offset, uint64_t real_ns);
// Takes the Date header of a refusal. Returns true when the offset has changed.
bool clock_offset_adopt(struct clock_offset *offset, const char *date, uint64_t real_ns);
// Parses "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7, the preferred form) to Unix
// seconds. E_SYNTAX for anything else.
NODISCARD int http_date_parse(const char *text, int64_t *out_seconds);
