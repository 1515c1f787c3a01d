#include "sandbox/wire_cbor.h"

#include <math.h>

#include "aws/cbor.h"
#include "base/base64.h"

enum { CBOR_TAG_EPOCH = 1 };

struct reading {
    struct cbor_reader reader;
    struct buf scratch;
};

static json_t *read_value(struct reading *reading, const struct cbor_item *item, unsigned depth);

// A string of which the head was read.
static bool read_string(struct reading *reading, const struct cbor_item *item, struct slice *out)
{
    buf_clear(&reading->scratch);
    *out = cbor_string_of(&reading->reader, item, &reading->scratch);
    return reading->reader.error == 0;
}

static json_t *read_text(struct reading *reading, const struct cbor_item *item)
{
    struct slice text;
    return read_string(reading, item, &text) ? json_stringn((const char *)text.data, text.size)
                                             : NULL;
}

static json_t *read_blob(struct reading *reading, const struct cbor_item *item)
{
    struct slice bytes;
    if (!read_string(reading, item, &bytes)) {
        return NULL;
    }
    if (bytes.size == 0) {
        return json_string("");
    }
    struct buf text;
    buf_init(&text, base64_encoded_size(bytes.size));
    uint8_t *place = buf_extend(&text, base64_encoded_size(bytes.size));
    if (place != NULL) {
        base64_encode(bytes, place);
    }
    json_t *value = json_stringn((const char *)text.data, text.size);
    buf_deinit(&text);
    return value;
}

static json_t *read_list(struct reading *reading, const struct cbor_item *head, unsigned depth)
{
    json_t *list = json_array();
    struct cbor_item item;
    for (uint64_t done = 0; cbor_next_in(&reading->reader, head, done, &item); done++) {
        if (json_array_append_new(list, read_value(reading, &item, depth)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool read_member(struct reading *reading, const struct cbor_item *name_item, json_t *map,
                        unsigned depth)
{
    struct cbor_item item;
    json_t *name = name_item->kind == CBOR_TEXT ? read_text(reading, name_item) : NULL;
    json_t *value = NULL;
    if (name != NULL && cbor_next(&reading->reader, &item)) {
        value = read_value(reading, &item, depth);
    }
    bool done = value != NULL && json_object_set(map, json_string_value(name), value) == 0;
    json_decref(value);
    json_decref(name);
    return done;
}

static json_t *read_map(struct reading *reading, const struct cbor_item *head, unsigned depth)
{
    json_t *map = json_object();
    struct cbor_item item;
    for (uint64_t done = 0; cbor_next_in(&reading->reader, head, done, &item); done++) {
        if (!read_member(reading, &item, map, depth)) {
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

static json_t *integer_of(const struct cbor_item *item)
{
    if (item->argument > INT64_MAX) {
        return NULL;
    }
    int64_t value = (int64_t)item->argument;
    return json_integer(item->kind == CBOR_NEGATIVE ? -1 - value : value);
}

// Tag 1 holds milliseconds here, where RFC 8949 has seconds.
static json_t *read_tagged(struct reading *reading, const struct cbor_item *tag, unsigned depth)
{
    struct cbor_item item;
    if (!cbor_next(&reading->reader, &item)) {
        return NULL;
    }
    json_t *value = read_value(reading, &item, depth);
    if (value == NULL || tag->argument != CBOR_TAG_EPOCH || !json_is_number(value)) {
        return value;
    }
    json_t *seconds = json_real(json_number_value(value) / 1000);
    json_decref(value);
    return seconds;
}

static json_t *read_value(struct reading *reading, const struct cbor_item *item, unsigned depth)
{
    if (depth == CBOR_DEPTH_MAX) {
        return NULL;
    }
    switch (item->kind) {
    case CBOR_UINT:
    case CBOR_NEGATIVE:
        return integer_of(item);
    case CBOR_BYTES:
        return read_blob(reading, item);
    case CBOR_TEXT:
        return read_text(reading, item);
    case CBOR_ARRAY:
        return read_list(reading, item, depth + 1);
    case CBOR_MAP:
        return read_map(reading, item, depth + 1);
    case CBOR_TAG:
        return read_tagged(reading, item, depth + 1);
    case CBOR_BOOL:
        return json_boolean(item->boolean);
    case CBOR_NULL:
        return json_null();
    case CBOR_FLOAT:
        return isfinite(item->number) ? json_real(item->number) : NULL;
    case CBOR_BREAK:
        break;
    }
    return NULL;
}

json_t *wire_cbor_read(struct slice body)
{
    struct reading reading = {.reader = cbor_reader_of(body)};
    buf_init(&reading.scratch, body.size);
    struct cbor_item item;
    json_t *document = NULL;
    if (cbor_next(&reading.reader, &item) && item.kind == CBOR_MAP) {
        document = read_map(&reading, &item, 1);
    }
    buf_deinit(&reading.scratch);
    if (document != NULL && (reading.reader.error != 0 || reading.reader.rest.size != 0)) {
        json_decref(document);
        return NULL;
    }
    return document;
}
