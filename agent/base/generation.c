#include "base/generation.h"

// FNV-1a with 64 bits (Fowler, Noll and Vo; draft-eastlake-fnv). Identity rests on the inode first;
// this only has to tell honest files apart.
struct fingerprint fingerprint_extend(struct fingerprint fingerprint, struct slice bytes)
{
    uint64_t hash = fingerprint.length == 0 ? 0xcbf29ce484222325u : fingerprint.hash;
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    }
    uint32_t length = fingerprint.length + (uint32_t)bytes.size;
    return (struct fingerprint){.length = length, .hash = hash};
}

struct fingerprint fingerprint_of(struct slice bytes)
{
    return fingerprint_extend((struct fingerprint){0}, bytes);
}

uint32_t generation_name(const char *path)
{
    uint64_t hash = fingerprint_of(slice_of_text(path)).hash;
    return (uint32_t)(hash ^ hash >> 32) & GENERATION_NAME_MAX;
}
