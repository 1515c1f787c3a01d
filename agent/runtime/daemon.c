#include "runtime/daemon.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/number.h"
#include "runtime/flow.h"
#include "runtime/janitor.h"
#include "runtime/keys.h"
#include "runtime/readiness.h"
#include "runtime/state_lock.h"
#include "runtime/status_document.h"
#include "runtime/status_socket.h"

enum {
    TICK_MS = 1000,                    // supervision of the flows
    TICK_ONCE_MS = 20,                 // with `once`, and while stopping
    GIVE_BACK_MS = 30000,              // between two times that free memory goes back
    REQUEST_BYTES = 64 + 2 * PATH_MAX, // of a client of the status socket
    ANSWERS_MS = 1000, // after shutdown_timeout, for the answers in flight: they spare repeats
};

struct daemon {
    struct io *io;
    const struct config *config;
    bool once;
    uint64_t started_ns;
    int lock_fd;
    int signal_fd;
    int status_fd;
    struct keys *keys;
    struct syncer *syncer;
    struct janitor *janitor;
    struct flow **flows;
    size_t flow_count;
    unsigned stop_signals; // SIGTERM or SIGINT so far
    uint64_t give_back_ns; // monotonic: when free memory goes back next
};

// ---- start ----

static int exit_status_of(int error)
{
    switch (error) {
    case -EACCES:
    case -EPERM:
        return EX_NOPERM;
    case E_LOCKED:
        return EX_UNAVAILABLE;
    default:
        return EX_IOERR;
    }
}

static int take_lock(struct daemon *daemon)
{
    pid_t holder = 0;
    const char *dir = daemon->config->state_dir;
    daemon->lock_fd = state_lock_take(daemon->io, dir, &holder);
    if (daemon->lock_fd >= 0) {
        return 0;
    }
    if (daemon->lock_fd == E_LOCKED) {
        log_error("state directory %s is in use by process %d; give each agent its own state_dir",
                  dir, (int)holder);
    } else {
        log_error("cannot use state directory %s: %s; check state_dir and who owns it", dir,
                  error_text(daemon->lock_fd));
    }
    return daemon->lock_fd;
}

static void open_status(struct daemon *daemon)
{
    const char *path = daemon->config->status_socket;
    daemon->status_fd = status_socket_listen(path);
    if (daemon->status_fd < 0) {
        log_warning("no status socket at %s: %s; `kintail status` will not work", path,
                    error_text(daemon->status_fd));
    }
}

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); // inherited by every thread
    sigdelset(&signals, SIGPIPE);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool is_queue(const struct daemon *daemon, const char *name)
{
    struct file_stat stat;
    char *acks = xasprintf("%s/%s/ack", daemon->config->state_dir, name);
    bool found = daemon->io->stat(daemon->io, acks, false, &stat) == 0;
    free(acks);
    return found;
}

static int tell_if_abandoned(void *context, const char *name, enum file_kind kind)
{
    const struct daemon *daemon = context;
    const struct config *config = daemon->config;
    bool named = kind != FILE_DIRECTORY || !is_queue(daemon, name);
    for (size_t i = 0; i < config->flow_count && !named; i++) {
        named = strcmp(config->flows[i].name, name) == 0;
    }
    if (!named) {
        log_warning("%s/%s is the queue of no flow: what it holds is sent when a flow has that name"
                    " again; `kintail queue %s/%s` shows it; remove it if it is not wanted",
                    config->state_dir, name, config->state_dir, name);
    }
    return 0;
}

static bool has_room(void *context)
{
    struct daemon *daemon = context;
    uint64_t bytes = 0;
    for (size_t i = 0; i < daemon->flow_count; i++) {
        bytes += flow_queue_bytes(daemon->flows[i]);
    }
    return bytes < daemon->config->queue_total_max;
}

static void say_limits(const struct flow_config *flow)
{
    char queue[NUMBER_TEXT_MAX];
    char memory[NUMBER_TEXT_MAX];
    number_format_size(flow->queue.max_size, queue);
    number_format_size(flow->memory, memory);
    log_notice("flow %s: to %s stream %s; at most %s of queue, %s of requests in flight, %llu open"
               " files",
               flow->name, flow->to.service == SERVICE_KINESIS ? "kinesis" : "firehose",
               flow->to.stream, queue, memory, (unsigned long long)flow->source.open_files_max);
}

static void create_flows(struct daemon *daemon)
{
    const struct config *config = daemon->config;
    daemon->flows = xcalloc(config->flow_count, sizeof(struct flow *));
    for (size_t i = 0; i < config->flow_count; i++) {
        struct flow_options options = {
            .config = config,
            .flow = &config->flows[i],
            .syncer = daemon->syncer,
            .credentials = keys_store(daemon->keys),
            .has_room = config->queue_total_max != 0 ? has_room : NULL,
            .has_room_context = daemon,
            .once = daemon->once,
        };
        say_limits(&config->flows[i]);
        daemon->flows[i] = flow_create(daemon->io, &options);
    }
    daemon->flow_count = config->flow_count;
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_start(daemon->flows[i]);
    }
}

