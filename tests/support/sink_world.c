#include "support/sink_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/cbor.h"
#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "sink/limits.h"
#include "sink/shards.h"
#include "support/tempdir.h"

enum { ANSWER_MAX = 4 << 20, RECORDS_A_CALL = LIMITS_CALL_RECORDS };

#define START_NS        (1000 * NS_PER_S)
#define START_REAL_S    ((uint64_t)1440938160)
#define DEFAULT_LATENCY (10 * NS_PER_MS)

// ---- io with a clock of its own ----

static uint64_t world_monotonic_ns(struct io *io)
{
    return ((struct world *)io)->now_ns;
}

static uint64_t world_real_ns(struct io *io)
{
    const struct world *world = (struct world *)io;
    return START_REAL_S * NS_PER_S + world->now_ns + (uint64_t)world->clock_error_s * NS_PER_S;
}

static void world_random(struct io *io, void *data, size_t size)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)prng_next(&((struct world *)io)->prng);
    }
}

// ---- reading calls ----

static void read_member(struct world_record *record, struct slice name, struct slice value)
{
    if (slice_equal_text(name, "Data")) {
        record->data = value;
    } else if (slice_equal_text(name, "PartitionKey")) {
        record->key = value;
    }
}

static size_t read_cbor(const struct world_call *call, struct world_record *records)
{
    struct cbor_reader reader = cbor_reader_of(slice_of(call->body, call->body_size));
    struct cbor_item item;
    size_t count = 0;
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_MAP);
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "Records"));
    ASSERT(cbor_next(&reader, &item) && item.kind == CBOR_ARRAY);
    while (cbor_next(&reader, &item) && item.kind == CBOR_MAP) {
        ck_assert_uint_lt(count, RECORDS_A_CALL);
        records[count] = (struct world_record){0};
        struct cbor_item name;
        while (cbor_next(&reader, &name) && name.kind == CBOR_TEXT) {
            ASSERT(cbor_next(&reader, &item));
            read_member(&records[count], name.string, item.string);
        }
        count++;
    }
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "StreamName"));
    ASSERT(cbor_next(&reader, &item) && slice_equal_text(item.string, "stream"));
    ASSERT(reader.error == 0);
    return count;
}

static struct slice text_of(struct slice raw, struct buf *text)
{
    size_t start = text->size;
    ASSERT(json_unescape(raw, text) == 0);
    return slice_of(text->data + start, text->size - start);
}

static size_t read_json(const struct world_call *call, struct world_record *records,
                        struct buf *text)
{
    struct slice list;
    size_t count = 0;
    struct slice body = slice_of(call->body, call->body_size);
    ASSERT(json_find(body, slice_of_text("Records"), &list) == 0);
    struct json_walk walk;
    json_walk_init(&walk, list);
    while (json_walk_next(&walk)) {
        ck_assert_uint_lt(count, RECORDS_A_CALL);
        struct world_record *record = &records[count++];
        *record = (struct world_record){0};
        struct json_walk member;
        json_walk_init(&member, walk.value);
        while (json_walk_next(&member)) {
            struct slice value = text_of(member.value, text);
            if (slice_equal_text(member.name, "Data")) {
                size_t start = text->size;
                ASSERT(base64_decode(value, text) == 0);
                value = slice_of(text->data + start, text->size - start);
            }
            read_member(record, member.name, value);
        }
    }
    ASSERT(walk.error == 0);
    return count;
}

unsigned world_shard_of(const struct world *world, struct slice key)
{
    uint8_t hash[KEY_HASH_BYTES];
    key_hash(key, hash);
    return (unsigned)((hash[0] << 8 | hash[1]) * world->shards >> 16);
}

static void check_limits(const struct world *world, const struct world_record *records,
                         size_t count)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    size_t bytes = 0;
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = records[i].data.size + (kinesis ? records[i].key.size : 0);
        ck_assert_uint_le(size, kinesis ? world->flow.to.max_record_size : 1024000);
        ck_assert(!kinesis || records[i].key.size > 0);
        bytes += size;
    }
    ck_assert(count == 1 || bytes <= world->flow.batch.max_size);
    ck_assert_uint_le(bytes, kinesis ? 10485760 : 4194304);
}

// ---- answers ----

