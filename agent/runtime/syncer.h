// The syncer thread: makes the queues of all flows durable, so that no fdatasync ever stops a
// collector or a sender.
#pragma once

#include "base/io.h"
#include "queue/queue.h"

struct syncer; // opaque

struct syncer *syncer_create(struct io *io);
// Every queue has been removed.
void syncer_free(struct syncer *syncer);
// From any thread. The queue is borrowed until syncer_remove has returned.
void syncer_add(struct syncer *syncer, struct queue *queue);
void syncer_remove(struct syncer *syncer, struct queue *queue);
// There is work: the bell of the queues.
void syncer_ring(struct syncer *syncer);
