// Runs a fuzz target over its stored corpus, for builds without libFuzzer. Takes the same arguments
// (options start with '-').
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    const char *dir;
    unsigned files;
};

static int run_file(void *context, const char *name, enum file_kind kind)
{
    struct run *run = context;
    if (kind != FILE_REGULAR) {
        return 0;
    }
    char *path = xasprintf("%s/%s", run->dir, name);
    uint8_t *data;
    size_t size;
    int error = io_read_file(io_posix(), path, 64 << 20, &data, &size);
    if (error == 0) {
        LLVMFuzzerTestOneInput(data, size);
        run->files++;
        free(data);
    } else {
        fprintf(stderr, "%s: %s\n", path, error_text(error));
    }
    free(path);
    return error;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            continue;
        }
        run.dir = argv[i];
        int error = io_posix()->list(io_posix(), run.dir, run_file, &run);
        if (error != 0) {
            fprintf(stderr, "%s: %s\n", run.dir, error_text(error));
            return EXIT_FAILURE;
        }
    }
    printf("%u inputs\n", run.files);
    return run.files == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