void world_error(const struct world_call *call, int status, const char *code, const char *message,
                 struct world_answer *answer)
{
    answer->status = status;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", call->content_type);
    if (call->cbor) {
        cbor_write_map(&answer->body, 2);
        cbor_write_text(&answer->body, slice_of_text("__type"));
        cbor_write_text(&answer->body, slice_of_text(code));
        cbor_write_text(&answer->body, slice_of_text("message"));
        cbor_write_text(&answer->body, slice_of_text(message));
    } else {
        buf_appendf(&answer->body, "{\"__type\":\"%s\",\"message\":\"%s\"}", code, message);
    }
}

struct entry {
    const char *error; // NULL: accepted
    unsigned shard;
};

static void write_text(struct buf *body, const char *text)
{
    cbor_write_text(body, slice_of_text(text));
}

static void entry_texts(const struct world *world, const struct entry *entry, char id[64],
                        char message[160])
{
    snprintf(id, 64, "shardId-%012u", entry->shard);
    bool throttled =
        entry->error != NULL && strcmp(entry->error, "ProvisionedThroughputExceededException") == 0;
    if (throttled && world->flow.to.service == SERVICE_KINESIS) {
        snprintf(message, 160, "Rate exceeded for shard %s in stream demo under account 1.", id);
    } else {
        snprintf(message, 160, "Slow down.");
    }
}

static void write_cbor_entries(const struct world *world, const struct entry *entries, size_t count,
                               struct buf *body)
{
    cbor_write_indefinite_map(body);
    write_text(body, "Records");
    cbor_write_indefinite_array(body);
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(world, &entries[i], id, message);
        cbor_write_indefinite_map(body);
        write_text(body, entries[i].error == NULL ? "SequenceNumber" : "ErrorCode");
        write_text(body, entries[i].error == NULL ? "49" : entries[i].error);
        write_text(body, entries[i].error == NULL ? "ShardId" : "ErrorMessage");
        write_text(body, entries[i].error == NULL ? id : message);
        cbor_write_break(body);
    }
    cbor_write_break(body);
    cbor_write_break(body);
}

static void write_json_entries(const struct world *world, const struct entry *entries, size_t count,
                               struct buf *body)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    buf_appendf(body, "{\"%s\":[", kinesis ? "Records" : "RequestResponses");
    for (size_t i = 0; i < count; i++) {
        char id[64];
        char message[160];
        entry_texts(world, &entries[i], id, message);
        buf_append_text(body, i == 0 ? "" : ",");
        if (entries[i].error != NULL) {
            buf_appendf(body, "{\"ErrorCode\":\"%s\",\"ErrorMessage\":\"%s\"}", entries[i].error,
                        message);
        } else if (kinesis) {
            buf_appendf(body, "{\"SequenceNumber\":\"49\",\"ShardId\":\"%s\"}", id);
        } else {
            buf_append_text(body, "{\"RecordId\":\"r\"}");
        }
    }
    buf_append_text(body, "]}");
}

static void write_entries(const struct world *world, const struct entry *entries, size_t count,
                          const struct world_call *call, struct world_answer *answer)
{
    answer->status = 200;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", call->content_type);
    if (call->cbor) {
        write_cbor_entries(world, entries, count, &answer->body);
    } else {
        write_json_entries(world, entries, count, &answer->body);
    }
}

// ---- the usual service ----

static void count_to(uint8_t *counter)
{
    *counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

void world_accept(struct world *world, const struct world_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].number < WORLD_RECORDS_MAX) {
            count_to(&world->accepted[records[i].number]);
        }
    }
}

static void nobody_knows(struct world *world, const struct world_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].number < WORLD_RECORDS_MAX) {
            count_to(&world->unknown[records[i].number]);
        }
    }
}

void world_list_accepted(struct world *world, const struct world_record *records, size_t count,
                         const struct world_call *call, struct world_answer *answer)
{
    struct entry entries[RECORDS_A_CALL] = {0};
    for (size_t i = 0; i < count; i++) {
        entries[i].shard = records[i].shard;
    }
    write_entries(world, entries, count, call, answer);
}

static bool chance(struct world *world, unsigned thousandths)
{
    return prng_below(&world->prng, 1000) < thousandths;
}

static const char *error_for(struct world *world, const struct world_record *record)
{
    bool kinesis = world->flow.to.service == SERVICE_KINESIS;
    if (world->now_ns < world->slow_until_ns[record->shard] ||
        chance(world, world->weather.record_throttled)) {
        return kinesis ? "ProvisionedThroughputExceededException" : "ServiceUnavailableException";
    }
    if (chance(world, world->weather.record_failed)) {
        return "InternalFailure";
    }
    return chance(world, world->weather.record_unknown) ? "SomethingNobodyHasSeen" : NULL;
}

