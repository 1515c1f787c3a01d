// struct transport over a libcurl multi handle: HTTP/1.1 with keep-alive, TLS verified.
//
// libcurl sends a whole body again when a reused connection dies before the answer and reports one
// success. Here the second start of a transfer is aborted, so that every repeat is ours and
// counted.
//
// TLS writes to a connection that the peer has closed raise SIGPIPE: the program ignores it.
#pragma once

#include "base/compiler.h"
#include "base/transport.h"
#include "sink/trust.h"

struct transport_options {
    struct trust *trust; // held; NULL: one of its own, made from ca_file
    const char *ca_file; // NULL: the system's; for its own trust
    unsigned requests_max;
};

// libcurl is initialised by the first transport and stays so. Fails as trust_create does.
NODISCARD int transport_curl_create(const struct transport_options *options,
                                    struct transport **out_transport);
