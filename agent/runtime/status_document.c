#include "runtime/status_document.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"

void status_document_write(const struct status_source *source, struct buf *out)
{
    char keys[256];
    credentials_store_describe(source->credentials, keys, sizeof keys);
    uint64_t now_ns = source->io->real_ns(source->io);
    uint64_t uptime_ns = now_ns > source->started_ns ? now_ns - source->started_ns : 0;
    buf_append_text(out, "{\"version\":\"" KINTAIL_VERSION "\"");
    buf_appendf(out, ",\"pid\":%d,\"uptime_s\":%llu", (int)getpid(),
                (unsigned long long)(uptime_ns / NS_PER_S));
    buf_appendf(out, ",\"state\":\"%s\"", source->stopping ? "stopping" : "running");
    json_write_name(out, "credentials");
    json_write_string(out, slice_of_text(keys));
    buf_append_text(out, ",\"flows\":[");
    bool first = true;
    for (size_t i = 0; i < source->flow_count; i++) {
        struct flow *flow = source->flows[i];
        if (source->only != NULL && strcmp(source->only, flow_name(flow)) != 0) {
            continue;
        }
        if (!first) {
            buf_append_byte(out, ',');
        }
        first = false;
        flow_status(flow, source->files, out);
    }
    buf_append_text(out, "]}");
}

void shipped_document_write(const struct status_source *source, uint64_t device, uint64_t inode,
                            const char *path, struct buf *out)
{
    buf_append_text(out, "{\"flows\":[");
    for (size_t i = 0; i < source->flow_count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        flow_describe_file(source->flows[i], device, inode, path, out);
    }
    buf_append_text(out, "]}");
}
