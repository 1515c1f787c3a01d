// The error that a service names in an answer: from the header x-amzn-ErrorType, from `__type` or
// `code` of a JSON or CBOR body, or from the root of an XML one. Sources: Smithy "AWS JSON 1.1
// protocol", operation error serialization; the forms of the front end were seen in recordings.
#pragma once

#include "base/slice.h"
#include "base/transport.h"

enum { SERVICE_ERROR_CODE_SIZE = 96, SERVICE_ERROR_TEXT_SIZE = 320 };

struct service_error {
    char code[SERVICE_ERROR_CODE_SIZE];    // without namespace and URI; "" when none is named
    char message[SERVICE_ERROR_TEXT_SIZE]; // cut, printable; "" when there is none
};

// Never fails: what cannot be read leaves the fields empty.
void service_error_read(const struct transport_answer *answer, struct service_error *out_error);
// "ResourceNotFoundException" of "com.amazonaws.kinesis#ResourceNotFoundException:http://…".
struct slice service_error_code_of(struct slice type);
// Copies text for people: cut to `size`, with '?' for what does not print.
void service_error_printable(struct slice text, char *out_text, size_t size);
