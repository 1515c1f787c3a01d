#include "source/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/generation.h"

enum {
    INPUT_BYTES = 64 * 1024,
    INPUT_BYTES_MAX = 1024 * 1024, // of one call without output
};

enum place {
    PLACE_START,   // before the first member
    PLACE_MEMBER,  // inside one
    PLACE_BETWEEN, // behind one: another one, zeros, or the end
    PLACE_DAMAGE,
};

struct gzip {
    struct io *io;
    int fd;
    enum place place;
    bool more; // of the content may come without more input
    z_stream z;
    uint64_t file_offset;     // of the byte behind the input
    uint64_t position;        // in the content
    struct fingerprint proof; // of the bytes of the file before file_offset
    uint8_t input[INPUT_BYTES];
};

static void *allocate(void *context, unsigned count, unsigned size)
{
    (void)context;
    return xcalloc(count, size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

struct gzip *gzip_create(struct io *io, int fd)
{
    enum { GZIP_ONLY = 16 };
    struct gzip *gzip = xmalloc(sizeof *gzip);
    gzip->io = io;
    gzip->fd = fd;
    gzip->place = PLACE_START;
    gzip->more = false;
    gzip->file_offset = 0;
    gzip->position = 0;
    gzip->proof = (struct fingerprint){0};
    gzip->z = (z_stream){.zalloc = allocate, .zfree = release};
    int status = inflateInit2(&gzip->z, MAX_WBITS + GZIP_ONLY);
    ASSERT(status == Z_OK);
    return gzip;
}

void gzip_free(struct gzip *gzip)
{
    if (gzip != NULL) {
        (void)inflateEnd(&gzip->z);
        free(gzip);
    }
}

// Returns whether there is something to inflate, or an error.
static int64_t fill(struct gzip *gzip)
{
    if (gzip->z.avail_in > 0 || gzip->more) {
        return 1;
    }
    int64_t count =
        gzip->io->pread(gzip->io, gzip->fd, gzip->input, sizeof gzip->input, gzip->file_offset);
    if (count <= 0) {
        return count;
    }
    size_t size = (size_t)count;
    size_t proof = size < TAIL_BYTES_MAX ? size : TAIL_BYTES_MAX;
    gzip->proof = fingerprint_of(slice_of(gzip->input + size - proof, proof));
    gzip->file_offset += size;
    gzip->z.next_in = gzip->input;
    gzip->z.avail_in = (unsigned)size;
    return 1;
}

static void skip_zeros(struct gzip *gzip)
{
    while (gzip->z.avail_in > 0 && *gzip->z.next_in == 0) {
        gzip->z.next_in++;
        gzip->z.avail_in--;
    }
}

// Inflates from what is in the buffer. Returns 0 or E_CORRUPT.
static int inflate_some(struct gzip *gzip)
{
    if (gzip->place == PLACE_BETWEEN) {
        skip_zeros(gzip);
        if (gzip->z.avail_in == 0) {
            return 0;
        }
    }
    if (gzip->place != PLACE_MEMBER) {
        int reset = inflateReset(&gzip->z);
        ASSERT(reset == Z_OK);
        gzip->place = PLACE_MEMBER;
    }
    int status = inflate(&gzip->z, Z_NO_FLUSH);
    gzip->more = status != Z_STREAM_END && gzip->z.avail_out == 0;
    if (status == Z_STREAM_END) {
        gzip->place = PLACE_BETWEEN;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
        gzip->place = PLACE_DAMAGE;
        return E_CORRUPT;
    }
    return 0;
}

int64_t gzip_read(struct gzip *gzip, uint8_t *room, size_t size)
{
    uint64_t input_max = gzip->file_offset + INPUT_BYTES_MAX;
    unsigned limit = size < UINT32_MAX ? (unsigned)size : UINT32_MAX;
    gzip->z.next_out = room;
    gzip->z.avail_out = limit;
    int64_t result = gzip->place == PLACE_DAMAGE ? E_CORRUPT : 0;
    while (result == 0 && gzip->z.avail_out > 0) {
        int64_t count = fill(gzip);
        if (count <= 0) {
            result = count;
            break;
        }
        result = inflate_some(gzip);
        if (result == 0 && gzip->file_offset > input_max) {
            result = E_AGAIN;
        }
    }
    unsigned given = limit - gzip->z.avail_out;
    gzip->position += given;
    return given > 0 ? given : result;
}

bool gzip_complete(const struct gzip *gzip)
{
    return gzip->place == PLACE_BETWEEN;
}

uint64_t gzip_position(const struct gzip *gzip)
{
    return gzip->position;
}

uint64_t gzip_file_position(const struct gzip *gzip)
{
    return gzip->file_offset - gzip->z.avail_in;
}

uint64_t gzip_missing_min(struct gzip *gzip, uint64_t file_size)
{
    // A trailer that is damaged itself tells anything; it fits when what is left may be so much
    // content, compressed up to so many times better than what was inflated. Damage may be noticed
    // late, so that some of that is not what it was, and longer or shorter.
    enum { LENGTH_BYTES = 4, SAMPLE_BYTES = 1024, FIT = 4 };
    uint8_t length[LENGTH_BYTES];
    uint64_t taken = gzip_file_position(gzip);
    uint64_t in = gzip->z.total_in; // of the member with the damage
    uint64_t out = gzip->z.total_out;
    if (gzip->place != PLACE_DAMAGE || in < SAMPLE_BYTES || file_size < taken + LENGTH_BYTES ||
        io_pread_all(gzip->io, gzip->fd, length, sizeof length, file_size - LENGTH_BYTES) !=
            LENGTH_BYTES) {
        return 0;
    }
    uint64_t told = load_u32(length);
    uint64_t missing = told > out ? told - out : 0;
    double left = (double)(file_size - taken) * (double)out / (double)in;
    return (double)missing <= FIT * left + (double)out ? missing : 0;
}

int gzip_check(struct gzip *gzip)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    size_t size = gzip->proof.length;
    if (size == 0) {
        return 0;
    }
    int64_t count = io_pread_all(gzip->io, gzip->fd, bytes, size, gzip->file_offset - size);
    if (count < 0) {
        return (int)count;
    }
    return fingerprint_equal(gzip->proof, fingerprint_of(slice_of(bytes, (size_t)count))) ? 0
                                                                                          : -ESTALE;
}
