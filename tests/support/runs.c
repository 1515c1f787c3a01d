#include "support/runs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

static uint64_t number_of(const char *variable, struct slice text)
{
    uint64_t number;
    if (number_parse_u64(text, &number) != 0) {
        fprintf(stderr, "%s: not a number: %.*s\n", variable, (int)text.size,
                (const char *)text.data);
        exit(EXIT_FAILURE); // NOLINT(concurrency-mt-unsafe)
    }
    return number;
}

static uint64_t count_of(struct slice text, uint64_t by_default)
{
    bool share = text.size > 0 && text.data[text.size - 1] == '%';
    if (!share) {
        return number_of("KINTAIL_RUNS", text);
    }
    text.size--;
    return by_default * number_of("KINTAIL_RUNS", text) / 100;
}

struct runs runs_wanted(uint64_t by_default)
{
    const char *count = getenv("KINTAIL_RUNS"); // NOLINT(concurrency-mt-unsafe)
    const char *seed = getenv("KINTAIL_SEED");  // NOLINT(concurrency-mt-unsafe)
    uint64_t first = seed == NULL ? 1 : number_of("KINTAIL_SEED", slice_of_text(seed));
    uint64_t runs = seed == NULL ? by_default : 1;
    if (count != NULL) {
        runs = count_of(slice_of_text(count), by_default);
    }
    return (struct runs){.first = first, .end = first + (runs > 0 ? runs : 1)};
}
