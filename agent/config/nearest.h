// What somebody may have meant: the closest of some known names.
#pragma once

#include <stddef.h>

// Edits between two words: a letter inserted, removed, replaced, or two neighbours swapped (optimal
// string alignment; Damerau 1964). Words longer than NEAREST_WORD_MAX are SIZE_MAX apart.
enum { NEAREST_WORD_MAX = 64 };
size_t nearest_distance(const char *a, const char *b);

// A search over any number of names: start with {.word = ...}, offer each, read `best`.
struct nearest {
    const char *word;
    const char *best; // NULL: nothing is close enough to be meant
    size_t distance;
};
void nearest_offer(struct nearest *nearest, const char *name);
