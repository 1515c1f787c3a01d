#include "sandbox/gateway.h"

#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "sandbox/call.h"

enum { MESSAGE_BYTES_MAX = 256 << 10 };

enum content { CONTENT_UNKNOWN, CONTENT_JSON, CONTENT_CBOR, CONTENT_LEGACY };

static void answer_text(struct http_answer *answer, int status, const char *content_type,
                        const char *text)
{
    answer->status = status;
    answer->content_type = content_type;
    buf_clear(&answer->body);
    buf_append_text(&answer->body, text);
}

static void answer_unknown_content(struct http_answer *answer)
{
    answer_text(answer, 404, "application/xml", "<UnknownOperationException/>\n");
}

static enum content content_of(const struct http_request *request)
{
    struct slice type = http_header(request, "Content-Type");
    size_t size = 0;
    while (size < type.size && type.data[size] != ';' && type.data[size] != ' ') {
        size++;
    }
    type.size = size;
    if (slice_equal_text(type, "application/x-amz-json-1.1")) {
        return CONTENT_JSON;
    }
    if (slice_equal_text(type, "application/x-amz-cbor-1.1")) {
        return CONTENT_CBOR;
    }
    return slice_equal_text(type, "application/json") ? CONTENT_LEGACY : CONTENT_UNKNOWN;
}

// False when there is no such operation.
static const struct operation *target_of(const struct http_request *request)
{
    static const struct {
        const char *prefix;
        enum api api;
    } apis[] = {{"Kinesis_20131202.", API_KINESIS}, {"Firehose_20150804.", API_FIREHOSE}};
    struct slice target = http_header(request, "X-Amz-Target");
    for (size_t i = 0; i < ARRAY_COUNT(apis); i++) {
        struct slice prefix = slice_of_text(apis[i].prefix);
        if (slice_starts_with(target, prefix)) {
            return operation_find(apis[i].api, slice_skip(target, prefix.size));
        }
    }
    return NULL;
}

// Answers what does not look like a call of the API at all. True when it did.
static bool answer_foreign(const struct http_request *request, enum content content,
                           struct http_answer *answer)
{
    if (strcmp(request->method, "OPTIONS") == 0 && http_header(request, "Origin").size > 0) {
        answer->status = 200;
        answer->preflight = true;
        return true;
    }
    if (strcmp(request->method, "POST") != 0) {
        answer_text(answer, 403, "application/xml",
                    "<AccessDeniedException>\n  <Message>Unable to determine service/operation "
                    "name to be authorized</Message>\n</AccessDeniedException>\n");
        return true;
    }
    if (content == CONTENT_UNKNOWN) {
        answer_unknown_content(answer);
        return true;
    }
    if (content == CONTENT_LEGACY) {
        json_t *document = wire_read(request->body, WIRE_JSON);
        answer_text(answer, document == NULL ? 400 : 404, "application/json",
                    document == NULL ? "{\"Output\":{\"__type\":\"com.amazon.coral.service#"
                                       "SerializationException\"},\"Version\":\"1.0\"}"
                                     : "{\"Output\":{\"__type\":\"com.amazon.coral.service#"
                                       "UnknownOperationException\"},\"Version\":\"1.0\"}");
        json_decref(document);
        return true;
    }
    return false;
}

static bool read_document(struct call *call)
{
    call->request = wire_read(call->body, call->format);
    if (call->request == NULL) {
        call_fail(call, "SerializationException", "%s", "");
        return false;
    }
    return true;
}

static bool authorize(struct call *call, const struct http_request *request)
{
    struct buf message;
    buf_init(&message, MESSAGE_BYTES_MAX);
    const char *service = call->operation->api == API_KINESIS ? "kinesis" : "firehose";
    const char *refusal =
        auth_refusal(&call->service->options.auth, request, service, call->now_ns, &message);
    if (refusal != NULL) {
        call_fail(call, refusal, "%s", buf_text(&message));
    }
    buf_deinit(&message);
    return refusal == NULL;
}

static bool within_rate(struct call *call)
{
    unsigned number = operation_number(call->operation);
    unsigned per_second = call->operation->per_second;
    if (per_second == 0 || !call_limited(call, LIMIT_CONTROL)) {
        return true;
    }
    struct bucket *bucket = &call->service->control[number];
    if (bucket->capacity == 0) {
        *bucket = bucket_of(per_second, per_second, call->monotonic_ns);
    }
    if (!bucket_try(bucket, 1, call->monotonic_ns)) {
        call_fail(call, "LimitExceededException", "Rate exceeded for account %s.",
                  call->service->options.account);
        return false;
    }
    return true;
}

