// One scalar setting between its text and its place in a struct, by its row in the table.
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "config/schema.h"

// Parses `text` into the member of `base` that the row names, within its range; an old text there
// is freed. On error nothing is changed and `why` gets a sentence for people. Rows that are no
// scalars (maps, lists) are not for this function; of rows that are both it takes the scalar form.
NODISCARD int value_parse(const struct schema_field *field, const char *text, void *base, char *why,
                          size_t why_size);

// Appends the value as YAML that value_parse reads back from a file (secrets as SCHEMA_HIDDEN).
void value_format(const struct schema_field *field, const void *base, struct buf *out);
// Appends text as a YAML scalar: plain where that is safe, else in double quotes. "${" becomes
// "$${".
void value_format_text(const char *text, struct buf *out);
// Appends a number as the row writes it (64MiB, 10s, 500).
void value_format_number(const struct schema_field *field, uint64_t value, struct buf *out);
// Appends the range of numbers of the row in its unit, "1KiB to 10MiB".
void value_format_range(const struct schema_field *field, struct buf *out);
// Appends the names of the choices, "a, b, c".
void value_format_choices(const struct schema_choice *choices, struct buf *out);

// The members that rows point at.
unsigned *value_enum(const struct schema_field *field, void *base);
uint64_t *value_number(const struct schema_field *field, void *base);
char **value_text(const struct schema_field *field, void *base);
struct string_list *value_texts(const struct schema_field *field, void *base);
