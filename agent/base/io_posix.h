// The real struct io: Linux system calls.
#pragma once

#include "base/io.h"

// One instance for the process; it holds no state.
struct io *io_posix(void);
