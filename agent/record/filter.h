// Whether a framed record is wanted, by its bytes before conversion and without its line ending.
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"
#include "record/pattern.h"

struct filter {
    struct pattern_list include;
    struct pattern_list exclude;
};

NODISCARD int filter_init(struct filter *filter, const struct filter_config *config,
                          struct pattern_stack *stack);
void filter_deinit(struct filter *filter);
// One of `include` must match, when there are any, and none of `exclude`.
bool filter_passes(const struct filter *filter, struct slice text);
