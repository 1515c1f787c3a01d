// The certificate authorities that TLS connections are verified against, loaded once and shared by
// every transport of the process: a store of its own for each connection costs megabytes.
//
// Any thread may use a trust; OpenSSL locks the store.
#pragma once

#include "base/compiler.h"

struct trust; // opaque, counts its holders

// `ca_file` is PEM, or NULL for the system's authorities. -errno when the file cannot be read,
// E_SYNTAX when there is no certificate in it.
NODISCARD int trust_create(const char *ca_file, struct trust **out_trust);
// Another holder. Returns `trust`.
struct trust *trust_hold(struct trust *trust);
void trust_free(struct trust *trust);
// Makes an SSL_CTX (openssl/ssl.h) verify against it.
void trust_apply(struct trust *trust, void *ssl_ctx);
