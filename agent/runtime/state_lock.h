// One daemon a state directory: an flock(2) on a file in it that names the holder.
#pragma once

#include <sys/types.h>

#include "base/compiler.h"
#include "base/io.h"

// Creates the directory when it is missing and takes the lock, held until the process ends. Returns
// the descriptor. E_LOCKED when another process has it, with its pid (0: unknown) in `*out_holder`.
NODISCARD int state_lock_take(struct io *io, const char *state_dir, pid_t *out_holder);
