// Frames arbitrary bytes in arbitrary chunks under arbitrary limits; restarts at the position in
// between. The first bytes choose, the rest is the file.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICES = 9, MEMORY_MAX = 1 << 16 };

struct file {
    const uint8_t *data;
    size_t size;
};

static int64_t peek(void *context, uint64_t offset, uint8_t *room, size_t size)
{
    const struct file *file = context;
    size_t start = offset < file->size ? (size_t)offset : file->size;
    size_t count = file->size - start < size ? file->size - start : size;
    memcpy(room, file->data + start, count);
    return (int64_t)count;
}

static uint64_t take_all(struct framer *framer)
{
    struct record record;
    uint64_t bytes = 0;
    volatile uint8_t last = 0;
    while (framer_next(framer, &record)) {
        ASSERT(record.source_bytes != 0 && record.source_bytes <= UINT32_MAX);
        if (record.data.size != 0) {
            last = record.data.data[0];
            last = record.data.data[record.data.size - 1];
        }
        bytes += record.source_bytes;
    }
    (void)last;
    return bytes;
}

// Reads the file from `position` to its end, the last chunk followed by a time-out.
static uint64_t read_file(struct record_rules *rules, struct file *file, uint64_t position,
                          size_t step)
{
    struct framer_peek framer_peek = {.context = file, .read = peek};
    struct framer *framer = framer_create(rules, position, &framer_peek);
    uint64_t bytes = 0;
    for (uint64_t at = position; at < file->size; at += step) {
        size_t size = file->size - at < step ? (size_t)(file->size - at) : step;
        uint8_t *chunk = xmalloc(size);
        memcpy(chunk, file->data + at, size);
        framer_feed(framer, slice_of(chunk, size), at);
        bytes += take_all(framer);
        free(chunk);
        ASSERT(framer_memory(framer) <= MEMORY_MAX);
    }
    framer_expire(framer, UINT64_MAX - 1);
    bytes += take_all(framer);
    framer_finish(framer);
    bytes += take_all(framer);
    ASSERT(position + bytes == file->size && framer_position(framer) == file->size);
    framer_free(framer);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHOICES) {
        return 0;
    }
    char start[] = "^[^ ]";
    char end[] = "x$";
    char continuation[] = "^[ \t]";
    char ends[3][2] = {"\n", "", "x"};
    struct converter_config csv = {
        .kind = CONVERTER_CSV, .delimiter = (data[5] & 1) == 0 ? ',' : ' ', .header = true};
    char encodings[8][9] = {"", "", "utf-8", "utf-16", "utf-16be", "utf-32le", "latin1", "gb18030"};
    char line_endings[4][5] = {"lf", "crlf", "nul", "--"};
    unsigned encoding = data[8] % 8;
    unsigned least = encoding != 0 || data[8] / 8 % 4 != 0 ? 20 : 1;
    struct record_config config = {
        .lines = {.max_line = least + data[0] % 64U,
                  .encoding = encoding < 2 ? NULL : encodings[encoding],
                  .invalid_bytes = encoding == 0 ? INVALID_BYTES_KEEP : INVALID_BYTES_REPLACE,
                  .line_ending = line_endings[data[8] / 8 % 4],
                  .over_long = (enum over_long)(data[1] % 4),
                  .partial_line_timeout_ms = data[1] / 4 % 2},
        .multiline = {.max_lines = 1 + data[2] % 8U, .max_bytes = 1 + data[3], .timeout_ms = 1},
        .converters = &csv,
        .converter_count = data[5] / 2 % 2,
        .record_end = ends[data[4] % 3],
    };
    config.multiline.start = (data[4] & 0x80) == 0 ? NULL : start;
    config.multiline.end = (data[4] & 0x40) == 0 ? NULL : end;
    config.multiline.continuation = (data[4] & 0x20) == 0 ? NULL : continuation;
    struct destination_config to = {.service = SERVICE_KINESIS, .max_record_size = 300};
    struct stats stats = {0};
    struct record_rules *rules;
    ASSERT(record_rules_create(&config, &to, &stats, &rules) == 0);
    struct file file = {.data = data + CHOICES, .size = size - CHOICES};
    read_file(rules, &file, 0, 1 + data[6]);
    read_file(rules, &file, file.size == 0 ? 0 : data[7] % file.size, 1 + data[6]);
    record_rules_free(rules);
    return 0;
}
