#include "support/netstring.h"

#include "base/assert.h"
#include "base/number.h"

void netstring_read_all(FILE *stream, struct buf *out)
{
    uint8_t piece[1 << 16];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, stream)) > 0) {
        buf_append(out, piece, size);
    }
    ASSERT(!ferror(stream) && !out->overflow);
}

struct slice netstring_take(struct slice *rest)
{
    size_t digits = 0;
    while (digits < rest->size && rest->data[digits] != ':') {
        digits++;
    }
    uint64_t size = 0;
    ASSERT(number_parse_u64(slice_of(rest->data, digits), &size) == 0);
    struct slice content = slice_skip(*rest, digits + 1);
    ASSERT(size < content.size && content.data[size] == ',');
    *rest = slice_skip(content, (size_t)size + 1);
    return slice_of(content.data, (size_t)size);
}

void netstring_append(struct buf *out, struct slice content)
{
    buf_append_u64_decimal(out, content.size);
    buf_append_byte(out, ':');
    buf_append_slice(out, content);
    buf_append_byte(out, ',');
}
