// Hash keys: unsigned 128-bit numbers, written in decimal, and the hash of a partition key.
//
// A partition key is hashed with MD5 (RFC 1321), read as a big-endian number. Source: Kinesis Data
// Streams developer guide, "Partition Key".
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"

__extension__ typedef unsigned __int128 u128;

#define U128_MAX (~(u128)0)
enum { U128_TEXT_SIZE = 40 }; // 39 digits and a NUL

void u128_format(u128 value, char out_text[U128_TEXT_SIZE]);
// The whole text must be a decimal number without leading zeros. E_SYNTAX, or E_RANGE from 2^128
// on.
NODISCARD int u128_parse(struct slice text, u128 *out_value);

// Hashes partition keys. One hasher belongs to one thread.
struct key_hasher;
struct key_hasher *key_hasher_create(void);
void key_hasher_free(struct key_hasher *hasher);
u128 key_hasher_hash(struct key_hasher *hasher, struct slice partition_key);
