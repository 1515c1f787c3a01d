// The status socket: a Unix stream socket that takes one request line and answers with one
// document. Served by the control thread, a client at a time; a slow client is cut off.
#pragma once

#include "base/buf.h"
#include "base/compiler.h"

// Listens at `path`; a stale socket is replaced, its directory made. Returns the descriptor.
// -EADDRINUSE when another process answers there, -ENAMETOOLONG when the path does not fit.
NODISCARD int status_socket_listen(const char *path);
void status_socket_close(int fd, const char *path);

// Accepts one client and reads its request line into `request` (without the newline). Returns the
// descriptor of the client or an error.
NODISCARD int status_socket_accept(int fd, char *request, size_t size);
// Sends the document and closes the client.
void status_socket_answer(int client, struct slice document);

// The other side: asks and appends the answer to `out`.
NODISCARD int status_socket_ask(const char *path, const char *request, struct buf *out);
