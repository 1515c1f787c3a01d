// after_ship: deletes or moves rotated files once every flow that matches them has shipped all of
// them. A thread of its own, because file systems may hang, and because a file may concern several
// flows. Made only when a flow asks for it.
//
// What is acted on: a generation whose end is proven, under a name other than the one it began to
// live under, of which nothing was lost, dropped, dead-lettered, damaged or skipped, all of whose
// records are settled in every flow that knows it, with positions and acknowledgements on disk, and
// which no flow may still come to know. The file is looked at twice, with a checkpoint of the
// queues in between, and must not have changed; nobody may have it open for writing, as far as the
// system tells; its head and tail must be what was read.
//
// Crash argument: a file to be deleted is first renamed to a hidden name beside it, so that it can
// be checked once more that it is the file that was meant, and not one that a rotation put in its
// place just then. After a crash at any point the file is there under one of the two names with its
// generation in the queue, and what was begun is done again; or it is gone, and was shipped.
//
// Diagnostics: what fails is logged once for each file, tried again with backoff, counted, and said
// in `status --files`.
#pragma once

#include <stddef.h>

#include "base/compiler.h"
#include "base/io.h"
#include "config/config.h"
#include "runtime/flow.h"

struct janitor; // opaque

// Whether what after_ship says can work, as far as it can be known before anything is read; logs
// what cannot.
NODISCARD bool janitor_check(struct io *io, const struct config *config);
// Starts the thread, and returns NULL when no flow has anything for it. The flows stay the
// caller's, and outlive the janitor.
struct janitor *janitor_create(struct io *io, struct flow **flows, size_t flow_count);
// Ends the thread after what it is doing now.
void janitor_free(struct janitor *janitor);
