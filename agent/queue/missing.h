// Which generations records may have come from that cannot be read any more.
#pragma once

#include "queue/queue_internal.h"

// Marks every generation that has a record at `first` or behind, and whose position moved where the
// sequences from `first` to before `end` were appended. Too many rather than too few: where the log
// does not tell when it moved, all of them. Called by the sender, or by recovery before there is
// one.
void queue_mark_missing(struct queue *queue, uint64_t first, uint64_t end);
