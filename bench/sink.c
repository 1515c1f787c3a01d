// The other end of `./dev bench`: a TLS endpoint that accepts every record of PutRecords and
// PutRecordBatch and counts them. One thread over epoll, so that it costs less than what it
// measures.
//
//     sink --ca-out FILE [--port N]
//
// prints the port once it listens, and on SIGTERM what it counted, as one line of JSON each.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"
#include "certificate.h"
#include "request.h"

enum {
    EXIT_USAGE = 64,
    EVENTS_MAX = 64,
    CONNECTIONS_MAX = 256,
    HEAD_READ_BYTES = 16 * 1024,
    TLS_READ_BYTES = 128 * 1024
};

struct totals {
    uint64_t connections;
    uint64_t requests;
    uint64_t requests_refused;
    uint64_t records;
    uint64_t data_bytes;
    uint64_t body_bytes;
    uint64_t wire_read_bytes; // TLS records, without TCP and IP
    uint64_t wire_written_bytes;
};

struct connection {
    unsigned slot; // in the table of connections
    SSL *ssl;
    int fd;
    struct buf in; // of the request that is coming in
    struct request request;
    bool has_head;
    struct buf out;
    size_t out_sent;
    uint32_t events; // that epoll watches
};

struct sink {
    SSL_CTX *tls;
    int epoll_fd;
    int listen_fd;
    int signal_fd;
    bool stopped;
    struct connection *connections[CONNECTIONS_MAX]; // NULL: a free slot
    struct totals totals;
};

static void connection_close(struct sink *sink, struct connection *connection)
{
    sink->totals.wire_read_bytes += BIO_number_read(SSL_get_rbio(connection->ssl));
    sink->totals.wire_written_bytes += BIO_number_written(SSL_get_wbio(connection->ssl));
    sink->connections[connection->slot] = NULL;
    SSL_free(connection->ssl);
    close(connection->fd);
    buf_deinit(&connection->in);
    buf_deinit(&connection->out);
    free(connection);
}

static void connection_watch(struct sink *sink, struct connection *connection, uint32_t events)
{
    if (connection->events == events) {
        return;
    }
    int operation = connection->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(sink->epoll_fd, operation, connection->fd, &event);
    connection->events = events;
}

