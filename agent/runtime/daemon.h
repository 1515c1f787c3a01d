// The process: every flow, the threads they share, signals and the status socket.
//
// SIGTERM and SIGINT end it: reading stops at once, sending goes on until everything is shipped or
// shutdown_timeout is over, and the rest stays queued with exact positions. A second one ends it
// now.
#pragma once

#include <stdbool.h>

#include "base/io.h"
#include "config/config.h"

// Runs until it is told to stop; with `once`, until every file was read to its end and everything
// was shipped. Returns an exit status of sysexits(3).
int daemon_run(struct io *io, const struct config *config, bool once);
