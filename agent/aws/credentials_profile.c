#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/credentials_provider.h"
#include "aws/profile.h"
#include "aws/sts.h"
#include "base/alloc.h"
#include "base/error.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

struct shared_file {
    enum profile_file kind;
    char *path;
    bool is_named; // by a variable
    uint8_t *data; // NULL: there is no such file
    size_t size;
};

// The path from the variable, or `name` in ~/.aws; none when there is no home directory.
static struct shared_file file_of(const struct credentials_lookup *lookup, enum profile_file kind,
                                  const char *variable, const char *name)
{
    struct shared_file file = {.kind = kind};
    const char *path = credentials_variable(lookup, variable);
    const char *home = credentials_variable(lookup, "HOME");
    if (path != NULL) {
        file.path = xstrdup(path);
        file.is_named = true;
    } else if (home != NULL) {
        file.path = xasprintf("%s/.aws/%s", home, name);
    }
    return file;
}

static int read_shared_file(struct credentials_lookup *lookup, struct shared_file *file,
                            bool profile_is_named)
{
    if (file->path == NULL) {
        return 0;
    }
    int error = io_read_file(lookup->io, file->path, FILE_BYTES_MAX, &file->data, &file->size);
    if (error == -ENOENT || error == -ENOTDIR) {
        return 0;
    }
    // A home directory that the agent may not enter is as good as none.
    if (error == -EACCES && !file->is_named && !profile_is_named) {
        return 0;
    }
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why, "cannot read %.160s: %s", file->path,
                 error_text(error));
    }
    return error;
}

static struct slice get(const struct shared_file *file, const char *profile, const char *key)
{
    return profile_get(slice_of(file->data, file->size), file->kind, profile, key);
}

static int take_keys(struct credentials_lookup *lookup, const struct shared_file *file,
                     const char *profile)
{
    struct slice id = get(file, profile, "aws_access_key_id");
    struct slice secret = get(file, profile, "aws_secret_access_key");
    struct slice token = get(file, profile, "aws_session_token");
    if (id.size == 0 && secret.size == 0) {
        return E_NOT_FOUND;
    }
    if (id.size == 0 || secret.size == 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "profile \"%s\" in %s has only one of "
                 "aws_access_key_id and aws_secret_access_key",
                 profile, file->path);
        return E_CONFIG;
    }
    lookup->keys = (struct credentials){
        .access_key_id = xstrndup(id),
        .secret_access_key = xstrndup(secret),
        .session_token = token.size > 0 ? xstrndup(token) : NULL,
    };
    snprintf(lookup->where, sizeof lookup->where, "profile \"%s\" in %s", profile, file->path);
    return 0;
}

// From whichever file has it; the credentials file wins.
static struct slice get_either(const struct shared_file files[2], const char *profile,
                               const char *key)
{
    struct slice value = get(&files[0], profile, key);
    return value.size > 0 ? value : get(&files[1], profile, key);
}

// A profile that wants more than this program does is an error: to ship with other keys that happen
// to stand beside it would be to ship as somebody else.
static int refuse(struct credentials_lookup *lookup, const struct shared_file files[2],
                  const char *profile, const char *key)
{
    if (get_either(files, profile, key).size == 0) {
        return 0;
    }
    snprintf(lookup->why, sizeof lookup->why,
             "profile \"%s\" uses %s, which this version does not; give it keys", profile, key);
    return E_CONFIG;
}

static int take_keys_of(struct credentials_lookup *lookup, const struct shared_file files[2],
                        const char *profile)
{
    int error = take_keys(lookup, &files[0], profile);
    return error != E_NOT_FOUND ? error : take_keys(lookup, &files[1], profile);
}

// The keys that a role is asked for with: those of another profile, or of this one.
static int take_source_profile(struct credentials_lookup *lookup, const struct shared_file files[2],
                               const char *profile, struct slice source_profile)
{
    char *source = xstrndup(source_profile);
    int error = E_CONFIG;
    if (strcmp(source, profile) != 0 && get_either(files, source, "role_arn").size > 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "profile \"%s\" has source_profile \"%s\", which is a role itself; name one with "
                 "keys",
                 profile, source);
    } else {
        error = take_keys_of(lookup, files, source);
        if (error == E_NOT_FOUND) {
            snprintf(lookup->why, sizeof lookup->why,
                     "profile \"%s\" has source_profile \"%s\", which has no keys", profile,
                     source);
            error = E_CONFIG;
        }
    }
    free(source);
    return error;
}

