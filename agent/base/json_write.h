// Compact JSON text, appended to a buffer (RFC 8259). The caller writes the punctuation; the
// buffer's sticky overflow is the only error.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

// Appends a quoted string. Control characters, '"' and '\' are escaped, everything else passes as
// it is; invalid UTF-8 becomes U+FFFD. Returns the number of replacements.
size_t json_write_string(struct buf *out, struct slice text);
// Appends `"name":`; a comma goes in front unless the last byte is '{' or '['.
void json_write_name(struct buf *out, const char *name);
void json_write_name_slice(struct buf *out, struct slice name);
