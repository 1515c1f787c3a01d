// Random JSON documents from a seed.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/prng.h"

// Appends one document twice: without white space to `compact`, and with white space wherever RFC
// 8259 allows it to `spaced`. Numbers, escapes, duplicate and empty names come in all their forms.
void random_json(struct prng *prng, struct buf *compact, struct buf *spaced);
