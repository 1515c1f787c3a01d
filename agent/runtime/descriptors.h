// The descriptors of the process. Log files, segments of queues and connections share one limit
// (RLIMIT_NOFILE, getrlimit(2)), which is 1,024 where nobody has set another.
#pragma once

#include <stdint.h>

#include "config/config.h"

// Raises the limit as far as the system lets it, and returns it.
uint64_t descriptors_raise(void);
// Leaves `open_files_max` of each flow as it is where the limit has room for it beside what else
// the flows need. Else the flows share what there is, in proportion and at least one each, and the
// log says so.
void descriptors_share(struct config *config, uint64_t limit);
