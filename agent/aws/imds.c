// Instance metadata service, version 2. Source: Amazon EC2 User Guide, "Use the Instance Metadata
// Service to access instance metadata".
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "aws/metadata_call.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#define IMDS_ENDPOINT_IPV4 "http://169.254.169.254"
#define IMDS_ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define IMDS_ROLE_PATH     "/latest/meta-data/iam/security-credentials/"

enum {
    TIMEOUT_MS = 1000,
    TOKEN_TTL_S = 21600,
    TOKEN_EARLY_S = 120, // a token is renewed so long before its end
    STATUS_OK = 200,
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

static const char *endpoint(const struct credentials_lookup *lookup)
{
    if (lookup->options->config->imds_endpoint != NULL) {
        return lookup->options->config->imds_endpoint;
    }
    const char *set = credentials_variable(lookup, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (set != NULL) {
        return set;
    }
    const char *mode = credentials_variable(lookup, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    return mode != NULL && strcasecmp(mode, "IPv6") == 0 ? IMDS_ENDPOINT_IPV6 : IMDS_ENDPOINT_IPV4;
}

static int ask(struct metadata_call *call, struct credentials_lookup *lookup, const char *path)
{
    const char *base = endpoint(lookup);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    char *url = xasprintf("%.*s%s", (int)length, base, path);
    int error = metadata_call_run(call, lookup, url);
    free(url);
    return error;
}

static int ensure_token(struct imds *imds, struct credentials_lookup *lookup,
                        struct metadata_call *call)
{
    uint64_t now_ns = lookup->io->monotonic_ns(lookup->io);
    if (imds->token != NULL && now_ns < imds->token_until_ns) {
        return 0;
    }
    drop_token(imds);
    call->method = "PUT";
    metadata_call_set_header(call, "x-aws-ec2-metadata-token-ttl-seconds", "21600");
    int error = ask(call, lookup, "/latest/api/token");
    if (error != 0) {
        return error;
    }
    if (call->status != STATUS_OK || !metadata_is_plain(buf_slice(&call->body))) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the instance metadata service gives no token (status %d)", call->status);
        return E_UNAVAILABLE;
    }
    imds->token = xstrndup(buf_slice(&call->body));
    imds->token_until_ns = now_ns + (TOKEN_TTL_S - TOKEN_EARLY_S) * NS_PER_S;
    return 0;
}

// GET with the token; a token that is refused is renewed once.
static int get(struct imds *imds, struct credentials_lookup *lookup, struct metadata_call *call,
               const char *path)
{
    for (unsigned i = 0; i < 2; i++) {
        int error = ensure_token(imds, lookup, call);
        if (error != 0) {
            return error;
        }
        call->method = "GET";
        metadata_call_set_header(call, "x-aws-ec2-metadata-token", imds->token);
        error = ask(call, lookup, path);
        if (error != 0 || call->status != STATUS_UNAUTHORIZED) {
            return error;
        }
        drop_token(imds);
    }
    return 0;
}

// The name of the instance's role: the first line of the answer. Owned by the caller.
static int get_role(struct imds *imds, struct credentials_lookup *lookup,
                    struct metadata_call *call, char **out_role)
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
    if (call->status != STATUS_OK || !metadata_is_plain(role)) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the instance metadata service names no role (status %d); give this instance one",
                 call->status);
        return E_UNAVAILABLE;
    }
    *out_role = xstrndup(role);
    return 0;
}

static int get_keys(struct imds *imds, struct credentials_lookup *lookup,
                    struct metadata_call *call, const char *role)
{
    char *path = xasprintf(IMDS_ROLE_PATH "%s", role);
    int error = get(imds, lookup, call, path);
    free(path);
    if (error != 0) {
        return error;
    }
    if (call->status != STATUS_OK) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the instance metadata service gives no keys for role %.128s (status %d)", role,
                 call->status);
        return E_UNAVAILABLE;
    }
    snprintf(lookup->where, sizeof lookup->where, "role %.128s of this instance", role);
    return credentials_parse_document(buf_slice(&call->body), lookup);
}

int credentials_from_imds(struct credentials_lookup *lookup)
{
    const char *disabled = credentials_variable(lookup, "AWS_EC2_METADATA_DISABLED");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0) {
        return E_NOT_FOUND;
    }
    struct metadata_call call;
    metadata_call_init(&call);
    call.service = "the instance metadata service";
    call.timeout_ms = TIMEOUT_MS;
    char *role = NULL;
    int error = get_role(lookup->imds, lookup, &call, &role);
    if (error == 0) {
        error = get_keys(lookup->imds, lookup, &call, role);
        free(role);
    }
    metadata_call_deinit(&call);
    return error;
}
