#include "base/generation.h"

// FNV-1a with 64 bits (Fowler, Noll and Vo; draft-eastlake-fnv). Identity rests on the inode first;
// this only has to tell honest files apart.
struct fingerprint fingerprint_of(struct slice bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    }
    return (struct fingerprint){.length = (uint32_t)bytes.size, .hash = hash};
}
