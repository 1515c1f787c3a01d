#include "base/stats.h"

#include "base/assert.h"

static const struct stat_info infos[STAT_COUNT] = {
#define X(id, text, stat_kind, stat_help) {.name = text, .kind = stat_kind, .help = stat_help},
    STATS_LIST(X)
#undef X
};

const struct stat_info *stat_info(enum stat_id stat)
{
    ASSERT(stat < STAT_COUNT);
    return &infos[stat];
}
