// A small HTTP server on loopback that misbehaves by a script, for tests of real transports. It
// reads whole requests, counts them, and answers each as the script says.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum rude_act {
    RUDE_ANSWER,          // 200 with a small JSON body; the connection stays open
    RUDE_CHUNKED,         // the same in two chunks
    RUDE_CONTINUE,        // 100 and then the same
    RUDE_ERROR,           // 400 with x-amzn-ErrorType
    RUDE_REDIRECT,        // 302 to itself
    RUDE_CLOSE,           // reads the whole request and closes
    RUDE_RESET,           // reads the whole request and resets
    RUDE_RESET_EARLY,     // resets when it has the headers
    RUDE_EARLY_413,       // answers when it has the headers, and closes
    RUDE_TRUNCATE,        // promises more body than it sends
    RUDE_HUGE,            // sends a body of 8 MiB
    RUDE_ENDLESS_HEADERS, // sends headers until it is stopped
    RUDE_ENDLESS_HEADER,  // sends one header until it is stopped
    RUDE_NOT_HTTP,        // says something else
    RUDE_SILENT,          // never answers
    RUDE_TWICE,           // answers, and at once again as if to the next request, with an error
    RUDE_STALE,           // answers, and closes before the next request comes
};

struct rude_server; // opaque

// With `tls`, a certificate of its own for 127.0.0.1 is made and written to `ca_file`.
struct rude_server *rude_server_start(const enum rude_act *script, size_t count,
                                      const char *ca_file);
void rude_server_stop(struct rude_server *server);
// "http://127.0.0.1:port" or https; lives as long as the server.
const char *rude_server_url(const struct rude_server *server);
// Requests whose headers were read, and connections that were accepted.
unsigned rude_server_requests(const struct rude_server *server);
unsigned rude_server_connections(const struct rude_server *server);
// Headers of the last request, for as long as no other comes.
const char *rude_server_last_headers(struct rude_server *server);
