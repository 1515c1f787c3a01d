// The parts of a signature as they stand in the Authorization header or in the query.
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "sandbox/http_message.h"

enum { SCOPE_PARTS = 5 };

struct signature_parts {
    struct slice credential;
    struct slice signed_headers;
    struct slice signature;
    struct slice date;
    struct slice scope[SCOPE_PARTS]; // key id, day, region, service, "aws4_request"
    bool in_query;
};

// Returns NULL and fills the parts (slices of the request, or of `scratch` for the query), or the
// error code with a text in `message`.
const char *signature_parse(const struct http_request *request, struct signature_parts *out_parts,
                            struct buf *scratch, struct buf *message);
// The query without its X-Amz-Signature, appended to `out`.
void query_without_signature(struct slice query, struct buf *out);
