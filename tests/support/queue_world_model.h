// The inside of a queue world, shared by what programs do (queue_world.c) and by what must hold
// after an opening (queue_world_reopen.c).
#pragma once

#include "support/queue_world.h"

struct world_record *world_record_of(struct world *world, unsigned file, size_t index);
uint32_t world_source_bytes(const struct world *world, unsigned file, size_t index);
// Index of the record that begins at `offset`; there must be one.
size_t world_index_at(struct world *world, unsigned file, uint64_t offset);
void world_check_content(struct world *world, const struct queued_record *record, unsigned file,
                         size_t index);
// No name is given to two records.
void world_check_name(struct world *world, uint64_t epoch, uint64_t sequence, uint64_t instance);
struct world_mark *world_last_mark(struct world *world);
// The block in the making is in the log.
void world_commit_pending(struct world *world);
// Killed, or without power.
enum ending world_any_death(struct world *world);
