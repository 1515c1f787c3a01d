// The seam to the network: submit a request, collect its answer later. The real one is libcurl
// (sink/transport_curl.h); tests put a network behind it that misbehaves.
//
// One transport belongs to one thread, except for `wake`, which any thread may call. A transport
// sends the body of a request at most once: a connection that dies is an outcome, never a silent
// repeat.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"

struct transport_header {
    const char *name;
    const char *value;
};

enum { TRANSPORT_HEADERS_MAX = 12 };

struct transport_request {
    const char *method; // "POST", "GET", "PUT"
    const char *url;
    struct transport_header headers[TRANSPORT_HEADERS_MAX]; // copied by submit
    unsigned header_count;
    struct slice body;   // borrowed until the answer is collected
    uint64_t timeout_ms; // for the whole exchange
    uint64_t connect_timeout_ms;
    uint64_t answer_bytes_max; // a longer answer is TRANSPORT_BAD_ANSWER
    bool no_proxy;             // link-local metadata services are never asked through a proxy
    void *context;             // handed back with the answer
};

enum transport_outcome {
    TRANSPORT_ANSWERED,   // a whole HTTP answer is there
    TRANSPORT_NOT_SENT,   // failed before any byte of the body left: no connection, no TLS, no name
    TRANSPORT_NO_ANSWER,  // sent at least in part; whether it was accepted is not known
    TRANSPORT_BAD_ANSWER, // the answer was cut off, too large or not HTTP; accepted or not is
                          // unknown
};

struct transport_answer {
    void *context;
    enum transport_outcome outcome;
    char detail[160];         // what went wrong, for people; empty when answered
    int status;               // HTTP status when answered
    struct slice body;        // the rest is borrowed until the next collect
    const char *content_type; // "" when absent
    const char *date;         // the Date header, "" when absent
    const char *request_id;   // x-amzn-RequestId, "" when absent
    const char *error_type;   // x-amzn-ErrorType, "" when absent
};

struct transport {
    // Starts a request. Returns E_FULL when no more can be under way, E_RANGE for an unusable URL.
    int (*submit)(struct transport *transport, const struct transport_request *request);
    // Drives the transfers without blocking and hands out one finished answer. Returns 1 with the
    // answer, or 0 when none is finished.
    int (*collect)(struct transport *transport, struct transport_answer *out_answer);
    // Blocks until a transfer makes progress, wake() is called or the time is over.
    void (*wait)(struct transport *transport, uint64_t timeout_ms);
    void (*wake)(struct transport *transport);
    // Ends every transfer; their contexts are not handed back.
    void (*free)(struct transport *transport);
};
