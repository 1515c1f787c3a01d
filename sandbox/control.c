#include "sandbox/control.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/call.h"
#include "sandbox/control_status.h"

enum { ERROR_BYTES_MAX = 1024 };

static const char prefix[] = "/_sandbox/";

struct control {
    struct service *service;
    json_t *document; // of a POST
    struct buf error;
    struct http_answer *answer;
};

bool control_is_path(struct slice path)
{
    return slice_starts_with(path, slice_of_text(prefix));
}

static void refuse_value(struct control *control, const char *name, const char *why)
{
    buf_appendf(&control->error, "%s: %s", name, why);
}

static uint64_t operation_bits(struct control *control, const json_t *names)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        uint64_t found = 0;
        const struct operation *operation;
        for (unsigned n = 0; name != NULL && (operation = operation_at(n)) != NULL; n++) {
            found |= strcmp(operation->name, name) == 0 ? UINT64_C(1) << n : 0;
        }
        if (found == 0) {
            refuse_value(control, "operations", "must be a list of names of operations");
            return 0;
        }
        bits |= found;
    }
    return bits;
}

static void set_fault(struct control *control, struct faults *faults, const char *name,
                      const json_t *value)
{
    if (strcmp(name, "reset") == 0) {
        return;
    }
    if (strcmp(name, "operations") == 0) {
        faults->operations = operation_bits(control, value);
    } else if (!json_is_number(value)) {
        refuse_value(control, name, "must be a number");
    } else if (strcmp(name, "seed") == 0) {
        faults->prng = prng_of_seed((uint64_t)json_integer_value(value));
    } else {
        int error = faults_set(faults, slice_of_text(name), json_number_value(value));
        if (error != 0) {
            refuse_value(control, name,
                         error == E_NOT_FOUND ? "no such fault" : "the value is out of range");
        }
    }
}

static void post_faults(struct control *control)
{
    struct faults faults = control->service->faults;
    if (json_is_true(json_object_get(control->document, "reset"))) {
        faults_reset(&faults);
    }
    const char *name;
    json_t *value;
    json_object_foreach(control->document, name, value)
    {
        set_fault(control, &faults, name, value);
        if (control->error.size > 0) {
            return;
        }
    }
    control->service->faults = faults;
}

struct rates {
    double write_bytes;
    double write_records;
    double read_bytes;
    double read_calls;
};

// Reads a rate; a negative one stays as it is.
static void read_rate(struct control *control, const char *name, double *out_rate)
{
    const json_t *value = json_object_get(control->document, name);
    *out_rate = -1;
    if (value == NULL) {
        return;
    }
    *out_rate = json_number_value(value);
    if (!json_is_number(value) || !(*out_rate > 0 && *out_rate <= 1e12)) {
        refuse_value(control, name, "must be a number above 0");
    }
}

static void set_rate(struct bucket *bucket, double rate, uint64_t now_ns)
{
    if (rate > 0) {
        bucket_set_rate(bucket, rate, rate, now_ns);
    }
}

static void set_shard_rates(struct shard *shard, const struct rates *rates, uint64_t now_ns)
{
    set_rate(&shard->write_bytes, rates->write_bytes, now_ns);
    set_rate(&shard->write_records, rates->write_records, now_ns);
    set_rate(&shard->read_bytes, rates->read_bytes, now_ns);
    set_rate(&shard->read_calls, rates->read_calls, now_ns);
}

static void apply_rates(struct control *control, const struct rates *rates)
{
    struct service *service = control->service;
    const char *name = json_string_value(json_object_get(control->document, "stream"));
    const char *shard_name = json_string_value(json_object_get(control->document, "shard"));
    uint64_t now_ns = service->io->monotonic_ns(service->io);
    bool found = false;
    for (size_t i = 0; i < service->stream_count; i++) {
        struct stream *stream = service->streams[i];
        if (name != NULL && strcmp(name, stream->name) != 0) {
            continue;
        }
        const struct shard *only = NULL;
        if (shard_name != NULL) {
            only = shard_set_find(&stream->shards, slice_of_text(shard_name));
        }
        for (size_t k = 0; k < stream->shards.count; k++) {
            struct shard *shard = stream->shards.all[k];
            if (shard_name == NULL || shard == only) {
                set_shard_rates(shard, rates, now_ns);
                found = true;
            }
        }
    }
    if (!found && (name != NULL || shard_name != NULL)) {
        refuse_value(control, "stream, shard", "there is no such stream or shard");
    }
}

