// Signs the requests on standard input, for a test that compares with another signer.
//
// A request is a row of netstrings: access key id, secret, region, service, real time in
// nanoseconds, method, path, query, body, number of headers, and each header's name and value. For
// each request come out its canonical form and the value of Authorization.
#include <stdlib.h>

#include "aws/sigv4.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/number.h"
#include "support/netstring.h"

static uint64_t take_number(struct slice *rest)
{
    uint64_t number = 0;
    ASSERT(number_parse_u64(netstring_take(rest), &number) == 0);
    return number;
}

static struct sigv4_header *take_headers(struct slice *rest, size_t count)
{
    struct sigv4_header *headers = xcalloc(count, sizeof *headers);
    for (size_t i = 0; i < count; i++) {
        headers[i].name = netstring_take(rest);
        headers[i].value = netstring_take(rest);
    }
    return headers;
}

static void sign(struct slice *rest, struct buf *out)
{
    char *texts[4];
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        texts[i] = xstrndup(netstring_take(rest));
    }
    struct sigv4_scope scope = {.access_key_id = texts[0],
                                .secret_access_key = texts[1],
                                .region = texts[2],
                                .service = texts[3]};
    sigv4_date(take_number(rest), scope.date);
    struct sigv4_request request = {0};
    request.method = netstring_take(rest);
    request.path = netstring_take(rest);
    request.query = netstring_take(rest);
    sha256(netstring_take(rest), request.body_sha256);
    request.header_count = (size_t)take_number(rest);
    struct sigv4_header *headers = take_headers(rest, request.header_count);
    request.headers = headers;

    struct sigv4_key key;
    sigv4_derive_key(&scope, &key);
    struct buf text;
    buf_init(&text, SIZE_MAX);
    sigv4_canonical_request(&request, &text);
    netstring_append(out, buf_slice(&text));
    buf_clear(&text);
    sigv4_authorization(&scope, &key, &request, &text);
    netstring_append(out, buf_slice(&text));
    buf_deinit(&text);
    free(headers);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        free(texts[i]);
    }
}

int main(void)
{
    struct buf in;
    struct buf out;
    buf_init(&in, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    netstring_read_all(stdin, &in);
    struct slice rest = buf_slice(&in);
    while (rest.size > 0) {
        sign(&rest, &out);
    }
    fwrite(out.data, 1, out.size, stdout);
    buf_deinit(&in);
    buf_deinit(&out);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
