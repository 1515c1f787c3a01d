// A certificate for 127.0.0.1 and localhost, made at start.
#pragma once

#include <openssl/types.h>

#include "base/compiler.h"

// Puts a new key and its self-signed certificate into `context`, and the certificate, in PEM, into
// the file `path`. Prints what is wrong and returns -1 on failure.
NODISCARD int certificate_install(SSL_CTX *context, const char *path);
