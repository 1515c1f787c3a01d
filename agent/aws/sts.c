#include "aws/sts.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/endpoint.h"
#include "aws/metadata_call.h"
#include "aws/sigv4.h"
#include "base/alloc.h"
#include "base/error.h"

#define FORM "application/x-www-form-urlencoded; charset=utf-8"

enum { TIMEOUT_MS = 5000, STATUS_OK = 200 };

// ---- the answer ----

// What stands between <name> and </name>, or an empty slice.
static struct slice element(struct slice text, const char *name)
{
    struct slice none = slice_of(NULL, 0);
    char tag[64];
    int size = snprintf(tag, sizeof tag, "<%s>", name);
    const uint8_t *open = text.size == 0 ? NULL : memmem(text.data, text.size, tag, (size_t)size);
    if (open == NULL) {
        return none;
    }
    struct slice rest = slice_skip(text, (size_t)(open - text.data) + (size_t)size);
    size = snprintf(tag, sizeof tag, "</%s>", name);
    const uint8_t *close = rest.size == 0 ? NULL : memmem(rest.data, rest.size, tag, (size_t)size);
    return close == NULL ? none : slice_of(rest.data, (size_t)(close - rest.data));
}

// Keys, tokens and times are plain text; what needed an escape would be something else.
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '&' || text.data[i] == '<') {
            return false;
        }
    }
    return metadata_is_plain(text);
}

static void say_refused(struct slice answer, int status, struct credentials_lookup *lookup)
{
    struct slice code = element(answer, "Code");
    struct slice message = element(answer, "Message");
    if (code.size > 64) {
        code.size = 64;
    }
    if (message.size > 128) {
        message.size = 128;
    }
    snprintf(lookup->why, sizeof lookup->why, "the role is refused (status %d): %.*s%s%.*s", status,
             (int)code.size, (const char *)code.data, message.size > 0 ? ": " : "",
             (int)message.size, (const char *)message.data);
}

int sts_parse_answer(struct slice answer, int status, struct credentials_lookup *lookup)
{
    if (status != STATUS_OK) {
        say_refused(answer, status, lookup);
        return E_UNAVAILABLE;
    }
    struct slice keys = element(answer, "Credentials");
    struct slice id = element(keys, "AccessKeyId");
    struct slice secret = element(keys, "SecretAccessKey");
    struct slice token = element(keys, "SessionToken");
    struct slice expiration = element(keys, "Expiration");
    if (!is_plain(id) || !is_plain(secret) || !is_plain(token) || !is_plain(expiration)) {
        snprintf(lookup->why, sizeof lookup->why, "the answer for the role has no whole keys");
        return E_SYNTAX;
    }
    uint64_t expires_s;
    char *time = xstrndup(expiration);
    int error = credentials_parse_time(time, &expires_s);
    free(time);
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the answer for the role has an Expiration that is no time");
        return error;
    }
    lookup->keys = (struct credentials){
        .access_key_id = xstrndup(id),
        .secret_access_key = xstrndup(secret),
        .session_token = xstrndup(token),
        .expires_s = expires_s,
    };
    return 0;
}

// ---- the request ----

static void append_parameter(struct buf *body, const char *name, struct slice value)
{
    if (value.size > 0) {
        buf_appendf(body, "&%s=", name);
        sigv4_append_encoded(value, body);
    }
}

static void begin_body(struct buf *body, const char *action, const struct sts_role *role)
{
    struct slice name = role->session_name;
    buf_init(body, SIZE_MAX);
    buf_appendf(body, "Action=%s&Version=2011-06-15", action);
    append_parameter(body, "RoleArn", role->arn);
    append_parameter(body, "RoleSessionName", name.size > 0 ? name : slice_of_text("kintail"));
    append_parameter(body, "DurationSeconds", role->duration_s);
}

static void end_body(struct buf *body)
{
    OPENSSL_cleanse(body->data, body->size);
    buf_deinit(body);
}

static int need_region(struct credentials_lookup *lookup)
{
    if (lookup->options->region != NULL) {
        return 0;
    }
    snprintf(lookup->why, sizeof lookup->why,
             "a role needs a region to ask for it in; set \"region\" or AWS_REGION");
    return E_CONFIG;
}

