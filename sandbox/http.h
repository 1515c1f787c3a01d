// The HTTP side: listening sockets, connections, bodies with a bound, and answers, also those that
// go wrong on command. A thread a connection.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "sandbox/service.h"

// The largest call of 10 MiB in base64, with its keys.
enum { HTTP_BODY_BYTES_MAX = 16 << 20 };

enum http_role {
    HTTP_API = 1,     // the services
    HTTP_CONTROL = 2, // /_sandbox/
};

struct http_options {
    const char *address; // "127.0.0.1:4567", "[::1]:0"
    unsigned roles;
    const char *certificate; // PEM; NULL for plain HTTP
    const char *key;         // PEM
};

struct http_server;

// Starts to serve. E_SYNTAX when the address is none, E_UNAVAILABLE when it cannot be listened on.
NODISCARD int http_server_start(struct service *service, const struct http_options *options,
                                struct http_server **out_server);
// The URL that clients use, with the port that was picked. Lives as long as the server.
const char *http_server_url(const struct http_server *server);
// Stops listening, ends what is delayed on purpose, and waits for the connections.
void http_server_stop(struct http_server *server);
