// The service and the network before it: what is accepted, what is answered, and what goes wrong.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "simulation/sim.h"
#include "sink/limits.h"
#include "sink/shards.h"
#include "support/service_wire.h"

enum { RECORDS_A_CALL = LIMITS_CALL_RECORDS };

// What the agent learns of an acceptance.
enum told {
    TOLD_ALL,
    TOLD_NOTHING,
    TOLD_BEFORE,   // that there is no answer
    TOLD_AGES_AGO, // the same, and power was lost since
};

static struct sim *sim_of(struct transport *transport)
{
    return (struct sim *)(void *)((char *)transport - offsetof(struct sim, transport));
}

static bool chance(struct sim *sim, unsigned thousandths)
{
    return thousandths > 0 && sim_below(sim, 1000) < thousandths;
}

static void read_call(struct sim_call *call)
{
    static struct wire_record records[RECORDS_A_CALL];
    call->count =
        wire_read_call(call->cbor, buf_slice(&call->body), records, RECORDS_A_CALL, &call->text);
    call->records = xreallocarray(call->records, call->count + 1, sizeof *records);
    memcpy(call->records, records, call->count * sizeof *records);
}

// ---- the ledger ----

struct acceptance {
    struct sim *sim;
    const struct sim_call *call;
    enum told told;
};

// What the agent reports of a repeat depends on when the call before it was sent. One of before the
// loss of power that comes late says nothing of those that were sent since.
static void note_sent(struct sim *sim, struct sim_line *line, const struct sim_call *call,
                      enum told told)
{
    if (told != TOLD_AGES_AGO || line->accepted == 0) {
        line->sent_ns = call->sent_ns;
        line->unsure_ns = told == TOLD_AGES_AGO ? sim->unsure_ns : 0;
    }
}

static void accept_line(void *context, unsigned number)
{
    const struct acceptance *acceptance = context;
    struct sim *sim = acceptance->sim;
    enum told told = acceptance->told;
    struct sim_line *line = &sim->lines[number];
    sim_ranges_add(sim, number);
    if (line->filtered && !line->continues) {
        sim_fail(sim, "line %u was to be filtered", number);
    }
    if (line->accepted > 0) {
        if (!line->may_repeat && told < TOLD_BEFORE) {
            sim_fail(sim, "(f) line %u is repeated without a reason", number);
        }
        sim->repeats++;
        sim->repeats_now++;
        if (told != TOLD_AGES_AGO) {
            sim_note_repeat(sim, line);
        }
    }
    note_sent(sim, line, acceptance->call, told);
    line->accepted++;
    line->may_repeat = told != TOLD_ALL && line->ack == LINE_OPEN;
}

// A line whose end went before it was read: its beginning is a record.
static bool is_rest_of_cut_line(const struct sim *sim, unsigned number, struct slice data,
                                const char *text, size_t size)
{
    return sim->lines[number].copies == 0 && data.size < size &&
           memcmp(data.data, text, data.size - 1) == 0 && data.data[data.size - 1] == '\n';
}

void sim_record_lines(struct sim *sim, struct slice data,
                      void (*each)(void *context, unsigned number), void *context)
{
    char text[SIM_LINE_BYTES_MAX];
    while (data.size > 0) {
        unsigned number = sim_line_number(data.data, data.size);
        if (number == 0 || number > sim->line_count) {
            sim_fail(sim, "(b) a record that nobody wrote: %.*s", (int)data.size,
                     (const char *)data.data);
        }
        size_t size = sim_line_text(sim, number, text);
        if (is_rest_of_cut_line(sim, number, data, text, size)) {
            return;
        }
        if (size > data.size || memcmp(text, data.data, size) != 0) {
            sim_fail(sim, "(b) line %u is altered: %.*s", number, (int)data.size,
                     (const char *)data.data);
        }
        each(context, number);
        data = slice_skip(data, size);
    }
}

static bool is_poison(const struct sim *sim, const struct wire_record *record)
{
    const struct sim_line *line =
        &sim->lines[sim_line_number(record->data.data, record->data.size)];
    return line->poison && !line->continues;
}

static void accept(struct sim *sim, const struct sim_call *call, const struct wire_record *record,
                   enum told told)
{
    struct acceptance acceptance = {sim, call, told};
    sim_record_lines(sim, record->data, accept_line, &acceptance);
}

