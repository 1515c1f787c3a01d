#include "record/convert.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json_write.h"

int converter_create(const struct converter_config *config, struct pattern_stack *stack,
                     struct converter **out_converter)
{
    switch (config->kind) {
    case CONVERTER_REGEX:
        return converter_create_regex(config->pattern, stack, out_converter);
    case CONVERTER_PRESET:
        return converter_create_preset(config->preset, out_converter);
    case CONVERTER_CSV:
        *out_converter = converter_create_csv(config);
        return 0;
    case CONVERTER_JSON:
        *out_converter = converter_create_json(config);
        return 0;
    }
    UNREACHABLE("kind of converter");
}

void converter_free(struct converter *converter)
{
    if (converter != NULL) {
        converter->free(converter);
    }
}

void members_init(struct members *members)
{
    *members = (struct members){0};
    buf_init(&members->prefixes, SIZE_MAX / 2); // names come from the configuration or a header
}

void members_deinit(struct members *members)
{
    buf_deinit(&members->prefixes);
    free(members->ends);
    *members = (struct members){0};
}

void members_clear(struct members *members)
{
    buf_clear(&members->prefixes);
    members->count = 0;
}

void members_add(struct members *members, struct slice name)
{
    struct buf *prefixes = &members->prefixes;
    buf_append_byte(prefixes, members->count == 0 ? '{' : ',');
    json_write_string(prefixes, name);
    buf_append_byte(prefixes, ':');
    members->ends = xreallocarray(members->ends, members->count + 1, sizeof *members->ends);
    members->ends[members->count++] = prefixes->size;
}

void members_write_name(const struct members *members, size_t index, struct buf *out)
{
    size_t start = index == 0 ? 0 : members->ends[index - 1];
    buf_append(out, members->prefixes.data + start, members->ends[index] - start);
}
