#include "support/gzip_bytes.h"

#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/alloc.h"
#include "base/assert.h"

void gzip_bytes(struct buf *out, struct slice content)
{
    enum { GZIP = 16, MEMORY_LEVEL = 8 };
    z_stream z = {0};
    ASSERT(content.size < UINT32_MAX);
    int status = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, MEMORY_LEVEL,
                              Z_DEFAULT_STRATEGY);
    ASSERT(status == Z_OK);
    size_t size = deflateBound(&z, content.size);
    uint8_t *room = xmalloc(size);
    z.next_in = content.data;
    z.avail_in = (unsigned)content.size;
    z.next_out = room;
    z.avail_out = (unsigned)size;
    status = deflate(&z, Z_FINISH);
    ASSERT(status == Z_STREAM_END);
    buf_append(out, room, size - z.avail_out);
    (void)deflateEnd(&z);
    free(room);
}
