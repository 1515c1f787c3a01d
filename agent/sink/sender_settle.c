// What becomes of the records of a request when its answer is there.
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crash_point.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/reason.h"
#include "sink/answer.h"
#include "sink/sender_state.h"
#include "sink/service_error.h"

enum {
    DETAIL_SIZE = SERVICE_ERROR_CODE_SIZE + SERVICE_ERROR_TEXT_SIZE + 2,
    REFUSALS_PASSING_MAX = 3, // counted while other records are accepted
    BARREN_CALLS = 3,         // in a row that brought nothing, before a person hears of it
};

// ---- regroups ----

struct regroup *sender_regroup(struct sender *sender, const struct offer *offers, size_t count,
                               uint64_t due_ns)
{
    struct regroup *regroup = xcalloc(1, sizeof *regroup + count * sizeof *offers);
    regroup->due_ns = due_ns;
    regroup->count = count;
    memcpy(regroup->offers, offers, count * sizeof *offers);
    struct regroup **link = &sender->regroups;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = regroup;
    return regroup;
}

uint64_t sender_regroup_next_ns(const struct sender *sender)
{
    uint64_t next = TIME_NEVER;
    for (const struct regroup *regroup = sender->regroups; regroup != NULL;
         regroup = regroup->next) {
        next = regroup->due_ns < next ? regroup->due_ns : next;
    }
    return next;
}

// ---- records ----

void sender_dead_letter(struct sender *sender, const struct queued_record *record,
                        struct offer *offer, uint16_t reason, const char *detail, uint64_t now_ns)
{
    int error = queue_write_dead_letter(sender->queue, record, reason, detail);
    sender->dead_letters++;
    if (error != 0) {
        sender_queue_failed(sender, "write a dead letter of", error, now_ns);
        parked_until(sender->parked, offer, sender->queue_retry_ns);
        return;
    }
    queue_settle(sender->queue, &offer->place, offer->source_bytes, SETTLED_DEAD_LETTERED);
    sender->acks_due = true;
}

// Errors of a block that will be no better next time.
static bool is_damage(int error)
{
    return error == E_CORRUPT || error == E_TRUNCATED || error == E_VERSION ||
           error == E_NOT_FOUND || error == E_SYNTAX;
}

int sender_reread(struct sender *sender, const struct offer *offer,
                  struct queued_record *out_record)
{
    sender->held.fresh = false;
    int error = queue_reread(sender->queue, &offer->place, out_record);
    if (error == 0) {
        return 1;
    }
    if (!is_damage(error)) {
        return error;
    }
    log_error("flow %s: a queued record cannot be read again, counted as damaged: %s",
              sender->flow->name, error_text(error));
    queue_settle(sender->queue, &offer->place, offer->source_bytes, SETTLED_DAMAGED);
    sender->acks_due = true;
    return 0;
}

// Sets a record aside that the service will never take.
static void refuse(struct sender *sender, struct offer *offer, const char *detail, uint64_t now_ns)
{
    struct queued_record record;
    int got = sender_reread(sender, offer, &record);
    if (got < 0) {
        parked_until(sender->parked, offer, now_ns);
    }
    if (got != 1) {
        return;
    }
    sender_dead_letter(sender, &record, offer, REASON_REFUSED, detail, now_ns);
}

// The record is no longer on its way to the throttled shard that it was charged to.
static void uncharge(struct sender *sender, struct offer *offer)
{
    if (offer->slot != 0) {
        shards_release(sender->shards, offer->slot - 1);
        offer->slot = 0;
    }
}

void sender_release(struct sender *sender, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        uncharge(sender, &batch->offers[i]);
    }
    batch_give_back(sender->pool, batch);
}

// ---- an answer that speaks of each record ----

struct entries {
    struct sender *sender;
    struct batch *batch;
    uint8_t verdict[LIMITS_CALL_RECORDS];
    int16_t slot[LIMITS_CALL_RECORDS]; // of the shard that throttles it
    size_t count[RECORD_DEAD_LETTER + 1];
    char detail[SERVICE_ERROR_TEXT_SIZE]; // of the last record that is set aside
    char refusal[DETAIL_SIZE];            // of the first record that was refused
};

