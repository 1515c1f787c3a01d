// Allocation that either succeeds or does not return: with a durable queue and a supervisor, a
// restart is the recovery from memory exhaustion. Free the results with free().
#pragma once

#include <stddef.h>

#include "base/slice.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
// Grows or shrinks an array; aborts when count * size overflows.
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
// A NUL-terminated copy of the slice.
char *xstrndup(struct slice text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
