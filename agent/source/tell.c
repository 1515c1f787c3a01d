// What the owner is told of a file, with the path that the file has.
#include "source/state.h"

void tell_generation(struct source *source, const struct source_file *file)
{
    char path[PATH_MAX];
    struct generation told = file_told(file, path);
    source->events.generation(source->events.context, &told);
}

void tell_lost(struct source *source, const struct source_file *file, uint64_t bytes,
               enum source_loss loss)
{
    char path[PATH_MAX];
    struct generation told = file_told(file, path);
    source->events.lost(source->events.context, &told, bytes, loss);
}

void tell_skipped(struct source *source, const struct source_file *file, uint64_t bytes)
{
    char path[PATH_MAX];
    struct generation told = file_told(file, path);
    source->events.skipped(source->events.context, &told, bytes);
}

void tell_copied(struct source *source, const struct source_file *file, uint64_t original)
{
    char path[PATH_MAX];
    struct generation told = file_told(file, path);
    if (source->events.copied != NULL) {
        source->events.copied(source->events.context, &told, original);
    }
}
