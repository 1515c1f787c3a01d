// A small, fast, seedable generator (SplitMix64, Steele et al. 2014) for jitter, partition keys and
// tests. Not for secrets.
#pragma once

#include <stdint.h>

struct prng {
    uint64_t state;
};

static inline struct prng prng_of_seed(uint64_t seed)
{
    return (struct prng){.state = seed};
}

uint64_t prng_next(struct prng *prng);
// Uniform in [0, bound); bound must not be 0.
uint64_t prng_below(struct prng *prng, uint64_t bound);
