// Numbers out of text, strictly: the whole text must be the number, nothing is skipped or wrapped.
// E_SYNTAX when it is not one, E_RANGE when it does not fit.
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"

NODISCARD int number_parse_u64(struct slice text, uint64_t *out_value);
// "64MiB", "1 GiB", "500 kB", "4096": B, kB, MB, GB are powers of ten, KiB, MiB, GiB, TiB of two.
NODISCARD int number_parse_size(struct slice text, uint64_t *out_bytes);
// "10s", "250ms", "5m", "1h30m", "2d". A bare number is refused, so that nobody guesses the unit.
NODISCARD int number_parse_duration(struct slice text, uint64_t *out_ms);

// The shortest exact spelling that the parsers above read back ("64MiB", "1500ms"). `text` gets a
// NUL.
enum { NUMBER_TEXT_MAX = 32 };
void number_format_size(uint64_t bytes, char text[NUMBER_TEXT_MAX]);
void number_format_duration(uint64_t ms, char text[NUMBER_TEXT_MAX]);
