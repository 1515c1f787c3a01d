// The encoding of a file: its text to UTF-8, by iconv(3).
//
// Only encodings without state will do, in which a character is the same bytes wherever it stands:
// lines are cut out of the file and decoded one by one. What is not valid in the encoding becomes
// U+FFFD, one for each maximal subpart.
//
// An encoding belongs to one thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct encoding; // opaque

// E_SYNTAX when iconv does not know the name or the encoding will not do; why is a sentence for
// people (may be NULL with size 0). UTF-8 is decoded without iconv.
NODISCARD int encoding_open(const char *name, struct encoding **out_encoding, char *why,
                            size_t why_size);
void encoding_free(struct encoding *encoding);

// Bytes of a code unit: 1, 2 or 4.
size_t encoding_unit_bytes(const struct encoding *encoding);
// Appends UTF-8 text in the encoding. False when it has no such character.
bool encoding_encode(const struct encoding *encoding, struct slice text, struct buf *out);
// Appends the text as UTF-8. Returns the number of replacements.
size_t encoding_decode(const struct encoding *encoding, struct slice text, struct buf *out);
// Length of `text` without an incomplete character at its end. No encoding is UTF-8 here.
size_t encoding_whole_bytes(const struct encoding *encoding, struct slice text);
// The number of bytes whose UTF-8 is at most `text_bytes` long, if they are valid.
size_t encoding_source_bytes(const struct encoding *encoding, size_t text_bytes);
