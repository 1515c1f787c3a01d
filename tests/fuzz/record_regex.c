// Patterns and presets against lines: "pattern\nsubject". A pattern that the check accepts must
// compile, match within its limits, and give valid JSON.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json_scan.h"
#include "record/convert.h"
#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(struct converter *converter, struct slice text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct conversion conversion = {.text = text, .out = &out};
    if (converter->convert(converter, &conversion) && !out.overflow) {
        ASSERT(json_validate(buf_slice(&out), NULL) == 0);
        ASSERT(json_kind_of(buf_slice(&out)) == JSON_OBJECT);
    }
    buf_deinit(&out);
    converter_free(converter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);
    size_t pattern_size = newline == NULL ? size : (size_t)(newline - data);
    struct slice subject =
        newline == NULL ? slice_of(data, size) : slice_skip(slice_of(data, size), pattern_size + 1);
    char *pattern = xstrndup(slice_of(data, pattern_size));
    char why[200];
    struct pattern_stack *stack = pattern_stack_create();
    struct converter *converter;
    if (record_check_regex(pattern, true, why, sizeof why)) {
        ASSERT(converter_create_regex(pattern, stack, &converter) == 0);
        convert(converter, subject);
    } else {
        ASSERT(why[0] != '\0');
    }
    ASSERT(converter_create_preset("combined", &converter) == 0);
    convert(converter, subject);
    pattern_stack_free(stack);
    free(pattern);
    return 0;
}
