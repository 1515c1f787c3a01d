// The files of shard logs: names, listing, and whole writes and reads.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"

// Returns owned memory.
char *shard_log_path(const char *dir, uint32_t shard, uint64_t file);
// The files of one shard in rising order, in owned memory.
NODISCARD int shard_log_list(struct io *io, const char *dir, uint32_t shard, uint64_t **out_files,
                             size_t *out_count);
// Writes at a place, making the file when it is missing. After an error the file ends there.
NODISCARD int shard_log_write(struct io *io, const char *path, struct slice data, uint64_t offset);
// Cuts the file off behind `size` bytes.
NODISCARD int shard_log_cut(struct io *io, const char *path, uint64_t size);
// Reads exactly `size` bytes into owned memory.
NODISCARD int shard_log_read_at(struct io *io, const char *path, uint64_t offset, uint64_t size,
                                uint8_t **out_data);
