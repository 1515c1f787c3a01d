// Keys that somebody wrote down: in the configuration or in the environment.
#include <stdio.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/error.h"

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

const char *credentials_variable(const struct credentials_lookup *lookup, const char *name)
{
    const char *value = lookup->options->getenv(name);
    return is_set(value) ? value : NULL;
}

// Takes a pair of keys, both or neither of which must be set.
static int take_pair(struct credentials_lookup *lookup, const char *id, const char *secret,
                     const char *token, const char *where)
{
    if (!is_set(id) && !is_set(secret)) {
        return E_NOT_FOUND;
    }
    if (!is_set(id) || !is_set(secret)) {
        snprintf(lookup->why, sizeof lookup->why, "%s has %s but no %s; set both or neither", where,
                 is_set(id) ? "an access key id" : "a secret access key",
                 is_set(id) ? "secret access key" : "access key id");
        return E_CONFIG;
    }
    lookup->keys = (struct credentials){
        .access_key_id = xstrdup(id),
        .secret_access_key = xstrdup(secret),
        .session_token = is_set(token) ? xstrdup(token) : NULL,
    };
    snprintf(lookup->where, sizeof lookup->where, "%s", where);
    return 0;
}

int credentials_from_config(struct credentials_lookup *lookup)
{
    const struct credentials_config *config = lookup->options->config;
    return take_pair(lookup, config->access_key_id, config->secret_access_key,
                     config->session_token, "the configuration");
}

int credentials_from_environment(struct credentials_lookup *lookup)
{
    // A profile that the configuration names was chosen over whatever the environment holds.
    return lookup->options->config->profile != NULL ? E_NOT_FOUND
                                                    : credentials_read_environment(lookup);
}

int credentials_read_environment(struct credentials_lookup *lookup)
{
    const char *(*get)(const char *) = lookup->options->getenv;
    return take_pair(lookup, get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"),
                     get("AWS_SESSION_TOKEN"), "the environment");
}