static void describe_refusal(const struct answer_entry *entry, char text[DETAIL_SIZE])
{
    char code[SERVICE_ERROR_CODE_SIZE];
    char message[SERVICE_ERROR_TEXT_SIZE];
    service_error_printable(entry->error_code, code, sizeof code);
    service_error_printable(entry->error_message, message, sizeof message);
    snprintf(text, DETAIL_SIZE, "%s: %s", code, message);
}

static void judge_entry(void *context, size_t index, const struct answer_entry *entry)
{
    struct entries *entries = context;
    enum record_verdict verdict = verdict_of_record(entry->error_code, entry->id);
    entries->verdict[index] = (uint8_t)verdict;
    entries->slot[index] = SHARD_NONE;
    entries->count[verdict]++;
    if (verdict == RECORD_DEAD_LETTER) {
        service_error_printable(entry->error_message, entries->detail, sizeof entries->detail);
    }
    if (verdict != RECORD_ACCEPTED && entries->refusal[0] == '\0') {
        describe_refusal(entry, entries->refusal);
    }
}

static void hash_of_offer(const struct batch *batch, const struct offer *offer,
                          uint8_t out_hash[KEY_HASH_BYTES])
{
    struct slice key = batch_key(batch, offer);
    bool escaped = batch->encoder == &encoder_kinesis_json && key.size > 0 &&
                   memchr(key.data, '\\', key.size) != NULL;
    if (!escaped) {
        key_hash(key, out_hash);
        return;
    }
    struct buf text;
    buf_init(&text, LIMITS_KINESIS_CALL_BYTES);
    int error = json_unescape(slice_of(key.data - 1, key.size + 2), &text);
    ASSERT(error == 0);
    key_hash(buf_slice(&text), out_hash);
    buf_deinit(&text);
}

// The second reading of an answer with throttled records: which shards they were for.
static void learn_entry(void *context, size_t index, const struct answer_entry *entry)
{
    struct entries *entries = context;
    struct shards *shards = entries->sender->shards;
    if (entries->verdict[index] == RECORD_ACCEPTED) {
        shards_accepted(shards, entry->shard);
    } else if (entries->verdict[index] == RECORD_THROTTLED) {
        uint8_t hash[KEY_HASH_BYTES];
        hash_of_offer(entries->batch, &entries->batch->offers[index], hash);
        struct slice shard = shard_of_message(entry->error_message);
        entries->slot[index] = (int16_t)shards_refused(shards, shard, hash);
    }
}

// `passing`: others of the same call were accepted, so it may soon be this one's turn.
static void park_refused(struct sender *sender, struct offer *offer, int slot, bool passing,
                         uint64_t now_ns)
{
    if (!passing || offer->refusals < REFUSALS_PASSING_MAX) {
        offer_refused(offer);
    }
    if (slot == SHARD_NONE) {
        uint64_t pause = backoff_ns(&sender->prng, offer->refusals);
        parked_until(sender->parked, offer, now_ns + pause);
    } else if (offer->keyed) {
        parked_behind(sender->parked, offer, slot);
    } else {
        parked_until(sender->parked, offer, now_ns); // another key takes it to another shard
    }
}

static void settle_entry(struct entries *entries, size_t index, uint64_t now_ns)
{
    struct sender *sender = entries->sender;
    struct offer *offer = &entries->batch->offers[index];
    switch ((enum record_verdict)entries->verdict[index]) {
    case RECORD_ACCEPTED:
        queue_settle(sender->queue, &offer->place, offer->source_bytes, SETTLED_ACKNOWLEDGED);
        sender->acks_due = true;
        CRASH_POINT("amid an answer");
        break;
    case RECORD_THROTTLED:
    case RECORD_RETRY:
        park_refused(sender, offer, entries->slot[index], entries->count[RECORD_ACCEPTED] > 0,
                     now_ns);
        break;
    case RECORD_DEAD_LETTER:
        refuse(sender, offer, entries->detail, now_ns);
        break;
    }
}

