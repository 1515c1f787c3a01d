// Partition keys that a record decides: a field of its JSON object, or a hash of its data.
//
// A key has at most 256 characters (AWS: PutRecordsRequestEntry, PartitionKey), counted as UTF-16
// code units to be safe; a longer one is cut between characters. Not valid UTF-8 becomes U+FFFD.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { KEY_UNITS_MAX = 256, KEY_BYTES_MAX = 3 * KEY_UNITS_MAX, KEY_HASH_BYTES = 32 };

// Replaces `key` by the text of the member at the dotted path. Strings are unescaped, numbers and
// booleans as they are written. False when `data` is no JSON object, or the member is missing,
// empty, null, an array or an object.
bool key_from_field(struct slice data, struct slice path, struct buf *key);
// Replaces `key` by 32 hexadecimal digits. The same data has the same key in every version.
void key_from_hash(struct slice data, struct buf *key);
