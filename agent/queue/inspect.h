// Reads the directory of a queue, also of one in use, and describes it for people: segments with
// their state, acknowledgements and books, the position of every source, dead letters. Changes
// nothing.
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/io.h"

// Appends the description to `out`. E_NOT_FOUND when `dir` holds no queue, E_CORRUPT when something
// in it is damaged (the description says where), or the error of the system.
NODISCARD int queue_inspect(struct io *io, const char *dir, struct buf *out);
