#include "support/tempdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

char *tempdir_create(void)
{
    const char *base = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe)
    char *path = xasprintf("%s/kintail-test-XXXXXX", base == NULL ? "/tmp" : base);
    ASSERT(mkdtemp(path) != NULL);
    return path;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void tempdir_remove(char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS); // NOLINT(concurrency-mt-unsafe)
    free(path);
}