static bool validated(struct call *call)
{
    struct buf message;
    buf_init(&message, MESSAGE_BYTES_MAX);
    bool valid = validate_types(call->request, call->operation->members, &message);
    if (!valid) {
        call_fail(call, "SerializationException", "%s", buf_text(&message));
    }
    buf_deinit(&message);
    if (!valid) {
        return false;
    }
    struct violations violations;
    violations_init(&violations);
    validate(call->request, call->operation->members, &violations);
    valid = violations.count == 0;
    if (!valid) {
        call_fail(call, "ValidationException", "%s", violations_text(&violations));
    }
    violations_deinit(&violations);
    return valid;
}

static void run_document(struct call *call)
{
    if (!validated(call)) {
        return;
    }
    service_lock(call->service);
    if (within_rate(call)) {
        call->operation->run(call);
    }
    service_unlock(call->service);
}

// Faults that take the place of an answer. True when one did.
static bool struck(struct call *call)
{
    switch (call->plan.fault) {
    case FAULT_ERROR_500:
        call_fail(call, "InternalFailure", "Internal Service Failure");
        return true;
    case FAULT_ERROR_503:
        call_fail(call, "ServiceUnavailableException", "Service Unavailable");
        return true;
    case FAULT_EXPIRED_TOKEN:
        call_fail(call, "ExpiredTokenException",
                  "The security token included in the request is expired");
        return true;
    case FAULT_RESET_BEFORE:
        return true;
    case FAULT_THROTTLE:
    case FAULT_INTERNAL_FAILURE:
    case FAULT_RESET_AFTER:
    case FAULT_CLOSE_AFTER:
    case FAULT_TRUNCATE:
    case FAULT_OVERSIZE:
    case FAULT_NO_CBOR:
    case FAULT_COUNT:
        break;
    }
    return false;
}

static void run_call(struct call *call, const struct http_request *request)
{
    if (call->operation->members != NULL && !read_document(call)) {
        return;
    }
    if (authorize(call, request) && !struck(call)) {
        if (call->operation->members != NULL) {
            run_document(call);
        } else {
            call->operation->run(call);
        }
    }
}

static void begin(struct call *call)
{
    struct service *service = call->service;
    service_lock(service);
    unsigned number = operation_number(call->operation);
    service->counts.operations[number]++;
    service->counts.body_bytes += call->body.size;
    call->plan = faults_plan(&service->faults, number, call->format == WIRE_CBOR);
    call->limits = service->limits;
    call->now_ns = service_now(service);
    call->monotonic_ns = service->io->monotonic_ns(service->io);
    service_unlock(service);
}

static void finish(struct call *call)
{
    if (call->failed != NULL) {
        service_lock(call->service);
        service_count_refused(call->service, call->failed, 1);
        service_unlock(call->service);
    }
    json_decref(call->request);
}

void gateway_answer(struct service *service, const struct http_request *request,
                    struct http_answer *out_answer)
{
    service_lock(service);
    service->counts.requests++;
    service_unlock(service);
    out_answer->plan = (struct fault_plan){.fault = FAULT_COUNT};
    enum content content = content_of(request);
    if (answer_foreign(request, content, out_answer)) {
        return;
    }
    struct call call = {.service = service,
                        .operation = target_of(request),
                        .format = content == CONTENT_CBOR ? WIRE_CBOR : WIRE_JSON,
                        .body = request->body,
                        .plan = {.fault = FAULT_COUNT},
                        .status = 200,
                        .wire = {.out = &out_answer->body}};
    call.wire.format = call.format;
    if (call.operation == NULL) {
        if (read_document(&call)) {
            call_fail(&call, "UnknownOperationException", "%s", "");
        }
    } else {
        begin(&call);
        if (call.plan.fault == FAULT_NO_CBOR) {
            answer_unknown_content(out_answer);
            return;
        }
        run_call(&call, request);
    }
    finish(&call);
    out_answer->plan = call.plan;
    out_answer->status = call.status;
    out_answer->content_type = wire_content_type(call.format);
    if (out_answer->body.overflow) {
        log_error("an answer was too large to build");
        call_fail(&call, "InternalFailure", "The answer is too large.");
        out_answer->status = call.status;
    }
}
