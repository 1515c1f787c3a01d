// The headers of a signed request to one service in one region. Keeps the key that SigV4 derives
// for the day.
#pragma once

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/transport.h"
#include "sink/encode.h"

struct signer; // opaque

// `url` is one that endpoint_check takes; E_SYNTAX when it is not.
NODISCARD int signer_create(const char *url, const char *region, const char *service,
                            struct signer **out_signer);
void signer_free(struct signer *signer);

// Fills method, URL and headers of a request that carries `body`. What the headers point to lives
// until the next call.
void signer_sign(struct signer *signer, const struct credentials *credentials, uint64_t real_ns,
                 const struct encoder *encoder, struct slice body,
                 struct transport_request *out_request);
