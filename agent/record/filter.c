#include "record/filter.h"

int filter_init(struct filter *filter, const struct filter_config *config,
                struct pattern_stack *stack)
{
    *filter = (struct filter){0};
    int error = pattern_list_create(&config->include, stack, &filter->include);
    if (error != 0) {
        return error;
    }
    error = pattern_list_create(&config->exclude, stack, &filter->exclude);
    if (error != 0) {
        pattern_list_free(&filter->include);
    }
    return error;
}

void filter_deinit(struct filter *filter)
{
    pattern_list_free(&filter->include);
    pattern_list_free(&filter->exclude);
}

bool filter_passes(const struct filter *filter, struct slice text)
{
    if (filter->include.count != 0 && !pattern_list_matches(&filter->include, text)) {
        return false;
    }
    return filter->exclude.count == 0 || !pattern_list_matches(&filter->exclude, text);
}