static bool is_rate_member(const char *name)
{
    static const char *const names[] = {
        "stream",           "shard",           "write_bytes_per_s", "write_records_per_s",
        "read_bytes_per_s", "read_calls_per_s"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void set_limit(struct control *control, struct limits *limits, const char *name,
                      const json_t *value)
{
    if (is_rate_member(name)) {
        return;
    }
    for (enum limit limit = 0; limit < LIMIT_COUNT_OF; limit++) {
        if (strcmp(name, limit_name(limit)) == 0) {
            if (!json_is_boolean(value)) {
                refuse_value(control, name, "must be true or false");
            }
            limits->on[limit] = json_is_true(value);
            return;
        }
    }
    refuse_value(control, name, "no such limit");
}

static void post_limits(struct control *control)
{
    struct limits limits = control->service->limits;
    struct rates rates;
    const char *name;
    json_t *value;
    json_object_foreach(control->document, name, value)
    {
        set_limit(control, &limits, name, value);
    }
    read_rate(control, "write_bytes_per_s", &rates.write_bytes);
    read_rate(control, "write_records_per_s", &rates.write_records);
    read_rate(control, "read_bytes_per_s", &rates.read_bytes);
    read_rate(control, "read_calls_per_s", &rates.read_calls);
    if (control->error.size == 0) {
        apply_rates(control, &rates);
    }
    if (control->error.size == 0) {
        control->service->limits = limits;
    }
}

static void post_flush(struct control *control)
{
    firehose_deliver(&control->service->firehose, true, service_now(control->service));
}

static void get_status(struct control *control)
{
    control_write_status(control->service, &control->answer->body);
}

static void get_faults(struct control *control)
{
    control_write_faults(control->service, &control->answer->body);
}

static void get_limits(struct control *control)
{
    control_write_limits(control->service, &control->answer->body);
}

typedef void control_fn(struct control *control);

static const struct {
    const char *name;
    control_fn *get;
    control_fn *post; // answered with what `get` shows
} resources[] = {
    {"status", get_status, NULL},
    {"faults", get_faults, post_faults},
    {"limits", get_limits, post_limits},
    {"flush", get_status, post_flush},
};

static void answer_error(struct control *control, int status, const char *text)
{
    struct wire wire = {.format = WIRE_JSON, .out = &control->answer->body};
    control->answer->status = status;
    buf_clear(&control->answer->body);
    wire_map(&wire);
    wire_member_string(&wire, "error", text);
    wire_map_end(&wire);
}

static void post(struct control *control, control_fn *change, control_fn *show, struct slice body)
{
    json_error_t error;
    control->document =
        body.size == 0 ? json_object() : json_loadb((const char *)body.data, body.size, 0, &error);
    if (!json_is_object(control->document)) {
        answer_error(control, 400, "the body must be a JSON object");
        return;
    }
    service_lock(control->service);
    change(control);
    if (control->error.size == 0) {
        show(control);
    }
    service_unlock(control->service);
    if (control->error.size > 0) {
        answer_error(control, 400, buf_text(&control->error));
    }
}

static void run(struct control *control, const struct http_request *request)
{
    struct slice name = slice_skip(request->path, strlen(prefix));
    for (size_t i = 0; i < ARRAY_COUNT(resources); i++) {
        if (!slice_equal_text(name, resources[i].name)) {
            continue;
        }
        if (strcmp(request->method, "GET") == 0) {
            service_lock(control->service);
            resources[i].get(control);
            service_unlock(control->service);
        } else if (strcmp(request->method, "POST") == 0 && resources[i].post != NULL) {
            post(control, resources[i].post, resources[i].get, request->body);
        } else {
            answer_error(control, 405, "this method is not supported here");
        }
        return;
    }
    answer_error(control, 404, "there is status, faults, limits and flush below /_sandbox/");
}

void control_answer(struct service *service, const struct http_request *request,
                    struct http_answer *out_answer)
{
    struct control control = {.service = service, .answer = out_answer};
    buf_init(&control.error, ERROR_BYTES_MAX);
    out_answer->status = 200;
    out_answer->content_type = "application/json";
    out_answer->plan = (struct fault_plan){.fault = FAULT_COUNT};
    run(&control, request);
    json_decref(control.document);
    buf_deinit(&control.error);
}
