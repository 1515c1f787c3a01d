#include "sink/trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

struct trust {
    X509_STORE *store;
    atomic_uint holders;
};

static int load(X509_STORE *store, const char *ca_file)
{
    if (ca_file == NULL) {
        // Directories are searched when a certificate is verified, so an update of the system's
        // authorities needs no restart.
        return X509_STORE_set_default_paths(store) == 1 ? 0 : E_UNAVAILABLE;
    }
    if (access(ca_file, R_OK) != 0) {
        return -errno;
    }
    return X509_STORE_load_file(store, ca_file) == 1 ? 0 : E_SYNTAX;
}

int trust_create(const char *ca_file, struct trust **out_trust)
{
    X509_STORE *store = X509_STORE_new();
    ASSERT(store != NULL);
    int error = load(store, ca_file);
    ERR_clear_error();
    if (error != 0) {
        X509_STORE_free(store);
        return error;
    }
    struct trust *trust = xmalloc(sizeof *trust);
    trust->store = store;
    atomic_init(&trust->holders, 1);
    *out_trust = trust;
    return 0;
}

struct trust *trust_hold(struct trust *trust)
{
    atomic_fetch_add(&trust->holders, 1);
    return trust;
}

void trust_free(struct trust *trust)
{
    if (trust != NULL && atomic_fetch_sub(&trust->holders, 1) == 1) {
        X509_STORE_free(trust->store);
        free(trust);
    }
}

void trust_apply(struct trust *trust, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, trust->store);
}
