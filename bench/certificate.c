#include "certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/certificate.h"

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return false;
    }
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

static bool use(SSL_CTX *context, const char *certificate_text, const char *key_text)
{
    BIO *certificate_bio = BIO_new_mem_buf(certificate_text, -1);
    BIO *key_bio = BIO_new_mem_buf(key_text, -1);
    X509 *certificate = PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
    bool used = certificate != NULL && key != NULL &&
                SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    X509_free(certificate);
    BIO_free(key_bio);
    BIO_free(certificate_bio);
    return used;
}

int certificate_install(SSL_CTX *context, const char *path)
{
    char *certificate;
    char *key;
    if (certificate_create(NULL, &certificate, &key) != 0) {
        ERR_print_errors_fp(stderr);
        return -1;
    }
    bool installed = write_text(path, certificate) && use(context, certificate, key);
    if (!installed) {
        ERR_print_errors_fp(stderr);
    }
    free(certificate);
    free(key);
    return installed ? 0 : -1;
}
