#include "sandbox/auth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/number.h"
#include "sandbox/auth_parse.h"

enum { WINDOW_S = 300, MESSAGE_BYTES_MAX = 64 << 10 };

static const char invalid[] = "InvalidSignatureException";

static uint64_t digits(struct slice text, size_t from, size_t count)
{
    uint64_t value = 0;
    return number_parse_u64(slice_of(text.data + from, count), &value) == 0 ? value : UINT64_MAX;
}

// Seconds since 1970 of "20150830T123600Z". False for any other form.
static bool parse_date(struct slice text, uint64_t *out_s)
{
    if (text.size != SIGV4_DATE_SIZE - 1 || text.data[8] != 'T' || text.data[15] != 'Z') {
        return false;
    }
    uint64_t part[] = {digits(text, 0, 4), digits(text, 4, 2),  digits(text, 6, 2),
                       digits(text, 9, 2), digits(text, 11, 2), digits(text, 13, 2)};
    for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
        if (part[i] == UINT64_MAX) {
            return false;
        }
    }
    struct tm tm = {.tm_year = (int)part[0] - 1900,
                    .tm_mon = (int)part[1] - 1,
                    .tm_mday = (int)part[2],
                    .tm_hour = (int)part[3],
                    .tm_min = (int)part[4],
                    .tm_sec = (int)part[5]};
    time_t seconds = timegm(&tm);
    *out_s = seconds < 0 ? 0 : (uint64_t)seconds;
    return true;
}

// "20150830T123600Z" of a date header in either form (RFC 7231 dates count too).
static bool amz_date(struct slice text, char out_date[SIGV4_DATE_SIZE], uint64_t *out_s)
{
    if (parse_date(text, out_s)) {
        memcpy(out_date, text.data, SIGV4_DATE_SIZE - 1);
        out_date[SIGV4_DATE_SIZE - 1] = '\0';
        return true;
    }
    struct tm tm = {0};
    char *copy = xstrndup(text);
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    bool whole = end != NULL && *end == '\0';
    free(copy);
    if (!whole) {
        return false;
    }
    *out_s = (uint64_t)timegm(&tm);
    sigv4_date(*out_s * NS_PER_S, out_date);
    return true;
}

static const char *check_time(uint64_t then_s, const char *date, uint64_t now_ns,
                              struct buf *message)
{
    uint64_t now_s = now_ns / NS_PER_S;
    char now[SIGV4_DATE_SIZE];
    char edge[SIGV4_DATE_SIZE];
    sigv4_date(now_ns, now);
    if (then_s + WINDOW_S < now_s) {
        sigv4_date((now_s - WINDOW_S) * NS_PER_S, edge);
        buf_appendf(message, "Signature expired: %s is now earlier than %s (%s - 5 min.)", date,
                    edge, now);
        return invalid;
    }
    if (then_s > now_s + WINDOW_S) {
        sigv4_date((now_s + WINDOW_S) * NS_PER_S, edge);
        buf_appendf(message, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
                    date, edge, now);
        return invalid;
    }
    return NULL;
}

static const char *check_scope(const struct auth *auth, const struct signature_parts *parts,
                               const char *service, const char *date, struct buf *message)
{
    struct slice day = parts->scope[1];
    if (!slice_equal(day, slice_of(date, 8))) {
        buf_appendf(message,
                    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                    "date from HTTP: '%.*s' != '%.8s', from '%s'.",
                    (int)day.size, (const char *)day.data, date, date);
    } else if (!slice_equal_text(parts->scope[2], auth->region)) {
        buf_appendf(message, "Credential should be scoped to a valid region, not '%.*s'. ",
                    (int)parts->scope[2].size, (const char *)parts->scope[2].data);
    } else if (!slice_equal_text(parts->scope[3], service)) {
        buf_appendf(message, "Credential should be scoped to correct service: '%s'. ", service);
    } else if (!slice_equal_text(parts->scope[4], "aws4_request")) {
        buf_append_text(message, "Credential should be scoped with a valid terminator: "
                                 "'aws4_request'. ");
    }
    return message->size > 0 ? invalid : NULL;
}

// Whether a lower-case list "a;b;c" names a header.
static bool list_has(struct slice list, struct slice name)
{
    while (list.size > 0) {
        const uint8_t *end = memchr(list.data, ';', list.size);
        size_t size = end != NULL ? (size_t)(end - list.data) : list.size;
        if (size == name.size &&
            strncasecmp((const char *)list.data, (const char *)name.data, size) == 0) {
            return true;
        }
        list = slice_skip(list, end != NULL ? size + 1 : size);
    }
    return false;
}

