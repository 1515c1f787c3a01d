// Bodies of calls in JSON and CBOR, through the gateway into a fresh service. The first byte of the
// input picks the operation and the encoding. The answer must be whole, whatever comes.
#include <stdint.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/io_posix.h"
#include "base/log.h"
#include "sandbox/call.h"
#include "sandbox/gateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWER_BYTES_MAX = 4 << 20, MEMORY_MAX = 4 << 20 };

static struct service *make_service(void)
{
    struct service_options options = {
        .auth = {.region = "us-east-1"}, .account = "000000000000", .memory_max = MEMORY_MAX};
    struct service *service;
    int error = service_create(io_posix(), &options, &service);
    ASSERT(error == 0);
    struct stream_options stream_options = {
        .name = "demo", .shard_count = 2, .record_kib_max = RECORD_KIB_DEFAULT};
    struct stream *stream;
    error = stream_create(&service->world, &stream_options, service_now(service), 0, &stream);
    ASSERT(error == 0);
    service_add_stream(service, stream);
    struct delivery_stream *delivery;
    error = firehose_add(&service->firehose, "demo", json_object(), false, 0, &delivery);
    ASSERT(error == 0);
    return service;
}

static void check_answer(const struct http_answer *answer, bool cbor)
{
    ASSERT(answer->status == 200 || answer->status == 400 || answer->status == 500 ||
           answer->status == 503);
    ASSERT(answer->status == 200 || answer->body.size > 0);
    json_t *document = wire_read(buf_slice(&answer->body), cbor ? WIRE_CBOR : WIRE_JSON);
    ASSERT(document != NULL);
    json_decref(document);
}

static void call_once(struct service *service, const struct operation *operation, bool cbor,
                      struct slice body)
{
    char target[64];
    snprintf(target, sizeof(target), "%s.%s",
             operation->api == API_KINESIS ? "Kinesis_20131202" : "Firehose_20150804",
             operation->name);
    struct http_request request = {
        .method = "POST",
        .path = slice_of_text("/"),
        .headers = {{slice_of_text("Content-Type"),
                     slice_of_text(cbor ? "application/x-amz-cbor-1.1"
                                        : "application/x-amz-json-1.1")},
                    {slice_of_text("X-Amz-Target"), slice_of_text(target)},
                    {slice_of_text("X-Amz-Date"), slice_of_text("20260101T000000Z")},
                    {slice_of_text("Authorization"),
                     slice_of_text("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, "
                                   "Signature=0")}},
        .header_count = 4,
        .body = body};
    struct http_answer answer = {0};
    buf_init(&answer.body, ANSWER_BYTES_MAX);
    gateway_answer(service, &request, &answer);
    check_answer(&answer, cbor);
    buf_deinit(&answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    log_set_level(LOG_LEVEL_ERROR);
    const struct operation *operation = operation_at(data[0] >> 1);
    if (operation == NULL) {
        return 0;
    }
    struct service *service = make_service();
    struct slice body = slice_of(data + 1, size - 1);
    call_once(service, operation, (data[0] & 1) != 0, body);
    // What a call left behind must not trip the next one.
    call_once(service, operation, (data[0] & 1) != 0, body);
    service_free(service);
    return 0;
}
