// Patterns of files: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}` and `**` in any component, and what is
// excluded. A directory tree is walked with a set of states, so that one look at a directory serves
// every pattern, and a pattern never names more directories than exist.
//
// `*`, `?` and classes do not match a slash, and do not match a leading dot of a name unless the
// pattern spells the dot. `**` as a whole component stands for any number of directories; it does
// not go through symbolic links, so that a loop cannot make it endless. A backslash takes the next
// character as it is. Matching a name takes time proportional to pattern times name at worst.
//
// An exclude pattern with a slash is compared with the whole path, one without with the last
// component; excluded directories are not entered.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"

struct glob; // opaque, immutable

enum {
    GLOB_PATTERNS_MAX = 4096,    // after braces are spelled out
    GLOB_COMPONENTS_MAX = 16384, // of all patterns together
};

// Compiles the lists (copied). Fails with E_SYNTAX for an unclosed bracket or brace or an empty
// pattern, E_TOO_LARGE where braces multiply beyond the limits. `*out_bad`, when not NULL, is the
// text of the pattern at fault (borrowed from the lists).
NODISCARD int glob_create(const struct string_list *files, const struct string_list *exclude,
                          struct glob **out_glob, const char **out_bad);
void glob_free(struct glob *glob);

// The directories where the patterns start: the longest prefixes without a wildcard, each once.
size_t glob_base_count(const struct glob *glob);
const char *glob_base(const struct glob *glob, size_t index);

// A set of states is an array of this many words, owned by the caller.
size_t glob_state_words(const struct glob *glob);
// The states in which base `index` is entered.
void glob_start(const struct glob *glob, size_t index, uint64_t *out_states);
// Adds the states of the directory `name` inside one with `states`. `linked`: it is a symbolic
// link. Returns false when nothing below it can match.
bool glob_enter(const struct glob *glob, const uint64_t *states, const char *name, bool linked,
                uint64_t *out_states);
// Whether a file `name` in a directory with `states` matches a pattern.
bool glob_matches(const struct glob *glob, const uint64_t *states, const char *name);
bool glob_excluded(const struct glob *glob, const char *path);
// Whether a file in this directory can match, as far as the directory tells.
bool glob_matches_below(const struct glob *glob, const char *dir);
// Whether a path, absolute and without symbolic links, matches a pattern and is not excluded.
bool glob_matches_path(const struct glob *glob, const char *path);

// Whether one component matches one pattern without slashes and braces.
bool glob_component_matches(const char *pattern, const char *name);
