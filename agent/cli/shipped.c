// `kintail shipped`: whether every byte of a file was delivered by every flow that matches it.
//
// A file is its device and inode, taken once at the start: a rotation meanwhile does not matter.
// What counts are the bytes that it has then, so that a file which is written to can be waited for.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/generation.h"
#include "base/io_posix.h"
#include "base/number.h"
#include "cli/answer.h"
#include "cli/config_file.h"
#include "cli/verbs.h"
#include "runtime/status_socket.h"

enum {
    EXIT_NOT_SHIPPED = 1,
    POLL_MS = 200,
    ANSWER_BYTES_MAX = 16 << 20,
    REASON_BYTES = 256,
    LAST_LINE_BYTES_MAX = 64 * 1024, // of what is not read yet, looked at for a newline
};

struct arguments {
    const char *config_path;
    const char *socket_path;
    uint64_t wait_ms;
    char **files;
    size_t file_count;
};

enum verdict { SHIPPED, WAITS, HOPELESS };

// What one flow has to do with a file.
struct flow_view {
    uint64_t wanted_end; // of the sequences that the file's bytes have; 0: not all are read yet
    enum verdict verdict;
    char reason[REASON_BYTES];
};

struct target {
    const char *argument;
    char path[PATH_MAX];
    struct file_stat stat;
    int fd; // -1: its content cannot be compared
    struct flow_view *flows;
    size_t flow_count;
    enum verdict verdict;
};

// ---- arguments ----

static int parse_arguments(int argc, char **argv, struct arguments *out_arguments)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {0}};
    *out_arguments = (struct arguments){.config_path = CONFIG_FILE_DEFAULT};
    int option;
    // Nothing else runs yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out_arguments->config_path = optarg;
            break;
        case 's':
            out_arguments->socket_path = optarg;
            break;
        case 'w':
            if (number_parse_duration(slice_of_text(optarg), &out_arguments->wait_ms) != 0) {
                fprintf(stderr, "kintail shipped: --wait wants a time such as 60s, not \"%s\"\n",
                        optarg);
                return EX_USAGE;
            }
            break;
        default:
            return EX_USAGE;
        }
    }
    out_arguments->files = argv + optind;
    out_arguments->file_count = (size_t)(argc - optind);
    if (out_arguments->file_count == 0) {
        fputs("kintail shipped: which file?\n", stderr);
        return EX_USAGE;
    }
    return EX_OK;
}

// ---- files ----

static int open_target(const char *argument, struct target *target)
{
    struct io *io = io_posix();
    *target = (struct target){.argument = argument, .fd = -1, .verdict = WAITS};
    int error = io->stat(io, argument, true, &target->stat);
    if (error == 0 && target->stat.kind != FILE_REGULAR) {
        fprintf(stderr, "kintail shipped: %s is not a regular file\n", argument);
        return EX_NOINPUT;
    }
    if (error != 0 || realpath(argument, target->path) == NULL) {
        error = error != 0 ? error : -errno;
        fprintf(stderr, "kintail shipped: %s: %s\n", argument, error_text(error));
        return error == -EACCES ? EX_NOPERM : EX_NOINPUT;
    }
    target->fd = io->open(io, argument, O_RDONLY | O_NONBLOCK, 0);
    struct file_stat opened;
    if (target->fd >= 0 &&
        (io->fstat(io, target->fd, &opened) != 0 || opened.inode != target->stat.inode ||
         opened.device != target->stat.device)) {
        io->close(io, target->fd); // replaced just now
        target->fd = -1;
    }
    return EX_OK;
}

static void close_target(struct target *target)
{
    if (target->fd >= 0) {
        io_posix()->close(io_posix(), target->fd);
    }
    free(target->flows);
}

static struct fingerprint fingerprint_at(const struct target *target, uint64_t end, uint32_t length)
{
    uint8_t bytes[HEAD_BYTES_MAX];
    if (length > sizeof bytes || length > end) {
        return (struct fingerprint){0};
    }
    int64_t count = io_pread_all(io_posix(), target->fd, bytes, length, end - length);
    return fingerprint_of(slice_of(bytes, count < 0 ? 0 : (size_t)count));
}

// Whether nothing of what is not read yet ends a line.
static bool lacks_newline(const struct target *target, uint64_t position)
{
    uint64_t left = target->stat.size - position;
    if (target->fd < 0 || left > LAST_LINE_BYTES_MAX) {
        return false;
    }
    uint8_t *bytes = xmalloc((size_t)left);
    int64_t count = io_pread_all(io_posix(), target->fd, bytes, (size_t)left, position);
    bool lacks = count == (int64_t)left && memchr(bytes, '\n', (size_t)left) == NULL;
    free(bytes);
    return lacks;
}

