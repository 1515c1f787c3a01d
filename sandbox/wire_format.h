// The encodings that a call can come in. Its answer has the same.
#pragma once

enum wire_format {
    WIRE_JSON, // application/x-amz-json-1.1
    WIRE_CBOR, // application/x-amz-cbor-1.1
};
