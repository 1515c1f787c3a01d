#include "runtime/flow.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/wake.h"
#include "runtime/collector.h"
#include "runtime/flow_status.h"
#include "sink/sender.h"
#include "sink/transport_curl.h"

enum {
    REQUESTS_MAX = 16,     // in flight, the upper end of the sender's pace
    RESTART_MS_MIN = 1000, // backoff of a flow that failed
    RESTART_MS_MAX = 60 * 1000,
    FILES_WAIT_MS = 500, // for the collector to list its files
    COALESCE_MS = 5,     // a file written line by line costs a block per pause, not per line
    REST_MS = 1000,      // without work, until a sender gives back what it held for the next
};

struct flow {
    struct io *io;
    struct flow_options options;
    char *queue_dir;
    struct stats stats;

    // Open while running.
    struct queue *queue;
    struct transport *transport;
    struct collector *collector;
    struct sender *sender;
    pthread_t collector_thread;
    pthread_t sender_thread;
    struct wake collector_bell;

    _Atomic bool collecting;           // the collector thread goes on
    _Atomic bool sending;              // the sender thread goes on
    _Atomic uint64_t answers_until_ns; // how long the sender waits for the last answers
    _Atomic bool sender_ended;
    _Atomic bool draining;                    // partial batches go at once
    _Atomic bool caught_up;                   // every file was read and appended
    _Atomic bool idle;                        // nothing to send and nothing in flight
    _Atomic bool condemned;                   // the storage failed; both threads have ended
    _Atomic uint64_t collector_busy_since_ns; // start of the step under way, 0 while waiting

    pthread_mutex_t lock; // of the pointers above, for readers off the control thread
    struct files_desk desk;
    struct shelf shelf;

    bool running;
    bool collector_joined;
    char failure[200]; // why it is not running
    uint64_t failed_real_ns;
    uint64_t restart_at_ns;
    uint64_t restart_ms;
    struct flow_rates rates;
};

static uint64_t wait_ms_until(uint64_t next_ns, uint64_t now_ns)
{
    if (next_ns == TIME_NEVER) {
        return UINT32_MAX;
    }
    return next_ns <= now_ns ? 0 : (next_ns - now_ns) / NS_PER_MS + 1;
}

// ---- threads ----

static void *run_collector(void *context)
{
    struct flow *flow = context;
    struct io *io = flow->io;
    while (flow->collecting) {
        uint64_t now_ns = io->monotonic_ns(io);
        uint64_t next_ns;
        uint64_t read_before = stats_get(&flow->stats, STAT_SOURCE_READ_BYTES);
        flow->collector_busy_since_ns = now_ns;
        if (collector_step(flow->collector, now_ns, &next_ns) != 0) {
            flow->condemned = true;
            break;
        }
        // It looks at every file: nothing for an agent that runs on.
        flow->caught_up = flow->options.once && collector_caught_up(flow->collector, now_ns);
        flow->collector_busy_since_ns = 0;
        files_desk_answer(&flow->desk, flow->collector);
        uint64_t wait_ms = wait_ms_until(next_ns, io->monotonic_ns(io));
        bool has_read = stats_get(&flow->stats, STAT_SOURCE_READ_BYTES) != read_before;
        if (has_read && wait_ms > COALESCE_MS) {
            wake_wait(&flow->collector_bell, -1, COALESCE_MS);
            wait_ms -= COALESCE_MS;
        }
        if (wait_ms > 0 && flow->collecting) {
            wake_wait(&flow->collector_bell, collector_notify_fd(flow->collector), wait_ms);
        }
    }
    flow->collector_busy_since_ns = 0;
    return NULL;
}

// What is in flight when the flow stops would be sent again after the next start.
static void take_last_answers(struct flow *flow)
{
    struct io *io = flow->io;
    sender_finish(flow->sender);
    while (sender_in_flight(flow->sender) > 0 && !queue_condemned(flow->queue)) {
        uint64_t now_ns = io->monotonic_ns(io);
        if (now_ns >= flow->answers_until_ns) {
            return;
        }
        flow->transport->wait(flow->transport, wait_ms_until(flow->answers_until_ns, now_ns));
        sender_step(flow->sender, io->monotonic_ns(io));
    }
}

