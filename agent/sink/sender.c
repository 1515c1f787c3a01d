#include "sink/sender.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/endpoint.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/crash_point.h"
#include "base/error.h"
#include "base/log.h"
#include "sink/answer.h"
#include "sink/sender_state.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    TIMEOUT_MS = 30 * 1000,
    SLOWEST_BYTES_PER_MS = 64, // a body gets this much longer
    CREDENTIALS_POLL_MS = 200,
    KEY_RETRY_MS = 50,
};

// ---- what is wrong ----

// Writes the text down; returns whether the condition is another than before.
static bool note(struct sender *sender, enum condition condition, const char *text)
{
    pthread_mutex_lock(&sender->lock);
    bool changed = sender->condition != condition;
    sender->condition = condition;
    snprintf(sender->last_error, sizeof sender->last_error, "%s", text);
    sender->last_error_ns = sender->io->real_ns(sender->io);
    pthread_mutex_unlock(&sender->lock);
    return changed;
}

void sender_report(struct sender *sender, enum condition condition, const char *format, ...)
{
    char text[LAST_ERROR_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!note(sender, condition, text)) {
        return;
    }
    if (condition == CONDITION_REFUSED || condition == CONDITION_CREDENTIALS) {
        log_error("flow %s: %s", sender->flow->name, text);
    } else {
        log_warning("flow %s: %s", sender->flow->name, text);
    }
}

void sender_report_fine(struct sender *sender)
{
    if (sender->condition != CONDITION_FINE && note(sender, CONDITION_FINE, "")) {
        log_notice("flow %s: records are accepted again", sender->flow->name);
    }
}

void sender_queue_failed(struct sender *sender, const char *what, int error, uint64_t now_ns)
{
    sender_report(sender, CONDITION_QUEUE, "cannot %s the queue: %s", what, error_text(error));
    sender->queue_failures++;
    sender->queue_retry_ns = now_ns + backoff_ns(&sender->prng, sender->queue_failures);
}

void sender_last_error(struct sender *sender, char *text, size_t size, uint64_t *out_real_ns)
{
    pthread_mutex_lock(&sender->lock);
    snprintf(text, size, "%s", sender->last_error);
    *out_real_ns = sender->last_error_ns;
    pthread_mutex_unlock(&sender->lock);
}

// ---- life ----

static const struct encoder *first_encoder(const struct destination_config *to)
{
    if (to->service == SERVICE_FIREHOSE) {
        return &encoder_firehose_json;
    }
    return to->wire == WIRE_JSON ? &encoder_kinesis_json : &encoder_kinesis_cbor;
}

static int create_signer(struct sender *sender, const char *endpoint)
{
    const struct destination_config *to = &sender->flow->to;
    char *own = endpoint == NULL ? endpoint_url(to->service, to->region) : NULL;
    int error = signer_create(own == NULL ? endpoint : own, to->region, service_name(to->service),
                              &sender->signer);
    free(own);
    return error;
}

int sender_create(struct io *io, const struct sender_options *options, struct sender **out_sender)
{
    struct sender *sender = xcalloc(1, sizeof *sender);
    sender->io = io;
    sender->flow = options->flow;
    sender->queue = options->queue;
    sender->transport = options->transport;
    sender->credentials = options->credentials;
    sender->stats = options->stats;
    int error = create_signer(sender, options->endpoint);
    if (error != 0) {
        free(sender);
        return error;
    }
    uint64_t seed;
    io->random(io, &seed, sizeof seed);
    sender->prng = prng_of_seed(seed);
    sender->limits = limits_of(&sender->flow->to, &sender->flow->batch);
    sender->encoder = first_encoder(&sender->flow->to);
    sender->wire_known = sender->flow->to.wire != WIRE_AUTO;
    sender->pool = batch_pool_create((size_t)sender->flow->memory);
    batch_list_init(&sender->ready);
    sender->parked = parked_create();
    sender->shards = shards_create();
    pace_init(&sender->pace, (unsigned)sender->flow->batch.in_flight_max);
    pthread_mutex_init(&sender->lock, NULL);
    *out_sender = sender;
    return 0;
}

static void free_batches(struct sender *sender)
{
    struct batch *batch;
    while ((batch = batch_list_pop(&sender->ready)) != NULL) {
        batch_give_back(sender->pool, batch);
    }
    if (sender->filling != NULL) {
        batch_give_back(sender->pool, sender->filling);
    }
    for (unsigned i = 0; i < sender->in_flight_count; i++) {
        batch_give_back(sender->pool, sender->in_flight[i]);
    }
    while (sender->regroups != NULL) {
        struct regroup *regroup = sender->regroups;
        sender->regroups = regroup->next;
        free(regroup);
    }
}

