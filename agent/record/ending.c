#include "record/ending.h"

struct slice ending_needed(const struct ending *ending)
{
    return slice_of(ending->bytes + ending->optional, ending->size - ending->optional);
}

// The byte of the ending that is looked for first: zeros are common in wide encodings.
static size_t telling_byte(struct slice needed)
{
    size_t at = 0;
    while (at + 1 < needed.size && needed.data[at] == 0) {
        at++;
    }
    return at;
}

bool ending_find(const struct ending *ending, struct slice text, uint64_t offset, size_t *out_at)
{
    struct slice needed = ending_needed(ending);
    size_t telling = telling_byte(needed);
    size_t at = telling;
    while (at + (needed.size - telling) <= text.size) {
        size_t window = text.size - at - (needed.size - telling) + 1;
        const uint8_t *found = memchr(text.data + at, needed.data[telling], window);
        if (found == NULL) {
            return false;
        }
        size_t start = (size_t)(found - text.data) - telling;
        if ((offset + start) % ending->width == 0 &&
            memcmp(text.data + start, needed.data, needed.size) == 0) {
            *out_at = start;
            return true;
        }
        at = start + telling + 1;
    }
    return false;
}

bool ending_find_last(const struct ending *ending, struct slice text, uint64_t offset,
                      size_t *out_end)
{
    struct slice needed = ending_needed(ending);
    for (size_t end = text.size; end >= needed.size; end--) {
        size_t start = end - needed.size;
        if ((offset + start) % ending->width == 0 && text.data[start] == needed.data[0] &&
            memcmp(text.data + start, needed.data, needed.size) == 0) {
            *out_end = end;
            return true;
        }
    }
    return false;
}

static bool begins(struct slice whole, struct slice tail)
{
    return tail.size < whole.size && slice_starts_with(whole, tail);
}

size_t ending_begun(const struct ending *ending, struct slice text, uint64_t offset,
                    bool with_optional)
{
    struct slice whole = slice_of(ending->bytes, ending->size);
    struct slice needed = ending_needed(ending);
    for (size_t start = text.size < whole.size ? 0 : text.size - whole.size + 1; start < text.size;
         start++) {
        struct slice tail = slice_skip(text, start);
        if ((offset + start) % ending->width == 0 &&
            ((with_optional && begins(whole, tail)) || begins(needed, tail))) {
            return tail.size;
        }
    }
    return 0;
}