// When the sender gives back memory that it does not need now: 0 while it has work, TIME_NEVER when
// it has done so.
static uint64_t rest(struct flow *flow, uint64_t rest_ns, uint64_t now_ns)
{
    if (!flow->idle) {
        return 0;
    }
    if (rest_ns == 0) {
        return now_ns + REST_MS * NS_PER_MS;
    }
    if (now_ns < rest_ns) {
        return rest_ns;
    }
    queue_rest(flow->queue);
    return TIME_NEVER;
}

static void *run_sender(void *context)
{
    struct flow *flow = context;
    struct io *io = flow->io;
    bool drain_said = false;
    uint64_t rest_ns = 0;
    while (flow->sending && !queue_condemned(flow->queue)) {
        if (!drain_said && (flow->draining || (flow->options.once && flow->caught_up))) {
            drain_said = true;
            sender_drain(flow->sender);
        }
        uint64_t next_ns = sender_step(flow->sender, io->monotonic_ns(io));
        flow->idle = sender_idle(flow->sender);
        uint64_t now_ns = io->monotonic_ns(io);
        rest_ns = rest(flow, rest_ns, now_ns);
        next_ns = rest_ns != 0 && rest_ns < next_ns ? rest_ns : next_ns;
        uint64_t wait_ms = wait_ms_until(next_ns, now_ns);
        if (flow->options.once && !drain_said && wait_ms > 50) {
            wait_ms = 50;
        }
        flow->transport->wait(flow->transport, wait_ms);
    }
    take_last_answers(flow);
    flow->idle = sender_idle(flow->sender);
    flow->sender_ended = true;
    return NULL;
}

static void ring_syncer(void *context)
{
    struct flow *flow = context;
    syncer_ring(flow->options.syncer);
}

static void ring_sender(void *context)
{
    struct flow *flow = context;
    flow->transport->wake(flow->transport);
}

static void ring_collector(void *context)
{
    struct flow *flow = context;
    wake_ring(&flow->collector_bell);
}

// ---- opening ----

static void report_open(const struct flow *flow, const struct queue_report *report)
{
    const char *name = flow->options.flow->name;
    if (report->positions_lost) {
        log_error("flow %s: no position could be read from %s; every file is read from its start",
                  name, flow->queue_dir);
    }
    if (report->acks_lost) {
        log_error(
            "flow %s: the acknowledgement file in %s is damaged; what is queued is sent again",
            name, flow->queue_dir);
    }
    if (report->segments_bad > 0) {
        log_error("flow %s: %llu damaged segments were set aside in %s (%llu records)", name,
                  (unsigned long long)report->segments_bad, flow->queue_dir,
                  (unsigned long long)report->records_damaged);
    }
    if (report->segments_discarded > 0) {
        log_warning("flow %s: %llu segments of the queue had not reached the disk whole; what they"
                    " held is read again from the files",
                    name, (unsigned long long)report->segments_discarded);
    }
    if (report->records_rewound > 0) {
        log_warning("flow %s: %llu acknowledged records had not reached the disk; they are read"
                    " again and may be repeated",
                    name, (unsigned long long)report->records_rewound);
    }
    if (report->maybe_repeated > 0) {
        log_warning("flow %s: %llu records were under way when it stopped and may be repeated",
                    name, (unsigned long long)report->maybe_repeated);
    }
    if (report->unsure_since_ns > 0) {
        char since[sizeof "2000-01-01T00:00:00Z"];
        time_t seconds = (time_t)(report->unsure_since_ns / NS_PER_S);
        struct tm utc;
        gmtime_r(&seconds, &utc);
        strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
        log_warning("flow %s: the machine stopped while it ran; what was sent after %s may be"
                    " repeated too (queue.sync bounds it)",
                    name, since);
    }
    if (report->records_queued > 0) {
        log_notice("flow %s: %llu records are queued from before", name,
                   (unsigned long long)report->records_queued);
    }
}

static const char *endpoint_of(const struct config *config, const struct destination_config *to)
{
    if (to->endpoint != NULL) {
        return to->endpoint;
    }
    return to->service == SERVICE_KINESIS ? config->endpoint_kinesis : config->endpoint_firehose;
}

