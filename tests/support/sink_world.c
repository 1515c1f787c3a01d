#include "support/sink_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "base/log.h"
#include "sink/limits.h"
#include "sink/pace.h"
#include "support/tempdir.h"

enum { ANSWER_MAX = 4 << 20 };

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

static int64_t world_pwrite(struct io *io, int fd, const void *data, size_t size, uint64_t offset)
{
    const struct world *world = (struct world *)io;
    return world->disk_error != 0 ? world->disk_error
                                  : io_posix()->pwrite(io_posix(), fd, data, size, offset);
}

// The power never fails here.
static int world_fdatasync(struct io *io, int fd)
{
    (void)io;
    (void)fd;
    return 0;
}

static void world_random(struct io *io, void *data, size_t size)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)prng_next(&((struct world *)io)->prng);
    }
}

// ---- the transport ----

static struct world *world_of(struct transport *transport)
{
    return (struct world *)(void *)((char *)transport - offsetof(struct world, transport));
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
    world_serve(world, call, answer);
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
    flow->batch.in_flight_max = PACE_IN_FLIGHT_MAX;
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
    world->io.pwrite = world_pwrite;
    world->io.fdatasync = world_fdatasync;
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

// Adds the next numbered record. False when the builder has no room.
static bool add_numbered(struct world *world, size_t size, const char *key)
{
    ASSERT(world->appended < WORLD_RECORDS_MAX);
    char number[16];
    size_t digits = (size_t)snprintf(number, sizeof number, "%u:", world->appended);
    size = size < digits ? digits : size;
    char *data = xmalloc(size);
    memset(data, 'x', size);
    memcpy(data, number, digits);
    bool added = add(world, slice_of(data, size), slice_of(key, key == NULL ? 0 : strlen(key)), 0);
    world->appended += added;
    free(data);
    return added;
}

void world_append(struct world *world, unsigned count, size_t size, const char *key)
{
    for (unsigned i = 0; i < count; i++) {
        if (!add_numbered(world, size, key)) {
            append_block(world);
            ck_assert(add_numbered(world, size, key));
        }
        if (queue_block_full(world->queue)) {
            append_block(world);
        }
    }
    if (!queue_block_empty(world->queue)) {
        append_block(world);
    }
}

unsigned world_append_until_full(struct world *world, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        bool room = !queue_block_full(world->queue) && add_numbered(world, size, NULL);
        if (room) {
            continue;
        }
        (void)queue_sync_step(world->queue, world->now_ns);
        if (queue_append(world->queue) != 0) {
            return i;
        }
        i--;
    }
    (void)queue_sync_step(world->queue, world->now_ns);
    return queue_block_empty(world->queue) || queue_append(world->queue) == 0 ? count : count - 1;
}

struct damage {
    const char *dir;
    const char *text;
};

static int damage_file(void *context, const char *name, enum file_kind kind)
{
    const struct damage *job = context;
    if (kind != FILE_REGULAR || strstr(name, ".seg") == NULL) {
        return 0;
    }
    char *path = xasprintf("%s/%s", job->dir, name);
    FILE *file = fopen(path, "r+");
    ASSERT(file != NULL);
    static char data[64 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    const char *at = data;
    while ((at = memmem(at, size - (size_t)(at - data), job->text, strlen(job->text))) != NULL) {
        fseek(file, at - data, SEEK_SET);
        fputc(*at ^ 1, file);
        at++;
    }
    fclose(file);
    free(path);
    return 0;
}

void world_damage(struct world *world, const char *text)
{
    struct damage job = {world->dir, text};
    ck_assert_int_eq(io_posix()->list(io_posix(), world->dir, damage_file, &job), 0);
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
