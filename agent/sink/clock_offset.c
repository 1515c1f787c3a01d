#include "sink/clock_offset.h"

#include <string.h>
#include <time.h>

#include "base/error.h"

uint64_t clock_offset_apply(const struct clock_offset *offset, uint64_t real_ns)
{
    return real_ns + (uint64_t)offset->seconds * NS_PER_S;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

bool clock_offset_adopt(struct clock_offset *offset, const char *date, uint64_t real_ns)
{
    int64_t service;
    if (http_date_parse(date, &service) != 0) {
        return false;
    }
    int64_t ours = (int64_t)(real_ns / NS_PER_S);
    if (distance(service, ours + offset->seconds) < CLOCK_OFFSET_MIN_S) {
        return false;
    }
    int64_t seconds = service - ours;
    offset->seconds = distance(seconds, 0) < CLOCK_OFFSET_MIN_S ? 0 : seconds;
    return true;
}

int http_date_parse(const char *text, int64_t *out_seconds)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end == NULL || *end != '\0' || tm.tm_year < 70) {
        return E_SYNTAX;
    }
    *out_seconds = (int64_t)timegm(&tm);
    return 0;
}