static void accept_connection(struct sink *sink)
{
    int fd = accept4(sink->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    unsigned slot = 0;
    while (slot < CONNECTIONS_MAX && sink->connections[slot] != NULL) {
        slot++;
    }
    if (fd < 0) {
        return;
    }
    if (slot == CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = xcalloc(1, sizeof *connection);
    connection->fd = fd;
    connection->ssl = SSL_new(sink->tls);
    SSL_set_fd(connection->ssl, fd);
    SSL_set_accept_state(connection->ssl);
    buf_init(&connection->in, REQUEST_HEAD_MAX + HEAD_READ_BYTES + REQUEST_BODY_MAX);
    buf_init(&connection->out, REQUEST_BODY_MAX);
    connection->slot = slot;
    sink->connections[slot] = connection;
    sink->totals.connections++;
    connection_watch(sink, connection, EPOLLIN);
}

// Answers the request when it is whole. Returns 1 after an answer, 0 when there is more to read.
static int answer_request(struct sink *sink, struct connection *connection)
{
    struct request *request = &connection->request;
    if (!connection->has_head) {
        int error = request_read_head(buf_slice(&connection->in), request);
        if (error != 0) {
            return error == E_AGAIN ? 0 : error;
        }
        connection->has_head = true;
    }
    if (connection->in.size < request->head_bytes + request->body_bytes) {
        return 0;
    }
    struct record_count count;
    struct slice body = slice_of(connection->in.data + request->head_bytes, request->body_bytes);
    int error = request_count_records(request, body, &count);
    if (error != 0) {
        return error;
    }
    sink->totals.requests++;
    sink->totals.requests_refused += request->operation == OPERATION_UNKNOWN;
    sink->totals.records += count.records;
    sink->totals.data_bytes += count.data_bytes;
    sink->totals.body_bytes += request->body_bytes;
    request_answer(request, count.records, sink->totals.records, &connection->out);
    buf_consume(&connection->in, request->head_bytes + request->body_bytes);
    connection->has_head = false;
    return 1;
}

// What an SSL call that did not succeed waits for: EPOLLIN, EPOLLOUT, or 0 when the connection is
// over.
static uint32_t awaited(struct connection *connection, int result)
{
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return EPOLLIN;
    case SSL_ERROR_WANT_WRITE:
        return EPOLLOUT;
    default:
        return 0;
    }
}

// Both return true after progress; else `*out_events` says what to wait for.
static bool read_some(struct connection *connection, uint32_t *out_events)
{
    struct buf *in = &connection->in;
    size_t before = in->size;
    size_t wanted = HEAD_READ_BYTES;
    if (connection->has_head) {
        wanted = connection->request.head_bytes + connection->request.body_bytes - before;
    }
    uint8_t *room = buf_extend(in, wanted);
    size_t count = 0;
    int result = room == NULL ? 0 : SSL_read_ex(connection->ssl, room, wanted, &count);
    buf_truncate(in, before + count);
    if (result != 1) {
        *out_events = room == NULL ? 0 : awaited(connection, result);
    }
    return result == 1;
}

static bool write_some(struct connection *connection, uint32_t *out_events)
{
    struct slice rest = slice_skip(buf_slice(&connection->out), connection->out_sent);
    size_t count = 0;
    int result = SSL_write_ex(connection->ssl, rest.data, rest.size, &count);
    connection->out_sent += count;
    if (result != 1) {
        *out_events = awaited(connection, result);
    }
    return result == 1;
}

// Takes the connection as far as it goes without waiting.
static void serve(struct sink *sink, struct connection *connection)
{
    uint32_t events = 0;
    bool progress = true;
    ERR_clear_error();
    while (progress) {
        if (connection->out_sent < connection->out.size) {
            progress = write_some(connection, &events);
            continue;
        }
        buf_clear(&connection->out);
        connection->out_sent = 0;
        int result = answer_request(sink, connection);
        if (result < 0) {
            fprintf(stderr, "sink: a request that is not understood: %s\n", error_text(result));
            sink->totals.requests_refused++;
            break;
        }
        progress = result == 1 || read_some(connection, &events);
    }
    if (events == 0) {
        connection_close(sink, connection);
    } else {
        connection_watch(sink, connection, events);
    }
}

static bool open_listener(struct sink *sink, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    sink->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(sink->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (sink->listen_fd < 0 ||
        bind(sink->listen_fd, (struct sockaddr *)(void *)&address, size) != 0 ||
        listen(sink->listen_fd, 128) != 0 ||
        getsockname(sink->listen_fd, (struct sockaddr *)(void *)&address, &size) != 0) {
        perror("sink: listen");
        return false;
    }
    printf("{\"port\":%u}\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

static bool open_tls(struct sink *sink, const char *ca_out)
{
    sink->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(sink->tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(sink->tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(sink->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Several TLS records a read(2) instead of two reads a record.
    SSL_CTX_set_read_ahead(sink->tls, 1);
    SSL_CTX_set_default_read_buffer_len(sink->tls, TLS_READ_BYTES);
    return certificate_install(sink->tls, ca_out) == 0;
}

static bool open_events(struct sink *sink)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    sink->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    sink->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &sink->listen_fd};
    struct epoll_event signal = {.events = EPOLLIN, .data.ptr = &sink->signal_fd};
    if (sink->signal_fd < 0 || sink->epoll_fd < 0 ||
        epoll_ctl(sink->epoll_fd, EPOLL_CTL_ADD, sink->listen_fd, &listener) != 0 ||
        epoll_ctl(sink->epoll_fd, EPOLL_CTL_ADD, sink->signal_fd, &signal) != 0) {
        perror("sink: epoll");
        return false;
    }
    return true;
}

static void serve_until_stopped(struct sink *sink)
{
    struct epoll_event events[EVENTS_MAX];
    while (!sink->stopped) {
        int count = epoll_wait(sink->epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &sink->signal_fd) {
                sink->stopped = true;
            } else if (events[i].data.ptr == &sink->listen_fd) {
                accept_connection(sink);
            } else {
                serve(sink, events[i].data.ptr);
            }
        }
    }
    for (unsigned slot = 0; slot < CONNECTIONS_MAX; slot++) {
        if (sink->connections[slot] != NULL) {
            connection_close(sink, sink->connections[slot]);
        }
    }
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_totals(const struct totals *totals)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"connections\":%llu,\"requests\":%llu,\"requests_refused\":%llu,\"records\":%llu,"
           "\"data_bytes\":%llu,\"body_bytes\":%llu,\"wire_read_bytes\":%llu,"
           "\"wire_written_bytes\":%llu,\"user_s\":%.3f,\"system_s\":%.3f}\n",
           (unsigned long long)totals->connections, (unsigned long long)totals->requests,
           (unsigned long long)totals->requests_refused, (unsigned long long)totals->records,
           (unsigned long long)totals->data_bytes, (unsigned long long)totals->body_bytes,
           (unsigned long long)totals->wire_read_bytes,
           (unsigned long long)totals->wire_written_bytes, seconds_of(usage.ru_utime),
           seconds_of(usage.ru_stime));
}

static bool parse_options(int argc, char **argv, uint16_t *out_port, const char **out_ca_out)
{
    static const struct option longs[] = {{"ca-out", required_argument, NULL, 'c'},
                                          {"port", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    int option;
    uint64_t port = 0;
    // The program has one thread.
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (option == 'c') {
            *out_ca_out = optarg;
        } else if (option != 'p' || number_parse_u64(slice_of_text(optarg), &port) != 0 ||
                   port > UINT16_MAX) {
            return false;
        }
    }
    *out_port = (uint16_t)port;
    return optind == argc && *out_ca_out != NULL;
}

int main(int argc, char **argv)
{
    uint16_t port;
    const char *ca_out = NULL;
    if (!parse_options(argc, argv, &port, &ca_out)) {
        fprintf(stderr, "usage: %s --ca-out FILE [--port N]\n", argv[0]);
        return EXIT_USAGE;
    }
    struct sink sink = {.epoll_fd = -1, .listen_fd = -1, .signal_fd = -1};
    if (!open_tls(&sink, ca_out) || !open_listener(&sink, port) || !open_events(&sink)) {
        return EXIT_FAILURE;
    }
    serve_until_stopped(&sink);
    print_totals(&sink.totals);
    SSL_CTX_free(sink.tls);
    close(sink.listen_fd);
    close(sink.signal_fd);
    close(sink.epoll_fd);
    return EXIT_SUCCESS;
}