static void answer_each(struct world *world, const struct world_record *records, size_t count,
                        const struct world_call *call, struct world_answer *answer)
{
    struct entry entries[RECORDS_A_CALL];
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct entry){error_for(world, &records[i]), records[i].shard};
        if (entries[i].error == NULL) {
            world_accept(world, &records[i], 1);
        } else {
            world->refused_by[records[i].shard]++;
        }
    }
    write_entries(world, entries, count, call, answer);
}

// The answer gets lost one way or the other. False: it does not.
static bool lose(struct world *world, const struct world_record *records, size_t count,
                 const struct world_call *call, struct world_answer *answer)
{
    const struct weather *weather = &world->weather;
    if (chance(world, weather->not_sent)) {
        answer->outcome = TRANSPORT_NOT_SENT;
        return true;
    }
    if (chance(world, weather->slow_down)) {
        world_error(call, 400, "LimitExceededException", "Rate exceeded", answer);
        return true;
    }
    bool before = chance(world, weather->lost_request);
    bool error = chance(world, weather->server_error);
    if (before || (error && chance(world, 500))) {
        nobody_knows(world, records, count);
        answer->outcome = before ? TRANSPORT_NO_ANSWER : TRANSPORT_ANSWERED;
        answer->status = 500;
        return true;
    }
    bool lost = chance(world, weather->lost_answer);
    bool bad = chance(world, weather->bad_answer);
    bool shorter = chance(world, weather->wrong_length);
    bool garbage = chance(world, weather->garbage);
    if (!error && !lost && !bad && !shorter && !garbage) {
        return false;
    }
    world_accept(world, records, count);
    nobody_knows(world, records, count);
    answer->status = error ? 500 : 200;
    answer->outcome = lost ? TRANSPORT_NO_ANSWER : bad ? TRANSPORT_BAD_ANSWER : TRANSPORT_ANSWERED;
    if (shorter && !error) {
        world_list_accepted(world, records, count - 1, call, answer);
    }
    return true;
}

// ---- the transport ----

static struct world *world_of(struct transport *transport)
{
    return (struct world *)((char *)transport - offsetof(struct world, transport));
}

static const char *header_of(const struct transport_request *request, const char *name)
{
    for (unsigned i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return "";
}

static void note_load(struct world *world)
{
    unsigned in_flight = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        in_flight += world->calls[i].used;
        bytes += world->calls[i].used ? world->calls[i].body_size : 0;
    }
    world->in_flight_most = in_flight > world->in_flight_most ? in_flight : world->in_flight_most;
    world->body_bytes_most = bytes > world->body_bytes_most ? bytes : world->body_bytes_most;
}

static int world_submit(struct transport *transport, const struct transport_request *request)
{
    struct world *world = world_of(transport);
    struct world_call *call = world->calls;
    while (call->used) {
        call++;
        ASSERT(call < world->calls + WORLD_CALLS_MAX);
    }
    *call = (struct world_call){
        .used = true,
        .context = request->context,
        .body = (char *)xmalloc(request->body.size),
        .body_size = request->body.size,
        .order = world->call_count++,
        .answered_ns = world->now_ns + 1 + prng_below(&world->prng, 2 * world->latency_ns),
    };
    memcpy(call->body, request->body.data, request->body.size);
    snprintf(call->content_type, sizeof call->content_type, "%s",
             header_of(request, "Content-Type"));
    snprintf(call->date, sizeof call->date, "%s", header_of(request, "X-Amz-Date"));
    call->cbor = strstr(call->content_type, "cbor") != NULL;
    ck_assert_str_ne(header_of(request, "Authorization"), "");
    note_load(world);
    return 0;
}

static struct world_call *next_answered(struct world *world)
{
    struct world_call *first = NULL;
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        struct world_call *call = &world->calls[i];
        if (call->used && (first == NULL || call->answered_ns < first->answered_ns)) {
            first = call;
        }
    }
    return first;
}