// Tells the pace how the call went. A throttle that names its shard is not its business.
static void judge_pace(struct entries *entries, uint64_t now_ns)
{
    struct sender *sender = entries->sender;
    const struct batch *batch = entries->batch;
    size_t accepted = entries->count[RECORD_ACCEPTED];
    size_t throttled = 0;
    for (size_t i = 0; i < batch->count && entries->count[RECORD_THROTTLED] > 0; i++) {
        throttled += entries->verdict[i] == RECORD_THROTTLED && entries->slot[i] == SHARD_NONE;
    }
    if (accepted == batch->count) {
        pace_accepted(&sender->pace, &sender->prng, now_ns);
    } else if (accepted == 0 && throttled + entries->count[RECORD_RETRY] > 0) {
        pace_failed(&sender->pace, &sender->prng, batch->submitted_ns, now_ns);
    } else if (throttled > 0) {
        pace_throttled(&sender->pace, &sender->prng, accepted, throttled, batch->submitted_ns,
                       now_ns);
    } else {
        pace_answered(&sender->pace);
    }
}

static void count_entries(const struct entries *entries)
{
    struct sender *sender = entries->sender;
    size_t refused = entries->batch->count - entries->count[RECORD_ACCEPTED];
    stats_add(sender->stats, STAT_SINK_RECORDS_REFUSED, refused);
    stats_add(sender->stats, STAT_SINK_THROTTLED, entries->count[RECORD_THROTTLED]);
    if (entries->count[RECORD_ACCEPTED] > 0) {
        sender->calls_accepted++;
        stats_set(sender->stats, STAT_SINK_LAST_ACK_S, sender->io->real_ns(sender->io) / NS_PER_S);
    }
}

// A call that brought nothing is ordinary under throttling; several in a row are not.
static void report_entries(const struct entries *entries)
{
    struct sender *sender = entries->sender;
    if (entries->count[RECORD_ACCEPTED] > 0) {
        sender->barren_calls = 0;
        sender_report_fine(sender);
    } else if (entries->count[RECORD_DEAD_LETTER] == 0 && ++sender->barren_calls >= BARREN_CALLS) {
        sender_report(sender, CONDITION_SERVICE, "no record is accepted: %s", entries->refusal);
    }
}

static void adopt_wire(struct sender *sender, const struct batch *batch)
{
    if (batch->trial && sender->encoder != batch->encoder) {
        sender->encoder = batch->encoder;
        log_notice("flow %s: the endpoint does not take CBOR, going on in JSON",
                   sender->flow->name);
    }
    sender->wire_known |= batch->encoder == sender->encoder;
}

static int take_entries(struct sender *sender, struct batch *batch,
                        const struct transport_answer *answer, uint64_t now_ns)
{
    struct entries entries = {.sender = sender, .batch = batch};
    struct answer_reader reader = {
        .service = sender->limits.service,
        .records = batch->count,
        .entry = judge_entry,
        .context = &entries,
    };
    int error = answer_read(&reader, answer->content_type, answer->body);
    if (error != 0) {
        return error;
    }
    if (entries.count[RECORD_THROTTLED] > 0 || shards_any(sender->shards)) {
        reader.entry = learn_entry;
        error = answer_read(&reader, answer->content_type, answer->body);
        ASSERT(error == 0);
        shards_answer_done(sender->shards, &sender->prng, now_ns);
    }
    judge_pace(&entries, now_ns);
    count_entries(&entries);
    adopt_wire(sender, batch);
    for (size_t i = 0; i < batch->count; i++) {
        uncharge(sender, &batch->offers[i]);
        settle_entry(&entries, i, now_ns);
    }
    batch_give_back(sender->pool, batch);
    report_entries(&entries);
    return 0;
}

// ---- an answer to the call as a whole ----

static void mark_unanswered(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        batch->offers[i].unanswered = true;
    }
}

// Sends the same body again.
static void again(struct sender *sender, struct batch *batch)
{
    batch->urgent = true;
    batch_list_push_front(&sender->ready, batch);
}

static void again_after_failure(struct sender *sender, struct batch *batch, uint64_t now_ns)
{
    pace_failed(&sender->pace, &sender->prng, batch->submitted_ns, now_ns);
    again(sender, batch);
}

static void again_slowly(struct sender *sender, struct batch *batch, uint64_t now_ns)
{
    pace_wait(&sender->pace, &sender->prng, batch->submitted_ns, now_ns);
    again(sender, batch);
}

