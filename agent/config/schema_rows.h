// For the files that hold rows of the table of settings: units, shorthands, and the parts that lie
// in another file than the table that has them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/schema.h"

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define TIB    (1024 * GIB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define END          \
    {                \
        .name = NULL \
    }
#define AT(s, m)   .offset = offsetof(struct s, m)
#define ALSO(s, m) .second_offset = offsetof(struct s, m)

// How files become records (schema_record.c).
extern const struct schema_choice schema_over_long[];
extern const struct schema_choice schema_invalid_bytes[];
extern const struct schema_choice schema_on_mismatch[];
extern const struct schema_table schema_multiline;
extern const struct schema_table schema_converter;
extern const struct schema_table schema_filter;
