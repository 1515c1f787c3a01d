// The links of the credentials chain. Each looks in one place.
//
// Diagnostics: 0 with keys; E_NOT_FOUND when the place is not set up, so that the chain goes on;
// any other error when it is set up but gives no keys, with a sentence for people in `why`.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/compiler.h"
#include "base/slice.h"

enum { CREDENTIALS_WHY_MAX = 256 };

struct imds; // opaque

struct credentials_lookup {
    struct io *io;
    struct imds *imds;
    const _Atomic bool *stop; // NULL: never
    const struct credentials_chain_options *options;
    struct credentials keys;         // owned by the caller, on success
    char why[CREDENTIALS_WHY_MAX];   // on an error
    char where[CREDENTIALS_WHY_MAX]; // on success: "the environment", "role x of this instance"
};

// The value of an environment variable; NULL when it is unset or blank.
const char *credentials_variable(const struct credentials_lookup *lookup, const char *name);
// The content of a file that holds a token, without a newline at its end. Owned by the caller, who
// wipes it. An error is explained in `why`.
NODISCARD int credentials_read_token(struct credentials_lookup *lookup, const char *path,
                                     char **out_token);

NODISCARD int credentials_from_config(struct credentials_lookup *lookup);
NODISCARD int credentials_from_environment(struct credentials_lookup *lookup);
// The same even where the configuration names a profile.
NODISCARD int credentials_read_environment(struct credentials_lookup *lookup);
NODISCARD int credentials_from_profile(struct credentials_lookup *lookup);
// The role of AWS_ROLE_ARN by the token of AWS_WEB_IDENTITY_TOKEN_FILE.
NODISCARD int credentials_from_web_identity(struct credentials_lookup *lookup);
NODISCARD int credentials_from_container(struct credentials_lookup *lookup);

// Instance metadata, version 2 (token) only. Keeps its token between calls.
struct imds *imds_create(void);
void imds_free(struct imds *imds);
NODISCARD int credentials_from_imds(struct credentials_lookup *lookup);

// The JSON document that the metadata services give: AccessKeyId, SecretAccessKey, Token,
// Expiration.
NODISCARD int credentials_parse_document(struct slice document, struct credentials_lookup *lookup);
// "2026-11-22T10:00:00Z" as Unix seconds; E_SYNTAX.
NODISCARD int credentials_parse_time(const char *text, uint64_t *out_s);

// Stores what a step found; the keys are taken. `where` is for credentials_store_describe.
void credentials_store_set(struct credentials_store *store, struct credentials *keys,
                           const char *where);
// Says why there are no (new) keys; keys that are there stay in use.
void credentials_store_fail(struct credentials_store *store, const char *why);
// Whether the service has refused the current keys; resets it.
bool credentials_store_take_refusal(struct credentials_store *store);