static void regroup_flawed(struct sender *sender, const struct batch *batch, size_t first,
                           size_t count, uint64_t due_ns)
{
    struct regroup *regroup = sender_regroup(sender, &batch->offers[first], count, due_ns);
    regroup->flawed = true;
    regroup->flawed_since = batch->flawed ? batch->flawed_since : sender->calls_accepted;
    regroup->trial = batch->trial;
    sender->flawed_groups++;
}

static void format_detail(const struct service_error *error, int status, char text[DETAIL_SIZE])
{
    if (error->code[0] == '\0') {
        snprintf(text, DETAIL_SIZE, "HTTP status %d", status);
    } else {
        snprintf(text, DETAIL_SIZE, "%s: %s", error->code, error->message);
    }
}

// A lone record is to blame when the refusal says so, or when others passed meanwhile.
static void split(struct sender *sender, struct batch *batch, bool names_record, const char *detail,
                  uint64_t now_ns)
{
    bool proven = names_record || (batch->flawed && sender->calls_accepted > batch->flawed_since);
    if (batch->count == 1 && proven) {
        pace_answered(&sender->pace);
        uncharge(sender, &batch->offers[0]);
        refuse(sender, &batch->offers[0], detail, now_ns);
        batch_give_back(sender->pool, batch);
        return;
    }
    if (sender->flawed_groups >= FLAWED_GROUPS_MAX) {
        again_slowly(sender, batch, now_ns);
        return;
    }
    pace_answered(&sender->pace);
    if (batch->count == 1) {
        offer_refused(&batch->offers[0]);
        uint64_t pause = backoff_ns(&sender->prng, batch->offers[0].refusals);
        regroup_flawed(sender, batch, 0, 1, now_ns + pause);
    } else {
        size_t half = batch->count / 2;
        regroup_flawed(sender, batch, 0, half, now_ns);
        regroup_flawed(sender, batch, half, batch->count - half, now_ns);
    }
    sender_release(sender, batch);
}

static void dead_letter_one(struct sender *sender, struct batch *batch, size_t index,
                            const char *detail, uint64_t now_ns)
{
    pace_answered(&sender->pace);
    for (size_t i = 0; i < batch->count; i++) {
        uncharge(sender, &batch->offers[i]);
    }
    refuse(sender, &batch->offers[index], detail, now_ns);
    batch->count--;
    memmove(&batch->offers[index], &batch->offers[index + 1],
            (batch->count - index) * sizeof *batch->offers);
    if (batch->count > 0) {
        struct regroup *regroup = sender_regroup(sender, batch->offers, batch->count, now_ns);
        regroup->trial = batch->trial;
    }
    batch_give_back(sender->pool, batch);
}

static void fix_clock(struct sender *sender, struct batch *batch, const char *date,
                      const char *detail, uint64_t now_ns)
{
    if (clock_offset_adopt(&sender->clock, date, sender->io->real_ns(sender->io))) {
        log_warning("flow %s: this machine's clock differs from the service's by %lld s, signing "
                    "with the service's time",
                    sender->flow->name, (long long)sender->clock.seconds);
        pace_answered(&sender->pace);
        again(sender, batch);
        return;
    }
    sender_report(sender, CONDITION_CLOCK, "signatures are refused for their time: %s", detail);
    again_slowly(sender, batch, now_ns);
}

// The endpoint does not understand the encoding: once more as JSON, or back to CBOR.
static void change_wire(struct sender *sender, struct batch *batch, bool to_json, uint64_t due_ns)
{
    struct regroup *regroup = sender_regroup(sender, batch->offers, batch->count, due_ns);
    regroup->trial = to_json;
    for (size_t i = 0; i < regroup->count; i++) {
        regroup->offers[i].slot = 0;
    }
    sender_release(sender, batch);
}

static void wait_for_person(struct sender *sender, struct batch *batch, const char *detail,
                            uint64_t now_ns)
{
    sender_report(sender, CONDITION_REFUSED, "refused, records stay queued: %s", detail);
    if (batch->trial) {
        pace_wait(&sender->pace, &sender->prng, batch->submitted_ns, now_ns);
        change_wire(sender, batch, false, now_ns);
    } else {
        again_slowly(sender, batch, now_ns);
    }
}

