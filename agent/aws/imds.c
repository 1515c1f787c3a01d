// Instance metadata service, version 2. Source: Amazon EC2 User Guide, "Use the Instance Metadata
// Service to access instance metadata".
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"

#define IMDS_ENDPOINT_IPV4 "http://169.254.169.254"
#define IMDS_ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define IMDS_ROLE_PATH     "/latest/meta-data/iam/security-credentials/"

enum {
    TIMEOUT_MS = 1000,
    TRIES = 3,
    TOKEN_TTL_S = 21600,
    TOKEN_EARLY_S = 120, // a token is renewed so long before its end
    ANSWER_BYTES_MAX = 64 * 1024,
    TOKEN_BYTES_MAX = 1024,
    STATUS_UNAUTHORIZED = 401,
};

struct imds {
    char *token;
    uint64_t token_until_ns; // monotonic
};

struct imds *imds_create(void)
{
    return xcalloc(1, sizeof(struct imds));
}

static void drop_token(struct imds *imds)
{
    if (imds->token != NULL) {
        OPENSSL_cleanse(imds->token, strlen(imds->token));
        free(imds->token);
        imds->token = NULL;
    }
}

void imds_free(struct imds *imds)
{
    if (imds != NULL) {
        drop_token(imds);
        free(imds);
    }
}

struct call {
    const char *method;
    const char *path;
    struct transport_header header;
    int status;      // of the answer
    struct buf body; // of the answer
};

// One exchange. The transport ends it in time, with an answer or without.
static int exchange_once(struct credentials_lookup *lookup, const char *url, struct call *call)
{
    struct transport *transport = lookup->options->transport;
    struct transport_request request = {
        .method = call->method,
        .url = url,
        .headers = {call->header},
        .header_count = call->header.name == NULL ? 0 : 1,
        .timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = TIMEOUT_MS,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .no_proxy = true,
    };
    int error = transport->submit(transport, &request);
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "cannot ask the instance metadata service at %.160s: %s", url,
                 error == E_RANGE ? "this is no URL to ask" : error_text(error));
        return error;
    }
    struct transport_answer answer;
    while (transport->collect(transport, &answer) == 0) {
        transport->wait(transport, TIMEOUT_MS);
    }
    if (answer.outcome != TRANSPORT_ANSWERED) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the instance metadata service gives no answer: %s", answer.detail);
        return E_UNAVAILABLE;
    }
    call->status = answer.status;
    buf_clear(&call->body);
    buf_append_slice(&call->body, answer.body);
    return 0;
}

static const char *endpoint(const struct credentials_lookup *lookup)
{
    const char *(*get)(const char *) = lookup->options->getenv;
    if (lookup->options->config->imds_endpoint != NULL) {
        return lookup->options->config->imds_endpoint;
    }
    const char *set = get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (set != NULL && set[0] != '\0') {
        return set;
    }
    const char *mode = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    return mode != NULL && strcasecmp(mode, "IPv6") == 0 ? IMDS_ENDPOINT_IPV6 : IMDS_ENDPOINT_IPV4;
}

static int exchange(struct credentials_lookup *lookup, struct call *call)
{
    const char *base = endpoint(lookup);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    char *url = xasprintf("%.*s%s", (int)length, base, call->path);
    int error = E_UNAVAILABLE;
    for (unsigned i = 0; i < TRIES && error == E_UNAVAILABLE; i++) {
        error = exchange_once(lookup, url, call);
        if (error == 0 && call->status >= 500) {
            snprintf(lookup->why, sizeof lookup->why, "the instance metadata service answers %d",
                     call->status);
            error = E_UNAVAILABLE;
        }
    }
    free(url);
    return error;
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= TOKEN_BYTES_MAX;
}

static int ensure_token(struct imds *imds, struct credentials_lookup *lookup, struct call *call)
{
    uint64_t now_ns = lookup->io->monotonic_ns(lookup->io);
    if (imds->token != NULL && now_ns < imds->token_until_ns) {
        return 0;
    }
    drop_token(imds);
    call->method = "PUT";
    call->path = "/latest/api/token";
    call->header = (struct transport_header){"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
    int error = exchange(lookup, call);
    if (error != 0) {
        return error;
    }
    if (call->status != 200 || !is_token(buf_slice(&call->body))) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the instance metadata service gives no token (status %d)", call->status);
        return E_UNAVAILABLE;
    }
    imds->token = xstrndup(buf_slice(&call->body));
    imds->token_until_ns = now_ns + (TOKEN_TTL_S - TOKEN_EARLY_S) * NS_PER_S;
    return 0;
}

// GET with the token; a token that is refused is renewed once.
static int get(struct imds *imds, struct credentials_lookup *lookup, struct call *call,
               const char *path)
{
    for (unsigned i = 0; i < 2; i++) {
        int error = ensure_token(imds, lookup, call);
        if (error != 0) {
            return error;
        }
        call->method = "GET";
        call->path = path;
        call->header = (struct transport_header){"x-aws-ec2-metadata-token", imds->token};
        error = exchange(lookup, call);
        if (error != 0 || call->status != STATUS_UNAUTHORIZED) {
            return error;
        }
        drop_token(imds);
    }
    return 0;
}

static int take_keys(struct imds *imds, struct credentials_lookup *lookup, struct call *call)
{
    int error = get(imds, lookup, call, IMDS_ROLE_PATH);
    if (error != 0) {
        return error;
    }
    struct slice role = buf_slice(&call->body);
    const uint8_t *line_end = role.size == 0 ? NULL : memchr(role.data, '\n', role.size);
    if (line_end != NULL) {
        role.size = (size_t)(line_end - role.data);
    }
    if (call->status != 200 || !is_token(role)) {
        snprintf(lookup->why, sizeof lookup->why, "this instance has no role (status %d)",
                 call->status);
        return E_UNAVAILABLE;
    }
    char *name = xstrndup(role);
    char *path = xasprintf(IMDS_ROLE_PATH "%s", name);
    error = get(imds, lookup, call, path);
    if (error == 0) {
        error = credentials_parse_document(buf_slice(&call->body), lookup);
    }
    snprintf(lookup->where, sizeof lookup->where, "role %s of this instance", name);
    free(path);
    free(name);
    return error;
}

int credentials_from_imds(struct imds *imds, struct credentials_lookup *lookup)
{
    const char *disabled = lookup->options->getenv("AWS_EC2_METADATA_DISABLED");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0) {
        return E_NOT_FOUND;
    }
    struct call call = {0};
    buf_init(&call.body, ANSWER_BYTES_MAX);
    int error = take_keys(imds, lookup, &call);
    if (call.body.capacity > 0) {
        OPENSSL_cleanse(call.body.data, call.body.capacity);
    }
    buf_deinit(&call.body);
    return error;
}
