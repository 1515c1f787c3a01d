// The shared configuration files of AWS tools: sections of "key = value" lines. Source: AWS SDKs
// and Tools Reference Guide, "Shared config and credentials files".
#pragma once

#include <stdbool.h>

#include "base/slice.h"

enum profile_file {
    PROFILE_CONFIG,      // sections are [default] and [profile NAME]
    PROFILE_CREDENTIALS, // sections are [NAME]
};

// Whether the file has the profile.
bool profile_exists(struct slice text, enum profile_file kind, const char *profile);
// The value of a key (in any case) in a profile, an empty slice when there is none. Borrows from
// `text`. A later line wins. Indented lines belong to the key before them and are passed over.
struct slice profile_get(struct slice text, enum profile_file kind, const char *profile,
                         const char *key);
