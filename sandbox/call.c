#include "sandbox/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static int status_of(const char *code)
{
    if (strncmp(code, "InternalFailure", 15) == 0) {
        return 500;
    }
    return strncmp(code, "ServiceUnavailable", 18) == 0 ? 503 : 400;
}

void call_fail(struct call *call, const char *code, const char *format, ...)
{
    struct buf text;
    buf_init(&text, 2 << 20);
    char *place = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&place, format, arguments);
    va_end(arguments);
    buf_append(&text, place, size < 0 ? 0 : (size_t)size);
    free(place);

    call->status = status_of(code);
    call->failed = code;
    buf_clear(call->wire.out);
    wire_map(&call->wire);
    wire_member_string(&call->wire, "__type", code);
    if (text.size > 0) {
        wire_member_text(&call->wire, "message", buf_slice(&text));
    }
    wire_map_end(&call->wire);
    buf_deinit(&text);
}

const char *call_string(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->request, name));
}

uint64_t call_integer(const struct call *call, const char *name, uint64_t initial)
{
    const json_t *value = json_object_get(call->request, name);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : initial;
}

uint64_t call_time(const json_t *document, const char *name)
{
    const double milliseconds_from = 1e11; // as seconds, this is the year 5138
    double seconds = json_number_value(json_object_get(document, name));
    if (seconds >= milliseconds_from) {
        seconds /= 1000;
    }
    if (!(seconds > 0)) {
        return 0;
    }
    return seconds >= milliseconds_from ? UINT64_MAX / 2 : (uint64_t)(seconds * 1e3) * NS_PER_MS;
}

static struct slice name_in_arn(struct slice arn)
{
    const uint8_t *slash = arn.size > 0 ? memchr(arn.data, '/', arn.size) : NULL;
    return slash == NULL ? arn : slice_skip(arn, (size_t)(slash - arn.data) + 1);
}

struct stream *call_stream_named(struct call *call, struct slice name, struct slice arn)
{
    if (name.data == NULL && arn.data == NULL) {
        call_fail(call, "InvalidArgumentException",
                  "Either StreamName or StreamARN must be specified.");
        return NULL;
    }
    struct slice wanted = name.data != NULL ? name : name_in_arn(arn);
    if (arn.data != NULL && !slice_equal(wanted, name_in_arn(arn))) {
        call_fail(call, "InvalidArgumentException",
                  "StreamName and StreamARN do not name the same stream.");
        return NULL;
    }
    struct stream *stream = service_find_stream(call->service, wanted);
    if (stream == NULL) {
        call_fail(call, "ResourceNotFoundException", "Stream %.*s under account %s not found.",
                  (int)wanted.size, (const char *)wanted.data, call->service->options.account);
    }
    return stream;
}

static struct slice text_or_none(const char *text)
{
    return text == NULL ? slice_of(NULL, 0) : slice_of_text(text);
}

struct stream *call_stream(struct call *call)
{
    return call_stream_named(call, text_or_none(call_string(call, "StreamName")),
                             text_or_none(call_string(call, "StreamARN")));
}

struct stream *call_active_stream(struct call *call)
{
    struct stream *stream = call_stream(call);
    if (stream != NULL && stream->status != STREAM_ACTIVE) {
        call_fail(call, "ResourceInUseException",
                  "Stream %s under account %s not ACTIVE, instead in state %s", stream->name,
                  call->service->options.account, stream_status_text(stream));
        return NULL;
    }
    return stream;
}

struct shard *call_shard(struct call *call, const struct stream *stream, const char *id)
{
    struct shard *shard = shard_set_find(&stream->shards, slice_of_text(id));
    if (shard == NULL) {
        call_fail(call, "ResourceNotFoundException",
                  "Could not find shard %s in stream %s under account %s.", id, stream->name,
                  call->service->options.account);
    }
    return shard;
}

bool call_limited(const struct call *call, enum limit limit)
{
    return call->limits.on[limit];
}

void call_stream_arn(const struct call *call, const struct stream *stream, struct buf *out)
{
    const struct service_options *options = &call->service->options;
    buf_appendf(out, "arn:aws:kinesis:%s:%s:stream/%s", options->auth.region, options->account,
                stream->name);
}

void call_write_stream_identity(struct call *call, const struct stream *stream)
{
    struct buf arn;
    buf_init(&arn, 1024);
    call_stream_arn(call, stream, &arn);
    wire_member_string(&call->wire, "StreamName", stream->name);
    wire_member_text(&call->wire, "StreamARN", buf_slice(&arn));
    buf_deinit(&arn);
}