// ---- the loop ----

// The text behind `word` in a request: "" when there is none, NULL when it is another request.
static const char *argument_of(const char *request, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(request, word, length) != 0) {
        return NULL;
    }
    if (request[length] == '\0') {
        return request + length;
    }
    return request[length] == ' ' ? request + length + 1 : NULL;
}

static struct status_source status_source_of(const struct daemon *daemon)
{
    return (struct status_source){.io = daemon->io,
                                  .started_ns = daemon->started_ns,
                                  .stopping = daemon->stop_signals > 0,
                                  .credentials = keys_store(daemon->keys),
                                  .flows = daemon->flows,
                                  .flow_count = daemon->flow_count};
}

static void write_status(const struct daemon *daemon, bool files, const char *only, struct buf *out)
{
    struct status_source source = status_source_of(daemon);
    source.files = files;
    source.only = only[0] == '\0' ? NULL : only;
    status_document_write(&source, out);
}

// The word at `*text`, which moves behind it and the space that follows.
static struct slice take_word(const char **text)
{
    struct slice word = slice_of(*text, strcspn(*text, " "));
    *text += word.size;
    *text += **text == ' ' ? 1 : 0;
    return word;
}

// A path in hexadecimal, so that any name fits in a line.
static bool decode_path(struct slice hex, char out_path[PATH_MAX])
{
    static const char digits[] = "0123456789abcdef";
    if (hex.size == 0 || hex.size % 2 != 0 || hex.size / 2 >= PATH_MAX) {
        return false;
    }
    for (size_t i = 0; i < hex.size; i += 2) {
        const char *high = strchr(digits, hex.data[i]);
        const char *low = strchr(digits, hex.data[i + 1]);
        if (high == NULL || low == NULL) {
            return false;
        }
        out_path[i / 2] = (char)((high - digits) * 16 + (low - digits));
    }
    out_path[hex.size / 2] = '\0';
    return strlen(out_path) == hex.size / 2;
}

static bool write_shipped(const struct daemon *daemon, const char *arguments, struct buf *out)
{
    uint64_t device;
    uint64_t inode;
    char path[PATH_MAX];
    if (number_parse_u64(take_word(&arguments), &device) != 0 ||
        number_parse_u64(take_word(&arguments), &inode) != 0 ||
        !decode_path(take_word(&arguments), path)) {
        return false;
    }
    struct status_source source = status_source_of(daemon);
    shipped_document_write(&source, device, inode, path, out);
    return true;
}

// "status [FLOW]"; "files [FLOW]", the same with every file; "shipped DEVICE INODE PATH".
static void serve_status(struct daemon *daemon)
{
    char request[REQUEST_BYTES];
    int client = status_socket_accept(daemon->status_fd, request, sizeof request);
    if (client < 0) {
        return;
    }
    struct buf document;
    buf_init(&document, (size_t)256 << 20);
    const char *status_of = argument_of(request, "status");
    const char *files_of = argument_of(request, "files");
    const char *shipped = argument_of(request, "shipped");
    if (status_of != NULL) {
        write_status(daemon, false, status_of, &document);
    } else if (files_of != NULL) {
        write_status(daemon, true, files_of, &document);
    } else if (shipped == NULL || !write_shipped(daemon, shipped, &document)) {
        buf_append_text(&document, "{\"error\":\"unknown request\"}");
    }
    buf_append_byte(&document, '\n');
    status_socket_answer(client, buf_slice(&document));
    buf_deinit(&document);
}

static void read_signals(struct daemon *daemon)
{
    struct signalfd_siginfo info;
    while (read(daemon->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            log_warning("SIGHUP does nothing here; restart to read a changed configuration");
        } else {
            daemon->stop_signals++;
        }
    }
}

// Waits for a signal, a client or the time to be over, and serves them.
static void wait_and_serve(struct daemon *daemon, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = daemon->signal_fd, .events = POLLIN},
                           {.fd = daemon->status_fd, .events = POLLIN}};
    if (poll(fds, ARRAY_COUNT(fds), timeout_ms) <= 0) {
        return;
    }
    if (fds[0].revents != 0) {
        read_signals(daemon);
    }
    if (fds[1].revents != 0) {
        serve_status(daemon);
    }
}

static bool all_flows(const struct daemon *daemon, bool (*is)(struct flow *flow))
{
    for (size_t i = 0; i < daemon->flow_count; i++) {
        if (!is(daemon->flows[i])) {
            return false;
        }
    }
    return true;
}

static bool any_flow_failed(const struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->flow_count; i++) {
        if (flow_failed(daemon->flows[i])) {
            return true;
        }
    }
    return false;
}

