#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static _Atomic int level_max = LOG_LEVEL_NOTICE;
static _Atomic bool priority_prefix;

void log_set_level(enum log_level level)
{
    level_max = (int)level;
}

void log_set_priority_prefix(bool on)
{
    priority_prefix = on;
}

static bool site_admits(struct log_site *site, uint32_t *out_suppressed)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    uint64_t now_s = (uint64_t)now.tv_sec;
    if (now_s >= site->window_start_s + LOG_INTERVAL_S) {
        site->window_start_s = now_s;
        site->count = 0;
    }
    if (atomic_fetch_add(&site->count, 1) >= LOG_BURST) {
        atomic_fetch_add(&site->suppressed, 1);
        return false;
    }
    *out_suppressed = atomic_exchange(&site->suppressed, 0);
    return true;
}

// Values come from outside (names of files, answers of servers): none of them may start a line of
// its own.
static void keep_on_one_line(char *line)
{
    for (; *line != '\0'; line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7f) {
            *line = '?';
        }
    }
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
{
    uint32_t suppressed = 0;
    if ((int)level > level_max || !site_admits(site, &suppressed)) {
        return;
    }
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    keep_on_one_line(line);

    char prefix[8] = "";
    if (priority_prefix) {
        snprintf(prefix, sizeof prefix, "<%d>", (int)level);
    }
    char more[48] = "";
    if (suppressed != 0) {
        snprintf(more, sizeof more, " (and %u more like it)", suppressed);
    }
    fprintf(stderr, "%s%s%s\n", prefix, line, more);
}
