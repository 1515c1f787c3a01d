#include "config/substitute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

static bool is_name_byte(char byte, bool first)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
           (!first && byte >= '0' && byte <= '9');
}

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (is_name_byte(text[length], length == 0)) {
        length++;
    }
    return length;
}

// Replaces one reference; `text` is behind "${". Returns where it ends, NULL after a mistake.
static const char *replace(const char *text, const char *(*getenv)(const char *name),
                           struct buf *out, char *why, size_t why_size)
{
    size_t length = name_length(text);
    const char *behind = text + length;
    bool has_fallback = strncmp(behind, ":-", 2) == 0;
    const char *end = strchr(behind, '}');
    if (length == 0 || end == NULL || (!has_fallback && end != behind)) {
        snprintf(why, why_size,
                 "\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\"");
        return NULL;
    }
    char *name = xstrndup(slice_of(text, length));
    const char *value = getenv == NULL ? NULL : getenv(name);
    if (has_fallback && (value == NULL || value[0] == '\0')) {
        buf_append(out, behind + 2, (size_t)(end - behind) - 2);
    } else if (value == NULL) {
        snprintf(why, why_size,
                 "the environment variable %.100s is not set; set it, or write ${%.100s:-value}",
                 name, name);
        end = NULL;
    } else if (!utf8_valid(slice_of_text(value))) {
        snprintf(why, why_size, "the environment variable %.100s is not UTF-8", name);
        end = NULL;
    } else {
        buf_append_text(out, value);
    }
    free(name);
    return end == NULL ? NULL : end + 1;
}

int substitute(const char *text, const char *(*getenv)(const char *name), struct buf *out,
               char *why, size_t why_size)
{
    for (;;) {
        const char *dollar = strstr(text, "${");
        if (dollar == NULL) {
            buf_append_text(out, text);
            break;
        }
        bool literal = dollar > text && dollar[-1] == '$';
        buf_append(out, text, (size_t)(dollar - text) - (literal ? 1 : 0));
        if (literal) {
            buf_append_text(out, "${");
            text = dollar + 2;
            continue;
        }
        text = replace(dollar + 2, getenv, out, why, why_size);
        if (text == NULL) {
            return E_CONFIG;
        }
    }
    if (out->overflow) {
        snprintf(why, why_size, "too long after the environment variables are put in");
        return E_CONFIG;
    }
    return 0;
}
