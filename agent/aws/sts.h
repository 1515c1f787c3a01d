// The Security Token Service: keys for a role. Source: AWS Security Token Service API Reference,
// "AssumeRole" and "AssumeRoleWithWebIdentity".
//
// Both calls take the region's own endpoint, or AWS_ENDPOINT_URL_STS. On success the keys are in
// `lookup->keys`, otherwise the reason is in `lookup->why`.
#pragma once

#include "aws/credentials_provider.h"
#include "base/compiler.h"
#include "base/slice.h"

struct sts_role { // a slice of size 0 is one that is not set
    struct slice arn;
    struct slice session_name;
    struct slice external_id;
    struct slice duration_s; // decimal
};

// Signed with `source`.
NODISCARD int sts_assume_role(struct credentials_lookup *lookup, const struct sts_role *role,
                              const struct credentials *source);
// Proves who asks with the token in the file, which is read each time: its content changes.
NODISCARD int sts_assume_role_with_token(struct credentials_lookup *lookup,
                                         const struct sts_role *role, const char *token_path);
// Takes the keys out of an answer of either call, whatever its status.
NODISCARD int sts_parse_answer(struct slice answer, int status, struct credentials_lookup *lookup);
