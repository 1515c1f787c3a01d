// A request and an answer as values, without a connection behind them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "aws/sigv4.h"
#include "base/buf.h"
#include "base/slice.h"
#include "sandbox/faults.h"

enum { REQUEST_ID_SIZE = 37, REQUEST_HEADERS_MAX = 64 };

struct http_request {
    const char *method;
    struct slice path;  // as sent
    struct slice query; // as sent, without '?'
    struct sigv4_header headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    struct slice body;
};

struct http_answer {
    int status;
    const char *content_type; // NULL for none; constant
    struct buf body;
    struct fault_plan plan;
    bool preflight; // answers a CORS preflight
};

// The value of the first header of that name (any case); size 0 and NULL data when there is none.
struct slice http_header(const struct http_request *request, const char *name);
