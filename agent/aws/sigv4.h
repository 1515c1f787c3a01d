// AWS Signature Version 4, for a signer (the agent) and a verifier (the sandbox). Pure functions of
// their arguments. Source: AWS General Reference, "Signature Version 4 signing process".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum {
    SHA256_BYTES = 32,
    SIGV4_HEX = 64,       // a signature or hash in hexadecimal, without NUL
    SIGV4_DATE_SIZE = 17, // "20150830T123600Z" and NUL
};

struct sigv4_header {
    struct slice name; // any case
    struct slice value;
};

struct sigv4_request {
    struct slice method;
    struct slice path;                  // as sent, before '?'; empty counts as "/"
    struct slice query;                 // as sent, without '?'
    const struct sigv4_header *headers; // those to be signed, in any order
    size_t header_count;
    uint8_t body_sha256[SHA256_BYTES];
};

struct sigv4_scope {
    const char *access_key_id;
    const char *secret_access_key;
    const char *region;
    const char *service;
    char date[SIGV4_DATE_SIZE]; // ISO 8601 basic, UTC
};

// A key derived for one day, region and service. Reuse it: it saves four HMACs a request.
struct sigv4_key {
    char day[9];
    uint8_t key[SHA256_BYTES];
};

void sha256(struct slice data, uint8_t out_hash[SHA256_BYTES]);
void hmac_sha256(struct slice key, struct slice data, uint8_t out_mac[SHA256_BYTES]);
// "20150830T123600Z" of a real time.
void sigv4_date(uint64_t real_ns, char out_date[SIGV4_DATE_SIZE]);

void sigv4_derive_key(const struct sigv4_scope *scope, struct sigv4_key *out_key);
// Appends the names of the signed headers, "host;x-amz-date".
void sigv4_signed_headers(const struct sigv4_request *request, struct buf *out);
// Appends the canonical request and the string to sign. For tests and for error texts.
void sigv4_canonical_request(const struct sigv4_request *request, struct buf *out);
void sigv4_string_to_sign(const struct sigv4_scope *scope, struct slice canonical_request,
                          struct buf *out);
// The signature in lower-case hexadecimal, with a NUL.
void sigv4_sign(const struct sigv4_scope *scope, const struct sigv4_key *key,
                const struct sigv4_request *request, char out_signature[SIGV4_HEX + 1]);
// Appends the value of the Authorization header.
void sigv4_authorization(const struct sigv4_scope *scope, const struct sigv4_key *key,
                         const struct sigv4_request *request, struct buf *out);
// Appends a text with everything but the unreserved characters of RFC 3986 escaped.
void sigv4_append_encoded(struct slice text, struct buf *out);
// Compares in constant time.
bool sigv4_equal(struct slice a, struct slice b);
