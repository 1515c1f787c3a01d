#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/error.h"

int credentials_parse_time(const char *text, uint64_t *out_s)
{
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == NULL) {
        return E_SYNTAX;
    }
    if (*rest == '.') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    if (strcmp(rest, "Z") != 0) {
        return E_SYNTAX;
    }
    time_t seconds = timegm(&utc);
    if (seconds < 0) {
        return E_RANGE;
    }
    *out_s = (uint64_t)seconds;
    return 0;
}

static const char *text_of(const json_t *document, const char *name)
{
    const char *text = json_string_value(json_object_get(document, name));
    return text == NULL ? "" : text;
}

static int take(const json_t *document, struct credentials_lookup *lookup)
{
    const char *code = text_of(document, "Code");
    if (code[0] != '\0' && strcmp(code, "Success") != 0) {
        snprintf(lookup->why, sizeof lookup->why, "the answer says %s: %s", code,
                 text_of(document, "Message"));
        return E_UNAVAILABLE;
    }
    const char *id = text_of(document, "AccessKeyId");
    const char *secret = text_of(document, "SecretAccessKey");
    const char *token = text_of(document, "Token");
    const char *expiration = text_of(document, "Expiration");
    if (id[0] == '\0' || secret[0] == '\0') {
        snprintf(lookup->why, sizeof lookup->why,
                 "the answer has no AccessKeyId or no SecretAccessKey");
        return E_SYNTAX;
    }
    uint64_t expires_s = 0;
    if (expiration[0] != '\0' && credentials_parse_time(expiration, &expires_s) != 0) {
        snprintf(lookup->why, sizeof lookup->why, "the answer has an Expiration that is no time");
        return E_SYNTAX;
    }
    lookup->keys = (struct credentials){
        .access_key_id = xstrdup(id),
        .secret_access_key = xstrdup(secret),
        .session_token = token[0] != '\0' ? xstrdup(token) : NULL,
        .expires_s = expires_s,
    };
    return 0;
}

int credentials_parse_document(struct slice document, struct credentials_lookup *lookup)
{
    json_t *parsed = json_loadb((const char *)document.data, document.size, 0, NULL);
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        snprintf(lookup->why, sizeof lookup->why, "the answer is not a JSON object");
        return E_SYNTAX;
    }
    int error = take(parsed, lookup);
    json_decref(parsed);
    return error;
}