static int open_queue(struct flow *flow, struct queue_report *out_report)
{
    const struct flow_config *config = flow->options.flow;
    struct queue_options options = {
        .dir = flow->queue_dir,
        .flow = config->name,
        .config = &config->queue,
        .min_free = flow->options.config->queue_min_free,
        .has_room = flow->options.has_room,
        .has_room_context = flow->options.has_room_context,
        .stats = &flow->stats,
    };
    struct queue *queue;
    int error = queue_open(flow->io, &options, &queue, out_report);
    if (error == 0) {
        if (config->after_ship.action != AFTER_SHIP_KEEP) {
            queue_track_ended(queue);
        }
        pthread_mutex_lock(&flow->lock);
        flow->queue = queue;
        pthread_mutex_unlock(&flow->lock);
        report_open(flow, out_report);
    }
    return error;
}

static int open_sender(struct flow *flow)
{
    const struct config *config = flow->options.config;
    struct transport_options transport_options = {.ca_file = config->tls.ca_file,
                                                  .requests_max = REQUESTS_MAX};
    int error = transport_curl_create(&transport_options, &flow->transport);
    if (error != 0) {
        return error;
    }
    struct sender_options sender_options = {
        .flow = flow->options.flow,
        .endpoint = endpoint_of(config, &flow->options.flow->to),
        .queue = flow->queue,
        .transport = flow->transport,
        .credentials = flow->options.credentials,
        .stats = &flow->stats,
    };
    return sender_create(flow->io, &sender_options, &flow->sender);
}

static int open_collector(struct flow *flow, bool same_boot)
{
    struct collector_options options = {
        .flow = flow->options.flow,
        .queue = flow->queue,
        .same_boot = same_boot,
        .stats = &flow->stats,
    };
    return collector_create(flow->io, &options, &flow->collector);
}

// Frees what is open. The threads have ended.
static void close_parts(struct flow *flow)
{
    if (flow->queue != NULL && flow->sender != NULL) {
        syncer_remove(flow->options.syncer, flow->queue);
    }
    collector_free(flow->collector);
    flow->collector = NULL;
    sender_free(flow->sender);
    flow->sender = NULL;
    pthread_mutex_lock(&flow->lock);
    queue_close(flow->queue);
    flow->queue = NULL;
    pthread_mutex_unlock(&flow->lock);
    if (flow->transport != NULL) {
        flow->transport->free(flow->transport);
        flow->transport = NULL;
    }
}

static int open_parts(struct flow *flow, const char **out_what)
{
    struct queue_report report = {0};
    *out_what = "its queue";
    int error = open_queue(flow, &report);
    if (error != 0) {
        return error;
    }
    *out_what = "its files";
    error = open_collector(flow, report.same_boot);
    if (error != 0) {
        return error;
    }
    *out_what = "its connection";
    return open_sender(flow);
}

static void start_threads(struct flow *flow)
{
    struct queue_bells bells = {
        .context = flow, .syncer = ring_syncer, .sender = ring_sender, .collector = ring_collector};
    queue_set_bells(flow->queue, &bells);
    flow->condemned = false;
    flow->collecting = true;
    flow->sending = true;
    flow->sender_ended = false;
    flow->draining = false;
    flow->caught_up = false;
    flow->idle = false;
    flow->collector_joined = false;
    syncer_add(flow->options.syncer, flow->queue);
    files_desk_set_open(&flow->desk, true);
    int error = pthread_create(&flow->collector_thread, NULL, run_collector, flow);
    ASSERT(error == 0);
    error = pthread_create(&flow->sender_thread, NULL, run_sender, flow);
    ASSERT(error == 0);
    pthread_setname_np(flow->collector_thread, "collector");
    pthread_setname_np(flow->sender_thread, "sender");
    flow->running = true;
}

