#include "sink/parked.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sink/shards.h"

struct timed {
    uint64_t due_ns;
    struct offer offer;
};

struct node {
    struct node *next;
    struct offer offer;
};

struct line {
    struct node *first;
    struct node **end; // NULL when it was never used
};

struct parked {
    struct timed *heap; // the earliest on top
    size_t heap_count;
    size_t heap_capacity;
    struct line lines[SHARDS_MAX];
    size_t behind_count;
};

struct parked *parked_create(void)
{
    return xcalloc(1, sizeof(struct parked));
}

void parked_free(struct parked *parked)
{
    if (parked == NULL) {
        return;
    }
    parked_forget(parked, UINT64_MAX);
    free(parked->heap);
    free(parked);
}

size_t parked_count(const struct parked *parked)
{
    return parked->heap_count + parked->behind_count;
}

static bool earlier(const struct timed *a, const struct timed *b)
{
    if (a->due_ns != b->due_ns) {
        return a->due_ns < b->due_ns;
    }
    return a->offer.place.sequence < b->offer.place.sequence;
}

static void sift_up(struct timed *heap, size_t at)
{
    struct timed moving = heap[at];
    while (at > 0 && earlier(&moving, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = moving;
}

static void sift_down(struct timed *heap, size_t count, size_t at)
{
    struct timed moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && earlier(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!earlier(&heap[child], &moving)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

void parked_until(struct parked *parked, const struct offer *offer, uint64_t due_ns)
{
    if (parked->heap_count == parked->heap_capacity) {
        parked->heap_capacity = parked->heap_capacity == 0 ? 64 : parked->heap_capacity * 2;
        parked->heap = xreallocarray(parked->heap, parked->heap_capacity, sizeof *parked->heap);
    }
    parked->heap[parked->heap_count] = (struct timed){.due_ns = due_ns, .offer = *offer};
    sift_up(parked->heap, parked->heap_count++);
}

bool parked_take_due(struct parked *parked, uint64_t now_ns, struct offer *out_offer)
{
    if (parked->heap_count == 0 || parked->heap[0].due_ns > now_ns) {
        return false;
    }
    *out_offer = parked->heap[0].offer;
    parked->heap[0] = parked->heap[--parked->heap_count];
    if (parked->heap_count > 0) {
        sift_down(parked->heap, parked->heap_count, 0);
    } else {
        free(parked->heap);
        parked->heap = NULL;
        parked->heap_capacity = 0;
    }
    return true;
}

uint64_t parked_next_ns(const struct parked *parked)
{
    return parked->heap_count == 0 ? TIME_NEVER : parked->heap[0].due_ns;
}

void parked_behind(struct parked *parked, const struct offer *offer, int slot)
{
    struct line *line = &parked->lines[slot];
    struct node *node = xmalloc(sizeof *node);
    *node = (struct node){.offer = *offer};
    if (line->first == NULL) {
        line->end = &line->first;
    }
    *line->end = node;
    line->end = &node->next;
    parked->behind_count++;
}

bool parked_take_behind(struct parked *parked, int slot, struct offer *out_offer)
{
    struct line *line = &parked->lines[slot];
    struct node *node = line->first;
    if (node == NULL) {
        return false;
    }
    *out_offer = node->offer;
    line->first = node->next;
    free(node);
    parked->behind_count--;
    return true;
}

bool parked_any_behind(const struct parked *parked, int slot)
{
    return parked->lines[slot].first != NULL;
}

static void forget_in_line(struct parked *parked, struct line *line, uint64_t sequence)
{
    struct node **link = &line->first;
    while (*link != NULL) {
        struct node *node = *link;
        if (node->offer.place.sequence <= sequence) {
            *link = node->next;
            free(node);
            parked->behind_count--;
        } else {
            link = &node->next;
        }
    }
    line->end = link;
}

void parked_forget(struct parked *parked, uint64_t sequence)
{
    size_t kept = 0;
    for (size_t i = 0; i < parked->heap_count; i++) {
        if (parked->heap[i].offer.place.sequence > sequence) {
            parked->heap[kept++] = parked->heap[i];
        }
    }
    parked->heap_count = kept;
    for (size_t i = kept / 2; i-- > 0;) {
        sift_down(parked->heap, kept, i);
    }
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        forget_in_line(parked, &parked->lines[i], sequence);
    }
}
