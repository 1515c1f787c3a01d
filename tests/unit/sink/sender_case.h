// What the suites of the sender share: a world of its own for each test, run to its end.
#pragma once

#include "base/clock.h"
#include "support/sink_world.h"
#include "support/test_main.h"

static struct world *world;

static inline void make(const struct world_options *options)
{
    world = world_create(1, options);
}

static inline void teardown(void)
{
    world_free(world);
}

static inline void run(void)
{
    ck_assert(world_run(world, 3600 * NS_PER_S));
}

static inline struct books books(void)
{
    struct books now;
    queue_books(world->queue, &now);
    ck_assert(books_balance(&now));
    return now;
}

static inline const char *last_error(void)
{
    static char text[512];
    uint64_t at_ns;
    sender_last_error(world->sender, text, sizeof text, &at_ns);
    return text;
}