static void fail(struct flow *flow, const char *what, int error)
{
    flow->restart_ms = flow->restart_ms == 0 ? RESTART_MS_MIN : flow->restart_ms * 2;
    if (flow->restart_ms > RESTART_MS_MAX) {
        flow->restart_ms = RESTART_MS_MAX;
    }
    flow->restart_at_ns = flow->io->monotonic_ns(flow->io) + flow->restart_ms * NS_PER_MS;
    flow->failed_real_ns = flow->io->real_ns(flow->io);
    snprintf(flow->failure, sizeof flow->failure, "cannot open %s in %s: %s", what, flow->queue_dir,
             error_text(error));
    log_error("flow %s: %s; trying again in %llu s", flow->options.flow->name, flow->failure,
              (unsigned long long)flow->restart_ms / 1000);
}

// ---- life ----

struct flow *flow_create(struct io *io, const struct flow_options *options)
{
    struct flow *flow = xcalloc(1, sizeof *flow);
    flow->io = io;
    flow->options = *options;
    flow->queue_dir = xasprintf("%s/%s", options->config->state_dir, options->flow->name);
    wake_open(&flow->collector_bell);
    pthread_mutex_init(&flow->lock, NULL);
    files_desk_init(&flow->desk, &flow->collector_bell);
    shelf_init(&flow->shelf);
    return flow;
}

void flow_free(struct flow *flow)
{
    if (flow == NULL) {
        return;
    }
    ASSERT(!flow->running);
    files_desk_deinit(&flow->desk);
    shelf_deinit(&flow->shelf);
    pthread_mutex_destroy(&flow->lock);
    wake_close(&flow->collector_bell);
    free(flow->queue_dir);
    free(flow);
}

void flow_start(struct flow *flow)
{
    const char *what;
    int error = open_parts(flow, &what);
    if (error != 0) {
        close_parts(flow);
        fail(flow, what, error);
        return;
    }
    flow->failure[0] = '\0';
    start_threads(flow);
}

void flow_stop_collecting(struct flow *flow)
{
    flow->draining = true;
    flow->restart_at_ns = TIME_NEVER;
    if (!flow->running || flow->collector_joined) {
        return;
    }
    flow->collecting = false;
    files_desk_set_open(&flow->desk, false);
    wake_ring(&flow->collector_bell);
    pthread_join(flow->collector_thread, NULL);
    flow->collector_joined = true;
    // Closing appends what is complete, so that it can still be sent.
    pthread_mutex_lock(&flow->lock);
    struct collector *collector = flow->collector;
    flow->collector = NULL;
    pthread_mutex_unlock(&flow->lock);
    collector_free(collector);
    flow->idle = false;
    flow->transport->wake(flow->transport);
}

void flow_stop_sending(struct flow *flow, uint64_t answers_until_ns)
{
    if (flow->running) {
        flow->answers_until_ns = answers_until_ns;
        flow->sending = false;
        flow->transport->wake(flow->transport);
    }
}

void flow_stop(struct flow *flow)
{
    flow_stop_collecting(flow);
    if (!flow->running) {
        return;
    }
    flow_stop_sending(flow, 0);
    pthread_join(flow->sender_thread, NULL);
    flow->running = false;
    close_parts(flow);
}

void flow_supervise(struct flow *flow, uint64_t now_ns)
{
    if (flow->running && (flow->condemned || queue_condemned(flow->queue)) && !flow->draining) {
        log_error("flow %s: the disk failed under %s; its queue is recovered",
                  flow->options.flow->name, flow->queue_dir);
        flow_stop(flow);
        flow->draining = false;
        flow->restart_ms = flow->restart_ms == 0 ? RESTART_MS_MIN : flow->restart_ms;
        flow->restart_at_ns = now_ns + flow->restart_ms * NS_PER_MS;
        return;
    }
    if (!flow->running && now_ns >= flow->restart_at_ns) {
        flow_start(flow);
    } else if (flow->running && now_ns >= flow->restart_at_ns + RESTART_MS_MAX * NS_PER_MS) {
        flow->restart_ms = 0;
    }
    if (flow->running) {
        struct books books;
        queue_books(flow->queue, &books);
        flow_rates_sample(&flow->rates, &books, now_ns);
    }
}

// ---- state ----

bool flow_drained(struct flow *flow)
{
    return !flow->running || (flow->idle && queue_drained(flow->queue));
}

