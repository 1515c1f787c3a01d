// Makes gzip files in memory (RFC 1952), without a time and a name in them: the same content gives
// the same bytes.
#pragma once

#include "base/buf.h"
#include "base/slice.h"

// Appends one member that holds `content`; several in a row are a gzip file too.
void gzip_bytes(struct buf *out, struct slice content);