// Collects the headers that the signature covers. False when one that must be covered is not.
static bool covered_headers(const struct http_request *request, const struct signature_parts *parts,
                            struct sigv4_request *signed_request, struct sigv4_header *covered,
                            struct buf *message)
{
    bool host = false;
    for (size_t i = 0; i < request->header_count; i++) {
        struct slice name = request->headers[i].name;
        bool is_listed = list_has(parts->signed_headers, name);
        bool is_amz = name.size > 6 && strncasecmp((const char *)name.data, "x-amz-", 6) == 0;
        if (is_amz && !is_listed) {
            buf_appendf(message, "'%.*s' must be a 'SignedHeader' in the AWS Authorization.",
                        (int)name.size, (const char *)name.data);
            return false;
        }
        if (is_listed) {
            covered[signed_request->header_count++] = request->headers[i];
            host = host || (name.size == 4 && strncasecmp((const char *)name.data, "host", 4) == 0);
        }
    }
    if (!host) {
        buf_append_text(
            message, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    signed_request->headers = covered;
    return host;
}

static void append_mismatch(const struct sigv4_request *request, const struct sigv4_scope *scope,
                            struct buf *message)
{
    struct buf canonical;
    buf_init(&canonical, MESSAGE_BYTES_MAX);
    sigv4_canonical_request(request, &canonical);
    buf_append_text(message, "The request signature we calculated does not match the signature you "
                             "provided. Check your AWS Secret Access Key and signing method. "
                             "Consult the service documentation for details.\n\nThe Canonical "
                             "String for this request should have been\n'");
    buf_append_slice(message, buf_slice(&canonical));
    buf_append_text(message, "'\n\nThe String-to-Sign should have been\n'");
    sigv4_string_to_sign(scope, buf_slice(&canonical), message);
    buf_append_text(message, "'\n");
    buf_deinit(&canonical);
}

static const char *check_signature(const struct auth *auth, const struct access_key *key,
                                   const struct http_request *request,
                                   const struct signature_parts *parts, struct sigv4_scope *scope,
                                   struct buf *message)
{
    struct sigv4_header covered[REQUEST_HEADERS_MAX];
    struct sigv4_request signed_request = {
        .method = slice_of_text(request->method), .path = request->path, .query = request->query};
    if (!covered_headers(request, parts, &signed_request, covered, message)) {
        return invalid;
    }
    struct buf query;
    buf_init(&query, request->query.size + 1);
    if (parts->in_query) {
        query_without_signature(request->query, &query);
        signed_request.query = buf_slice(&query);
    }
    sha256(request->body, signed_request.body_sha256);
    scope->access_key_id = key->id;
    scope->secret_access_key = key->secret;
    scope->region = auth->region;
    struct sigv4_key derived;
    sigv4_derive_key(scope, &derived);
    char expected[SIGV4_HEX + 1];
    sigv4_sign(scope, &derived, &signed_request, expected);
    bool same = sigv4_equal(slice_of_text(expected), parts->signature);
    if (!same) {
        append_mismatch(&signed_request, scope, message);
    }
    buf_deinit(&query);
    return same ? NULL : invalid;
}

static const struct access_key *find_key(const struct auth *auth, struct slice id)
{
    for (size_t i = 0; i < auth->key_count; i++) {
        if (slice_equal_text(id, auth->keys[i].id)) {
            return &auth->keys[i];
        }
    }
    return NULL;
}

static const char *verify(const struct auth *auth, const struct http_request *request,
                          const struct signature_parts *parts, const char *service, uint64_t now_ns,
                          struct buf *message)
{
    struct sigv4_scope scope = {.service = service};
    uint64_t then_s;
    if (!amz_date(parts->date, scope.date, &then_s)) {
        buf_appendf(message, "Date must be in ISO-8601 'basic format'. Got '%.*s'.",
                    (int)parts->date.size, (const char *)parts->date.data);
        return "IncompleteSignatureException";
    }
    const struct access_key *key = find_key(auth, parts->scope[0]);
    struct slice token = http_header(request, "X-Amz-Security-Token");
    if (key == NULL || (key->token != NULL && !slice_equal_text(token, key->token))) {
        buf_append_text(message, "The security token included in the request is invalid.");
        return "UnrecognizedClientException";
    }
    const char *refusal = check_scope(auth, parts, service, scope.date, message);
    if (refusal == NULL) {
        refusal = check_time(then_s, scope.date, now_ns, message);
    }
    if (refusal == NULL) {
        refusal = check_signature(auth, key, request, parts, &scope, message);
    }
    return refusal;
}

const char *auth_refusal(const struct auth *auth, const struct http_request *request,
                         const char *service, uint64_t now_ns, struct buf *message)
{
    struct signature_parts parts;
    struct buf scratch;
    buf_init(&scratch, MESSAGE_BYTES_MAX);
    const char *refusal = signature_parse(request, &parts, &scratch, message);
    if (refusal == NULL && auth->key_count > 0) {
        refusal = verify(auth, request, &parts, service, now_ns, message);
    }
    buf_deinit(&scratch);
    return refusal;
}
