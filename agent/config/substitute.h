// ${VAR} in the values of a configuration. Happens after parsing, so that nothing in a variable can
// become structure.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"

// Appends `text` to `out` with ${NAME} replaced by the variable, ${NAME:-words} by the words where
// it is unset or empty, and $${ by ${. A $ in front of anything else stays. What a variable holds
// is not looked at again. Returns 0; or E_CONFIG with a sentence for people in `why`.
NODISCARD int substitute(const char *text, const char *(*getenv)(const char *name), struct buf *out,
                         char *why, size_t why_size);