// Returns how many.
static size_t accept_all(struct sim *sim, const struct sim_call *call, enum told told)
{
    size_t accepted = 0;
    for (size_t i = 0; i < call->count; i++) {
        if (!is_poison(sim, &call->records[i])) {
            accept(sim, call, &call->records[i], told);
            accepted++;
        }
    }
    return accepted;
}

// What a call brought.
static void trace_taken(struct sim *sim, const struct sim_call *call, size_t count,
                        const char *remark)
{
    char again[48] = "";
    if (sim->repeats_now > 0) {
        snprintf(again, sizeof again, ", %u of them again", sim->repeats_now);
    }
    sim_trace(sim, "service", "call %llu: takes %zu of %zu records, lines %s%s%s",
              (unsigned long long)call->order, count, call->count, sim_ranges_take(sim), again,
              remark);
    sim->repeats_now = 0;
}

static void settle_line(void *context, unsigned number)
{
    struct sim *sim = context;
    sim->lines[number].ack = LINE_SETTLED;
}

// ---- answers ----

static int64_t service_time_s(const struct sim *sim)
{
    return (int64_t)(sim_now(sim) / NS_PER_S) + sim->service_ahead_s;
}

static unsigned shard_of(const struct sim *sim, const struct wire_record *record)
{
    if (sim->flow.to.service == SERVICE_FIREHOSE) {
        return 0;
    }
    uint8_t hash[KEY_HASH_BYTES];
    key_hash(record->key, hash);
    return (unsigned)hash[0] * SIM_SHARDS >> 8;
}

static const char *error_for(struct sim *sim, const struct wire_record *record, unsigned shard)
{
    bool kinesis = sim->flow.to.service == SERVICE_KINESIS;
    if (is_poison(sim, record)) {
        return "InvalidArgumentException";
    }
    if (sim_now(sim) < sim->slow_until_ns[shard] || chance(sim, sim->weather.record_throttled)) {
        return kinesis ? "ProvisionedThroughputExceededException" : "ServiceUnavailableException";
    }
    return chance(sim, sim->weather.record_failed) ? "InternalFailure" : NULL;
}

static void answer_each(struct sim *sim, const struct sim_call *call, struct transport_answer *out)
{
    struct wire_entry entries[RECORDS_A_CALL];
    size_t accepted = 0;
    for (size_t i = 0; i < call->count; i++) {
        unsigned shard = shard_of(sim, &call->records[i]);
        entries[i] = (struct wire_entry){error_for(sim, &call->records[i], shard), shard};
        if (entries[i].error == NULL) {
            accepted++;
            accept(sim, call, &call->records[i], TOLD_ALL);
            sim_record_lines(sim, call->records[i].data, settle_line, sim);
        }
    }
    trace_taken(sim, call, accepted, "");
    out->status = 200;
    wire_write_entries(sim->flow.to.service, call->cbor, entries, call->count, &sim->answer);
}

static void refuse(struct sim *sim, const struct sim_call *call, int status, const char *code,
                   const char *message, struct transport_answer *out)
{
    sim_trace(sim, "service", "call %llu: %d %s", (unsigned long long)call->order, status, code);
    out->status = status;
    wire_write_error(call->cbor, code, message, &sim->answer);
}

// The signature is not taken, or a record of the call is refused and so is the call.
static bool refuse_call(struct sim *sim, const struct sim_call *call, struct transport_answer *out)
{
    enum { SKEW_MAX_S = 300 };
    int64_t skew_s = call->signed_s - service_time_s(sim);
    if (skew_s > SKEW_MAX_S || skew_s < -SKEW_MAX_S) {
        refuse(sim, call, 400, "InvalidSignatureException", "Signature expired: it is too late",
               out);
        return true;
    }
    if (sim->keys_expired) {
        refuse(sim, call, 400, "ExpiredTokenException", "The security token is expired", out);
        return true;
    }
    if (sim->stream_missing) {
        refuse(sim, call, 400, "ResourceNotFoundException", "Stream stream not found", out);
        return true;
    }
    for (size_t i = 0; sim->blames_call && i < call->count; i++) {
        if (is_poison(sim, &call->records[i])) {
            char message[128];
            snprintf(message, sizeof message,
                     "1 validation error detected: Value at 'records.%zu.member.data' failed",
                     i + 1);
            refuse(sim, call, 400, "ValidationException", message, out);
            return true;
        }
    }
    return false;
}