// "https://sts.eu-west-1.amazonaws.com/", owned, or NULL.
static char *url_of(struct credentials_lookup *lookup)
{
    const char *set = credentials_variable(lookup, "AWS_ENDPOINT_URL_STS");
    const char *why;
    if (set != NULL) {
        if (endpoint_check(set, &why) == 0) {
            return xasprintf("%s%s", set, set[strlen(set) - 1] == '/' ? "" : "/");
        }
        snprintf(lookup->why, sizeof lookup->why, "AWS_ENDPOINT_URL_STS: %s", why);
        return NULL;
    }
    if (need_region(lookup) != 0) {
        return NULL;
    }
    char *url = endpoint_url_of_name("sts", lookup->options->region);
    char *with_path = xasprintf("%s/", url);
    free(url);
    return with_path;
}

static int run(struct credentials_lookup *lookup, struct metadata_call *call, const char *url)
{
    call->service = "the Security Token Service";
    call->method = "POST";
    call->timeout_ms = TIMEOUT_MS;
    call->may_use_proxy = true;
    int error = metadata_call_run(call, lookup, url);
    return error != 0 ? error : sts_parse_answer(buf_slice(&call->body), call->status, lookup);
}

struct signed_headers {
    char date[SIGV4_DATE_SIZE];
    char *host;
    struct buf authorization;
};

// Adds the headers of a signed request. They live in `headers`, which the caller frees.
static void sign(struct credentials_lookup *lookup, struct metadata_call *call, const char *url,
                 const struct credentials *source, struct signed_headers *headers)
{
    const char *host = strstr(url, "://") + 3;
    size_t host_size = strcspn(host, "/");
    const char *path = host + host_size;
    headers->host = xstrndup(slice_of(host, host_size));
    sigv4_date(lookup->io->real_ns(lookup->io), headers->date);
    metadata_call_add_header(call, "Host", headers->host);
    metadata_call_add_header(call, "Content-Type", FORM);
    metadata_call_add_header(call, "X-Amz-Date", headers->date);
    if (source->session_token != NULL) {
        metadata_call_add_header(call, "X-Amz-Security-Token", source->session_token);
    }
    struct sigv4_header signed_headers[METADATA_HEADERS_MAX];
    for (unsigned i = 0; i < call->header_count; i++) {
        signed_headers[i].name = slice_of_text(call->headers[i].name);
        signed_headers[i].value = slice_of_text(call->headers[i].value);
    }
    struct sigv4_request request = {
        .method = slice_of_text("POST"),
        .path = slice_of_text(path),
        .headers = signed_headers,
        .header_count = call->header_count,
    };
    sha256(call->request_body, request.body_sha256);
    struct sigv4_scope scope = {
        .access_key_id = source->access_key_id,
        .secret_access_key = source->secret_access_key,
        .region = lookup->options->region,
        .service = "sts",
    };
    memcpy(scope.date, headers->date, sizeof scope.date);
    struct sigv4_key key;
    sigv4_derive_key(&scope, &key);
    buf_init(&headers->authorization, SIZE_MAX);
    sigv4_authorization(&scope, &key, &request, &headers->authorization);
    OPENSSL_cleanse(&key, sizeof key);
    metadata_call_add_header(call, "Authorization", buf_text(&headers->authorization));
}

int sts_assume_role(struct credentials_lookup *lookup, const struct sts_role *role,
                    const struct credentials *source)
{
    char *url = need_region(lookup) != 0 ? NULL : url_of(lookup);
    if (url == NULL) {
        return E_CONFIG;
    }
    struct buf body;
    begin_body(&body, "AssumeRole", role);
    append_parameter(&body, "ExternalId", role->external_id);
    struct metadata_call call;
    metadata_call_init(&call);
    call.request_body = buf_slice(&body);
    struct signed_headers headers;
    sign(lookup, &call, url, source, &headers);
    int error = run(lookup, &call, url);
    metadata_call_deinit(&call);
    buf_deinit(&headers.authorization);
    free(headers.host);
    end_body(&body);
    free(url);
    return error;
}

int sts_assume_role_with_token(struct credentials_lookup *lookup, const struct sts_role *role,
                               const char *token_path)
{
    char *url = url_of(lookup);
    if (url == NULL) {
        return E_CONFIG;
    }
    char *token;
    int error = credentials_read_token(lookup, token_path, &token);
    if (error != 0) {
        free(url);
        return error;
    }
    struct buf body;
    begin_body(&body, "AssumeRoleWithWebIdentity", role);
    append_parameter(&body, "WebIdentityToken", slice_of_text(token));
    OPENSSL_cleanse(token, strlen(token));
    free(token);
    struct metadata_call call;
    metadata_call_init(&call);
    call.request_body = buf_slice(&body);
    metadata_call_add_header(&call, "Content-Type", FORM);
    error = run(lookup, &call, url);
    metadata_call_deinit(&call);
    end_body(&body);
    free(url);
    return error;
}
