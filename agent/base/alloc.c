#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("<2>out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size == 0 ? 1 : size));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *xrealloc(void *old, size_t size)
{
    return checked(realloc(old, size == 0 ? 1 : size));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count == 0 ? 1 : count, size == 0 ? 1 : size));
}

char *xstrdup(const char *text)
{
    return xstrndup(slice_of_text(text));
}

char *xstrndup(struct slice text)
{
    char *copy = xmalloc(text.size + 1);
    if (text.size != 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    checked(length < 0 ? NULL : text);
    return text;
}
