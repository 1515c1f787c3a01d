#include "queue/window.h"

#include <string.h>

#include "base/assert.h"

static bool bit(const struct window *window, uint64_t sequence)
{
    uint64_t index = sequence % WINDOW_RECORDS;
    return (window->bits[index / 8] >> (index % 8) & 1) != 0;
}

static void flip(struct window *window, uint64_t sequence)
{
    uint64_t index = sequence % WINDOW_RECORDS;
    window->bits[index / 8] ^= (uint8_t)(1u << (index % 8));
}

bool window_has(const struct window *window, uint64_t sequence)
{
    if (sequence <= window->frontier) {
        return true;
    }
    return window_reaches(window, sequence) && bit(window, sequence);
}

static void advance(struct window *window)
{
    while (window->set > 0 && bit(window, window->frontier + 1)) {
        window->frontier++;
        flip(window, window->frontier);
        window->set--;
    }
}

bool window_settle(struct window *window, uint64_t sequence)
{
    ASSERT(window_reaches(window, sequence));
    if (window_has(window, sequence)) {
        return false;
    }
    if (sequence > window->highest) {
        window->highest = sequence;
    }
    if (sequence == window->frontier + 1) {
        window->frontier = sequence;
    } else {
        flip(window, sequence);
        window->set++;
    }
    advance(window);
    return true;
}

uint64_t window_jump(struct window *window, uint64_t sequence)
{
    uint64_t unsettled = 0;
    while (window->frontier < sequence) {
        if (window->set == 0) {
            unsettled += sequence - window->frontier;
            window->frontier = sequence;
            break;
        }
        window->frontier++;
        if (bit(window, window->frontier)) {
            flip(window, window->frontier);
            window->set--;
        } else {
            unsettled++;
        }
    }
    if (window->highest < window->frontier) {
        window->highest = window->frontier;
    }
    advance(window);
    return unsettled;
}

uint64_t window_count(const struct window *window, uint64_t after, uint64_t until)
{
    uint64_t count = 0;
    if (after < window->frontier) {
        uint64_t end = until < window->frontier ? until : window->frontier;
        count = end > after ? end - after : 0;
        after = window->frontier;
    }
    if (until > window->frontier + WINDOW_RECORDS) {
        until = window->frontier + WINDOW_RECORDS;
    }
    for (uint64_t sequence = after + 1; sequence <= until; sequence++) {
        count += bit(window, sequence) ? 1 : 0;
    }
    return count;
}

void window_restore(struct window *window)
{
    window->set = 0;
    window->highest = window->frontier;
    for (uint64_t sequence = window->frontier + 1; window_reaches(window, sequence); sequence++) {
        if (sequence % 8 == 0 && window->bits[sequence % WINDOW_RECORDS / 8] == 0) {
            sequence += 7;
        } else if (bit(window, sequence)) {
            window->set++;
            window->highest = sequence;
        }
    }
    advance(window);
}
