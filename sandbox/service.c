#include "sandbox/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "sandbox/stream_file.h"

void service_lock(struct service *service)
{
    int error = pthread_mutex_lock(&service->lock);
    ASSERT(error == 0);
}

void service_unlock(struct service *service)
{
    int error = pthread_mutex_unlock(&service->lock);
    ASSERT(error == 0);
}

uint64_t service_now(const struct service *service)
{
    int64_t offset_ns = service->faults.value[FAULT_CLOCK_OFFSET_S] * (int64_t)NS_PER_S;
    return (uint64_t)((int64_t)service->io->real_ns(service->io) + offset_ns);
}

uint64_t service_date(const struct service *service)
{
    int64_t offset_ns = service->faults.value[FAULT_DATE_OFFSET_S] * (int64_t)NS_PER_S;
    return (uint64_t)((int64_t)service_now(service) + offset_ns);
}

// Index of the first stream whose name is not below `name`.
static size_t place_of(const struct service *service, struct slice name)
{
    size_t i = 0;
    while (i < service->stream_count) {
        struct slice other = slice_of_text(service->streams[i]->name);
        size_t common = other.size < name.size ? other.size : name.size;
        int order = common == 0 ? 0 : memcmp(other.data, name.data, common);
        if (order > 0 || (order == 0 && other.size >= name.size)) {
            break;
        }
        i++;
    }
    return i;
}

void service_add_stream(struct service *service, struct stream *stream)
{
    size_t place = place_of(service, slice_of_text(stream->name));
    service->streams =
        xreallocarray(service->streams, service->stream_count + 1, sizeof(struct stream *));
    memmove(service->streams + place + 1, service->streams + place,
            (service->stream_count - place) * sizeof(struct stream *));
    service->streams[place] = stream;
    service->stream_count++;
}

static void remove_stream(struct service *service, size_t place)
{
    struct stream *stream = service->streams[place];
    service->stream_count--;
    memmove(service->streams + place, service->streams + place + 1,
            (service->stream_count - place) * sizeof(struct stream *));
    stream_remove(&service->world, stream);
    stream_free(stream);
}

void service_settle(struct service *service)
{
    uint64_t now_ns = service->io->monotonic_ns(service->io);
    size_t i = 0;
    while (i < service->stream_count) {
        struct stream *stream = service->streams[i];
        bool due = stream->status != STREAM_ACTIVE && now_ns >= stream->settles_ns;
        if (due && stream->status == STREAM_DELETING) {
            remove_stream(service, i);
            continue;
        }
        if (due) {
            stream->status = STREAM_ACTIVE;
        }
        i++;
    }
}

void service_begin(struct service *service, struct stream *stream, enum stream_status status)
{
    stream->status = status;
    stream->settles_ns =
        service->io->monotonic_ns(service->io) + service->options.transition_ms * NS_PER_MS;
    service_settle(service);
}

uint64_t service_horizon(const struct service *service, const struct stream *stream,
                         uint64_t now_ns)
{
    uint64_t kept_ns = (uint64_t)stream->retention_hours * 3600 * NS_PER_S;
    uint64_t max_ns = service->options.kept_ms_max * NS_PER_MS;
    kept_ns = max_ns > 0 && max_ns < kept_ns ? max_ns : kept_ns;
    return now_ns > kept_ns ? now_ns - kept_ns : 0;
}

struct stream *service_find_stream(struct service *service, struct slice name)
{
    service_settle(service);
    size_t place = place_of(service, name);
    if (place == service->stream_count || !slice_equal_text(name, service->streams[place]->name)) {
        return NULL;
    }
    struct stream *stream = service->streams[place];
    stream_expire(stream, service_horizon(service, stream, service_now(service)));
    return stream;
}

void service_count_refused(struct service *service, const char *code, uint64_t count)
{
    struct counts *counts = &service->counts;
    for (size_t i = 0; i < counts->refused_count; i++) {
        if (strcmp(counts->refused[i].code, code) == 0) {
            counts->refused[i].count += count;
            return;
        }
    }
    if (counts->refused_count < CODES_MAX) {
        struct code_count *fresh = &counts->refused[counts->refused_count++];
        snprintf(fresh->code, sizeof(fresh->code), "%s", code);
        fresh->count = count;
    }
}

uint32_t service_open_shards(const struct service *service)
{
    uint32_t count = 0;
    for (size_t i = 0; i < service->stream_count; i++) {
        count += stream_open_shards(service->streams[i]);
    }
    return count;
}

struct loading {
    struct service *service;
    const char *dir;
};

static int load_stream(void *context, const char *name, enum file_kind kind)
{
    const struct loading *loading = context;
    struct service *service = loading->service;
    if (kind != FILE_DIRECTORY) {
        return 0;
    }
    char *dir = xasprintf("%s/%s", loading->dir, name);
    struct stream *stream = NULL;
    int error = stream_load(&service->world, dir, service->io->monotonic_ns(service->io), &stream);
    if (error == 0) {
        service_add_stream(service, stream);
    } else if (error == -ENOENT) {
        // A kill cut the making or the deletion of this stream short.
        struct stream leftovers = {.dir = dir};
        stream_delete_files(&service->world, &leftovers);
        error = 0;
    } else {
        log_error("%s: the stream cannot be read: %s; move the directory away to start without it",
                  dir, error_text(error));
    }
    free(dir);
    return error;
}

static int load_streams(struct service *service)
{
    if (service->world.log_kind != LOG_IN_FILES) {
        return 0;
    }
    char *dir = xasprintf("%s/streams", service->world.data_dir);
    struct loading loading = {.service = service, .dir = dir};
    int error = io_mkdir_all(service->io, dir, 0755);
    if (error == 0) {
        error = service->io->list(service->io, dir, load_stream, &loading);
    } else {
        log_error("%s: the data directory cannot be made: %s", dir, error_text(error));
    }
    free(dir);
    return error;
}

static enum log_kind log_kind_of(const struct service_options *options)
{
    if (options->discard) {
        return LOG_DISCARD;
    }
    return options->data_dir != NULL ? LOG_IN_FILES : LOG_IN_MEMORY;
}

int service_create(struct io *io, const struct service_options *options,
                   struct service **out_service)
{
    struct service *service = xcalloc(1, sizeof(*service));
    service->options = *options;
    service->io = io;
    pthread_mutex_init(&service->lock, NULL);
    service->world = (struct stream_world){.io = io,
                                           .log_kind = log_kind_of(options),
                                           .data_dir = options->data_dir,
                                           .memory = {.bytes_max = options->memory_max}};
    service->limits = limits_all();
    faults_init(&service->faults, options->seed);
    const char *delivery_dir = options->discard ? NULL : options->delivery_dir;
    int error = load_streams(service);
    if (error == 0) {
        error = firehose_open(&service->firehose, io, delivery_dir);
    }
    if (error != 0) {
        service_free(service);
        return error;
    }
    *out_service = service;
    return 0;
}

void service_free(struct service *service)
{
    for (size_t i = 0; i < service->stream_count; i++) {
        stream_free(service->streams[i]);
    }
    free(service->streams);
    firehose_close(&service->firehose, service_now(service));
    pthread_mutex_destroy(&service->lock);
    free(service);
}
