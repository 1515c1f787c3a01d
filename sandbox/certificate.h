// A certificate of our own for TLS on a machine where nobody needs to trust it but tests.
#pragma once

#include "base/compiler.h"

// Makes an EC P-256 key and a self-signed certificate (valid for a year) for localhost, 127.0.0.1,
// ::1 and `host` (a name or address; may be NULL). Clients trust it by taking it as their CA.
// Returns owned PEM texts. E_UNAVAILABLE when OpenSSL refuses.
NODISCARD int certificate_create(const char *host, char **out_certificate, char **out_key);
