// Pieces that the operations of Data Streams share.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/call.h"

// Whether the account may have `more` open shards; false after call_fail.
bool kinesis_may_hold(struct call *call, uint64_t more);
// Fails the call because of the disk or memory of the sandbox itself.
void kinesis_storage_failed(struct call *call, int error);
void kinesis_write_shard(struct wire *wire, const struct shard *shard);
// The member HashKeyRange.
void kinesis_write_range(struct wire *wire, const struct shard *shard);
// Index of the shard behind `exclusive_id` (NULL for the first one); false after call_fail.
bool kinesis_first_shard(struct call *call, const struct stream *stream, const char *exclusive_id,
                         size_t *out_first);
