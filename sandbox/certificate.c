#include "sandbox/certificate.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { VALID_S = 365 * 24 * 3600, BACKDATED_S = 3600, VERSION_3 = 2 };

static bool add_extension(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    bool done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool add_names(X509 *certificate, const char *host)
{
    const char *known = "DNS:localhost,IP:127.0.0.1,IP:::1";
    unsigned char address[sizeof(struct in6_addr)];
    if (host == NULL || *host == '\0' || strcmp(host, "localhost") == 0) {
        return add_extension(certificate, NID_subject_alt_name, known);
    }
    bool numeric =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    char *names = xasprintf("%s,%s:%s", known, numeric ? "IP" : "DNS", host);
    bool done = add_extension(certificate, NID_subject_alt_name, names);
    free(names);
    return done;
}

static bool set_serial(X509 *certificate)
{
    uint64_t serial;
    return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *host)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATED_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"kintail-sandbox", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           add_names(certificate, host) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

// The text that was written to a memory BIO, owned.
static char *take_text(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    return xstrndup(slice_of(data, size < 0 ? 0 : (size_t)size));
}

static bool write_pem(X509 *certificate, EVP_PKEY *key, char **out_certificate, char **out_key)
{
    BIO *certificate_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_mem());
    bool done = certificate_bio != NULL && key_bio != NULL &&
                PEM_write_bio_X509(certificate_bio, certificate) == 1 &&
                PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (done) {
        *out_certificate = take_text(certificate_bio);
        *out_key = take_text(key_bio);
    }
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return done;
}

int certificate_create(const char *host, char **out_certificate, char **out_key)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool done = key != NULL && certificate != NULL && fill(certificate, key, host) &&
                write_pem(certificate, key, out_certificate, out_key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done ? 0 : E_UNAVAILABLE;
}
