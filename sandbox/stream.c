#include "sandbox/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "sandbox/limits.h"
#include "sandbox/stream_file.h"

static struct stream *stream_alloc(const char *name)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    snprintf(stream->name, sizeof(stream->name), "%s", name);
    stream->status = STREAM_ACTIVE;
    stream->retention_hours = RETENTION_HOURS_MIN;
    stream->record_kib_max = RECORD_KIB_DEFAULT;
    return stream;
}

static void fill_buckets(struct stream *stream, struct shard *shard, uint64_t monotonic_ns)
{
    // A record of the largest size must fit into a full bucket.
    double burst = (double)stream->record_kib_max * 1024;
    shard->write_bytes = bucket_of(SHARD_WRITE_BYTES_PER_S, burst, monotonic_ns);
    shard->write_records =
        bucket_of(SHARD_WRITE_RECORDS_PER_S, SHARD_WRITE_RECORDS_PER_S, monotonic_ns);
    shard->read_bytes = bucket_of(SHARD_READ_BYTES_PER_S, SHARD_READ_BYTES_PER_S, monotonic_ns);
    shard->read_calls = bucket_of(SHARD_READ_CALLS_PER_S, SHARD_READ_CALLS_PER_S, monotonic_ns);
    shard->iterator_calls = bucket_of(SHARD_READ_CALLS_PER_S, SHARD_READ_CALLS_PER_S, monotonic_ns);
}

int stream_equip(struct stream_world *world, struct stream *stream, uint64_t monotonic_ns)
{
    for (size_t i = 0; i < stream->shards.count; i++) {
        struct shard *shard = stream->shards.all[i];
        if (shard->log != NULL) {
            continue;
        }
        struct log_options options = {.io = world->io,
                                      .kind = world->log_kind,
                                      .dir = stream->dir,
                                      .memory = &world->memory,
                                      .shard = shard->index};
        int error = shard_log_open(&options, 1, &shard->log);
        if (error != 0) {
            return error;
        }
        fill_buckets(stream, shard, monotonic_ns);
    }
    return 0;
}

int stream_create(struct stream_world *world, const struct stream_options *options,
                  uint64_t real_ns, uint64_t monotonic_ns, struct stream **out_stream)
{
    struct stream *stream = stream_alloc(options->name);
    stream->on_demand = options->on_demand;
    stream->created_ns = real_ns;
    stream->record_kib_max = options->record_kib_max;
    shard_set_init(&stream->shards, options->shard_count, real_ns);
    int error = 0;
    if (world->log_kind == LOG_IN_FILES) {
        stream->dir = stream_dir(world, options->name);
        error = io_mkdir_all(world->io, stream->dir, 0755);
    }
    if (error == 0) {
        error = stream_equip(world, stream, monotonic_ns);
    }
    if (error == 0) {
        error = stream_save(world, stream);
    }
    if (error != 0) {
        stream_free(stream);
        return error;
    }
    *out_stream = stream;
    return 0;
}

int stream_load(struct stream_world *world, const char *dir, uint64_t monotonic_ns,
                struct stream **out_stream)
{
    struct stream *stream = stream_alloc("");
    stream->dir = xstrdup(dir);
    int error = stream_read_description(world, stream);
    if (error == 0) {
        error = stream_equip(world, stream, monotonic_ns);
    }
    if (error != 0) {
        stream_free(stream);
        return error;
    }
    *out_stream = stream;
    return 0;
}

int stream_save(struct stream_world *world, const struct stream *stream)
{
    return stream->dir == NULL ? 0 : stream_write_description(world, stream);
}

void stream_remove(struct stream_world *world, struct stream *stream)
{
    if (stream->dir != NULL) {
        stream_delete_files(world, stream);
    }
}

void stream_free(struct stream *stream)
{
    if (stream != NULL) {
        shard_set_deinit(&stream->shards);
        free(stream->dir);
        free(stream);
    }
}

void stream_expire(struct stream *stream, uint64_t before_ns)
{
    for (size_t i = 0; i < stream->shards.count; i++) {
        shard_log_expire(stream->shards.all[i]->log, before_ns);
    }
}

uint32_t stream_open_shards(const struct stream *stream)
{
    return (uint32_t)stream->shards.open_count;
}

const char *stream_status_text(const struct stream *stream)
{
    switch (stream->status) {
    case STREAM_CREATING:
        return "CREATING";
    case STREAM_ACTIVE:
        return "ACTIVE";
    case STREAM_UPDATING:
        return "UPDATING";
    case STREAM_DELETING:
        break;
    }
    return "DELETING";
}