// With `once` a flow that cannot start is not waited for; the others go to their end.
static bool done_or_failed(struct flow *flow)
{
    return flow_failed(flow) || flow_done(flow);
}

// What a start and a burst of work leave free lies between what is in use, where free(3) alone
// never gives it back.
static void give_memory_back(struct daemon *daemon, uint64_t now_ns)
{
    if (now_ns >= daemon->give_back_ns) {
        daemon->give_back_ns = now_ns + GIVE_BACK_MS * NS_PER_MS;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }
}

static void run_until_told_to_stop(struct daemon *daemon)
{
    while (daemon->stop_signals == 0) {
        uint64_t now_ns = daemon->io->monotonic_ns(daemon->io);
        give_memory_back(daemon, now_ns);
        for (size_t i = 0; i < daemon->flow_count; i++) {
            flow_supervise(daemon->flows[i], now_ns);
        }
        if (daemon->once && all_flows(daemon, done_or_failed)) {
            return;
        }
        wait_and_serve(daemon, daemon->once ? TICK_ONCE_MS : TICK_MS);
    }
}

// ---- stop ----

// Waits until it is so for every flow, the time has come, or a second signal asks to stop now.
static void wait_for_flows(struct daemon *daemon, bool (*is)(struct flow *flow), uint64_t until_ns)
{
    while (daemon->stop_signals < 2 && daemon->io->monotonic_ns(daemon->io) < until_ns &&
           !all_flows(daemon, is)) {
        wait_and_serve(daemon, TICK_ONCE_MS);
    }
}

static void drain(struct daemon *daemon)
{
    uint64_t deadline_ns =
        daemon->io->monotonic_ns(daemon->io) + daemon->config->shutdown_timeout_ms * NS_PER_MS;
    uint64_t answers_ns = deadline_ns + ANSWERS_MS * NS_PER_MS;
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_stop_collecting(daemon->flows[i]);
    }
    wait_for_flows(daemon, flow_drained, deadline_ns);
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_stop_sending(daemon->flows[i], answers_ns);
    }
    wait_for_flows(daemon, flow_silent, answers_ns);
}

static void close_all(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_stop_sending(daemon->flows[i], 0);
    }
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_stop(daemon->flows[i]);
    }
    for (size_t i = 0; i < daemon->flow_count; i++) {
        flow_free(daemon->flows[i]);
    }
    free(daemon->flows);
    syncer_free(daemon->syncer);
    keys_free(daemon->keys);
    status_socket_close(daemon->status_fd, daemon->config->status_socket);
    close(daemon->signal_fd);
    daemon->io->close(daemon->io, daemon->lock_fd);
}

// libcurl takes an upload buffer for each request and frees it afterwards. What malloc does with it
// by default depends on what was freed before it, and may be to give its pages back each time and
// to fault them in again. Bodies of requests, which are larger, still go back. One heap for all
// threads, because malloc_trim gives back less of the others; few calls are on the way of a record.
static void set_up_malloc(void)
{
#ifdef __GLIBC__
    enum { MMAP_FROM_BYTES = 512 * 1024, KEPT_BYTES_MAX = 4 << 20 };
    // Nothing else runs yet. NOLINTBEGIN(concurrency-mt-unsafe)
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
    mallopt(M_ARENA_MAX, 1);
    // NOLINTEND(concurrency-mt-unsafe)
#endif
}

int daemon_run(struct io *io, const struct config *config, bool once)
{
    struct daemon daemon = {.io = io, .config = config, .once = once, .status_fd = -1};
    set_up_malloc();
    if (!janitor_check(io, config)) {
        return EX_CONFIG;
    }
    int error = take_lock(&daemon);
    if (error < 0) {
        return exit_status_of(error);
    }
    daemon.started_ns = io->real_ns(io);
    daemon.signal_fd = open_signals();
    error = keys_create(io, config, &daemon.keys);
    if (error != 0) {
        log_error("cannot start the credentials thread: %s", error_text(error));
        return EX_IOERR;
    }
    daemon.syncer = syncer_create(io);
    log_notice("kintail %s starts: %zu %s, state in %s", KINTAIL_VERSION, config->flow_count,
               config->flow_count == 1 ? "flow" : "flows", config->state_dir);
    (void)io->list(io, config->state_dir, tell_if_abandoned, &daemon);
    create_flows(&daemon);
    daemon.janitor = once ? NULL : janitor_create(io, daemon.flows, daemon.flow_count);
    open_status(&daemon);
    readiness_notify("READY=1");

    run_until_told_to_stop(&daemon);

    readiness_notify("STOPPING=1");
    janitor_free(daemon.janitor);
    drain(&daemon);
    bool complete = all_flows(&daemon, flow_drained);
    bool failed = any_flow_failed(&daemon);
    close_all(&daemon);
    log_notice("kintail stopped%s",
               complete ? "" : "; what is queued is sent after the next start");
    return once && (failed || !complete) ? EX_IOERR : EX_OK;
}
