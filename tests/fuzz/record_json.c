// The JSON converter with and without `keep`, and the partition key out of the same record.
#include "base/assert.h"
#include "base/json_scan.h"
#include "base/utf8.h"
#include "record/convert.h"
#include "record/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert(struct string_list keep, struct slice text, struct buf *out)
{
    struct converter_config config = {.kind = CONVERTER_JSON, .keep = keep};
    struct converter *converter = converter_create_json(&config);
    struct conversion conversion = {.text = text, .out = out};
    buf_clear(out);
    bool done = converter->convert(converter, &conversion);
    ASSERT(!done || out->overflow || json_validate(buf_slice(out), NULL) == 0);
    ASSERT(keep.count != 0 || done == (json_validate(text, NULL) == 0));
    converter_free(converter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[] = "id";
    char path[] = "a.b";
    char *keep[] = {id, path};
    struct buf out;
    buf_init(&out, 1 << 20);
    convert((struct string_list){0}, slice_of(data, size), &out);
    convert((struct string_list){keep, 2}, slice_of(data, size), &out);
    if (key_from_field(slice_of(data, size), slice_of_text(id), &out)) {
        ASSERT(out.size != 0 && out.size <= KEY_BYTES_MAX && utf8_valid(buf_slice(&out)));
    }
    buf_deinit(&out);
    return 0;
}
