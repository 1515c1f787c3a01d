#include <stdlib.h>

#include "base/alloc.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "record/convert.h"

struct json_converter {
    struct converter base;
    const struct string_list *keep;
};

static bool convert_kept(const struct string_list *keep, struct conversion *conversion)
{
    if (json_validate(conversion->text, NULL) != 0 ||
        json_kind_of(conversion->text) != JSON_OBJECT) {
        return false;
    }
    buf_append_byte(conversion->out, '{');
    for (size_t i = 0; i < keep->count; i++) {
        struct slice path = slice_of_text(keep->items[i]);
        struct slice value;
        if (json_find(conversion->text, path, &value) != 0) {
            continue;
        }
        json_write_name_slice(conversion->out, path);
        if (json_compact(value, conversion->out, NULL) != 0) {
            return false;
        }
    }
    buf_append_byte(conversion->out, '}');
    return true;
}

static bool convert(struct converter *base, struct conversion *conversion)
{
    const struct json_converter *converter = (const struct json_converter *)base;
    if (converter->keep->count != 0) {
        return convert_kept(converter->keep, conversion);
    }
    return json_compact(conversion->text, conversion->out, NULL) == 0;
}

static void free_converter(struct converter *base)
{
    free(base);
}

struct converter *converter_create_json(const struct converter_config *config)
{
    struct json_converter *converter = xcalloc(1, sizeof *converter);
    converter->base = (struct converter){.convert = convert, .free = free_converter};
    converter->keep = &config->keep;
    return &converter->base;
}
