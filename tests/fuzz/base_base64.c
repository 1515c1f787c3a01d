// The strict base64 reader over any bytes: what it accepts is the one encoding of what it returns.
// The writer over the same bytes must come back.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    uint8_t *encoded = xmalloc(base64_encoded_size(size));
    struct buf decoded;
    buf_init(&decoded, size);
    if (base64_decode(text, &decoded) == 0) {
        ASSERT(base64_encoded_size(decoded.size) == size);
        base64_encode(buf_slice(&decoded), encoded);
        ASSERT(slice_equal(slice_of(encoded, size), text));
    } else {
        ASSERT(decoded.size == 0);
    }
    buf_clear(&decoded);
    base64_encode(text, encoded);
    ASSERT(base64_decode(slice_of(encoded, base64_encoded_size(size)), &decoded) == 0);
    ASSERT(slice_equal(buf_slice(&decoded), text));
    buf_deinit(&decoded);
    free(encoded);
    return 0;
}
