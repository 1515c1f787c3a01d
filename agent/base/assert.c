#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *file, int line, const char *function, const char *what)
{
    fprintf(stderr, "<2>assertion failed at %s:%d in %s: %s\n", file, line, function, what);
    abort();
}