static int take_source(struct credentials_lookup *lookup, const struct shared_file files[2],
                       const char *profile)
{
    struct slice source_profile = get_either(files, profile, "source_profile");
    struct slice source = get_either(files, profile, "credential_source");
    int error = E_NOT_FOUND;
    if (source_profile.size > 0 && source.size == 0) {
        return take_source_profile(lookup, files, profile, source_profile);
    }
    if (source_profile.size == 0 && slice_equal_text(source, "Environment")) {
        error = credentials_read_environment(lookup);
    } else if (source_profile.size == 0 && slice_equal_text(source, "EcsContainer")) {
        error = credentials_from_container(lookup);
    } else if (source_profile.size == 0 && slice_equal_text(source, "Ec2InstanceMetadata")) {
        error = credentials_from_imds(lookup);
    } else {
        snprintf(lookup->why, sizeof lookup->why,
                 "profile \"%s\" has a role_arn; it needs one of source_profile, credential_source "
                 "(Environment, EcsContainer, Ec2InstanceMetadata) and web_identity_token_file",
                 profile);
        return E_CONFIG;
    }
    if (error == E_NOT_FOUND) {
        snprintf(lookup->why, sizeof lookup->why,
                 "profile \"%s\" has credential_source %.*s, which is not set up here", profile,
                 (int)source.size, (const char *)source.data);
        return E_CONFIG;
    }
    return error;
}

static int take_role(struct credentials_lookup *lookup, const struct shared_file files[2],
                     const char *profile)
{
    struct sts_role role = {
        .arn = get_either(files, profile, "role_arn"),
        .session_name = get_either(files, profile, "role_session_name"),
        .external_id = get_either(files, profile, "external_id"),
        .duration_s = get_either(files, profile, "duration_seconds"),
    };
    struct slice token_file = get_either(files, profile, "web_identity_token_file");
    int error = refuse(lookup, files, profile, "mfa_serial");
    if (error != 0) {
        return error;
    }
    if (token_file.size > 0) {
        char *path = xstrndup(token_file);
        error = sts_assume_role_with_token(lookup, &role, path);
        free(path);
    } else {
        error = take_source(lookup, files, profile);
        if (error == 0) {
            struct credentials source = lookup->keys;
            lookup->keys = (struct credentials){0};
            error = sts_assume_role(lookup, &role, &source);
            credentials_deinit(&source);
        }
    }
    snprintf(lookup->where, sizeof lookup->where, "profile \"%s\" with role %.*s", profile,
             (int)role.arn.size, (const char *)role.arn.data);
    return error;
}

static int say_no_keys(struct credentials_lookup *lookup, const struct shared_file files[2],
                       const char *profile)
{
    bool exists = false;
    for (size_t i = 0; i < 2; i++) {
        struct slice text = slice_of(files[i].data, files[i].size);
        exists = exists || profile_exists(text, files[i].kind, profile);
    }
    snprintf(lookup->why, sizeof lookup->why, "profile \"%s\" %s", profile,
             exists ? "has no keys" : "is in neither of the shared files of AWS tools");
    return E_CONFIG;
}

// As in other AWS tools, a role and single sign-on come before keys, and keys before a process.
static int look_in(struct credentials_lookup *lookup, const struct shared_file files[2],
                   const char *profile, bool named)
{
    static const char *const before_keys[] = {"sso_session", "sso_start_url"};
    for (size_t i = 0; i < ARRAY_COUNT(before_keys); i++) {
        if (refuse(lookup, files, profile, before_keys[i]) != 0) {
            return E_CONFIG;
        }
    }
    if (get_either(files, profile, "role_arn").size > 0) {
        return take_role(lookup, files, profile);
    }
    if (get_either(files, profile, "web_identity_token_file").size > 0) {
        snprintf(lookup->why, sizeof lookup->why,
                 "profile \"%s\" has web_identity_token_file but no role_arn", profile);
        return E_CONFIG;
    }
    int error = take_keys_of(lookup, files, profile);
    if (error == E_NOT_FOUND) {
        error = refuse(lookup, files, profile, "credential_process");
        if (error == 0) {
            error = named ? say_no_keys(lookup, files, profile) : E_NOT_FOUND;
        }
    }
    return error;
}

int credentials_from_profile(struct credentials_lookup *lookup)
{
    const char *profile = lookup->options->config->profile;
    if (profile == NULL) {
        profile = credentials_variable(lookup, "AWS_PROFILE");
    }
    bool named = profile != NULL;
    struct shared_file files[2] = {
        file_of(lookup, PROFILE_CREDENTIALS, "AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        file_of(lookup, PROFILE_CONFIG, "AWS_CONFIG_FILE", "config"),
    };
    int error = read_shared_file(lookup, &files[0], named);
    if (error == 0) {
        error = read_shared_file(lookup, &files[1], named);
    }
    if (error == 0) {
        error = look_in(lookup, files, named ? profile : "default", named);
    }
    for (size_t i = 0; i < 2; i++) {
        free(files[i].path);
        if (files[i].data != NULL) {
            OPENSSL_cleanse(files[i].data, files[i].size);
            free(files[i].data);
        }
    }
    return error;
}
