#include "sandbox/u128.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

enum { MD5_BYTES = 16 };

struct key_hasher {
    EVP_MD *md5;
    EVP_MD_CTX *context;
};

void u128_format(u128 value, char out_text[U128_TEXT_SIZE])
{
    char digits[U128_TEXT_SIZE];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++) {
        out_text[i] = digits[count - 1 - i];
    }
    out_text[count] = '\0';
}

int u128_parse(struct slice text, u128 *out_value)
{
    if (text.size == 0 || (text.size > 1 && text.data[0] == '0')) {
        return E_SYNTAX;
    }
    u128 value = 0;
    int error = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9) {
            return E_SYNTAX;
        }
        if (value > (U128_MAX - digit) / 10) {
            error = E_RANGE;
        }
        value = value * 10 + digit;
    }
    if (error == 0) {
        *out_value = value;
    }
    return error;
}

struct key_hasher *key_hasher_create(void)
{
    struct key_hasher *hasher = xmalloc(sizeof(*hasher));
    hasher->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    hasher->context = EVP_MD_CTX_new();
    ASSERT(hasher->md5 != NULL && hasher->context != NULL);
    return hasher;
}

void key_hasher_free(struct key_hasher *hasher)
{
    if (hasher != NULL) {
        EVP_MD_CTX_free(hasher->context);
        EVP_MD_free(hasher->md5);
        free(hasher);
    }
}

u128 key_hasher_hash(struct key_hasher *hasher, struct slice partition_key)
{
    uint8_t digest[MD5_BYTES];
    int done = EVP_DigestInit_ex2(hasher->context, hasher->md5, NULL) == 1 &&
               EVP_DigestUpdate(hasher->context, partition_key.data, partition_key.size) == 1 &&
               EVP_DigestFinal_ex(hasher->context, digest, NULL) == 1;
    ASSERT(done);
    u128 hash = 0;
    for (size_t i = 0; i < MD5_BYTES; i++) {
        hash = hash << 8 | digest[i];
    }
    return hash;
}
