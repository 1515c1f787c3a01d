#include "sink/signer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { AUTHORIZATION_BYTES_MAX = 8192, SIGNED_HEADERS_MAX = 5 };

struct signer {
    char *url;
    char *host; // as in the Host header: without a port that the scheme has anyway
    char *path;
    char *region;
    char *service;
    struct sigv4_key key;
    char *key_secret; // that `key` was derived from
    char date[SIGV4_DATE_SIZE];
    char *token;
    struct buf authorization;
};

static struct slice without_default_port(struct slice authority, const char *port)
{
    size_t size = strlen(port);
    if (authority.size > size && memcmp(authority.data + authority.size - size, port, size) == 0) {
        authority.size -= size;
    }
    return authority;
}

static int split_url(const char *url, struct signer *signer)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0) {
        return E_SYNTAX;
    }
    const char *authority = url + (tls ? 8 : 7);
    size_t length = strcspn(authority, "/?#");
    const char *path = authority + length;
    if (length == 0 || strpbrk(path, "?#") != NULL) {
        return E_SYNTAX;
    }
    struct slice host = slice_of(authority, length);
    signer->host = xstrndup(without_default_port(host, tls ? ":443" : ":80"));
    signer->path = xstrdup(*path == '\0' ? "/" : path);
    signer->url = xstrdup(url);
    return 0;
}

int signer_create(const char *url, const char *region, const char *service,
                  struct signer **out_signer)
{
    struct signer *signer = xcalloc(1, sizeof *signer);
    buf_init(&signer->authorization, AUTHORIZATION_BYTES_MAX);
    if (split_url(url, signer) != 0) {
        signer_free(signer);
        return E_SYNTAX;
    }
    signer->region = xstrdup(region);
    signer->service = xstrdup(service);
    *out_signer = signer;
    return 0;
}

static void wipe(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

void signer_free(struct signer *signer)
{
    if (signer == NULL) {
        return;
    }
    wipe(signer->key_secret);
    wipe(signer->token);
    explicit_bzero(&signer->key, sizeof signer->key);
    buf_deinit(&signer->authorization);
    free(signer->url);
    free(signer->host);
    free(signer->path);
    free(signer->region);
    free(signer->service);
    free(signer);
}

static void derive_key(struct signer *signer, const struct sigv4_scope *scope)
{
    enum { DAY = 8 };
    if (signer->key_secret != NULL && memcmp(signer->key.day, scope->date, DAY) == 0 &&
        strcmp(signer->key_secret, scope->secret_access_key) == 0) {
        return;
    }
    wipe(signer->key_secret);
    signer->key_secret = xstrdup(scope->secret_access_key);
    sigv4_derive_key(scope, &signer->key);
}

static void add_header(struct transport_request *request, const char *name, const char *value)
{
    request->headers[request->header_count++] =
        (struct transport_header){.name = name, .value = value};
}

void signer_sign(struct signer *signer, const struct credentials *credentials, uint64_t real_ns,
                 const struct encoder *encoder, struct slice body,
                 struct transport_request *out_request)
{
    struct sigv4_scope scope = {
        .access_key_id = credentials->access_key_id,
        .secret_access_key = credentials->secret_access_key,
        .region = signer->region,
        .service = signer->service,
    };
    sigv4_date(real_ns, scope.date);
    memcpy(signer->date, scope.date, sizeof signer->date);
    derive_key(signer, &scope);

    *out_request = (struct transport_request){
        .method = "POST",
        .url = signer->url,
        .body = body,
    };
    add_header(out_request, "Host", signer->host);
    add_header(out_request, "Content-Type", encoder->content_type);
    add_header(out_request, "X-Amz-Date", signer->date);
    add_header(out_request, "X-Amz-Target", encoder->target);
    if (credentials->session_token != NULL) {
        wipe(signer->token);
        signer->token = xstrdup(credentials->session_token);
        add_header(out_request, "X-Amz-Security-Token", signer->token);
    }

    struct sigv4_header headers[SIGNED_HEADERS_MAX];
    for (unsigned i = 0; i < out_request->header_count; i++) {
        headers[i].name = slice_of_text(out_request->headers[i].name);
        headers[i].value = slice_of_text(out_request->headers[i].value);
    }
    struct sigv4_request request = {
        .method = slice_of_text(out_request->method),
        .path = slice_of_text(signer->path),
        .headers = headers,
        .header_count = out_request->header_count,
    };
    sha256(body, request.body_sha256);
    buf_clear(&signer->authorization);
    sigv4_authorization(&scope, &signer->key, &request, &signer->authorization);
    add_header(out_request, "Authorization", buf_text(&signer->authorization));
    add_header(out_request, "User-Agent", "kintail/" KINTAIL_VERSION);
}
