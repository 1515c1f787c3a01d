// The service that a container's platform puts beside it: Amazon ECS and EKS Pod Identity. Source:
// AWS SDKs and Tools Reference Guide, "Container credential provider".
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/endpoint.h"
#include "aws/metadata_call.h"
#include "base/alloc.h"
#include "base/error.h"

#define ECS_ENDPOINT "http://169.254.170.2"

enum { TIMEOUT_MS = 2000, STATUS_OK = 200 };

// Whether keys may come from here without TLS: this machine, or the platform's own addresses.
static bool is_near(const char *url)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    const char *host = url + strlen("http://");
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    struct slice name = slice_of(host, length);
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        if (slice_equal_text(name, hosts[i])) {
            return true;
        }
    }
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

static int check_url(struct credentials_lookup *lookup, const char *url)
{
    const char *why;
    char *without_query = xstrndup(slice_of(url, strcspn(url, "?")));
    int error = endpoint_check(without_query, &why);
    free(without_query);
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the address of the container's credentials is not usable: %s", why);
        return E_CONFIG;
    }
    if (strncmp(url, "http://", 7) == 0 && !is_near(url)) {
        snprintf(lookup->why, sizeof lookup->why,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI names another machine and must be https://");
        return E_CONFIG;
    }
    return 0;
}

// The value of the Authorization header, owned by the caller, or NULL. The file is read at every
// call: its content changes.
static int get_token(struct credentials_lookup *lookup, char **out_token)
{
    const char *path = credentials_variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *set = credentials_variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    *out_token = NULL;
    if (path == NULL) {
        *out_token = set == NULL ? NULL : xstrdup(set);
        return 0;
    }
    return credentials_read_token(lookup, path, out_token);
}

// "Basic ..." and "Bearer ..." have a space, which is the only one that there may be.
static bool is_header_value(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static int fetch(struct credentials_lookup *lookup, struct metadata_call *call, const char *url)
{
    int error = metadata_call_run(call, lookup, url);
    if (error != 0) {
        return error;
    }
    if (call->status != STATUS_OK) {
        snprintf(lookup->why, sizeof lookup->why, "%s answers %d", call->service, call->status);
        return E_UNAVAILABLE;
    }
    snprintf(lookup->where, sizeof lookup->where, "%s", call->service);
    return credentials_parse_document(buf_slice(&call->body), lookup);
}

static int ask(struct credentials_lookup *lookup, const char *url)
{
    char *token;
    int error = get_token(lookup, &token);
    if (error != 0) {
        return error;
    }
    struct metadata_call call;
    metadata_call_init(&call);
    call.service = "the container's credentials service";
    call.method = "GET";
    call.timeout_ms = TIMEOUT_MS;
    call.may_use_proxy = strncmp(url, "https://", 8) == 0;
    if (token != NULL && !is_header_value(token)) {
        snprintf(lookup->why, sizeof lookup->why,
                 "the token for %s holds a character that no token has", call.service);
        error = E_CONFIG;
    } else {
        if (token != NULL) {
            metadata_call_add_header(&call, "Authorization", token);
        }
        error = fetch(lookup, &call, url);
    }
    metadata_call_deinit(&call);
    if (token != NULL) {
        OPENSSL_cleanse(token, strlen(token));
        free(token);
    }
    return error;
}

int credentials_from_container(struct credentials_lookup *lookup)
{
    const char *relative = credentials_variable(lookup, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = credentials_variable(lookup, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL && full == NULL) {
        return E_NOT_FOUND;
    }
    char *url = relative != NULL
                    ? xasprintf(ECS_ENDPOINT "%s%s", relative[0] == '/' ? "" : "/", relative)
                    : xstrdup(full);
    int error = check_url(lookup, url);
    if (error == 0) {
        error = ask(lookup, url);
    }
    free(url);
    return error;
}
