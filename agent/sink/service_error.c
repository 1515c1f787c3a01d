#include "sink/service_error.h"

#include <string.h>

#include "aws/cbor.h"
#include "base/json_scan.h"

enum { STRING_BYTES_MAX = 4096 };

struct slice service_error_code_of(struct slice type)
{
    const uint8_t *hash = type.size == 0 ? NULL : memchr(type.data, '#', type.size);
    if (hash != NULL) {
        type = slice_skip(type, (size_t)(hash - type.data) + 1);
    }
    const uint8_t *colon = type.size == 0 ? NULL : memchr(type.data, ':', type.size);
    if (colon != NULL) {
        type.size = (size_t)(colon - type.data);
    }
    return type;
}

void service_error_printable(struct slice text, char *out_text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < text.size && length + 1 < size; i++) {
        uint8_t byte = text.data[i];
        bool prints = byte >= 0x20 && byte < 0x7f;
        out_text[length++] = (char)(prints ? byte : '?');
    }
    out_text[length] = '\0';
}

static void take_code(struct service_error *error, struct slice type)
{
    service_error_printable(service_error_code_of(type), error->code, sizeof error->code);
}

static void take_message(struct service_error *error, struct slice text)
{
    service_error_printable(text, error->message, sizeof error->message);
}

static void take_member(struct service_error *error, struct slice name, struct slice text)
{
    if (slice_equal_text(name, "__type")) {
        take_code(error, text);
    } else if (slice_equal_text(name, "code") || slice_equal_text(name, "Code")) {
        if (error->code[0] == '\0') {
            take_code(error, text);
        }
    } else if (slice_equal_text(name, "message") || slice_equal_text(name, "Message")) {
        take_message(error, text);
    }
}

// Reads the members of an object; the legacy envelope has them one level down, in "Output".
static void read_json(struct service_error *error, struct slice body)
{
    struct slice output;
    if (json_find(body, slice_of_text("Output"), &output) == 0 &&
        json_kind_of(output) == JSON_OBJECT) {
        body = output;
    }
    struct buf text;
    buf_init(&text, STRING_BYTES_MAX);
    struct json_walk walk;
    json_walk_init(&walk, body);
    while (json_walk_next(&walk)) {
        buf_clear(&text);
        if (json_kind_of(walk.value) == JSON_STRING && json_unescape(walk.value, &text) == 0) {
            take_member(error, walk.name, buf_slice(&text));
        }
    }
    buf_deinit(&text);
}

static bool at_break(const struct cbor_reader *reader)
{
    return reader->rest.size > 0 && reader->rest.data[0] == 0xff;
}

static void read_cbor(struct service_error *error, struct slice body)
{
    struct cbor_reader reader = cbor_reader_of(body);
    struct cbor_item map;
    if (!cbor_next(&reader, &map) || map.kind != CBOR_MAP) {
        return;
    }
    struct buf name_scratch;
    struct buf text_scratch;
    buf_init(&name_scratch, STRING_BYTES_MAX);
    buf_init(&text_scratch, STRING_BYTES_MAX);
    for (uint64_t i = 0; (map.indefinite || i < map.argument) && !at_break(&reader); i++) {
        buf_clear(&name_scratch);
        buf_clear(&text_scratch);
        struct slice name = cbor_read_string(&reader, CBOR_TEXT, &name_scratch);
        struct cbor_reader before = reader;
        struct slice text = cbor_read_string(&reader, CBOR_TEXT, &text_scratch);
        if (reader.error != 0) {
            reader = before;
            cbor_skip(&reader);
        } else {
            take_member(error, name, text);
        }
        if (reader.error != 0) {
            break;
        }
    }
    buf_deinit(&name_scratch);
    buf_deinit(&text_scratch);
}

// <AccessDeniedException>…, or <ErrorResponse><Error><Code>…: the name that ends in "Exception".
static void read_xml(struct service_error *error, struct slice body)
{
    const uint8_t *at = body.data + 1;
    const uint8_t *end = body.data + body.size;
    const uint8_t *name = at;
    while (at < end && ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z'))) {
        at++;
    }
    struct slice root = slice_of(name, (size_t)(at - name));
    static const char suffix[] = "Exception";
    if (root.size > sizeof suffix - 1 &&
        memcmp(root.data + root.size - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0) {
        take_code(error, root);
    }
}

void service_error_read(const struct transport_answer *answer, struct service_error *out_error)
{
    *out_error = (struct service_error){.code = ""};
    struct slice body = answer->body;
    if (body.size > 0) {
        if (body.data[0] == '<') {
            read_xml(out_error, body);
        } else if (strstr(answer->content_type, "cbor") != NULL || body.data[0] >= 0xa0) {
            read_cbor(out_error, body);
        } else {
            read_json(out_error, body);
        }
    }
    if (answer->error_type[0] != '\0') {
        take_code(out_error, slice_of_text(answer->error_type));
    }
}
