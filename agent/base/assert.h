// Assertions that stay on in release builds. They state what our own code guarantees; anything that
// comes from a file, the network, the environment or the configuration is checked, never asserted.
//
// Diagnostics: a failed assertion prints one line and aborts. The supervisor restarts the process
// and recovery takes it from there.
#pragma once

#include "base/compiler.h"

#define ASSERT(condition) \
    ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, __func__, #condition))
#define UNREACHABLE(why) assert_failed(__FILE__, __LINE__, __func__, "unreachable: " why)

NORETURN void assert_failed(const char *file, int line, const char *function, const char *what);
