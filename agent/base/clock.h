// Units of time. Every time in the program is an unsigned count of nanoseconds: monotonic for
// waiting and measuring, real (since 1970, UTC) for what people and services read. Both come from
// struct io so that tests own them.
#pragma once

#include <stdint.h>

#define NS_PER_US ((uint64_t)1000)
#define NS_PER_MS ((uint64_t)1000 * 1000)
#define NS_PER_S  ((uint64_t)1000 * 1000 * 1000)

// "Never", as a deadline.
#define TIME_NEVER UINT64_MAX
