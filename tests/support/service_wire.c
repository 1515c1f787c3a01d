#include "support/service_wire.h"

#include <stdio.h>
#include <string.h>

#include "aws/cbor.h"
#include "base/assert.h"
#include "base/base64.h"
#include "base/json_scan.h"

// ---- reading calls ----

static void read_member(struct wire_record *record, struct slice name, struct slice value)
{
    if (slice_equal_text(name, "Data")) {
        record->data = value;
    } else if (slice_equal_text(name, "PartitionKey")) {
        record->key = value;
    }
}

static size_t read_cbor(struct slice body, struct wire_record *records, size_t max)
{
    struct cbor_reader reader = cbor_reader_of(body);
    struct cbor_item item;
    size_t count = 0;
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_MAP);
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "Records"));
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_ARRAY);
    while (cbor_next(&reader, &item) && item.kind == CBOR_MAP) {
        ASSERT(count < max);
        records[count] = (struct wire_record){0};
        struct cbor_item name;
        while (cbor_next(&reader, &name) && name.kind == CBOR_TEXT) {
            ASSERT(cbor_next(&reader, &item));
            read_member(&records[count], name.string, item.string);
        }
        count++;
    }
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "StreamName"));
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "stream"));
    ASSERT(reader.error == 0);
    return count;
}

static struct slice text_of(struct slice raw, struct buf *text)
{
    size_t start = text->size;
    ASSERT(json_unescape(raw, text) == 0);
    return slice_of(text->data + start, text->size - start);
}

static size_t read_json(struct slice body, struct wire_record *records, size_t max,
                        struct buf *text)
{
    struct slice list;
    size_t count = 0;
    ASSERT(json_find(body, slice_of_text("Records"), &list) == 0);
    struct json_walk walk;
    json_walk_init(&walk, list);
    while (json_walk_next(&walk)) {
        ASSERT(count < max);
        struct wire_record *record = &records[count++];
        *record = (struct wire_record){0};
        struct json_walk member;
        json_walk_init(&member, walk.value);
        while (json_walk_next(&member)) {
            struct slice value = text_of(member.value, text);
            if (slice_equal_text(member.name, "Data")) {
                size_t start = text->size;
                ASSERT(base64_decode(value, text) == 0);
                value = slice_of(text->data + start, text->size - start);
            }
            read_member(record, member.name, value);
        }
    }
    ASSERT(walk.error == 0);
    return count;
}

size_t wire_read_call(bool cbor, struct slice body, struct wire_record *records, size_t max,
                      struct buf *text)
{
    buf_clear(text);
    buf_reserve(text, 4 * body.size + 64); // slices into it must not move
    return cbor ? read_cbor(body, records, max) : read_json(body, records, max, text);
}

// ---- writing answers ----

void wire_write_error(bool cbor, const char *code, const char *message, struct buf *out_body)
{
    if (cbor) {
        cbor_write_map(out_body, 2);
        cbor_write_text(out_body, slice_of_text("__type"));
        cbor_write_text(out_body, slice_of_text(code));
        cbor_write_text(out_body, slice_of_text("message"));
        cbor_write_text(out_body, slice_of_text(message));
    } else {
        buf_appendf(out_body, "{\"__type\":\"%s\",\"message\":\"%s\"}", code, message);
    }
}

static void write_text(struct buf *body, const char *text)
{
    cbor_write_text(body, slice_of_text(text));
}

static void entry_texts(enum service service, const struct wire_entry *entry, char id[64],
                        char message[160])
{
    snprintf(id, 64, "shardId-%012u", entry->shard);
    bool throttled =
        entry->error != NULL && strcmp(entry->error, "ProvisionedThroughputExceededException") == 0;
    if (throttled && service == SERVICE_KINESIS) {
        snprintf(message, 160, "Rate exceeded for shard %s in stream demo under account 1.", id);
    } else {
        snprintf(message, 160, "Slow down.");
    }
}

static void write_cbor_entries(enum service service, const struct wire_entry *entries, size_t count,
                               struct buf *body)
{
    cbor_write_indefinite_map(body);
    write_text(body, "Records");
    cbor_write_indefinite_array(body);
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(service, &entries[i], id, message);
        cbor_write_indefinite_map(body);
        write_text(body, entries[i].error == NULL ? "SequenceNumber" : "ErrorCode");
        write_text(body, entries[i].error == NULL ? "49" : entries[i].error);
        write_text(body, entries[i].error == NULL ? "ShardId" : "ErrorMessage");
        write_text(body, entries[i].error == NULL ? id : message);
        cbor_write_break(body);
    }
    cbor_write_break(body);
    cbor_write_break(body);
}

static void write_json_entries(enum service service, const struct wire_entry *entries, size_t count,
                               struct buf *body)
{
    bool kinesis = service == SERVICE_KINESIS;
    buf_appendf(body, "{\"%s\":[", kinesis ? "Records" : "RequestResponses");
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(service, &entries[i], id, message);
        buf_append_text(body, i == 0 ? "" : ",");
        if (entries[i].error != NULL) {
            buf_appendf(body, "{\"ErrorCode\":\"%s\",\"ErrorMessage\":\"%s\"}", entries[i].error,
                        message);
        } else if (kinesis) {
            buf_appendf(body, "{\"SequenceNumber\":\"49\",\"ShardId\":\"%s\"}", id);
        } else {
            buf_append_text(body, "{\"RecordId\":\"r\"}");
        }
    }
    buf_append_text(body, "]}");
}

void wire_write_entries(enum service service, bool cbor, const struct wire_entry *entries,
                        size_t count, struct buf *out_body)
{
    if (cbor) {
        write_cbor_entries(service, entries, count, out_body);
    } else {
        write_json_entries(service, entries, count, out_body);
    }
}