// ---- what a flow says ----

static struct fingerprint fingerprint_in(const json_t *object, const char *name)
{
    const json_t *part = json_object_get(object, name);
    return (struct fingerprint){.length = (uint32_t)answer_number(part, "length"),
                                .hash = answer_number(part, "hash")};
}

// Whether the file still begins and goes on as what the agent has read.
static bool has_content(const struct target *target, const json_t *flow)
{
    if (target->fd < 0) {
        return true;
    }
    struct fingerprint head = fingerprint_in(flow, "head");
    struct fingerprint tail = fingerprint_in(flow, "tail");
    uint64_t tail_end = answer_number(flow, "tail_position");
    return (head.length == 0 ||
            fingerprint_equal(head, fingerprint_at(target, head.length, head.length))) &&
           (tail.length == 0 ||
            fingerprint_equal(tail, fingerprint_at(target, tail_end, tail.length)));
}

__attribute__((format(printf, 3, 4))) static enum verdict judge(struct flow_view *view,
                                                                enum verdict verdict,
                                                                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(view->reason, sizeof view->reason, format, arguments);
    va_end(arguments);
    view->verdict = verdict;
    return verdict;
}

// What will never arrive. False when it is nothing.
static bool judge_harm(struct flow_view *view, const json_t *flow)
{
    char harm[ANSWER_HARM_BYTES];
    if (answer_harm(flow, 0, harm)) {
        judge(view, HOPELESS, "%s", harm);
        return true;
    }
    if (json_is_true(json_object_get(flow, "skipped"))) {
        judge(view, HOPELESS, "start_at passed over its beginning");
        return true;
    }
    return false;
}

static void judge_unread(const struct target *target, struct flow_view *view, const json_t *flow)
{
    uint64_t position = answer_number(flow, "position");
    uint64_t missing = target->stat.size - position;
    if (lacks_newline(target, position)) {
        judge(view, WAITS,
              "its last line of %llu bytes has no newline; it is not shipped until it is "
              "completed, or flushed by partial_line_timeout or the end of the file",
              (unsigned long long)missing);
    } else {
        judge(view, WAITS, "%llu bytes are not read yet (%s)", (unsigned long long)missing,
              answer_text(flow, "state"));
    }
}

// False when there is nothing of its content that is not read.
static bool judge_content(const struct target *target, struct flow_view *view, const json_t *flow)
{
    uint64_t size = answer_number(flow, "size");
    uint64_t position = answer_number(flow, "position");
    if (answer_number(flow, "ends_with") == target->stat.size && position >= size) {
        return false;
    }
    judge(view, WAITS, "its content is not read to its end yet (%s)", answer_text(flow, "state"));
    return true;
}

static void judge_known(const struct target *target, struct flow_view *view, const json_t *flow)
{
    if (judge_harm(view, flow)) {
        return;
    }
    bool compressed = json_is_true(json_object_get(flow, "compressed"));
    if (compressed && judge_content(target, view, flow)) {
        return;
    }
    if (!compressed && !has_content(target, flow)) {
        judge(view, WAITS, "its content is not what was read; the agent has not seen that yet");
        return;
    }
    if (!compressed && answer_number(flow, "position") < target->stat.size) {
        judge_unread(target, view, flow);
        return;
    }
    if (view->wanted_end == 0) {
        view->wanted_end = answer_number(flow, "end") + 1;
    }
    uint64_t settled = answer_number(flow, "settled") + 1;
    if (settled < view->wanted_end) {
        judge(view, WAITS, "at most %llu records of it are queued",
              (unsigned long long)(view->wanted_end - settled));
        return;
    }
    judge(view, SHIPPED, "shipped");
}

// Returns whether the flow matches the file.
static bool judge_flow(const struct target *target, struct flow_view *view, const json_t *flow)
{
    const char *knowledge = answer_text(flow, "knowledge");
    if (strcmp(knowledge, "no_match") == 0) {
        judge(view, SHIPPED, "does not match it");
        return false;
    }
    if (strcmp(knowledge, "known") == 0) {
        judge_known(target, view, flow);
    } else if (strcmp(knowledge, "not_read") == 0) {
        judge(view, WAITS, "nothing of it is read: %s", answer_text(flow, "state"));
    } else {
        judge(view, WAITS, "its files are not known now: their thread is busy or stopped");
    }
    return true;
}