static void other_wire(struct sender *sender, struct batch *batch, bool unreadable,
                       const char *detail, uint64_t now_ns)
{
    bool can_change = sender->flow->to.wire == WIRE_AUTO &&
                      (sender->encoder != batch->encoder || !sender->wire_known);
    if (can_change) {
        pace_answered(&sender->pace);
        change_wire(sender, batch, true, now_ns);
    } else if (unreadable) {
        split(sender, batch, false, detail, now_ns);
    } else {
        wait_for_person(sender, batch, detail, now_ns);
    }
}

static void take_refusal(struct sender *sender, struct batch *batch,
                         const struct transport_answer *answer, uint64_t now_ns)
{
    struct service_error error;
    service_error_read(answer, &error);
    bool cbor = batch->encoder == &encoder_kinesis_cbor;
    struct call_judgement judgement = verdict_of_call(answer->status, &error, cbor, batch->count);
    char detail[DETAIL_SIZE];
    format_detail(&error, answer->status, detail);
    stats_add(sender->stats, STAT_SINK_REQUEST_FAILURES, 1);
    if (judgement.accepted_unknown) {
        mark_unanswered(batch);
    }
    switch (judgement.verdict) {
    case CALL_RETRY:
    case CALL_THROTTLED:
        sender_report(sender, CONDITION_SERVICE, "the service answers %d: %s", answer->status,
                      detail);
        again_after_failure(sender, batch, now_ns);
        break;
    case CALL_SPLIT:
        sender_report(sender, CONDITION_REFUSED, "a request is refused, looking for the record: %s",
                      detail);
        split(sender, batch, judgement.names_record, detail, now_ns);
        break;
    case CALL_DEAD_LETTER:
        dead_letter_one(sender, batch, judgement.record_index, detail, now_ns);
        break;
    case CALL_CREDENTIALS:
        sender_report(sender, CONDITION_CREDENTIALS, "the credentials are refused: %s", detail);
        credentials_store_refused(sender->credentials, batch->credentials_version);
        again_after_failure(sender, batch, now_ns);
        break;
    case CALL_CLOCK:
        fix_clock(sender, batch, answer->date, detail, now_ns);
        break;
    case CALL_OTHER_WIRE:
        other_wire(sender, batch, error.code[0] == 'S', detail, now_ns);
        break;
    case CALL_WAIT:
        wait_for_person(sender, batch, detail, now_ns);
        break;
    }
}

// ---- any answer ----

static const char *outcome_text(enum transport_outcome outcome)
{
    switch (outcome) {
    case TRANSPORT_NOT_SENT:
        return "cannot connect";
    case TRANSPORT_NO_ANSWER:
        return "no answer";
    case TRANSPORT_BAD_ANSWER:
        return "no usable answer";
    case TRANSPORT_ANSWERED:
        break;
    }
    return "answered";
}

void sender_take_answer(struct sender *sender, const struct transport_answer *answer,
                        uint64_t now_ns)
{
    enum { HTTP_OK = 200 };
    struct batch *batch = answer->context;
    if (answer->outcome != TRANSPORT_ANSWERED) {
        stats_add(sender->stats, STAT_SINK_REQUEST_FAILURES, 1);
        if (answer->outcome != TRANSPORT_NOT_SENT) {
            mark_unanswered(batch);
        }
        sender_report(sender, CONDITION_NETWORK, "%s: %s", outcome_text(answer->outcome),
                      answer->detail);
        again_after_failure(sender, batch, now_ns);
    } else if (answer->status != HTTP_OK) {
        take_refusal(sender, batch, answer, now_ns);
    } else if (take_entries(sender, batch, answer, now_ns) != 0) {
        stats_add(sender->stats, STAT_SINK_REQUEST_FAILURES, 1);
        mark_unanswered(batch);
        bool typed = answer->content_type[0] != '\0';
        sender_report(sender, CONDITION_NETWORK,
                      "no usable answer: it does not list the records (Content-Type: %s)",
                      typed ? answer->content_type : "none");
        again_after_failure(sender, batch, now_ns);
    }
}
