// One call to a service that hands out keys: instance metadata, the service beside a container, the
// Security Token Service. Bounded in time and size, tried again at once when it fails.
#pragma once

#include <stdbool.h>

#include "aws/credentials_provider.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/transport.h"

enum { METADATA_HEADERS_MAX = 5 };

struct metadata_call {
    const char *service; // for people: "the instance metadata service"
    const char *method;
    struct transport_header headers[METADATA_HEADERS_MAX];
    unsigned header_count;
    struct slice request_body;
    uint64_t timeout_ms;
    bool may_use_proxy; // for services that are not on this machine
    int status;         // of the answer
    struct buf body;    // of the answer
};

void metadata_call_init(struct metadata_call *call);
// Wipes the body.
void metadata_call_deinit(struct metadata_call *call);
// Sends this header, which is borrowed, and no other one from before.
void metadata_call_set_header(struct metadata_call *call, const char *name, const char *value);
void metadata_call_add_header(struct metadata_call *call, const char *name, const char *value);
// 0 with an answer of any status below 500; otherwise `lookup->why` says what went wrong.
NODISCARD int metadata_call_run(struct metadata_call *call, struct credentials_lookup *lookup,
                                const char *url);
// Whether a text from outside can stand in a header or path: printable ASCII without spaces.
bool metadata_is_plain(struct slice text);
