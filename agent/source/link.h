// Doubly linked rings whose links are members of what they hold. Adding and removing are O(1).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
    struct link *previous; // both NULL: in no ring
    struct link *next;
};

#define LINK_ENTRY(link_pointer, type, member) \
    ((type *)((uintptr_t)(link_pointer)-offsetof(type, member)))

static inline void ring_init(struct link *ring)
{
    ring->previous = ring;
    ring->next = ring;
}

static inline bool ring_empty(const struct link *ring)
{
    return ring->next == ring;
}

static inline bool link_in_ring(const struct link *link)
{
    return link->next != NULL;
}

static inline void link_remove(struct link *link)
{
    if (link->next != NULL) {
        link->previous->next = link->next;
        link->next->previous = link->previous;
        link->previous = NULL;
        link->next = NULL;
    }
}

// Moves `link` to the end of `ring`, out of the ring in which it is.
static inline void ring_append(struct link *ring, struct link *link)
{
    link_remove(link);
    link->previous = ring->previous;
    link->next = ring;
    ring->previous->next = link;
    ring->previous = link;
}
