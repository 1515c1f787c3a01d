// A profile, a key and a shared file, each up to a newline but the last: a value is a trimmed piece
// of one line of the file, and only a profile that exists has values.
#include <stdlib.h>

#include "aws/profile.h"
#include "base/alloc.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *take_line(struct slice *rest)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    size_t length = end == NULL ? rest->size : (size_t)(end - rest->data);
    char *line = xstrndup(slice_of(rest->data, length));
    *rest = slice_skip(*rest, end == NULL ? length : length + 1);
    return line;
}

static void check_value(struct slice text, struct slice value)
{
    ASSERT(value.data >= text.data && value.data + value.size <= text.data + text.size);
    ASSERT(memchr(value.data, '\n', value.size) == NULL);
    ASSERT(strchr(" \t\r", value.data[0]) == NULL || value.data[0] == '\0');
    uint8_t last = value.data[value.size - 1];
    ASSERT(strchr(" \t\r", last) == NULL || last == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    char *profile = take_line(&text);
    char *key = take_line(&text);
    for (int i = 0; i < 2; i++) {
        enum profile_file kind = i == 0 ? PROFILE_CONFIG : PROFILE_CREDENTIALS;
        bool exists = profile_exists(text, kind, profile);
        struct slice value = profile_get(text, kind, profile, key);
        ASSERT(exists || value.size == 0);
        if (value.size > 0) {
            check_value(text, value);
        }
    }
    free(profile);
    free(key);
    return 0;
}
