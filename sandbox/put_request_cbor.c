#include "aws/cbor.h"
#include "base/utf8.h"
#include "sandbox/put_request.h"

struct reading {
    struct cbor_reader reader;
    struct put_request *request;
    struct buf *message;
};

// A string whose head was read; the chunks of an indefinite one are joined in the scratch buffer.
static bool read_string(struct reading *reading, const struct cbor_item *item, struct slice *out)
{
    *out = cbor_string_of(&reading->reader, item, &reading->request->scratch);
    return reading->reader.error == 0;
}

static bool read_field(struct reading *reading, struct put_record *record, enum put_name name)
{
    struct cbor_item item;
    struct cbor_reader before = reading->reader;
    if (!cbor_next(&reading->reader, &item)) {
        return false;
    }
    struct put_field *field = put_field_of(reading->request, record, name);
    if (field == NULL) {
        reading->reader = before;
        cbor_skip(&reading->reader);
        return reading->reader.error == 0;
    }
    if (item.kind == CBOR_NULL) {
        return true;
    }
    if (item.kind != (name == PUT_DATA ? CBOR_BYTES : CBOR_TEXT)) {
        buf_append_text(reading->message, "Unexpected field type");
        return false;
    }
    field->present = true;
    return read_string(reading, &item, &field->value) &&
           (name == PUT_DATA || utf8_valid(field->value));
}

static bool read_record(struct reading *reading, const struct cbor_item *head)
{
    if (head->kind != CBOR_MAP) {
        buf_append_text(reading->message, "Unexpected field type");
        return false;
    }
    struct put_record *record = put_request_add(reading->request);
    struct cbor_item name;
    for (uint64_t done = 0; cbor_next_in(&reading->reader, head, done, &name); done++) {
        struct slice text;
        if (name.kind != CBOR_TEXT || !read_string(reading, &name, &text)) {
            return false;
        }
        enum put_name member = record == NULL ? PUT_OTHER : put_name_of(text);
        if (!read_field(reading, record, member)) {
            return false;
        }
    }
    return reading->reader.error == 0;
}

static bool read_records(struct reading *reading)
{
    struct cbor_item head;
    if (!cbor_next(&reading->reader, &head)) {
        return false;
    }
    if (head.kind == CBOR_NULL) {
        return true;
    }
    if (head.kind != CBOR_ARRAY) {
        buf_append_text(reading->message, "Unexpected field type");
        return false;
    }
    reading->request->has_records = true;
    struct cbor_item item;
    for (uint64_t done = 0; cbor_next_in(&reading->reader, &head, done, &item); done++) {
        if (!read_record(reading, &item)) {
            return false;
        }
    }
    return reading->reader.error == 0;
}

static bool read_only_record(struct reading *reading)
{
    struct cbor_item head;
    return cbor_next(&reading->reader, &head) &&
           (head.kind == CBOR_NULL || read_record(reading, &head));
}

static bool read_member(struct reading *reading, const struct cbor_item *name)
{
    struct slice text;
    if (name->kind != CBOR_TEXT || !read_string(reading, name, &text)) {
        return false;
    }
    enum put_name member = put_name_of(text);
    if (member == PUT_RECORDS) {
        return read_records(reading);
    }
    if (member == PUT_RECORD) {
        return read_only_record(reading);
    }
    return read_field(reading, NULL, member);
}

bool put_request_read_cbor(struct slice body, struct put_request *request, struct buf *message)
{
    struct reading reading = {
        .reader = cbor_reader_of(body), .request = request, .message = message};
    struct cbor_item head;
    if (!cbor_next(&reading.reader, &head) || head.kind != CBOR_MAP) {
        return false;
    }
    struct cbor_item name;
    for (uint64_t done = 0; cbor_next_in(&reading.reader, &head, done, &name); done++) {
        if (!read_member(&reading, &name)) {
            return false;
        }
    }
    return reading.reader.error == 0 && reading.reader.rest.size == 0;
}
