// The Authorization header, the date and the query of a request, line by line. With a key
// configured nothing may pass but a right signature, which no input can hold; without one nothing
// may crash.
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "sandbox/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_BYTES_MAX = 1 << 20 };

static struct slice next_line(struct slice *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct slice line = slice_of(rest->data, size);
    *rest = slice_skip(*rest, end != NULL ? size + 1 : size);
    return line;
}

static void add(struct http_request *request, const char *name, struct slice value)
{
    if (value.size > 0) {
        request->headers[request->header_count++] =
            (struct sigv4_header){slice_of_text(name), value};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[] = "AKIDEXAMPLE";
    char secret[] = "a secret that is in no input";
    struct access_key key = {.id = id, .secret = secret};
    struct auth with_key = {.keys = &key, .key_count = 1, .region = "us-east-1"};
    struct auth without_key = {.region = "us-east-1"};
    struct slice rest = slice_of(data, size);
    struct http_request request = {.method = "POST", .path = slice_of_text("/")};
    add(&request, "Host", slice_of_text("localhost"));
    add(&request, "Authorization", next_line(&rest));
    add(&request, "X-Amz-Date", next_line(&rest));
    add(&request, "Date", next_line(&rest));
    add(&request, "X-Amz-Security-Token", next_line(&rest));
    request.query = next_line(&rest);
    request.body = rest;

    struct buf message;
    buf_init(&message, MESSAGE_BYTES_MAX);
    const uint64_t now_ns = UINT64_C(1440938160) * NS_PER_S;
    const char *refusal = auth_refusal(&with_key, &request, "kinesis", now_ns, &message);
    ASSERT(refusal != NULL);
    buf_clear(&message);
    (void)auth_refusal(&without_key, &request, "kinesis", now_ns, &message);
    buf_deinit(&message);
    return 0;
}
