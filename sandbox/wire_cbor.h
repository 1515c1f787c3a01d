// A CBOR request document as the value model of wire.h.
#pragma once

#include <jansson.h>

#include "base/slice.h"

// Returns an owned reference, or NULL when the body is not one well-formed map with text keys.
json_t *wire_cbor_read(struct slice body);