// Everything was accepted and the answer does not say so.
static bool lose_answer(struct sim *sim, const struct sim_call *call, struct transport_answer *out)
{
    const struct sim_weather *weather = &sim->weather;
    const char *what;
    out->status = 200;
    if (chance(sim, weather->lost_answer)) {
        what = "; the answer is lost";
        out->outcome = TRANSPORT_NO_ANSWER;
    } else if (chance(sim, weather->bad_answer)) {
        what = "; the answer is cut";
        out->outcome = TRANSPORT_BAD_ANSWER;
    } else if (chance(sim, weather->garbage)) {
        what = "; the answer says nothing of use";
        if (sim_one_in(sim, 2)) {
            struct wire_entry entries[RECORDS_A_CALL] = {0};
            wire_write_entries(sim->flow.to.service, call->cbor, entries, call->count - 1,
                               &sim->answer);
        } else {
            buf_append_text(&sim->answer, "<html>It works!</html>");
        }
    } else if (chance(sim, weather->server_error / 2)) {
        what = "; but answers 500";
        out->status = 500;
    } else {
        return false;
    }
    trace_taken(sim, call, accept_all(sim, call, TOLD_NOTHING), what);
    return true;
}

// Nothing is accepted.
static bool fail_call(struct sim *sim, const struct sim_call *call, struct transport_answer *out)
{
    const struct sim_weather *weather = &sim->weather;
    if (chance(sim, weather->not_sent)) {
        sim_trace(sim, "network", "call %llu: no connection", (unsigned long long)call->order);
        out->outcome = TRANSPORT_NOT_SENT;
    } else if (chance(sim, weather->lost_request)) {
        sim_trace(sim, "network", "call %llu is lost", (unsigned long long)call->order);
        out->outcome = TRANSPORT_NO_ANSWER;
    } else if (chance(sim, weather->slow_down)) {
        refuse(sim, call, 400, "LimitExceededException", "Rate exceeded", out);
    } else if (chance(sim, weather->server_error / 2)) {
        refuse(sim, call, 500, "InternalFailure", "", out);
    } else {
        return false;
    }
    return true;
}

static void see_line(void *context, unsigned number)
{
    sim_ranges_add(context, number);
}

// A proxy sends the request twice. What the first brought the agent hears nothing of and is no
// repeat of its own: a line that only the first brought has to come again.
static void take_twice(struct sim *sim, const struct sim_call *call)
{
    if (!chance(sim, sim->weather.twice)) {
        return;
    }
    for (size_t i = 0; i < call->count; i++) {
        sim_record_lines(sim, call->records[i].data, see_line, sim);
    }
    sim_trace(sim, "network", "call %llu arrives twice, lines %s", (unsigned long long)call->order,
              sim_ranges_take(sim));
}

static void serve(struct sim *sim, struct sim_call *call, struct transport_answer *out)
{
    if (fail_call(sim, call, out)) {
        return;
    }
    if (refuse_call(sim, call, out)) {
        return;
    }
    if (chance(sim, sim->weather.late)) {
        sim_trace(sim, "network", "call %llu is given up", (unsigned long long)call->order);
        out->outcome = TRANSPORT_NO_ANSWER;
        call->given_up = true;
        call->served_ns = sim_now(sim) + sim_below(sim, 20 * NS_PER_S);
        return;
    }
    take_twice(sim, call);
    if (!lose_answer(sim, call, out)) {
        answer_each(sim, call, out);
    }
}

// ---- the transport ----

static const char *header_of(const struct transport_request *request, const char *name)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return "";
}

static void note_offer(struct sim *sim, const struct sim_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        struct slice data = call->records[i].data;
        sim->lines[sim_line_number(data.data, data.size)].offered = true;
    }
}

static int submit(struct transport *transport, const struct transport_request *request)
{
    struct sim *sim = sim_of(transport);
    struct sim_call *call = sim->calls;
    while (call < sim->calls + SIM_CALLS_MAX && call->used) {
        call++;
    }
    if (call == sim->calls + SIM_CALLS_MAX || simdisk_stopped(sim->disk)) {
        return E_FULL;
    }
    call->used = true;
    call->given_up = false;
    call->of_ages_ago = false;
    call->context = request->context;
    call->order = ++sim->call_count;
    call->sent_ns = sim->io.io.real_ns(&sim->io.io);
    call->answered_ns = sim_now(sim) + 1 + sim_below(sim, 2 * sim->latency_ns);
    call->cbor = strstr(header_of(request, "Content-Type"), "cbor") != NULL;
    buf_clear(&call->body);
    buf_append_slice(&call->body, request->body);
    struct tm signed_at = {0};
    (void)strptime(header_of(request, "X-Amz-Date"), "%Y%m%dT%H%M%SZ", &signed_at);
    call->signed_s = (int64_t)timegm(&signed_at);
    read_call(call);
    note_offer(sim, call);
    sim_trace(sim, "sender", "call %llu: %zu records", (unsigned long long)call->order,
              call->count);
    return 0;
}

