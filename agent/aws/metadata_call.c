#include "aws/metadata_call.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"

enum { TRIES = 3, ANSWER_BYTES_MAX = 64 * 1024, PLAIN_BYTES_MAX = 16 * 1024 };

void metadata_call_init(struct metadata_call *call)
{
    *call = (struct metadata_call){0};
    buf_init(&call->body, ANSWER_BYTES_MAX);
}

void metadata_call_deinit(struct metadata_call *call)
{
    if (call->body.capacity > 0) {
        OPENSSL_cleanse(call->body.data, call->body.capacity);
    }
    buf_deinit(&call->body);
}

void metadata_call_add_header(struct metadata_call *call, const char *name, const char *value)
{
    ASSERT(call->header_count < METADATA_HEADERS_MAX);
    call->headers[call->header_count++] = (struct transport_header){name, value};
}

void metadata_call_set_header(struct metadata_call *call, const char *name, const char *value)
{
    call->header_count = 0;
    metadata_call_add_header(call, name, value);
}

static bool must_stop(const struct credentials_lookup *lookup)
{
    return lookup->stop != NULL && *lookup->stop;
}

// One exchange. The transport ends it in time, with an answer or without. One that is given up for
// a stop is ended when the transport is freed.
static int exchange(struct metadata_call *call, struct credentials_lookup *lookup, const char *url)
{
    struct transport *transport = lookup->options->transport;
    struct transport_request request = {
        .method = call->method,
        .url = url,
        .header_count = call->header_count,
        .body = call->request_body,
        .timeout_ms = call->timeout_ms,
        .connect_timeout_ms = call->timeout_ms,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .no_proxy = !call->may_use_proxy,
    };
    memcpy(request.headers, call->headers, call->header_count * sizeof call->headers[0]);
    int error = transport->submit(transport, &request);
    if (error != 0) {
        snprintf(lookup->why, sizeof lookup->why, "cannot ask %s at %.160s: %s", call->service, url,
                 error == E_RANGE ? "this is no URL to ask" : error_text(error));
        return error;
    }
    struct transport_answer answer;
    while (transport->collect(transport, &answer) == 0) {
        if (must_stop(lookup)) {
            snprintf(lookup->why, sizeof lookup->why, "%s was not waited for", call->service);
            return E_UNAVAILABLE;
        }
        transport->wait(transport, call->timeout_ms);
    }
    if (answer.outcome != TRANSPORT_ANSWERED) {
        snprintf(lookup->why, sizeof lookup->why, "%s gives no answer: %s", call->service,
                 answer.detail);
        return E_UNAVAILABLE;
    }
    call->status = answer.status;
    buf_clear(&call->body);
    buf_append_slice(&call->body, answer.body);
    if (answer.status >= 500) {
        snprintf(lookup->why, sizeof lookup->why, "%s answers %d", call->service, answer.status);
        return E_UNAVAILABLE;
    }
    return 0;
}

int metadata_call_run(struct metadata_call *call, struct credentials_lookup *lookup,
                      const char *url)
{
    int error = E_UNAVAILABLE;
    snprintf(lookup->why, sizeof lookup->why, "%s was not asked", call->service);
    for (unsigned i = 0; i < TRIES && error == E_UNAVAILABLE && !must_stop(lookup); i++) {
        error = exchange(call, lookup, url);
    }
    return error;
}

bool metadata_is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= PLAIN_BYTES_MAX;
}
