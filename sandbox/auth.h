// Who asks: the Authorization header or the query signature, checked as the front end of AWS does.
//
// With no access key configured any well-formed signature passes. With keys the key id, the session
// token, the scope, the time (5 minutes either way) and the signature are verified.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "sandbox/http_message.h"

struct access_key {
    char *id;
    char *secret;
    char *token; // NULL: any session token, or none
};

struct auth {
    struct access_key *keys;
    size_t key_count;
    const char *region;
};

// Returns NULL when the caller may pass, else the error code, with the text for the answer in
// `message`. `service` is the name in the credential scope; `now_ns` is real time.
const char *auth_refusal(const struct auth *auth, const struct http_request *request,
                         const char *service, uint64_t now_ns, struct buf *message);