bool flow_silent(struct flow *flow)
{
    return !flow->running || flow->sender_ended;
}

bool flow_done(struct flow *flow)
{
    return flow->running && flow->caught_up && flow_drained(flow);
}

bool flow_failed(const struct flow *flow)
{
    return !flow->running;
}

uint64_t flow_queue_bytes(struct flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    uint64_t bytes = flow->queue != NULL ? queue_size(flow->queue) : 0;
    pthread_mutex_unlock(&flow->lock);
    return bytes;
}

void flow_status(struct flow *flow, bool files, struct buf *out)
{
    struct flow_snapshot snapshot = {.flow = flow->options.flow,
                                     .stats = &flow->stats,
                                     .rates = &flow->rates,
                                     .now_real_ns = flow->io->real_ns(flow->io)};
    uint64_t busy_since_ns = flow->collector_busy_since_ns;
    snapshot.stalled_ns = busy_since_ns == 0 ? 0 : flow->io->monotonic_ns(flow->io) - busy_since_ns;
    snapshot.running = flow->running;
    if (flow->running) {
        queue_books(flow->queue, &snapshot.books);
        queue_usage(flow->queue, &snapshot.usage);
        sender_last_error(flow->sender, snapshot.error, sizeof snapshot.error,
                          &snapshot.error_real_ns);
    } else {
        memcpy(snapshot.error, flow->failure, sizeof flow->failure);
        snapshot.error_real_ns = flow->failed_real_ns;
    }
    struct file_list list;
    file_list_init(&list);
    if (files && files_desk_list(&flow->desk, &list)) {
        file_list_join(&list, flow->queue);
        shelf_join(&flow->shelf, &list);
        snapshot.files = &list;
    }
    flow_status_write(&snapshot, out);
    file_list_deinit(&list);
}

const char *flow_name(const struct flow *flow)
{
    return flow->options.flow->name;
}

void flow_describe_file(struct flow *flow, uint64_t device, uint64_t inode, const char *path,
                        struct buf *out)
{
    struct file_question question = {.device = device, .inode = inode, .path = path};
    bool answered = files_desk_ask(&flow->desk, &question, 1);
    struct queue_shipping shipping = {0};
    // Of what was not read yet the queue need not know.
    if (answered && question.knowledge == SOURCE_KNOWN &&
        !queue_shipping(flow->queue, question.info.generation, &shipping)) {
        shipping = (struct queue_shipping){0};
    }
    flow_file_write(flow_name(flow), answered ? &question : NULL, &shipping, out);
}

// ---- any thread ----

const struct flow_config *flow_config_of(const struct flow *flow)
{
    return flow->options.flow;
}

struct stats *flow_stats(struct flow *flow)
{
    return &flow->stats;
}

struct shelf *flow_shelf(struct flow *flow)
{
    return &flow->shelf;
}

uint64_t *flow_take_ended(struct flow *flow, size_t *out_count)
{
    *out_count = 0;
    pthread_mutex_lock(&flow->lock);
    uint64_t *ids = flow->queue == NULL ? NULL : queue_take_ended(flow->queue, out_count);
    pthread_mutex_unlock(&flow->lock);
    return ids;
}

int flow_generation(struct flow *flow, uint64_t id, struct generation *out_generation,
                    struct queue_shipping *out_shipping)
{
    pthread_mutex_lock(&flow->lock);
    int result = -1;
    if (flow->queue != NULL) {
        result = queue_generation(flow->queue, id, out_generation) ? 1 : 0;
    }
    if (result == 1 && !queue_shipping(flow->queue, id, out_shipping)) {
        free(out_generation->path);
        result = 0;
    }
    pthread_mutex_unlock(&flow->lock);
    return result;
}

bool flow_ask(struct flow *flow, struct file_question *questions, size_t count)
{
    return files_desk_ask(&flow->desk, questions, count);
}

bool flow_checkpoint(struct flow *flow, uint64_t time_ns)
{
    pthread_mutex_lock(&flow->lock);
    bool done = flow->queue != NULL && queue_checkpoint(flow->queue, time_ns);
    pthread_mutex_unlock(&flow->lock);
    return done;
}
