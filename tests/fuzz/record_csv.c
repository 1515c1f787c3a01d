// A header line and rows: whatever comes out of the converter is valid JSON with the same names.
#include <stdlib.h>

#include "base/assert.h"
#include "base/json_scan.h"
#include "record/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_members(struct slice object)
{
    struct json_walk walk;
    size_t count = 0;
    json_walk_init(&walk, object);
    while (json_walk_next(&walk)) {
        count++;
    }
    ASSERT(walk.error == 0);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);
    if (newline == NULL) {
        return 0;
    }
    struct slice head = slice_of(data, (size_t)(newline - data));
    struct slice row = slice_skip(slice_of(data, size), head.size + 1);
    struct converter_config config = {.kind = CONVERTER_CSV, .delimiter = ','};
    struct converter *converter = converter_create_csv(&config);
    struct members header;
    members_init(&header);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (csv_read_header(head, ',', &header)) {
        ASSERT(header.count != 0);
        struct conversion conversion = {.text = row, .header = &header, .out = &out};
        if (converter->convert(converter, &conversion) && !out.overflow) {
            ASSERT(json_validate(buf_slice(&out), NULL) == 0);
            ASSERT(count_members(buf_slice(&out)) == header.count);
        }
    }
    buf_deinit(&out);
    members_deinit(&header);
    converter_free(converter);
    return 0;
}
