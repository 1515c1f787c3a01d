// struct transport over a libcurl multi handle: HTTP/1.1 with keep-alive, TLS verified against the
// system's certificates or a given file.
//
// libcurl sends a whole body again when a reused connection dies before the answer and reports one
// success. Here the second start of a transfer is aborted, so that every repeat is ours and
// counted.
#pragma once

#include "base/compiler.h"
#include "base/transport.h"

struct transport_options {
    const char *ca_file; // NULL: the system's
    unsigned requests_max;
};

// libcurl is initialised by the first transport and stays so.
NODISCARD int transport_curl_create(const struct transport_options *options,
                                    struct transport **out_transport);
