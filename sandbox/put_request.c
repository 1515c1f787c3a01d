#include "sandbox/put_request.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json_scan.h"

void put_request_deinit(struct put_request *request)
{
    free(request->records);
    buf_deinit(&request->scratch);
    buf_deinit(&request->escaped);
}

enum put_name put_name_of(struct slice name)
{
    static const struct {
        const char *text;
        enum put_name name;
    } names[] = {
        {"Data", PUT_DATA},
        {"PartitionKey", PUT_KEY},
        {"ExplicitHashKey", PUT_HASH_KEY},
        {"Records", PUT_RECORDS},
        {"StreamName", PUT_STREAM_NAME},
        {"DeliveryStreamName", PUT_STREAM_NAME},
        {"StreamARN", PUT_STREAM_ARN},
        {"Record", PUT_RECORD},
        {"SequenceNumberForOrdering", PUT_ORDERING},
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (slice_equal_text(name, names[i].text)) {
            return names[i].name;
        }
    }
    return PUT_OTHER;
}

struct put_record *put_request_add(struct put_request *request)
{
    request->has_records = true;
    if (request->record_count == PUT_RECORDS_STORED_MAX) {
        return NULL;
    }
    if (request->record_count == request->record_capacity) {
        request->record_capacity =
            request->record_capacity == 0 ? 64 : request->record_capacity * 4;
        request->records =
            xreallocarray(request->records, request->record_capacity, sizeof(*request->records));
    }
    struct put_record *record = &request->records[request->record_count++];
    *record = (struct put_record){0};
    return record;
}

static struct put_field *record_field(struct put_record *record, enum put_name name)
{
    switch (name) {
    case PUT_DATA:
        return &record->data;
    case PUT_KEY:
        return &record->key;
    case PUT_HASH_KEY:
        return &record->hash_key;
    case PUT_OTHER:
    case PUT_STREAM_NAME:
    case PUT_STREAM_ARN:
    case PUT_ORDERING:
    case PUT_RECORDS:
    case PUT_RECORD:
        break;
    }
    return NULL;
}

struct put_field *put_field_of(struct put_request *request, struct put_record *record,
                               enum put_name name)
{
    if (record != NULL) {
        return record_field(record, name);
    }
    if (name == PUT_STREAM_NAME) {
        return &request->stream_name;
    }
    if (name == PUT_STREAM_ARN) {
        return &request->stream_arn;
    }
    if (name == PUT_ORDERING) {
        return &request->ordering;
    }
    if (name == PUT_DATA || name == PUT_KEY || name == PUT_HASH_KEY) {
        struct put_record *only =
            request->record_count > 0 ? &request->records[0] : put_request_add(request);
        return record_field(only, name);
    }
    return NULL;
}

static bool wrong_kind(struct buf *message, enum json_kind kind)
{
    switch (kind) {
    case JSON_NUMBER:
        buf_append_text(message, "NUMBER_VALUE can not be converted to a String");
        break;
    case JSON_TRUE:
        buf_append_text(message, "TRUE_VALUE can not be converted to a String");
        break;
    case JSON_FALSE:
        buf_append_text(message, "FALSE_VALUE can not be converted to a String");
        break;
    case JSON_STRING:
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        buf_append_text(message, "Unexpected field type");
        break;
    }
    return false;
}

// The text of a JSON string; resolved into `place` only when it holds an escape.
static bool text_of(struct slice raw, struct buf *place, struct slice *out_text)
{
    struct slice inner = slice_of(raw.data + 1, raw.size - 2);
    if (inner.size == 0 || memchr(inner.data, '\\', inner.size) == NULL) {
        *out_text = inner;
        return true;
    }
    size_t start = place->size;
    if (json_unescape(raw, place) != 0 || place->overflow) {
        return false;
    }
    *out_text = slice_of(place->data + start, place->size - start);
    return true;
}

static bool read_data(struct put_request *request, struct slice raw, struct put_field *field,
                      struct buf *message)
{
    struct slice text;
    buf_clear(&request->escaped);
    size_t start = request->scratch.size;
    if (!text_of(raw, &request->escaped, &text) || base64_decode(text, &request->scratch) != 0) {
        buf_append_text(message, "Unable to decode base64 of member Data");
        return false;
    }
    field->value = slice_of(request->scratch.data + start, request->scratch.size - start);
    return true;
}

static bool read_field(struct put_request *request, struct put_record *record, enum put_name name,
                       struct slice raw, struct buf *message)
{
    enum json_kind kind = json_kind_of(raw);
    struct put_field *field = put_field_of(request, record, name);
    if (field == NULL || kind == JSON_NULL) {
        return true;
    }
    if (kind != JSON_STRING) {
        return wrong_kind(message, kind);
    }
    field->present = true;
    if (name == PUT_DATA) {
        return read_data(request, raw, field, message);
    }
    return text_of(raw, &request->scratch, &field->value);
}

static bool read_record(struct put_request *request, struct slice raw, struct buf *message)
{
    if (json_kind_of(raw) != JSON_OBJECT) {
        return wrong_kind(message, json_kind_of(raw));
    }
    struct put_record *record = put_request_add(request);
    if (record == NULL) {
        return true;
    }
    struct json_walk walk;
    json_walk_init(&walk, raw);
    while (json_walk_next(&walk)) {
        if (!read_field(request, record, put_name_of(walk.name), walk.value, message)) {
            return false;
        }
    }
    return walk.error == 0;
}

static bool read_records(struct put_request *request, struct slice raw, struct buf *message)
{
    enum json_kind kind = json_kind_of(raw);
    if (kind == JSON_NULL) {
        return true;
    }
    if (kind != JSON_ARRAY) {
        return wrong_kind(message, kind);
    }
    request->has_records = true;
    struct json_walk walk;
    json_walk_init(&walk, raw);
    while (json_walk_next(&walk)) {
        if (!read_record(request, walk.value, message)) {
            return false;
        }
    }
    return walk.error == 0;
}

static bool read_json(struct slice body, struct put_request *request, struct buf *message)
{
    struct json_walk walk;
    if (json_validate(body, NULL) != 0 || json_kind_of(body) != JSON_OBJECT) {
        return false;
    }
    json_walk_init(&walk, body);
    while (json_walk_next(&walk)) {
        enum put_name name = put_name_of(walk.name);
        bool done = true;
        if (name == PUT_RECORDS) {
            done = read_records(request, walk.value, message);
        } else if (name == PUT_RECORD && json_kind_of(walk.value) != JSON_NULL) {
            done = read_record(request, walk.value, message);
        } else {
            done = read_field(request, NULL, name, walk.value, message);
        }
        if (!done) {
            return false;
        }
    }
    return walk.error == 0;
}

static void add_up(struct put_request *request)
{
    for (size_t i = 0; i < request->record_count; i++) {
        request->total_bytes +=
            request->records[i].data.value.size + request->records[i].key.value.size;
    }
}

bool put_request_read(struct slice body, enum wire_format format, struct put_request *out_request,
                      struct buf *message)
{
    *out_request = (struct put_request){0};
    // Nothing that is decoded is longer than its encoding, so `scratch` never moves.
    buf_init(&out_request->scratch, body.size + 64);
    buf_init(&out_request->escaped, body.size + 64);
    buf_reserve(&out_request->scratch, body.size + 64);
    bool done = true;
    if (format == WIRE_CBOR) {
        done = body.size == 0 || put_request_read_cbor(body, out_request, message);
    } else {
        done = body.size == 0 || read_json(body, out_request, message);
    }
    add_up(out_request);
    return done && !out_request->scratch.overflow;
}
