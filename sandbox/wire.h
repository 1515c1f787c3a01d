// The two encodings of requests and answers: JSON 1.1, and CBOR 1.1 as the Java SDKs speak it.
//
// A request document becomes one value model (json_t; a CBOR byte string becomes the base64 text
// that JSON would carry, a CBOR timestamp becomes seconds). The calls that carry records do not
// pass through it: see put_request.h. Answers are written member by member, in the request's
// encoding.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "sandbox/wire_format.h"

const char *wire_content_type(enum wire_format format);

// Reads one document. Returns an owned reference, or NULL when the body is not one well-formed
// map; an empty body is an empty map. Text is UTF-8 without NUL.
json_t *wire_read(struct slice body, enum wire_format format);

// A writer over a buffer. Maps and lists are of indefinite length in CBOR, as AWS writes them.
struct wire {
    enum wire_format format;
    struct buf *out;
};

void wire_map(struct wire *wire);
void wire_map_end(struct wire *wire);
void wire_list(struct wire *wire);
void wire_list_end(struct wire *wire);
void wire_name(struct wire *wire, const char *name);
void wire_text(struct wire *wire, struct slice text);
void wire_blob(struct wire *wire, struct slice bytes);
void wire_u64(struct wire *wire, uint64_t value);
void wire_bool(struct wire *wire, bool value);
// A timestamp: seconds with a fraction in JSON, tagged milliseconds in CBOR.
void wire_time(struct wire *wire, uint64_t real_ns);

// A name and a value.
void wire_member_text(struct wire *wire, const char *name, struct slice text);
void wire_member_string(struct wire *wire, const char *name, const char *text);
void wire_member_u64(struct wire *wire, const char *name, uint64_t value);
void wire_member_bool(struct wire *wire, const char *name, bool value);
void wire_member_time(struct wire *wire, const char *name, uint64_t real_ns);
