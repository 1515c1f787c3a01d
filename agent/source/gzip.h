// The content of a gzip file (RFC 1952), inflated as a stream: one or more members one after the
// other, empty ones too, with zeros behind them. The file may still be written: what is there is
// inflated, and more of it later.
//
// Memory is fixed: an input buffer and the window of deflate (RFC 1951), whatever the file says.
// Belongs to one thread.
//
// Diagnostics: E_CORRUPT is about the file (not gzip, deflate that makes no sense, a checksum or
// length that is not that of the content, something else behind a member). It comes after all the
// content before the damage was given out, stays, and concerns nothing but this stream.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"

struct gzip; // opaque

// A stream over the file behind `fd` (borrowed, of `io`), at its start.
struct gzip *gzip_create(struct io *io, int fd);
void gzip_free(struct gzip *gzip);

// Inflates the next bytes of the content. Returns their number; 0 at the end of what is in the file
// now (see gzip_complete); E_AGAIN after much input without output (call again); E_CORRUPT, or an
// error of io.
NODISCARD int64_t gzip_read(struct gzip *gzip, uint8_t *room, size_t size);

// Whether what was read so far ends with a whole member: a file that ends here is not cut off.
bool gzip_complete(const struct gzip *gzip);
// How much of the content was given out.
uint64_t gzip_position(const struct gzip *gzip);
// How much of the file that took; what of it is read ahead does not count.
uint64_t gzip_file_position(const struct gzip *gzip);
// How much content the damage costs at least, by the length that the last trailer of a file of this
// size tells (RFC 1952, ISIZE), where that fits what is left of the file; 0: that is not known.
uint64_t gzip_missing_min(struct gzip *gzip, uint64_t file_size);
// Whether the bytes of the file that lie just before what was taken in are still there: 0, -ESTALE
// when not (the file was cut or written anew), or an error of io.
NODISCARD int gzip_check(struct gzip *gzip);
