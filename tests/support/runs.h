// How many runs a test makes that draws its cases from seeds, and from which seed on.
#pragma once

#include <stdint.h>

struct runs {
    uint64_t first; // seed
    uint64_t end;   // the seed behind the last one
};

// From seed 1 on `by_default` runs. KINTAIL_RUNS asks for another number, "5000", or for a share of
// `by_default`, "10%" (at least one run). KINTAIL_SEED asks for that seed alone, with KINTAIL_RUNS
// for so many from there on. What is not a number ends the program.
struct runs runs_wanted(uint64_t by_default);
