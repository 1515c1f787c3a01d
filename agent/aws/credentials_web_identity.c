// A role for a pod (IAM roles for service accounts). Source: AWS SDKs and Tools Reference Guide,
// "Assume role credential provider".
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/sts.h"
#include "base/alloc.h"
#include "base/error.h"

enum { TOKEN_BYTES_MAX = 20000 }; // STS takes no longer one

int credentials_read_token(struct credentials_lookup *lookup, const char *path, char **out_token)
{
    uint8_t *data;
    size_t size;
    int error = io_read_file(lookup->io, path, TOKEN_BYTES_MAX, &data, &size);
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why, "cannot read %.160s: %s", path,
                 error_text(error));
        return error;
    }
    struct slice token = slice_of(data, size);
    while (token.size > 0 && strchr("\r\n", token.data[token.size - 1]) != NULL) {
        token.size--;
    }
    if (token.size == 0) {
        snprintf(lookup->why, sizeof lookup->why, "%.160s holds no token", path);
        error = E_CONFIG;
    } else {
        *out_token = xstrndup(token);
        OPENSSL_cleanse(data, size);
    }
    free(data);
    return error;
}

int credentials_from_web_identity(struct credentials_lookup *lookup)
{
    const char *path = credentials_variable(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *arn = credentials_variable(lookup, "AWS_ROLE_ARN");
    const char *name = credentials_variable(lookup, "AWS_ROLE_SESSION_NAME");
    if (path == NULL) {
        return E_NOT_FOUND;
    }
    if (arn == NULL) {
        snprintf(lookup->why, sizeof lookup->why,
                 "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
        return E_CONFIG;
    }
    struct sts_role role = {.arn = slice_of_text(arn),
                            .session_name = slice_of_text(name == NULL ? "" : name)};
    snprintf(lookup->where, sizeof lookup->where, "the web identity of role %s", arn);
    return sts_assume_role_with_token(lookup, &role, path);
}
