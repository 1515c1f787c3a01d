#include "sandbox/limits.h"

static const char *const names[LIMIT_COUNT_OF] = {
#define X(id, name, text) [id] = (name),
    LIMITS_LIST(X)
#undef X
};

struct limits limits_all(void)
{
    struct limits limits;
    for (size_t i = 0; i < LIMIT_COUNT_OF; i++) {
        limits.on[i] = true;
    }
    return limits;
}

const char *limit_name(enum limit limit)
{
    return names[limit];
}

static bool switch_off(struct limits *limits, struct slice name)
{
    for (size_t i = 0; i < LIMIT_COUNT_OF; i++) {
        if (slice_equal_text(name, names[i])) {
            limits->on[i] = false;
            return true;
        }
    }
    return false;
}

bool limits_switch_off(struct limits *limits, struct slice list)
{
    while (true) {
        const uint8_t *comma = list.size > 0 ? memchr(list.data, ',', list.size) : NULL;
        size_t size = comma != NULL ? (size_t)(comma - list.data) : list.size;
        if (!switch_off(limits, slice_of(list.data, size))) {
            return false;
        }
        if (comma == NULL) {
            return true;
        }
        list = slice_skip(list, size + 1);
    }
}
