#include "sandbox/stream_file.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sandbox/limits.h"

enum { DESCRIPTION_BYTES_MAX = 16 << 20 };

static const char description_name[] = "stream.json";

char *stream_dir(const struct stream_world *world, const char *name)
{
    bool dots = strspn(name, ".") == strlen(name);
    return xasprintf("%s/streams/%s%s", world->data_dir, dots ? "@" : "", name);
}

int file_replace(struct io *io, const char *dir, const char *name, struct slice content)
{
    char *path = xasprintf("%s/%s", dir, name);
    char *fresh = xasprintf("%s.tmp", path);
    int fd = io->open(io, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int error = fd < 0 ? fd : io_pwrite_all(io, fd, content.data, content.size, 0);
    if (error == 0) {
        error = io->fdatasync(io, fd);
    }
    if (fd >= 0) {
        io->close(io, fd);
    }
    if (error == 0) {
        error = io->rename(io, fresh, path);
    }
    if (error == 0) {
        error = io->sync_dir(io, dir);
    }
    free(fresh);
    free(path);
    return error;
}

static json_t *shard_document(const struct shard *shard)
{
    char first[U128_TEXT_SIZE];
    char last[U128_TEXT_SIZE];
    u128_format(shard->first, first);
    u128_format(shard->last, last);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "first", first, "last", last, "parent",
                     (json_int_t)shard->parent, "adjacent_parent",
                     (json_int_t)shard->adjacent_parent, "created_ns",
                     (json_int_t)shard->created_ns, "created_s", (json_int_t)shard->created_s,
                     "closed_ns", (json_int_t)shard->closed_ns);
}

int stream_write_description(struct stream_world *world, const struct stream *stream)
{
    json_t *shards = json_array();
    for (size_t i = 0; i < stream->shards.count; i++) {
        json_array_append_new(shards, shard_document(stream->shards.all[i]));
    }
    json_t *document =
        json_pack("{s:i, s:s, s:b, s:I, s:I, s:I, s:o}", "version", 1, "name", stream->name,
                  "on_demand", stream->on_demand, "created_ns", (json_int_t)stream->created_ns,
                  "retention_hours", (json_int_t)stream->retention_hours, "record_kib_max",
                  (json_int_t)stream->record_kib_max, "shards", shards);
    char *text = json_dumps(document, JSON_INDENT(1));
    int error = file_replace(world->io, stream->dir, description_name, slice_of_text(text));
    free(text);
    json_decref(document);
    return error;
}

static int read_shard(json_t *document, struct shard_set *set)
{
    struct shard shard = {0};
    const char *first;
    const char *last;
    json_int_t parent;
    json_int_t adjacent;
    json_int_t created_ns;
    json_int_t created_s;
    json_int_t closed_ns;
    if (json_unpack(document, "{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "first", &first, "last", &last,
                    "parent", &parent, "adjacent_parent", &adjacent, "created_ns", &created_ns,
                    "created_s", &created_s, "closed_ns", &closed_ns) != 0 ||
        u128_parse(slice_of_text(first), &shard.first) != 0 ||
        u128_parse(slice_of_text(last), &shard.last) != 0 || shard.first > shard.last ||
        parent >= (json_int_t)set->count || adjacent >= (json_int_t)set->count) {
        return E_CORRUPT;
    }
    shard.parent = parent < 0 ? NO_SHARD : parent;
    shard.adjacent_parent = adjacent < 0 ? NO_SHARD : adjacent;
    shard.created_ns = (uint64_t)created_ns;
    shard.created_s = (uint64_t)created_s;
    shard.closed_ns = (uint64_t)closed_ns;
    shard_set_restore(set, &shard);
    return 0;
}

static int read_document(json_t *document, struct stream *stream)
{
    int version;
    const char *name;
    int on_demand;
    json_int_t created_ns;
    json_int_t retention_hours;
    json_int_t record_kib_max;
    json_t *shards;
    if (json_unpack(document, "{s:i, s:s, s:b, s:I, s:I, s:I, s:o}", "version", &version, "name",
                    &name, "on_demand", &on_demand, "created_ns", &created_ns, "retention_hours",
                    &retention_hours, "record_kib_max", &record_kib_max, "shards", &shards) != 0 ||
        strlen(name) > STREAM_NAME_MAX) {
        return E_CORRUPT;
    }
    if (version != 1) {
        return E_VERSION;
    }
    snprintf(stream->name, sizeof(stream->name), "%s", name);
    stream->on_demand = on_demand != 0;
    stream->created_ns = (uint64_t)created_ns;
    stream->retention_hours = (uint32_t)retention_hours;
    stream->record_kib_max = (uint32_t)record_kib_max;
    for (size_t i = 0; i < json_array_size(shards); i++) {
        int error = read_shard(json_array_get(shards, i), &stream->shards);
        if (error != 0) {
            return error;
        }
    }
    return shard_set_reopen(&stream->shards) ? 0 : E_CORRUPT;
}

int stream_read_description(struct stream_world *world, struct stream *stream)
{
    char *path = xasprintf("%s/%s", stream->dir, description_name);
    uint8_t *data = NULL;
    size_t size = 0;
    int error = io_read_file(world->io, path, DESCRIPTION_BYTES_MAX, &data, &size);
    free(path);
    if (error != 0) {
        return error;
    }
    json_t *document = json_loadb((const char *)data, size, 0, NULL);
    error = document == NULL ? E_CORRUPT : read_document(document, stream);
    json_decref(document);
    free(data);
    return error;
}

struct deletion {
    struct io *io;
    const char *dir;
};

static int delete_entry(void *context, const char *name, enum file_kind kind)
{
    const struct deletion *deletion = context;
    if (kind == FILE_REGULAR) {
        char *path = xasprintf("%s/%s", deletion->dir, name);
        (void)deletion->io->unlink(deletion->io, path);
        free(path);
    }
    return 0;
}

// The description goes first: a directory without one is no stream.
void stream_delete_files(struct stream_world *world, const struct stream *stream)
{
    struct deletion deletion = {.io = world->io, .dir = stream->dir};
    (void)delete_entry(&deletion, description_name, FILE_REGULAR);
    (void)world->io->list(world->io, stream->dir, delete_entry, &deletion);
    (void)rmdir(stream->dir);
}
