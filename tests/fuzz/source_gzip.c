// Inflates arbitrary bytes, which come in two parts and are read in arbitrary steps. However they
// come, the content is the same.
#include <fcntl.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"
#include "source/gzip.h"
#include "support/simfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MAX = 1 << 18 };

static int64_t read_on(struct gzip *gzip, size_t step, struct buf *content)
{
    uint8_t room[256];
    int64_t count = 0;
    while (content->size < CONTENT_MAX) {
        count = gzip_read(gzip, room, step);
        if (count <= 0 && count != E_AGAIN) {
            break;
        }
        if (count > 0) {
            buf_append(content, room, (size_t)count);
        }
        ASSERT(gzip_position(gzip) == content->size);
    }
    ASSERT(gzip_check(gzip) == 0);
    return count;
}

static int64_t read_file(struct slice first, struct slice rest, size_t step, struct buf *content)
{
    struct simfs *fs = simfs_create();
    struct io *io = simfs_io(fs);
    simfs_mkdir(fs, "/d");
    simfs_append(fs, "/d/f", first.data, first.size);
    int fd = io->open(io, "/d/f", O_RDONLY, 0);
    struct gzip *gzip = gzip_create(io, fd);
    (void)read_on(gzip, step, content);
    simfs_append(fs, "/d/f", rest.data, rest.size);
    int64_t result = read_on(gzip, step, content);
    ASSERT(result == 0 || result == E_CORRUPT || content->size >= CONTENT_MAX);
    ASSERT(gzip_file_position(gzip) <= first.size + rest.size);
    gzip_free(gzip);
    io->close(io, fd);
    simfs_free(fs);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct slice file = slice_of(data + 2, size - 2);
    size_t cut = file.size * data[0] / 256;
    struct buf parts;
    struct buf whole;
    buf_init(&parts, SIZE_MAX);
    buf_init(&whole, SIZE_MAX);
    int64_t a =
        read_file(slice_of(file.data, cut), slice_skip(file, cut), 1U + data[1] % 256U, &parts);
    int64_t b = read_file(file, slice_of(file.data, 0), 256, &whole);
    if (parts.size < CONTENT_MAX && whole.size < CONTENT_MAX) {
        ASSERT(a == b && slice_equal(buf_slice(&parts), buf_slice(&whole)));
    }
    buf_deinit(&parts);
    buf_deinit(&whole);
    return 0;
}
