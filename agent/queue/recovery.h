// What the parts of recovery share: finding the segments (open_find.c), reading the log (open.c),
// replacing its tail (open_replace.c). Nothing else includes it.
#pragma once

#include <errno.h>

#include "base/error.h"
#include "queue/queue_internal.h"

struct found_segment {
    struct segment *segment;
    struct segment_header header;
    uint64_t size; // of the file
    bool header_bad;
};

// To be set aside: its header is not sound.
struct bad_segment {
    char name[SEGMENT_NAME_MAX];
    bool sealed; // it has a footer, which tells where the log goes on
};

struct recovery {
    struct queue *queue;
    struct queue_report *report;
    struct found_segment *found; // in the order of their sequences
    size_t count;
    size_t tail;       // index of the first unsealed segment, `count` when there is none
    uint64_t end;      // first sequence behind the last valid record
    uint64_t lost_end; // the same of a sealed segment that is to be set aside, 0: none
    struct bad_segment *bad;
    size_t bad_count;
    uint64_t bad_epoch; // the highest in their names
    bool tail_stays;    // for want of room it was not copied
    bool ack_found;
    struct buf payload;
};
// Whether an error says what is in a file. The others say that the disk could not tell: what it
// could not read is not given up, the opening fails and is tried again.
static inline bool recovery_is_damage(int error)
{
    return error == E_CORRUPT || error == E_TRUNCATED || error == E_VERSION;
}

static inline bool recovery_is_no_space(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

// Finds and opens the segments, oldest first; removes what was replaced, sets bad ones aside.
NODISCARD int recovery_find_segments(struct recovery *recovery);
void recovery_forget(struct recovery *recovery, size_t index);
NODISCARD int recovery_unlink(struct recovery *recovery, size_t index);
// Moves `*offset` behind a block of a segment, to the next one that can be read.
NODISCARD int recovery_pass_over(const struct recovery *recovery, const struct segment *segment,
                                 bool sound, const struct block_header *header, uint64_t *offset);
// Writes down what recovery has found, in the order of the crash argument.
NODISCARD int recovery_commit(struct recovery *recovery);
// Sets aside what cannot be read. Not before the rest is written down: until then a segment that
// is missing would take with it what was not sealed behind it.
NODISCARD int recovery_set_aside(struct recovery *recovery);
