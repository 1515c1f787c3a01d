#include "runtime/descriptors.h"

#include <sys/resource.h>

#include "base/log.h"
#include "queue/queue.h"

enum {
    RAISED_MAX = 1 << 20, // of Linux, fs.nr_open
    OF_PROCESS = 64,      // standard streams, sockets of clients, keys
    OF_FLOW = 32,         // inotify, listings, names that are resolved
    OF_REQUEST = 2,       // its connection, and the one that is tried beside it
};

uint64_t descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return RAISED_MAX;
    }
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max < RAISED_MAX ? limit.rlim_max : RAISED_MAX;
    if (raised.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        return raised.rlim_cur;
    }
    return limit.rlim_cur;
}

void descriptors_share(struct config *config, uint64_t limit)
{
    uint64_t files = 0;
    uint64_t others = OF_PROCESS;
    for (size_t i = 0; i < config->flow_count; i++) {
        const struct flow_config *flow = &config->flows[i];
        files += flow->source.open_files_max;
        others +=
            OF_FLOW + OF_REQUEST * flow->batch.in_flight_max + queue_descriptors(&flow->queue);
    }
    uint64_t least = limit / 4;
    uint64_t room = limit > others + least ? limit - others : least;
    if (files <= room) {
        return;
    }
    for (size_t i = 0; i < config->flow_count; i++) {
        uint64_t *max = &config->flows[i].source.open_files_max;
        uint64_t share = *max * room / files;
        *max = share > 0 ? share : 1;
    }
    log_warning(
        "the system gives %llu descriptors, open_files_max and the queues may take %llu: the"
        " flows share %llu open files; raise the limit (LimitNOFILE= of systemd, ulimit -n)",
        (unsigned long long)limit, (unsigned long long)(files + others), (unsigned long long)room);
}