// The index of the next call that has an answer, SIM_CALLS_MAX when there is none.
static size_t next_answered(const struct sim *sim)
{
    size_t first = SIM_CALLS_MAX;
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        const struct sim_call *call = &sim->calls[i];
        if (call->used && !call->given_up &&
            (first == SIM_CALLS_MAX || call->answered_ns < sim->calls[first].answered_ns)) {
            first = i;
        }
    }
    return first;
}

static void write_date(struct sim *sim)
{
    time_t now_s = (time_t)service_time_s(sim);
    struct tm now;
    (void)gmtime_r(&now_s, &now);
    (void)strftime(sim->date, sizeof sim->date, "%a, %d %b %Y %H:%M:%S GMT", &now);
}

static int collect(struct transport *transport, struct transport_answer *out_answer)
{
    struct sim *sim = sim_of(transport);
    size_t next = next_answered(sim);
    if (next == SIM_CALLS_MAX || sim->calls[next].answered_ns > sim_now(sim) ||
        simdisk_stopped(sim->disk)) {
        return 0;
    }
    struct sim_call *call = &sim->calls[next];
    *out_answer = (struct transport_answer){
        .context = call->context,
        .outcome = TRANSPORT_ANSWERED,
        .content_type = call->cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1",
        .date = sim->date,
        .request_id = "",
        .error_type = "",
    };
    buf_clear(&sim->answer);
    write_date(sim);
    serve(sim, call, out_answer);
    out_answer->body = buf_slice(&sim->answer);
    call->used = call->given_up;
    return 1;
}

static void wait(struct transport *transport, uint64_t timeout_ms)
{
    (void)transport;
    (void)timeout_ms;
}

static void wake(struct transport *transport)
{
    (void)transport;
}

// ---- the world ----

static void serve_in_vain(struct sim *sim, struct sim_call *call)
{
    enum told when = call->of_ages_ago ? TOLD_AGES_AGO : TOLD_BEFORE;
    size_t accepted = accept_all(sim, call, call->given_up ? when : TOLD_NOTHING);
    trace_taken(sim, call, accepted,
                call->given_up ? "; it had been given up" : "; nobody hears of it");
    call->used = false;
}

void sim_service_step(struct sim *sim)
{
    if (sim->keys_expired && credentials_store_take_refusal(sim->credentials)) {
        sim_agent_give_keys(sim);
    }
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        struct sim_call *call = &sim->calls[i];
        if (call->used && call->given_up && call->served_ns <= sim_now(sim)) {
            serve_in_vain(sim, call);
        }
    }
}

void sim_service_hang_up(struct sim *sim)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        struct sim_call *call = &sim->calls[i];
        call->of_ages_ago = call->of_ages_ago || sim->last_end == END_POWER;
        if (call->used && !call->given_up) {
            if (sim_one_in(sim, 2)) {
                serve_in_vain(sim, call);
            }
            call->used = false;
        }
    }
}

uint64_t sim_service_next_ns(const struct sim *sim)
{
    size_t next = next_answered(sim);
    return next == SIM_CALLS_MAX ? TIME_NEVER : sim->calls[next].answered_ns;
}

void sim_service_init(struct sim *sim)
{
    sim->transport = (struct transport){submit, collect, wait, wake, NULL};
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        buf_init(&sim->calls[i].body, SIZE_MAX);
        buf_init(&sim->calls[i].text, SIZE_MAX);
    }
    buf_init(&sim->answer, SIZE_MAX);
    buf_init(&sim->ranges, SIZE_MAX);
}

void sim_service_deinit(struct sim *sim)
{
    for (size_t i = 0; i < SIM_CALLS_MAX; i++) {
        buf_deinit(&sim->calls[i].body);
        buf_deinit(&sim->calls[i].text);
        free(sim->calls[i].records);
    }
    buf_deinit(&sim->answer);
    buf_deinit(&sim->ranges);
}