static void judge_target(struct target *target, const json_t *document)
{
    const json_t *flows = json_object_get(document, "flows");
    size_t count = json_array_size(flows);
    if (target->flow_count != count) {
        free(target->flows);
        target->flows = xcalloc(count + 1, sizeof *target->flows);
        target->flow_count = count;
    }
    bool matched = false;
    target->verdict = SHIPPED;
    for (size_t i = 0; i < count; i++) {
        struct flow_view *view = &target->flows[i];
        matched |= judge_flow(target, view, json_array_get(flows, i));
        target->verdict = view->verdict > target->verdict ? view->verdict : target->verdict;
    }
    if (!matched) {
        target->verdict = HOPELESS;
    }
}

static void print_target(const struct target *target, const json_t *document)
{
    bool matched = false;
    for (size_t i = 0; i < target->flow_count; i++) {
        const struct flow_view *view = &target->flows[i];
        const json_t *flow = json_array_get(json_object_get(document, "flows"), i);
        matched |= strcmp(answer_text(flow, "knowledge"), "no_match") != 0;
        if (view->verdict != SHIPPED) {
            fprintf(stderr, "%s: not shipped by flow %s: %s\n", target->argument,
                    answer_text(flow, "name"), view->reason);
        }
    }
    if (!matched) {
        fprintf(stderr, "%s: no flow matches it\n", target->argument);
    }
}

// ---- asking ----

static char *request_of(const struct target *target)
{
    struct buf request;
    buf_init(&request, SIZE_MAX);
    buf_appendf(&request, "shipped %llu %llu ", (unsigned long long)target->stat.device,
                (unsigned long long)target->stat.inode);
    for (const char *byte = target->path; *byte != '\0'; byte++) {
        buf_appendf(&request, "%02x", (unsigned)(unsigned char)*byte);
    }
    char *text = xstrndup(buf_slice(&request));
    buf_deinit(&request);
    return text;
}

// 0 with the document, owned, or an error.
static int ask(const char *socket_path, const struct target *target, json_t **out_document)
{
    struct buf answer;
    buf_init(&answer, ANSWER_BYTES_MAX);
    char *request = request_of(target);
    int error = status_socket_ask(socket_path, request, &answer);
    free(request);
    if (error == 0) {
        *out_document = json_loadb((const char *)answer.data, answer.size, 0, NULL);
        error = *out_document == NULL ? E_AGAIN : 0;
    }
    buf_deinit(&answer);
    return error;
}

// Asks about every file that may still become shipped. Prints what is missing when it is the `last`
// time, and of those that are hopeless at once. 1 when some are worth another look, 0, or an error.
static int look(const char *socket_path, struct target *targets, size_t count, bool last)
{
    int waits = 0;
    for (size_t i = 0; i < count; i++) {
        if (targets[i].verdict != WAITS) {
            continue;
        }
        json_t *document;
        int error = ask(socket_path, &targets[i], &document);
        if (error != 0) {
            return error;
        }
        judge_target(&targets[i], document);
        if (targets[i].verdict == HOPELESS || last) {
            print_target(&targets[i], document);
        }
        waits |= targets[i].verdict == WAITS ? 1 : 0;
        json_decref(document);
    }
    return waits;
}

static int watch(const char *socket_path, struct target *targets, size_t count, uint64_t wait_ms)
{
    struct io *io = io_posix();
    uint64_t end_ns = io->monotonic_ns(io) + wait_ms * NS_PER_MS;
    for (;;) {
        bool last = io->monotonic_ns(io) >= end_ns;
        int result = look(socket_path, targets, count, last);
        if (result < 0 && last) {
            fprintf(stderr, "kintail shipped: no answer at %s: %s; is the agent running?\n",
                    socket_path, error_text(result));
            return EX_UNAVAILABLE;
        }
        if (last || result == 0) {
            break;
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    for (size_t i = 0; i < count; i++) {
        if (targets[i].verdict != SHIPPED) {
            return EXIT_NOT_SHIPPED;
        }
    }
    return EX_OK;
}

int verb_shipped(int argc, char **argv)
{
    struct arguments arguments;
    int status = parse_arguments(argc, argv, &arguments);
    if (status != EX_OK) {
        return status;
    }
    char *socket_path = config_file_socket(arguments.config_path, arguments.socket_path, &status);
    if (socket_path == NULL) {
        return status;
    }
    struct target *targets = xcalloc(arguments.file_count, sizeof *targets);
    size_t count = 0;
    int bad = EX_OK;
    for (size_t i = 0; i < arguments.file_count; i++) {
        int error = open_target(arguments.files[i], &targets[count]);
        bad = error != EX_OK ? error : bad;
        count += error == EX_OK ? 1 : 0;
    }
    status = count > 0 ? watch(socket_path, targets, count, arguments.wait_ms) : EX_OK;
    for (size_t i = 0; i < count; i++) {
        close_target(&targets[i]);
    }
    free(targets);
    free(socket_path);
    return bad != EX_OK ? bad : status;
}
