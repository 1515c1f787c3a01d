#include "base/prng.h"

#include "base/assert.h"

uint64_t prng_next(struct prng *prng)
{
    uint64_t value = (prng->state += 0x9e3779b97f4a7c15u);
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    ASSERT(bound != 0);
    uint64_t low = -bound % bound;
    uint64_t value;
    do {
        value = prng_next(prng);
    } while (value < low);
    return value % bound;
}
