// A role for a pod (IAM roles for service accounts). Source: AWS SDKs and Tools Reference Guide,
// "Assume role credential provider".
#include <stdio.h>

#include "aws/sts.h"
#include "base/error.h"

int credentials_from_web_identity(struct credentials_lookup *lookup)
{
    const char *(*get)(const char *) = lookup->options->getenv;
    const char *path = get("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (path == NULL || path[0] == '\0') {
        return E_NOT_FOUND;
    }
    const char *arn = get("AWS_ROLE_ARN");
    const char *name = get("AWS_ROLE_SESSION_NAME");
    if (arn == NULL || arn[0] == '\0') {
        snprintf(lookup->why, sizeof lookup->why,
                 "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
        return E_CONFIG;
    }
    struct sts_role role = {.arn = slice_of_text(arn),
                            .session_name = slice_of_text(name == NULL ? "" : name)};
    snprintf(lookup->where, sizeof lookup->where, "the web identity of role %s", arn);
    return sts_assume_role_with_token(lookup, &role, path);
}
