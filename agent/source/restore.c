#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "source/identity.h"
#include "source/state.h"

void restore_known(struct source *source, const struct generation *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i].state == GENERATION_FORGET) {
            continue;
        }
        struct source_file *file = file_table_add(source->table, &known[i]);
        file->restored = true;
        file->announced = true;
        file->away = true;
        file->quiet_ns = source->now_ns;
        file->phase = known[i].state == GENERATION_LIVE ? FILE_LIVE : FILE_PAST;
        if (known[i].state == GENERATION_DELETED) {
            file->gone_ns = (known[i].seen_s + 1) * NS_PER_S;
            ring_append(&source->past, &file->waiting);
            source->past_count++;
        }
    }
}

static enum match match_of(struct fingerprint known, struct fingerprint found)
{
    if (known.length == 0) {
        return MATCH_UNKNOWN;
    }
    return fingerprint_equal(known, found) ? MATCH_EQUAL : MATCH_DIFFERENT;
}

// The tail that was stored may be shorter than what reader_tail would take.
static struct fingerprint read_tail(struct source *source, struct source_file *file)
{
    uint8_t bytes[TAIL_BYTES_MAX];
    size_t size = file->generation.tail.length;
    uint64_t position = file->generation.position;
    if (size == 0 || size > sizeof bytes || size > position ||
        reader_peek(source, file, bytes, size, position - size) != (int64_t)size) {
        return (struct fingerprint){0};
    }
    return fingerprint_of(slice_of(bytes, size));
}

void restore_found(struct source *source, struct source_file *file, const struct file_stat *stat)
{
    const struct generation *generation = &file->generation;
    file->restored = false;
    if (generation->device != stat->device || file->generation.birth_ns != stat->birth_ns) {
        file_table_move(source->table, file, stat->device, stat->inode, stat->birth_ns);
        life_announce(source, file);
    }
    uint8_t head[HEAD_BYTES_MAX];
    size_t size = generation->head.length < sizeof head ? generation->head.length : sizeof head;
    int64_t count = reader_peek(source, file, head, sizeof head, 0);
    if (count < 0) {
        return;
    }
    struct slice found = slice_of(head, (size_t)count < size ? (size_t)count : size);
    struct life_facts facts = {
        .size = stat->size,
        .position = generation->position,
        .head = match_of(generation->head, fingerprint_of(found)),
        .tail = match_of(generation->tail, read_tail(source, file)),
    };
    if (!identity_goes_on(&facts)) {
        life_truncated(source, file);
        return;
    }
    file->away = false;
    file_table_set_first(source->table, file, slice_of(head, (size_t)count));
    if (stat->size <= file->read_position) {
        reader_close(source, file);
    }
}

// ---- generations that no matching name leads to ----

struct search {
    struct source *source;
    const char *dir;
    char **found;
    size_t found_count;
};

static bool is_missing(const struct source_file *file)
{
    return file->restored && file->phase == FILE_LIVE;
}

static int look_at_entry(void *context, const char *name, enum file_kind kind)
{
    struct search *search = context;
    struct io *io = search->source->io;
    if (kind != FILE_REGULAR) {
        return 0;
    }
    struct file_stat stat;
    char *path = xasprintf("%s/%s", search->dir, name);
    bool missing = false;
    if (io->stat(io, path, false, &stat) == 0) {
        struct source_file *file = file_table_inode(search->source->table, stat.inode);
        for (; file != NULL && !missing; file = file->inode_next) {
            missing = is_missing(file) && file->generation.inode == stat.inode;
        }
    }
    if (!missing) {
        free(path);
        return 0;
    }
    search->found = xreallocarray(search->found, search->found_count + 1, sizeof *search->found);
    search->found[search->found_count++] = path;
    return 0;
}

static void search_dir(struct source *source, const char *dir)
{
    struct search search = {.source = source, .dir = dir};
    (void)source->io->list(source->io, dir, look_at_entry, &search);
    for (size_t i = 0; i < search.found_count; i++) {
        struct name *name = tree_follow(source->tree, search.found[i]);
        if (name != NULL) {
            tree_look(source->tree, name);
        }
        free(search.found[i]);
    }
    free(search.found);
}

static void search_dirs_of_missing(struct source *source)
{
    char **dirs = NULL;
    size_t count = 0;
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        const struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        const char *slash = strrchr(file->generation.path, '/');
        if (!is_missing(file) || slash == NULL) {
            continue;
        }
        char *dir =
            xstrndup(slice_of(file->generation.path, (size_t)(slash - file->generation.path)));
        bool seen = false;
        for (size_t i = 0; i < count && !seen; i++) {
            seen = strcmp(dirs[i], dir) == 0;
        }
        if (seen) {
            free(dir);
            continue;
        }
        dirs = xreallocarray(dirs, count + 1, sizeof *dirs);
        dirs[count++] = dir;
    }
    for (size_t i = 0; i < count; i++) {
        search_dir(source, dirs[i]);
        free(dirs[i]);
    }
    free(dirs);
}

void restore_search(struct source *source)
{
    search_dirs_of_missing(source);
    struct name *name;
    while ((name = tree_take(source->tree)) != NULL) {
        life_look(source, name);
    }
    struct link *all = file_table_all(source->table);
    for (struct link *link = all->next; link != all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (is_missing(file)) {
            life_orphan(source, file);
        } else if (file->restored && !link_in_ring(&file->waiting)) {
            life_past(source, file);
        }
    }
}