void sender_free(struct sender *sender)
{
    if (sender == NULL) {
        return;
    }
    free_batches(sender);
    batch_pool_free(sender->pool);
    parked_free(sender->parked);
    shards_free(sender->shards);
    signer_free(sender->signer);
    pthread_mutex_destroy(&sender->lock);
    free(sender);
}

// ---- submitting ----

static void count_repeated(struct sender *sender, struct batch *batch)
{
    uint64_t repeated = 0;
    for (size_t i = 0; i < batch->count; i++) {
        repeated += batch->offers[i].unanswered;
        batch->offers[i].unanswered = false;
    }
    if (repeated > 0) {
        queue_count_repeated(sender->queue, repeated);
    }
}

static void count_submitted(struct sender *sender, const struct batch *batch)
{
    stats_add(sender->stats, STAT_SINK_REQUESTS, 1);
    stats_add(sender->stats, STAT_SINK_RECORDS_OFFERED, batch->count);
    stats_add(sender->stats, STAT_SINK_BODY_BYTES, batch->body.size);
}

static int send_signed(struct sender *sender, struct batch *batch,
                       const struct credentials *credentials)
{
    uint64_t real_ns = clock_offset_apply(&sender->clock, sender->io->real_ns(sender->io));
    struct transport_request request;
    signer_sign(sender->signer, credentials, real_ns, batch->encoder, buf_slice(&batch->body),
                &request);
    request.timeout_ms = TIMEOUT_MS + batch->body.size / SLOWEST_BYTES_PER_MS;
    request.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    request.answer_bytes_max = ANSWER_BYTES_MAX;
    request.context = batch;
    batch->credentials_version = credentials->version;
    return sender->transport->submit(sender->transport, &request);
}

// Sends a ready batch. Returns false when it has to stay where it is.
static bool submit(struct sender *sender, struct batch *batch, uint64_t now_ns)
{
    struct credentials credentials;
    if (credentials_store_get(sender->credentials, &credentials) != 0) {
        char why[LAST_ERROR_SIZE / 2];
        credentials_store_describe(sender->credentials, why, sizeof why);
        sender_report(sender, CONDITION_CREDENTIALS, "no credentials: %s", why);
        sender->pace.resume_ns = now_ns + CREDENTIALS_POLL_MS * NS_PER_MS;
        return false;
    }
    count_repeated(sender, batch);
    int error = queue_submitted(sender->queue, batch_last_sequence(batch));
    if (error != 0) {
        credentials_deinit(&credentials);
        sender_queue_failed(sender, "write", error, now_ns);
        return false;
    }
    batch->submitted_ns = now_ns;
    CRASH_POINT("before an offer");
    error = send_signed(sender, batch, &credentials);
    CRASH_POINT("after an offer");
    credentials_deinit(&credentials);
    if (error != 0) {
        sender_report(sender, CONDITION_NETWORK, "cannot send: %s", error_text(error));
        pace_failed(&sender->pace, &sender->prng, now_ns, now_ns);
        return false;
    }
    sender->in_flight[sender->in_flight_count++] = batch;
    count_submitted(sender, batch);
    return true;
}

static bool submit_ready(struct sender *sender, uint64_t now_ns)
{
    if (sender->in_flight_count >= pace_limit(&sender->pace) || now_ns < sender->pace.resume_ns ||
        now_ns < sender->queue_retry_ns) {
        return false;
    }
    struct batch *batch = batch_list_pop(&sender->ready);
    if (!submit(sender, batch, now_ns)) {
        batch_list_push_front(&sender->ready, batch);
        return false;
    }
    return true;
}

// ---- collecting ----

static void forget_in_flight(struct sender *sender, const struct batch *batch)
{
    unsigned i = 0;
    while (sender->in_flight[i] != batch) {
        i++;
        ASSERT(i < sender->in_flight_count);
    }
    sender->in_flight[i] = sender->in_flight[--sender->in_flight_count];
}

static void collect_answers(struct sender *sender, uint64_t now_ns)
{
    struct transport_answer answer;
    while (sender->transport->collect(sender->transport, &answer) == 1) {
        forget_in_flight(sender, answer.context);
        sender_take_answer(sender, &answer, now_ns);
    }
}