static unsigned number_of(struct slice data)
{
    unsigned number = 0;
    size_t i = 0;
    for (; i < data.size && data.data[i] >= '0' && data.data[i] <= '9'; i++) {
        number = number * 10 + (unsigned)(data.data[i] - '0');
    }
    return i > 0 && i < data.size && data.data[i] == ':' ? number : WORLD_RECORDS_MAX;
}

static void serve(struct world *world, const struct world_call *call, struct world_answer *answer)
{
    static struct world_record records[RECORDS_A_CALL];
    struct buf text;
    buf_init(&text, (size_t)128 << 20);
    buf_reserve(&text, 4 * call->body_size + 64); // slices into it must not move
    size_t count = call->cbor ? read_cbor(call, records) : read_json(call, records, &text);
    check_limits(world, records, count);
    for (size_t i = 0; i < count; i++) {
        records[i].number = number_of(records[i].data);
        records[i].shard = world_shard_of(world, records[i].key);
        world->offered_to[records[i].shard]++;
    }
    if ((world->service == NULL || !world->service(world, records, count, call, answer)) &&
        !lose(world, records, count, call, answer)) {
        answer_each(world, records, count, call, answer);
    }
    buf_deinit(&text);
}

static int world_collect(struct transport *transport, struct transport_answer *out_answer)
{
    struct world *world = world_of(transport);
    struct world_call *call = next_answered(world);
    if (call == NULL || call->answered_ns > world->now_ns) {
        return 0;
    }
    struct world_answer *answer = &world->answer;
    buf_clear(&answer->body);
    *answer = (struct world_answer){.outcome = TRANSPORT_ANSWERED, .body = answer->body};
    serve(world, call, answer);
    *out_answer = (struct transport_answer){
        .context = call->context,
        .outcome = answer->outcome,
        .status = answer->status,
        .body = buf_slice(&answer->body),
        .content_type = answer->content_type,
        .date = answer->date,
        .request_id = "",
        .error_type = answer->error_type,
    };
    free(call->body);
    call->used = false;
    return 1;
}

static void world_wait(struct transport *transport, uint64_t timeout_ms)
{
    (void)transport;
    (void)timeout_ms;
}

static void world_wake(struct transport *transport)
{
    (void)transport;
}

// ---- life ----

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static void configure(struct world *world, const struct world_options *options)
{
    static char name[] = "test";
    static char stream[] = "stream";
    static char region[] = "eu-west-1";
    struct flow_config *flow = &world->flow;
    flow->name = name;
    flow->to.service = options->service;
    flow->to.stream = stream;
    flow->to.region = region;
    flow->to.wire = options->wire;
    flow->to.max_record_size = or_default(options->max_record_size, 1 << 20);
    flow->batch.max_records = LIMITS_CALL_RECORDS;
    flow->batch.max_size = or_default(options->max_size, 1 << 20);
    flow->batch.max_delay_ms = 1000;
    flow->queue.max_size = or_default(options->queue_max_size, 64 << 20);
    flow->queue.when_full = options->when_full;
    flow->queue.sync = SYNC_OS;
    flow->queue.dead_letter_max_size = 16 << 20;
    flow->memory = or_default(options->memory, 8 << 20);
}

static void open_queue(struct world *world)
{
    struct queue_options options = {
        .dir = world->dir,
        .flow = world->flow.name,
        .config = &world->flow.queue,
        .stats = &world->stats,
    };
    struct queue_report report;
    int error = queue_open(&world->io, &options, &world->queue, &report);
    ck_assert_msg(error == 0, "queue_open: %s", error_text(error));
}

struct world *world_create(uint64_t seed, const struct world_options *options)
{
    struct world *world = xcalloc(1, sizeof *world);
    log_set_level(LOG_LEVEL_ERROR);
    world->io = *io_posix();
    world->io.monotonic_ns = world_monotonic_ns;
    world->io.real_ns = world_real_ns;
    world->io.random = world_random;
    world->transport =
        (struct transport){world_submit, world_collect, world_wait, world_wake, NULL};
    world->now_ns = START_NS;
    world->latency_ns = DEFAULT_LATENCY;
    world->prng = prng_of_seed(seed);
    world->shards = options->shards == 0 ? 4 : options->shards;
    buf_init(&world->answer.body, ANSWER_MAX);
    configure(world, options);
    world->dir = tempdir_create();
    open_queue(world);
    world->credentials = credentials_store_create();
    if (!options->no_credentials) {
        world_give_credentials(world);
    }
    struct sender_options sender = {
        .flow = &world->flow,
        .queue = world->queue,
        .transport = &world->transport,
        .credentials = world->credentials,
        .stats = &world->stats,
    };
    ck_assert_int_eq(sender_create(&world->io, &sender, &world->sender), 0);
    return world;
}

