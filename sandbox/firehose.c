#include "sandbox/firehose.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "sandbox/shard_log_file.h"
#include "sandbox/stream_file.h"

enum { BUFFER_MIB_DEFAULT = 5, BUFFER_S_DEFAULT = 300, DESCRIPTION_BYTES_MAX = 1 << 20 };

static const char description_name[] = ".delivery-stream.json";

static char *stream_dir_of(const struct firehose *firehose, const char *name)
{
    bool dots = strspn(name, ".") == strlen(name);
    return xasprintf("%s/%s%s", firehose->dir, dots ? "@" : "", name);
}

static char *pending_path(const struct firehose *firehose, const char *name)
{
    char *dir = stream_dir_of(firehose, name);
    char *path = xasprintf("%s/.pending", dir);
    free(dir);
    return path;
}

static uint64_t hint(const json_t *configuration, const char *name, uint64_t initial)
{
    const json_t *value = json_object_get(json_object_get(configuration, "BufferingHints"), name);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : initial;
}

static struct delivery_stream *insert(struct firehose *firehose, const char *name,
                                      json_t *configuration, bool extended, uint64_t real_ns)
{
    struct delivery_stream *stream = xcalloc(1, sizeof(*stream));
    snprintf(stream->name, sizeof(stream->name), "%s", name);
    stream->created_ns = real_ns;
    stream->configuration = configuration;
    stream->extended = extended;
    stream->buffer_bytes_max = hint(configuration, "SizeInMBs", BUFFER_MIB_DEFAULT) << 20;
    stream->buffer_ms_max = hint(configuration, "IntervalInSeconds", BUFFER_S_DEFAULT) * 1000;
    firehose->streams = xreallocarray(firehose->streams, firehose->stream_count + 1,
                                      sizeof(struct delivery_stream *));
    size_t place = firehose->stream_count++;
    while (place > 0 && strcmp(firehose->streams[place - 1]->name, name) > 0) {
        firehose->streams[place] = firehose->streams[place - 1];
        place--;
    }
    firehose->streams[place] = stream;
    return stream;
}

static void delivery_free(struct delivery_stream *stream)
{
    json_decref(stream->configuration);
    free(stream);
}

static int write_description(const struct firehose *firehose, const struct delivery_stream *stream)
{
    char *dir = stream_dir_of(firehose, stream->name);
    json_t *document =
        json_pack("{s:i, s:s, s:b, s:I, s:O}", "version", 1, "name", stream->name, "extended",
                  stream->extended, "created_ns", (json_int_t)stream->created_ns, "configuration",
                  stream->configuration);
    char *text = json_dumps(document, JSON_INDENT(1));
    int error = io_mkdir_all(firehose->io, dir, 0755);
    if (error == 0) {
        error = file_replace(firehose->io, dir, description_name, slice_of_text(text));
    }
    free(text);
    json_decref(document);
    free(dir);
    return error;
}

static void note_pending(struct firehose *firehose, struct delivery_stream *stream)
{
    char *path = pending_path(firehose, stream->name);
    struct file_stat stat;
    if (firehose->io->stat(firehose->io, path, true, &stat) == 0 && stat.size > 0) {
        stream->pending_bytes = stat.size;
        stream->pending_since_ns = stat.mtime_ns;
    }
    free(path);
}

static int load_document(struct firehose *firehose, json_t *document)
{
    int version;
    const char *name;
    int extended;
    json_int_t created_ns;
    json_t *configuration;
    if (json_unpack(document, "{s:i, s:s, s:b, s:I, s:o}", "version", &version, "name", &name,
                    "extended", &extended, "created_ns", &created_ns, "configuration",
                    &configuration) != 0 ||
        strlen(name) > DELIVERY_NAME_MAX || !json_is_object(configuration)) {
        return E_CORRUPT;
    }
    if (version != 1) {
        return E_VERSION;
    }
    struct delivery_stream *stream =
        insert(firehose, name, json_incref(configuration), extended != 0, (uint64_t)created_ns);
    note_pending(firehose, stream);
    return 0;
}

static int load_stream(void *context, const char *name, enum file_kind kind)
{
    struct firehose *firehose = context;
    if (kind != FILE_DIRECTORY) {
        return 0;
    }
    char *path = xasprintf("%s/%s/%s", firehose->dir, name, description_name);
    uint8_t *data = NULL;
    size_t size = 0;
    int error = io_read_file(firehose->io, path, DESCRIPTION_BYTES_MAX, &data, &size);
    if (error == 0) {
        json_t *document = json_loadb((const char *)data, size, 0, NULL);
        error = document == NULL ? E_CORRUPT : load_document(firehose, document);
        json_decref(document);
    } else if (error == -ENOENT) {
        error = 0;
    }
    if (error != 0) {
        log_error("%s: the delivery stream cannot be read: %s", path, error_text(error));
    }
    free(data);
    free(path);
    return error;
}

int firehose_open(struct firehose *firehose, struct io *io, const char *dir)
{
    *firehose = (struct firehose){.io = io};
    if (dir == NULL) {
        return 0;
    }
    firehose->dir = xstrdup(dir);
    int error = io_mkdir_all(io, dir, 0755);
    if (error != 0) {
        log_error("%s: the delivery directory cannot be made: %s", dir, error_text(error));
        return error;
    }
    return io->list(io, dir, load_stream, firehose);
}