static void persist_acks(struct sender *sender, uint64_t now_ns)
{
    if (!sender->acks_due || now_ns < sender->queue_retry_ns) {
        return;
    }
    int error = queue_persist_acks(sender->queue);
    if (error != 0) {
        sender_queue_failed(sender, "write the acknowledgements of", error, now_ns);
        return;
    }
    sender->acks_due = false;
    sender->queue_failures = 0;
}

// ---- a step ----

static bool must_go(const struct sender *sender, const struct batch *batch, uint64_t now_ns)
{
    return batch->count > 0 &&
           (batch->urgent || sender->draining ||
            now_ns - batch->opened_ns >= sender->flow->batch.max_delay_ms * NS_PER_MS);
}

// Fills and submits until something is in the way. Returns what that is.
static enum fill fill_and_submit(struct sender *sender, uint64_t now_ns)
{
    for (;;) {
        if (sender->ready.first != NULL) {
            if (!submit_ready(sender, now_ns)) {
                return FILL_READY;
            }
            continue;
        }
        enum fill fill = sender_fill(sender, now_ns);
        if (fill == FILL_READY) {
            continue;
        }
        struct batch *filling = sender->filling;
        if (filling == NULL || (filling->count > 0 && !must_go(sender, filling, now_ns))) {
            return fill;
        }
        bool empty = filling->count == 0;
        sender_close_filling(sender);
        if (empty) {
            return fill;
        }
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_step_ns(const struct sender *sender, enum fill fill, uint64_t now_ns)
{
    uint64_t next = sender->queue_retry_ns > now_ns ? sender->queue_retry_ns : TIME_NEVER;
    if (fill == FILL_READY) {
        // Something is ready: it waits for the pace, or for an answer.
        return sender->pace.resume_ns > now_ns ? least(next, sender->pace.resume_ns) : next;
    }
    if (sender->filling != NULL) {
        next =
            least(next, sender->filling->opened_ns + sender->flow->batch.max_delay_ms * NS_PER_MS);
    }
    if (fill == FILL_STARVED && sender->held.any) {
        // Every key that was drawn for it falls into a throttled shard.
        next = least(next, now_ns + KEY_RETRY_MS * NS_PER_MS);
        next = least(next, shards_next_ns(sender->shards, now_ns));
    } else if (fill == FILL_STARVED) {
        next = least(next, parked_next_ns(sender->parked));
        next = least(next, shards_next_ns(sender->shards, now_ns));
        next = least(next, sender_regroup_next_ns(sender));
    }
    return next;
}

static bool shard_is_awaited(const void *context, int slot)
{
    return parked_any_behind(context, slot);
}

uint64_t sender_step(struct sender *sender, uint64_t now_ns)
{
    sender->dead_letters = 0;
    collect_answers(sender, now_ns);
    persist_acks(sender, now_ns);
    if (sender->finishing) {
        return TIME_NEVER;
    }
    if (shards_any(sender->shards)) {
        shards_expire(sender->shards, now_ns, shard_is_awaited, sender->parked);
    }
    // While what is to be dropped is in flight, nothing else happens.
    enum fill fill =
        sender_make_room(sender, now_ns) ? FILL_READY : fill_and_submit(sender, now_ns);
    persist_acks(sender, now_ns);
    if (fill == FILL_STARVED && sender->in_flight_count == 0 && sender->filling == NULL) {
        batch_pool_trim(sender->pool);
    }
    stats_set(sender->stats, STAT_SINK_IN_FLIGHT, sender->in_flight_count);
    stats_set(sender->stats, STAT_SINK_IN_FLIGHT_LIMIT, pace_limit(&sender->pace));
    return sender->dead_letters > 0 ? now_ns : next_step_ns(sender, fill, now_ns);
}

void sender_drain(struct sender *sender)
{
    sender->draining = true;
}

void sender_finish(struct sender *sender)
{
    sender->finishing = true;
}

bool sender_idle(const struct sender *sender)
{
    return sender->in_flight_count == 0 && sender->ready.first == NULL &&
           (sender->filling == NULL || sender->filling->count == 0) && !sender->held.any &&
           sender->regroups == NULL && parked_count(sender->parked) == 0 &&
           queue_drained(sender->queue);
}

unsigned sender_in_flight(const struct sender *sender)
{
    return sender->in_flight_count;
}
