// A line of an access log: what a preset takes is a valid JSON object, and what "combined" takes
// "common" takes too.
#include "base/assert.h"
#include "base/json_scan.h"
#include "record/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool convert(const char *preset, struct slice text)
{
    struct converter *converter;
    ASSERT(converter_create_preset(preset, &converter) == 0);
    struct buf out;
    buf_init(&out, 1 << 20);
    struct conversion conversion = {.text = text, .out = &out};
    bool taken = converter->convert(converter, &conversion);
    ASSERT(!taken || out.overflow || json_validate(buf_slice(&out), NULL) == 0);
    buf_deinit(&out);
    converter_free(converter);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool common = convert("common", slice_of(data, size));
    bool combined = convert("combined", slice_of(data, size));
    ASSERT(common || !combined);
    return 0;
}
