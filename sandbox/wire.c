#include "sandbox/wire.h"

#include <inttypes.h>

#include "aws/cbor.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "sandbox/wire_cbor.h"

enum { CBOR_TAG_EPOCH = 1 };

const char *wire_content_type(enum wire_format format)
{
    return format == WIRE_CBOR ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1";
}

json_t *wire_read(struct slice body, enum wire_format format)
{
    if (body.size == 0) {
        return json_object();
    }
    if (format == WIRE_CBOR) {
        return wire_cbor_read(body);
    }
    json_t *document = json_loadb((const char *)body.data, body.size, 0, NULL);
    if (document != NULL && !json_is_object(document)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

// The comma between two elements of a JSON list.
static void separate(struct wire *wire)
{
    const struct buf *out = wire->out;
    if (wire->format != WIRE_JSON || out->size == 0) {
        return;
    }
    uint8_t last = out->data[out->size - 1];
    if (last != '[' && last != ':') {
        buf_append_byte(wire->out, ',');
    }
}

void wire_map(struct wire *wire)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_indefinite_map(wire->out);
        return;
    }
    separate(wire);
    buf_append_byte(wire->out, '{');
}

void wire_map_end(struct wire *wire)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_break(wire->out);
    } else {
        buf_append_byte(wire->out, '}');
    }
}

void wire_list(struct wire *wire)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_indefinite_array(wire->out);
        return;
    }
    separate(wire);
    buf_append_byte(wire->out, '[');
}

void wire_list_end(struct wire *wire)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_break(wire->out);
    } else {
        buf_append_byte(wire->out, ']');
    }
}

void wire_name(struct wire *wire, const char *name)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_text(wire->out, slice_of_text(name));
    } else {
        json_write_name(wire->out, name);
    }
}

void wire_text(struct wire *wire, struct slice text)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_text(wire->out, text);
        return;
    }
    separate(wire);
    (void)json_write_string(wire->out, text);
}

void wire_blob(struct wire *wire, struct slice bytes)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_bytes(wire->out, bytes);
        return;
    }
    separate(wire);
    buf_append_byte(wire->out, '"');
    uint8_t *place = buf_extend(wire->out, base64_encoded_size(bytes.size));
    if (place != NULL) {
        base64_encode(bytes, place);
    }
    buf_append_byte(wire->out, '"');
}

void wire_u64(struct wire *wire, uint64_t value)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_u64(wire->out, value);
        return;
    }
    separate(wire);
    buf_append_u64_decimal(wire->out, value);
}

void wire_bool(struct wire *wire, bool value)
{
    if (wire->format == WIRE_CBOR) {
        cbor_write_bool(wire->out, value);
        return;
    }
    separate(wire);
    buf_append_text(wire->out, value ? "true" : "false");
}

void wire_time(struct wire *wire, uint64_t real_ns)
{
    uint64_t ms = real_ns / NS_PER_MS;
    if (wire->format == WIRE_CBOR) {
        cbor_write_tag(wire->out, CBOR_TAG_EPOCH);
        cbor_write_u64(wire->out, ms);
        return;
    }
    separate(wire);
    buf_appendf(wire->out, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
}

void wire_member_text(struct wire *wire, const char *name, struct slice text)
{
    wire_name(wire, name);
    wire_text(wire, text);
}

void wire_member_string(struct wire *wire, const char *name, const char *text)
{
    wire_member_text(wire, name, slice_of_text(text));
}

void wire_member_u64(struct wire *wire, const char *name, uint64_t value)
{
    wire_name(wire, name);
    wire_u64(wire, value);
}

void wire_member_bool(struct wire *wire, const char *name, bool value)
{
    wire_name(wire, name);
    wire_bool(wire, value);
}

void wire_member_time(struct wire *wire, const char *name, uint64_t real_ns)
{
    wire_name(wire, name);
    wire_time(wire, real_ns);
}
