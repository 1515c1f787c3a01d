// Segment files: a header page, a snapshot of all known generations, then blocks; a footer block
// when it is complete and on disk. Written once from front to back by the process that created it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/io.h"
#include "queue/block.h"
#include "queue/positions.h"

enum {
    SEGMENT_PAGE_BYTES = 4096,
    SEGMENT_NAME_MAX = 48,
    FLOW_NAME_MAX = 64,
    BOOT_ID_BYTES = 37, // with NUL
};

struct segment_header {
    uint64_t epoch;          // of the opening of the queue that made it
    uint64_t first_sequence; // of its first record
    // Segments of an older epoch that begin at or behind this sequence are replaced by this one.
    uint64_t replaces_from;
    bool is_copy;        // made by recovery: all of it was on disk before it had its name
    uint64_t created_ns; // real time
    char boot_id[BOOT_ID_BYTES];
    char flow[FLOW_NAME_MAX + 1];
    uint64_t next_generation_id;
    uint64_t files_digest; // of the patterns, 0: never stored
    uint64_t snapshot_bytes;
    struct read_totals totals; // at the start of the segment
};

// "<first sequence>-<epoch>.seg", both in hexadecimal so that names sort.
void segment_name(uint64_t first_sequence, uint64_t epoch, char out_name[SEGMENT_NAME_MAX]);
bool segment_parse_name(const char *name, uint64_t *out_first_sequence, uint64_t *out_epoch);

// Offset of the first block.
uint64_t segment_data_offset(const struct segment_header *header);

// Creates the file (it must not exist) and writes header and snapshot; `snapshot_bytes` is filled
// in. Returns the descriptor, open for reading and writing; on an error nothing is left.
NODISCARD int segment_create(struct io *io, const char *path, struct segment_header *header,
                             const struct positions *positions);
// E_CORRUPT or E_TRUNCATED when there is no sound header, E_VERSION for another version's.
NODISCARD int segment_read_header(struct io *io, int fd, struct segment_header *out_header);
NODISCARD int segment_read_snapshot(struct io *io, int fd, const struct segment_header *header,
                                    struct positions *positions);

// Reads the block at `offset`, all of which must lie before `limit`. Returns 1, 0 when `offset` is
// at `limit`, E_TRUNCATED when it reaches beyond, E_CORRUPT when header or payload are damaged;
// `out_header` is written when the header is sound, so that its block can be passed over.
NODISCARD int segment_read_block(struct io *io, int fd, uint64_t offset, uint64_t limit,
                                 struct block_header *out_header, bool *out_header_sound,
                                 struct buf *payload);
// Offset of the next sound block header in [from, limit), or E_NOT_FOUND.
NODISCARD int segment_find_block(struct io *io, int fd, uint64_t from, uint64_t limit,
                                 uint64_t *out_offset);
// The footer at the end of a file of `size` bytes: 1, 0 when there is none, or what the disk says.
NODISCARD int segment_read_footer(struct io *io, int fd, uint64_t size,
                                  struct block_header *out_footer);
// Writes the footer at `offset`; everything before it is on disk.
NODISCARD int segment_write_footer(struct io *io, int fd, uint64_t offset,
                                   const struct block_header *footer);
// Writes a file over itself up to `until`: after a sync that failed its pages may count as clean
// although they never came to the disk, and no later sync would write them.
NODISCARD int segment_write_again(struct io *io, int fd, uint64_t until);
