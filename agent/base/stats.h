// The counters of a flow, declared once: status, metrics and documentation come from this list.
// Each counter is written by one thread and read by any.
//
// The books (base/books.h) are not here: they live in the queue, because they survive restarts.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum stat_kind { STAT_COUNTER, STAT_GAUGE };

//    name                      kind          help
#define STATS_LIST(X)                                                                              \
    X(SOURCE_FILES, "files", STAT_GAUGE, "files that match the flow's patterns")                   \
    X(SOURCE_FILES_OPEN, "files_open", STAT_GAUGE, "of these, files with an open descriptor")      \
    X(SOURCE_FILES_POLLED, "files_polled", STAT_GAUGE,                                             \
      "of these, files that are polled because inotify does not tell of them")                     \
    X(SOURCE_DIRS_WATCHED, "directories_watched", STAT_GAUGE,                                      \
      "directories of the patterns whose changes inotify tells")                                   \
    X(SOURCE_DIRS_NO_INSTANCE, "directories_no_instance", STAT_GAUGE,                              \
      "directories polled because fs.inotify.max_user_instances is reached")                       \
    X(SOURCE_DIRS_NO_WATCH, "directories_no_watch", STAT_GAUGE,                                    \
      "directories polled because fs.inotify.max_user_watches is reached")                         \
    X(SOURCE_DIRS_NETWORK, "directories_network", STAT_GAUGE,                                      \
      "directories polled because they are on a network filesystem")                               \
    X(SOURCE_DIRS_REFUSED, "directories_refused", STAT_GAUGE,                                      \
      "directories polled because inotify may not watch them")                                     \
    X(SOURCE_LAG_BYTES, "lag_bytes", STAT_GAUGE, "bytes of matched files not yet read")            \
    X(SOURCE_READ_BYTES, "read_bytes", STAT_COUNTER, "bytes read from files")                      \
    X(SOURCE_ARCHIVES_BROKEN, "archives_broken", STAT_COUNTER,                                     \
      "compressed files that end early or are damaged")                                            \
    X(FILES_DELETED, "files_deleted", STAT_COUNTER, "shipped files deleted by after_ship")         \
    X(FILES_MOVED, "files_moved", STAT_COUNTER, "shipped files moved away by after_ship")          \
    X(FILES_FAILED, "files_failed", STAT_COUNTER, "attempts of after_ship that failed")            \
    X(RECORD_UNMATCHED, "unmatched", STAT_COUNTER, "records that no converter matched")            \
    X(RECORD_FILTERED, "filtered", STAT_COUNTER, "records dropped by a filter")                    \
    X(RECORD_OVER_LONG, "over_long", STAT_COUNTER, "records longer than max_line")                 \
    X(RECORD_BAD_UTF8, "bad_utf8", STAT_COUNTER,                                                   \
      "records in which invalid UTF-8, or what is invalid in the file's encoding, was replaced")   \
    X(RECORD_KEY_MISSING, "key_missing", STAT_COUNTER,                                             \
      "records without the field that the partition key is taken from")                            \
    X(QUEUE_BLOCKS, "queue_blocks", STAT_COUNTER, "blocks written to the queue")                   \
    X(QUEUE_SYNCS, "queue_syncs", STAT_COUNTER, "fdatasync calls that completed")                  \
    X(QUEUE_CONDEMNED, "queue_condemned", STAT_COUNTER, "segments condemned after a failed sync")  \
    X(QUEUE_WAITS, "queue_waits", STAT_COUNTER, "times the collector found the queue full")        \
    X(SINK_REQUESTS, "requests", STAT_COUNTER, "requests sent")                                    \
    X(SINK_REQUEST_FAILURES, "request_failures", STAT_COUNTER, "requests without a usable answer") \
    X(SINK_RECORDS_OFFERED, "records_offered", STAT_COUNTER, "records sent, repeats included")     \
    X(SINK_RECORDS_REFUSED, "records_refused", STAT_COUNTER, "records refused inside an answer")   \
    X(SINK_THROTTLED, "throttled", STAT_COUNTER, "of these, refused for throughput")               \
    X(SINK_BODY_BYTES, "body_bytes", STAT_COUNTER, "bytes of request bodies sent")                 \
    X(SINK_IN_FLIGHT, "in_flight", STAT_GAUGE, "requests waiting for an answer")                   \
    X(SINK_IN_FLIGHT_LIMIT, "in_flight_limit", STAT_GAUGE, "requests allowed at once")             \
    X(SINK_LAST_ACK_S, "last_ack_s", STAT_GAUGE, "time of the last acknowledgement (Unix seconds)")

enum stat_id {
#define X(id, name, kind, help) STAT_##id,
    STATS_LIST(X)
#undef X
        STAT_COUNT
};

struct stats {
    _Atomic uint64_t value[STAT_COUNT];
};

static inline void stats_add(struct stats *stats, enum stat_id stat, uint64_t amount)
{
    atomic_fetch_add_explicit(&stats->value[stat], amount, memory_order_relaxed);
}

static inline void stats_set(struct stats *stats, enum stat_id stat, uint64_t value)
{
    atomic_store_explicit(&stats->value[stat], value, memory_order_relaxed);
}

static inline uint64_t stats_get(const struct stats *stats, enum stat_id stat)
{
    return atomic_load_explicit(&stats->value[stat], memory_order_relaxed);
}

struct stat_info {
    const char *name;
    enum stat_kind kind;
    const char *help;
};

const struct stat_info *stat_info(enum stat_id stat);
