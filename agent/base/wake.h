// A bell between threads: an eventfd that one thread waits on, with other descriptors, and any
// thread rings.
#pragma once

#include <stdint.h>

struct wake {
    int fd;
};

void wake_open(struct wake *wake);
void wake_close(struct wake *wake);
void wake_ring(struct wake *wake);
// Blocks until it rings, `other_fd` (or -1) is readable, or the time is over. Swallows the ring.
void wake_wait(struct wake *wake, int other_fd, uint64_t timeout_ms);
