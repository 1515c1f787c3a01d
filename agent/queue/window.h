// Which records are settled: a frontier below which all are, and a bitmap of the QUEUE_WINDOW
// sequences behind it. Bit `sequence % QUEUE_WINDOW`, so that nothing moves when the frontier does.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WINDOW_RECORDS = 32768, WINDOW_BYTES = WINDOW_RECORDS / 8 };

struct window {
    uint64_t frontier; // every sequence up to here is settled
    uint64_t set;      // bits that are set
    uint64_t highest;  // highest settled sequence
    uint8_t bits[WINDOW_BYTES];
};

// False when the sequence lies beyond the window.
static inline bool window_reaches(const struct window *window, uint64_t sequence)
{
    return sequence <= window->frontier + WINDOW_RECORDS;
}
bool window_has(const struct window *window, uint64_t sequence);
// Marks a sequence within reach. False when it was settled before.
bool window_settle(struct window *window, uint64_t sequence);
// Moves the frontier up to `sequence`; returns how many below it were not settled.
uint64_t window_jump(struct window *window, uint64_t sequence);
// Settled sequences in (after, until].
uint64_t window_count(const struct window *window, uint64_t after, uint64_t until);
// Counts bits and finds the highest after the bitmap was read from disk; moves the frontier over
// what is contiguous.
void window_restore(struct window *window);
