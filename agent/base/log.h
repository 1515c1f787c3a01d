// Log lines to standard error, one sentence each, with the "<N>" priority prefix that the journal
// reads (sd-daemon(3)). Any thread may log.
//
// Every call site limits itself: at most LOG_BURST lines in LOG_INTERVAL_S seconds; the next line
// that passes says how many were left out. Control characters are printed as '?'. Record contents
// and secrets do not belong here.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum { LOG_BURST = 5, LOG_INTERVAL_S = 10 };

enum log_level {           // the priorities of syslog(3)
    LOG_LEVEL_ERROR = 3,   // a person must act
    LOG_LEVEL_WARNING = 4, // degraded, acting by itself
    LOG_LEVEL_NOTICE = 5,  // start, stop, a change of state
    LOG_LEVEL_INFO = 6,    // files opened and closed
    LOG_LEVEL_DEBUG = 7,   // one line a batch
};

struct log_site {
    _Atomic uint64_t window_start_s;
    _Atomic uint32_t count;      // lines tried in this window
    _Atomic uint32_t suppressed; // lines left out since the last one that passed
};

// Sets the least urgent level that is printed. The default is LOG_LEVEL_NOTICE.
void log_set_level(enum log_level level);
// Whether lines carry the "<N>" prefix. The default is no.
void log_set_priority_prefix(bool on);

PRINTF_LIKE(3, 4)
void log_write(struct log_site *site, enum log_level level, const char *format, ...);

#define LOG_AT(level, ...)                               \
    do {                                                 \
        static struct log_site log_site_here;            \
        log_write(&log_site_here, (level), __VA_ARGS__); \
    } while (0)

#define log_error(...)   LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  LOG_AT(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
