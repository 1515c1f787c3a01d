// The directory of one stream: `<data>/streams/<name>/` with `stream.json` and the shard logs. A
// name of only dots gets "@" in front, which no stream name can hold.
#pragma once

#include "base/compiler.h"
#include "sandbox/stream.h"

// Returns owned memory.
char *stream_dir(const struct stream_world *world, const char *name);
NODISCARD int stream_write_description(struct stream_world *world, const struct stream *stream);
// Fills the stream from the description in its directory. E_CORRUPT when it makes no sense.
NODISCARD int stream_read_description(struct stream_world *world, struct stream *stream);
void stream_delete_files(struct stream_world *world, const struct stream *stream);
// Replaces a file as a whole and makes that durable.
NODISCARD int file_replace(struct io *io, const char *dir, const char *name, struct slice content);