struct delivery_stream *firehose_find(const struct firehose *firehose, struct slice name)
{
    for (size_t i = 0; i < firehose->stream_count; i++) {
        if (slice_equal_text(name, firehose->streams[i]->name)) {
            return firehose->streams[i];
        }
    }
    return NULL;
}

static void forget(struct firehose *firehose, struct delivery_stream *stream)
{
    size_t place = 0;
    while (firehose->streams[place] != stream) {
        place++;
    }
    firehose->stream_count--;
    memmove(firehose->streams + place, firehose->streams + place + 1,
            (firehose->stream_count - place) * sizeof(struct delivery_stream *));
    delivery_free(stream);
}

int firehose_add(struct firehose *firehose, const char *name, json_t *configuration, bool extended,
                 uint64_t real_ns, struct delivery_stream **out_stream)
{
    struct delivery_stream *stream = insert(firehose, name, configuration, extended, real_ns);
    int error = firehose->dir == NULL ? 0 : write_description(firehose, stream);
    if (error != 0) {
        forget(firehose, stream);
        return error;
    }
    *out_stream = stream;
    return 0;
}

// "<prefix>YYYY/MM/DD/HH/" below the directory of the stream; owned.
static char *object_dir(const struct firehose *firehose, const struct delivery_stream *stream,
                        const struct tm *when)
{
    const char *prefix = json_string_value(json_object_get(stream->configuration, "Prefix"));
    char hour[32];
    strftime(hour, sizeof(hour), "%Y/%m/%d/%H", when);
    char *base = stream_dir_of(firehose, stream->name);
    char *dir = xasprintf("%s/%s%s", base, prefix == NULL ? "" : prefix, hour);
    free(base);
    return dir;
}

static char *object_name(const struct firehose *firehose, const struct delivery_stream *stream,
                         const struct tm *when)
{
    uint8_t id[16];
    firehose->io->random(firehose->io, id, sizeof(id));
    char time_text[32];
    strftime(time_text, sizeof(time_text), "%Y-%m-%d-%H-%M-%S", when);
    char uuid[37];
    snprintf(uuid, sizeof(uuid),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1],
             id[2], id[3], id[4], id[5], (id[6] & 0x0f) | 0x40, id[7], (id[8] & 0x3f) | 0x80, id[9],
             id[10], id[11], id[12], id[13], id[14], id[15]);
    return xasprintf("%s-1-%s-%s", stream->name, time_text, uuid);
}

static int deliver_file(struct firehose *firehose, struct delivery_stream *stream)
{
    struct tm when;
    time_t seconds = (time_t)(stream->pending_since_ns / NS_PER_S);
    gmtime_r(&seconds, &when);
    char *dir = object_dir(firehose, stream, &when);
    char *name = object_name(firehose, stream, &when);
    char *object = xasprintf("%s/%s", dir, name);
    char *pending = pending_path(firehose, stream->name);
    int error = io_mkdir_all(firehose->io, dir, 0755);
    if (error == 0) {
        error = firehose->io->rename(firehose->io, pending, object);
    }
    if (error != 0) {
        log_error("%s: cannot deliver: %s", object, error_text(error));
    }
    free(pending);
    free(object);
    free(name);
    free(dir);
    return error;
}

static void deliver(struct firehose *firehose, struct delivery_stream *stream)
{
    if (stream->pending_bytes == 0) {
        return;
    }
    if (firehose->dir == NULL || deliver_file(firehose, stream) == 0) {
        stream->objects++;
        stream->pending_bytes = 0;
        stream->pending_since_ns = 0;
    }
}

int firehose_put(struct firehose *firehose, struct delivery_stream *stream, struct slice bytes,
                 uint64_t record_count, uint64_t real_ns)
{
    if (stream->pending_bytes + bytes.size > stream->buffer_bytes_max) {
        deliver(firehose, stream);
    }
    if (firehose->dir != NULL && bytes.size > 0) {
        char *path = pending_path(firehose, stream->name);
        int error = shard_log_write(firehose->io, path, bytes, stream->pending_bytes);
        free(path);
        if (error != 0) {
            return error;
        }
    }
    if (stream->pending_bytes == 0) {
        stream->pending_since_ns = real_ns;
    }
    stream->pending_bytes += bytes.size;
    stream->records_accepted += record_count;
    stream->bytes_accepted += bytes.size;
    return 0;
}

void firehose_deliver(struct firehose *firehose, bool all, uint64_t real_ns)
{
    for (size_t i = 0; i < firehose->stream_count; i++) {
        struct delivery_stream *stream = firehose->streams[i];
        bool full = stream->pending_bytes >= stream->buffer_bytes_max;
        bool old = real_ns >= stream->pending_since_ns + stream->buffer_ms_max * NS_PER_MS;
        if (all || full || old) {
            deliver(firehose, stream);
        }
    }
}

void firehose_remove(struct firehose *firehose, struct delivery_stream *stream)
{
    deliver(firehose, stream);
    if (firehose->dir != NULL) {
        char *dir = stream_dir_of(firehose, stream->name);
        char *path = xasprintf("%s/%s", dir, description_name);
        (void)firehose->io->unlink(firehose->io, path);
        free(path);
        free(dir);
    }
    forget(firehose, stream);
}

void firehose_close(struct firehose *firehose, uint64_t real_ns)
{
    firehose_deliver(firehose, true, real_ns);
    for (size_t i = 0; i < firehose->stream_count; i++) {
        delivery_free(firehose->streams[i]);
    }
    free(firehose->streams);
    free(firehose->dir);
    *firehose = (struct firehose){0};
}
