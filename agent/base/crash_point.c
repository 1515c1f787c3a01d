#include "base/crash_point.h"

#include <stdint.h>

#ifdef KINTAIL_CRASH_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static _Atomic uint64_t visits;

void crash_point(const char *name)
{
    const char *wanted = getenv("KINTAIL_CRASH_AT"); // NOLINT(concurrency-mt-unsafe)
    size_t length = wanted == NULL ? 0 : strlen(name);
    if (wanted == NULL || strncmp(wanted, name, length) != 0 || wanted[length] != ':') {
        return;
    }
    uint64_t count;
    if (number_parse_u64(slice_of_text(wanted + length + 1), &count) == 0 &&
        atomic_fetch_add(&visits, 1) + 1 == count) {
        (void)raise(SIGKILL);
    }
}

#endif
