// Any bytes as CBOR: skipping and reading agree, and what is read comes out of the writer as a
// document that reads the same.
#include <stdlib.h>

#include "aws/cbor.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_head(const struct cbor_item *item, struct buf *out)
{
    if (item->kind == CBOR_MAP && item->indefinite) {
        cbor_write_indefinite_map(out);
    } else if (item->kind == CBOR_MAP) {
        cbor_write_map(out, item->argument);
    } else if (item->indefinite) {
        cbor_write_indefinite_array(out);
    } else {
        cbor_write_array(out, item->argument);
    }
}

static void write_item(const struct cbor_item *item, struct buf *out)
{
    switch (item->kind) {
    case CBOR_UINT:
    case CBOR_NEGATIVE: // the writer has signed integers, which reach half as far
        cbor_write_u64(out, item->argument);
        break;
    case CBOR_ARRAY:
    case CBOR_MAP:
        write_head(item, out);
        break;
    case CBOR_TAG:
        cbor_write_tag(out, item->argument);
        break;
    case CBOR_BOOL:
        cbor_write_bool(out, item->boolean);
        break;
    case CBOR_NULL:
        cbor_write_null(out);
        break;
    case CBOR_FLOAT:
        cbor_write_double(out, item->number);
        break;
    case CBOR_BREAK:
        cbor_write_break(out);
        break;
    case CBOR_BYTES:
    case CBOR_TEXT:
        ASSERT(false);
    }
}

// Copies a document; strings that come in chunks become whole ones.
static void copy(struct slice document, struct buf *out)
{
    struct buf scratch;
    buf_init(&scratch, SIZE_MAX);
    struct cbor_reader reader = cbor_reader_of(document);
    struct cbor_reader ahead = reader;
    struct cbor_item item;
    while (cbor_next(&ahead, &item)) {
        if (item.kind == CBOR_TEXT) {
            cbor_write_text(out, cbor_read_string(&reader, CBOR_TEXT, &scratch));
        } else if (item.kind == CBOR_BYTES) {
            cbor_write_bytes(out, cbor_read_string(&reader, CBOR_BYTES, &scratch));
        } else {
            write_item(&item, out);
            reader = ahead;
        }
        ahead = reader;
    }
    ASSERT(reader.error == 0 && reader.rest.size == 0);
    buf_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice document = slice_of(data, size);
    struct cbor_reader reader = cbor_reader_of(document);
    cbor_skip(&reader);
    ASSERT(reader.depth == 0 || reader.error != 0);
    if (reader.error != 0) {
        return 0;
    }
    document.size -= reader.rest.size;
    struct buf once;
    struct buf twice;
    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    copy(document, &once);
    reader = cbor_reader_of(buf_slice(&once));
    cbor_skip(&reader);
    ASSERT(reader.error == 0 && reader.rest.size == 0);
    copy(buf_slice(&once), &twice);
    ASSERT(slice_equal(buf_slice(&once), buf_slice(&twice)));
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