void world_free(struct world *world)
{
    sender_free(world->sender);
    credentials_store_free(world->credentials);
    queue_close(world->queue);
    for (size_t i = 0; i < WORLD_CALLS_MAX; i++) {
        if (world->calls[i].used) {
            free(world->calls[i].body);
        }
    }
    buf_deinit(&world->answer.body);
    tempdir_remove(world->dir);
    free(world);
}

void world_give_credentials(struct world *world)
{
    struct credentials keys = {
        .access_key_id = xstrdup("AKIDEXAMPLE"),
        .secret_access_key = xstrdup("secret"),
    };
    credentials_store_set(world->credentials, &keys, "the test");
}

// ---- records ----

static bool add(struct world *world, struct slice data, struct slice key, uint16_t reason)
{
    struct record_origin origin = {0};
    return queue_add_record(world->queue, origin, data, key, (uint32_t)data.size, reason);
}

static void append_block(struct world *world)
{
    (void)queue_sync_step(world->queue, world->now_ns);
    int error = queue_append(world->queue);
    ck_assert_msg(error == 0, "queue_append: %s", error_text(error));
}

void world_append_raw(struct world *world, struct slice data, struct slice key, uint16_t reason)
{
    if (!add(world, data, key, reason)) {
        append_block(world);
        ck_assert(add(world, data, key, reason));
    }
    append_block(world);
}

void world_append(struct world *world, unsigned count, size_t size, const char *key)
{
    char *data = xmalloc(size + 32);
    memset(data, 'x', size + 32);
    struct slice key_slice = key == NULL ? slice_of(NULL, 0) : slice_of_text(key);
    for (unsigned i = 0; i < count; i++) {
        ASSERT(world->appended < WORLD_RECORDS_MAX);
        int digits = snprintf(data, 32, "%u:", world->appended++);
        data[digits] = 'x';
        struct slice slice = slice_of(data, size < (size_t)digits ? (size_t)digits : size);
        if (!add(world, slice, key_slice, 0)) {
            append_block(world);
            ck_assert(add(world, slice, key_slice, 0));
        }
        memset(data, 'x', 32);
        if (queue_block_full(world->queue)) {
            append_block(world);
        }
    }
    if (!queue_block_empty(world->queue)) {
        append_block(world);
    }
    free(data);
}

// ---- time ----

uint64_t world_step(struct world *world)
{
    (void)queue_sync_step(world->queue, world->now_ns);
    uint64_t next_ns = sender_step(world->sender, world->now_ns);
    ck_assert_uint_le(stats_get(&world->stats, STAT_SINK_IN_FLIGHT), 16);
    return next_ns;
}

bool world_run(struct world *world, uint64_t for_ns)
{
    enum { STEPS_AT_ONE_TIME_MAX = 5000 };
    uint64_t end_ns = world->now_ns + for_ns;
    unsigned steps_here = 0;
    while (world->now_ns < end_ns) {
        uint64_t next_ns = world_step(world);
        if (sender_idle(world->sender)) {
            return true;
        }
        const struct world_call *call = next_answered(world);
        if (call != NULL && call->answered_ns < next_ns) {
            next_ns = call->answered_ns;
        }
        ck_assert_msg(next_ns != TIME_NEVER, "the sender waits for nothing");
        if (next_ns > world->now_ns) {
            world->now_ns = next_ns;
            steps_here = 0;
        }
        ck_assert_msg(++steps_here < STEPS_AT_ONE_TIME_MAX, "the sender spins");
    }
    return false;
}

void world_check_all_accepted(struct world *world)
{
    ck_assert(sender_idle(world->sender));
    for (unsigned i = 0; i < world->appended; i++) {
        ck_assert_msg(world->accepted[i] >= 1, "record %u was lost", i);
        ck_assert_msg(world->accepted[i] <= 1 + world->unknown[i],
                      "record %u was accepted %u times, and %u outcomes were unknown", i,
                      world->accepted[i], world->unknown[i]);
    }
    struct books books;
    queue_books(world->queue, &books);
    ck_assert(books_balance(&books));
    ck_assert_uint_eq(books.queued.records, 0);
}
