#include <stdlib.h>

#include "base/alloc.h"
#include "base/json_write.h"
#include "record/convert.h"

struct regex_converter {
    struct converter base;
    struct pattern *pattern;
    struct members names;
};

static bool convert(struct converter *base, struct conversion *conversion)
{
    struct regex_converter *converter = (struct regex_converter *)base;
    struct buf *out = conversion->out;
    if (!pattern_matches(converter->pattern, conversion->text)) {
        return false;
    }
    for (size_t i = 0; i < converter->names.count; i++) {
        members_write_name(&converter->names, i, out);
        struct slice text;
        if (pattern_group(converter->pattern, i, &text)) {
            conversion->replaced += json_write_string(out, text);
        } else {
            buf_append_text(out, "null");
        }
    }
    buf_append_text(out, converter->names.count == 0 ? "{}" : "}");
    return true;
}

static void free_converter(struct converter *base)
{
    struct regex_converter *converter = (struct regex_converter *)base;
    pattern_free(converter->pattern);
    members_deinit(&converter->names);
    free(converter);
}

int converter_create_regex(const char *pattern, struct pattern_stack *stack,
                           struct converter **out_converter)
{
    struct pattern *compiled;
    int error = pattern_create(pattern, stack, NULL, 0, &compiled);
    if (error != 0) {
        return error;
    }
    struct regex_converter *converter = xcalloc(1, sizeof *converter);
    converter->base = (struct converter){.convert = convert, .free = free_converter};
    converter->pattern = compiled;
    members_init(&converter->names);
    for (size_t i = 0; i < pattern_group_count(compiled); i++) {
        members_add(&converter->names, slice_of_text(pattern_group_name(compiled, i)));
    }
    *out_converter = &converter->base;
    return 0;
}
