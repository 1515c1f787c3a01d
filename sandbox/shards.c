#include "sandbox/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

// Where shard `i` of `count` shards of the same width begins.
static u128 uniform_start(uint32_t i, uint32_t count)
{
    // floor(2^128 / count), from what fits in 128 bits.
    u128 width = U128_MAX / count;
    if (U128_MAX % count == count - 1) {
        width++;
    }
    return count == 1 ? 0 : width * i;
}

void shard_id(const struct shard *shard, char out_id[SHARD_ID_SIZE])
{
    snprintf(out_id, SHARD_ID_SIZE, "shardId-%012" PRIu32, shard->index);
}

void shard_first_sequence(const struct shard *shard, char out_text[SEQUENCE_TEXT_SIZE])
{
    struct sequence sequence = {
        .created_s = shard->created_s, .put_s = shard->created_s, .shard = shard->index};
    sequence_format(&sequence, out_text);
}

void shard_last_sequence(const struct shard *shard, char out_text[SEQUENCE_TEXT_SIZE])
{
    struct sequence sequence = {.created_s = shard->created_s,
                                .counter = SEQUENCE_COUNTER_END,
                                .put_s = shard->closed_ns / NS_PER_S,
                                .shard = shard->index};
    sequence_format(&sequence, out_text);
}

static struct shard *add_shard(struct shard_set *set, u128 first, u128 last, uint64_t real_ns)
{
    struct shard *shard = xcalloc(1, sizeof(*shard));
    shard->index = (uint32_t)set->count;
    shard->parent = NO_SHARD;
    shard->adjacent_parent = NO_SHARD;
    shard->first = first;
    shard->last = last;
    shard->created_ns = real_ns;
    shard->created_s = real_ns / NS_PER_S;
    set->all = xreallocarray(set->all, set->count + 1, sizeof(struct shard *));
    set->all[set->count++] = shard;
    return shard;
}

static struct shard *add_child(struct shard_set *set, struct shard *parent, u128 first, u128 last)
{
    struct shard *child = add_shard(set, first, last, parent->closed_ns);
    child->parent = parent->index;
    if (child->created_s <= parent->created_s) {
        child->created_s = parent->created_s + 1;
    }
    return child;
}

void shard_set_init(struct shard_set *set, uint32_t shard_count, uint64_t real_ns)
{
    *set = (struct shard_set){0};
    for (uint32_t i = 0; i < shard_count; i++) {
        u128 last = i + 1 == shard_count ? U128_MAX : uniform_start(i + 1, shard_count) - 1;
        add_shard(set, uniform_start(i, shard_count), last, real_ns);
    }
    bool covered = shard_set_reopen(set);
    ASSERT(covered);
}

void shard_set_deinit(struct shard_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        shard_log_free(set->all[i]->log);
        free(set->all[i]);
    }
    free(set->all);
    free(set->open);
    *set = (struct shard_set){0};
}

struct shard *shard_set_restore(struct shard_set *set, const struct shard *saved)
{
    struct shard *shard = add_shard(set, saved->first, saved->last, saved->created_ns);
    shard->parent = saved->parent;
    shard->adjacent_parent = saved->adjacent_parent;
    shard->created_s = saved->created_s;
    shard->closed_ns = saved->closed_ns;
    return shard;
}

static int compare_first(const void *a, const void *b)
{
    const struct shard *const *x = a;
    const struct shard *const *y = b;
    return ((*x)->first > (*y)->first) - ((*x)->first < (*y)->first);
}

bool shard_set_reopen(struct shard_set *set)
{
    set->open = xreallocarray(set->open, set->count + 1, sizeof(struct shard *));
    set->open_count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->all[i]->closed_ns == 0) {
            set->open[set->open_count++] = set->all[i];
        }
    }
    if (set->open_count == 0) {
        return false;
    }
    qsort(set->open, set->open_count, sizeof(struct shard *), compare_first);
    bool covered = set->open[0]->first == 0 && set->open[set->open_count - 1]->last == U128_MAX;
    for (size_t i = 1; i < set->open_count; i++) {
        covered = covered && set->open[i]->first == set->open[i - 1]->last + 1;
    }
    return covered;
}

struct shard *shard_set_route(const struct shard_set *set, u128 hash)
{
    size_t low = 0;
    size_t high = set->open_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (set->open[middle]->first <= hash) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return set->open[low];
}

struct shard *shard_set_find(const struct shard_set *set, struct slice id)
{
    struct slice prefix = slice_of_text("shardId-");
    if (!slice_starts_with(id, prefix) || id.size > prefix.size + 12) {
        return NULL;
    }
    uint64_t index = 0;
    for (size_t i = prefix.size; i < id.size; i++) {
        unsigned digit = (unsigned)id.data[i] - '0';
        if (digit > 9) {
            return NULL;
        }
        index = index * 10 + digit;
    }
    return id.size > prefix.size && index < set->count ? set->all[index] : NULL;
}

static void reopen(struct shard_set *set)
{
    bool covered = shard_set_reopen(set);
    ASSERT(covered);
}

void shard_set_split(struct shard_set *set, struct shard *shard, u128 start, uint64_t real_ns)
{
    ASSERT(shard->closed_ns == 0 && start > shard->first && start <= shard->last);
    shard->closed_ns = real_ns;
    add_child(set, shard, shard->first, start - 1);
    add_child(set, shard, start, shard->last);
    reopen(set);
}

bool shards_adjacent(const struct shard *a, const struct shard *b)
{
    return (a->last != U128_MAX && a->last + 1 == b->first) ||
           (b->last != U128_MAX && b->last + 1 == a->first);
}

void shard_set_merge(struct shard_set *set, struct shard *shard, struct shard *adjacent,
                     uint64_t real_ns)
{
    ASSERT(shard->closed_ns == 0 && adjacent->closed_ns == 0 && shards_adjacent(shard, adjacent));
    shard->closed_ns = real_ns;
    adjacent->closed_ns = real_ns;
    u128 first = shard->first < adjacent->first ? shard->first : adjacent->first;
    u128 last = shard->last > adjacent->last ? shard->last : adjacent->last;
    struct shard *child = add_child(set, shard, first, last);
    child->adjacent_parent = adjacent->index;
    if (child->created_s <= adjacent->created_s) {
        child->created_s = adjacent->created_s + 1;
    }
    reopen(set);
}

void shard_set_resize(struct shard_set *set, uint32_t target, uint64_t real_ns)
{
    for (uint32_t i = 1; i < target; i++) {
        u128 start = uniform_start(i, target);
        struct shard *shard = shard_set_route(set, start);
        if (shard->first != start) {
            shard_set_split(set, shard, start, real_ns);
        }
    }
    for (uint32_t i = 0; i < target; i++) {
        u128 start = uniform_start(i, target);
        u128 last = i + 1 == target ? U128_MAX : uniform_start(i + 1, target) - 1;
        struct shard *shard = shard_set_route(set, start);
        while (shard->last != last) {
            shard_set_merge(set, shard, shard_set_route(set, shard->last + 1), real_ns);
            shard = shard_set_route(set, start);
        }
    }
}
