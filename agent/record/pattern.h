// A compiled regular expression (PCRE2) with bounds on the work and the memory of a match: JIT
// where the machine has it, a match limit, and a JIT stack of fixed size that all patterns of a
// flow share.
//
// A pattern matches bytes, so that text in any encoding can match, unless the pattern itself holds
// characters beyond ASCII or starts with "(*UTF)": then it matches characters, and bytes that are
// not UTF-8 match nothing. It matches anywhere in the subject; "^" and "$" pin it.
//
// Diagnostics: a match that hits a limit counts as no match.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"

struct pattern;       // opaque
struct pattern_stack; // opaque: what matching needs beside the pattern; belongs to one thread

struct pattern_stack *pattern_stack_create(void);
void pattern_stack_free(struct pattern_stack *stack);

// Compiles `text`. On E_SYNTAX a message with the offset is in `why` (may be NULL with size 0).
// `stack` is borrowed and outlives the pattern.
NODISCARD int pattern_create(const char *text, struct pattern_stack *stack, char *why,
                             size_t why_size, struct pattern **out_pattern);
void pattern_free(struct pattern *pattern);

bool pattern_matches(struct pattern *pattern, struct slice subject);

// The named groups in the order of the pattern; a name that several groups share (with "(?J)" or
// "(?|") is one.
size_t pattern_group_count(const struct pattern *pattern);
const char *pattern_group_name(const struct pattern *pattern, size_t index);
// What the group took in the last match that was found, borrowed from its subject. False when it
// took no part.
bool pattern_group(const struct pattern *pattern, size_t index, struct slice *out_text);

// Several patterns of which one must match.
struct pattern_list {
    struct pattern **items;
    size_t count;
};

NODISCARD int pattern_list_create(const struct string_list *texts, struct pattern_stack *stack,
                                  struct pattern_list *out_list);
void pattern_list_free(struct pattern_list *list);
bool pattern_list_matches(const struct pattern_list *list, struct slice subject);
