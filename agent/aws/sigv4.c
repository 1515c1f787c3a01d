#include "aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

enum { HMAC_BLOCK_BYTES = 64 }; // of SHA-256, RFC 2104

// Fetched once: an implicit fetch at every digest costs more than a small digest itself.
static EVP_MD *sha256_algorithm;

static void fetch_algorithm(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    ASSERT(sha256_algorithm != NULL);
}

static EVP_MD_CTX *digest_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_algorithm);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ASSERT(context != NULL && EVP_DigestInit_ex2(context, sha256_algorithm, NULL) == 1);
    return context;
}

static void digest_add(EVP_MD_CTX *context, struct slice data)
{
    ASSERT(EVP_DigestUpdate(context, data.data, data.size) == 1);
}

static void digest_end(EVP_MD_CTX *context, uint8_t out_hash[SHA256_BYTES])
{
    ASSERT(EVP_DigestFinal_ex(context, out_hash, NULL) == 1);
    EVP_MD_CTX_free(context);
}

void sha256(struct slice data, uint8_t out_hash[SHA256_BYTES])
{
    EVP_MD_CTX *context = digest_begin();
    digest_add(context, data);
    digest_end(context, out_hash);
}

void hmac_sha256(struct slice key, struct slice data, uint8_t out_mac[SHA256_BYTES])
{
    uint8_t pad[HMAC_BLOCK_BYTES] = {0};
    if (key.size > sizeof pad) {
        sha256(key, pad);
    } else if (key.size > 0) {
        memcpy(pad, key.data, key.size);
    }
    for (size_t i = 0; i < sizeof pad; i++) {
        pad[i] ^= 0x36;
    }
    uint8_t inner[SHA256_BYTES];
    EVP_MD_CTX *context = digest_begin();
    digest_add(context, slice_of(pad, sizeof pad));
    digest_add(context, data);
    digest_end(context, inner);
    for (size_t i = 0; i < sizeof pad; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    context = digest_begin();
    digest_add(context, slice_of(pad, sizeof pad));
    digest_add(context, slice_of(inner, sizeof inner));
    digest_end(context, out_mac);
    OPENSSL_cleanse(pad, sizeof pad);
    OPENSSL_cleanse(inner, sizeof inner);
}

void sigv4_date(uint64_t real_ns, char out_date[SIGV4_DATE_SIZE])
{
    time_t seconds = (time_t)(real_ns / NS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t length = strftime(out_date, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc);
    ASSERT(length == SIGV4_DATE_SIZE - 1);
}

void sigv4_derive_key(const struct sigv4_scope *scope, struct sigv4_key *out_key)
{
    char *secret = xasprintf("AWS4%s", scope->secret_access_key);
    memcpy(out_key->day, scope->date, 8);
    out_key->day[8] = '\0';
    const char *parts[] = {out_key->day, scope->region, scope->service, "aws4_request"};
    struct slice key = slice_of_text(secret);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        uint8_t next[SHA256_BYTES];
        hmac_sha256(key, slice_of_text(parts[i]), next);
        memcpy(out_key->key, next, sizeof next);
        OPENSSL_cleanse(next, sizeof next);
        key = slice_of(out_key->key, sizeof out_key->key);
    }
    OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
}

static void append_hex(struct slice bytes, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        buf_append_byte(out, (uint8_t)digits[bytes.data[i] >> 4]);
        buf_append_byte(out, (uint8_t)digits[bytes.data[i] & 0xf]);
    }
}

static void append_scope(const struct sigv4_scope *scope, struct buf *out)
{
    buf_append(out, scope->date, 8);
    buf_appendf(out, "/%s/%s/aws4_request", scope->region, scope->service);
}

void sigv4_string_to_sign(const struct sigv4_scope *scope, struct slice canonical_request,
                          struct buf *out)
{
    uint8_t hash[SHA256_BYTES];
    sha256(canonical_request, hash);
    buf_appendf(out, "AWS4-HMAC-SHA256\n%s\n", scope->date);
    append_scope(scope, out);
    buf_append_byte(out, '\n');
    append_hex(slice_of(hash, sizeof hash), out);
}

void sigv4_sign(const struct sigv4_scope *scope, const struct sigv4_key *key,
                const struct sigv4_request *request, char out_signature[SIGV4_HEX + 1])
{
    ASSERT(memcmp(key->day, scope->date, 8) == 0);
    struct buf text;
    struct buf to_sign;
    buf_init(&text, SIZE_MAX);
    buf_init(&to_sign, SIZE_MAX);
    sigv4_canonical_request(request, &text);
    sigv4_string_to_sign(scope, buf_slice(&text), &to_sign);
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(slice_of(key->key, sizeof key->key), buf_slice(&to_sign), mac);
    buf_clear(&text);
    append_hex(slice_of(mac, sizeof mac), &text);
    memcpy(out_signature, text.data, SIGV4_HEX);
    out_signature[SIGV4_HEX] = '\0';
    buf_deinit(&text);
    buf_deinit(&to_sign);
}

void sigv4_authorization(const struct sigv4_scope *scope, const struct sigv4_key *key,
                         const struct sigv4_request *request, struct buf *out)
{
    char signature[SIGV4_HEX + 1];
    sigv4_sign(scope, key, request, signature);
    buf_appendf(out, "AWS4-HMAC-SHA256 Credential=%s/", scope->access_key_id);
    append_scope(scope, out);
    buf_append_text(out, ", SignedHeaders=");
    sigv4_signed_headers(request, out);
    buf_appendf(out, ", Signature=%s", signature);
}

bool sigv4_equal(struct slice a, struct slice b)
{
    return a.size == b.size && CRYPTO_memcmp(a.data, b.data, a.size) == 0;
}
