#include "sandbox/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/number.h"
#include "sandbox/control.h"
#include "sandbox/gateway.h"
#include "sandbox/http_answer.h"

enum {
    CONNECTIONS_MAX = 1000,
    CONNECTION_MEMORY = 256 << 10,
    THREAD_STACK = 1 << 20,
    IDLE_S = 300,
    ANSWER_BYTES_MAX = 64 << 20,
};

struct http_server {
    struct service *service;
    unsigned roles;
    struct MHD_Daemon *daemon;
    char *url;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t stop;
    bool stopping;
};

// One request on a connection.
struct exchange {
    char *target; // as sent
    struct buf body;
    bool started;
};

static void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection)
{
    (void)context;
    (void)connection;
    struct exchange *exchange = xcalloc(1, sizeof(*exchange));
    exchange->target = xstrdup(target);
    buf_init(&exchange->body, HTTP_BODY_BYTES_MAX);
    return exchange;
}

static void exchange_end(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct exchange *exchange = *slot;
    if (exchange != NULL) {
        buf_deinit(&exchange->body);
        free(exchange->target);
        free(exchange);
        *slot = NULL;
    }
}

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    struct http_request *request = context;
    if (request->header_count < REQUEST_HEADERS_MAX) {
        request->headers[request->header_count++] =
            (struct sigv4_header){slice_of_text(name), slice_of_text(value == NULL ? "" : value)};
    }
    return MHD_YES;
}

static void read_request(struct MHD_Connection *connection, const char *method,
                         const struct exchange *exchange, struct http_request *out_request)
{
    struct slice target = slice_of_text(exchange->target);
    const uint8_t *mark = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    size_t path_size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    *out_request = (struct http_request){.method = method,
                                         .path = slice_of(target.data, path_size),
                                         .body = buf_slice(&exchange->body)};
    if (mark != NULL) {
        out_request->query = slice_skip(target, path_size + 1);
    }
    MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, out_request);
}

// Waits, unless the server stops.
static void delay(struct http_server *server, uint64_t ms)
{
    if (ms == 0) {
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + ms % 1000 * NS_PER_MS;
    until.tv_sec += (time_t)(ms / 1000 + ns / NS_PER_S);
    until.tv_nsec = (long)(ns % NS_PER_S);
    pthread_mutex_lock(&server->lock);
    int error = 0;
    while (!server->stopping && error == 0) {
        error = pthread_cond_timedwait(&server->stop, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
}

static enum MHD_Result answer_too_large(struct http_server *server,
                                        struct MHD_Connection *connection)
{
    struct http_answer answer = {.status = 413, .plan = {.fault = FAULT_COUNT}};
    return http_answer_send(server->service, connection, &answer);
}

static enum MHD_Result answer_request(struct http_server *server, struct MHD_Connection *connection,
                                      const struct http_request *request)
{
    struct http_answer answer = {0};
    buf_init(&answer.body, ANSWER_BYTES_MAX);
    bool control = control_is_path(request->path) && (server->roles & HTTP_CONTROL) != 0;
    if (control || (server->roles & HTTP_API) == 0) {
        control_answer(server->service, request, &answer);
    } else {
        gateway_answer(server->service, request, &answer);
    }
    delay(server, answer.plan.latency_ms);
    return http_answer_send(server->service, connection, &answer);
}

static bool announces_too_much(struct MHD_Connection *connection, struct exchange *exchange)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t size;
    if (text == NULL || number_parse_u64(slice_of_text(text), &size) != 0) {
        return false;
    }
    if (size > HTTP_BODY_BYTES_MAX) {
        return true;
    }
    buf_reserve(&exchange->body, size);
    return false;
}

// The parameters are those of MHD_AccessHandlerCallback.
// NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **slot)
{
    (void)url;
    (void)version;
    struct http_server *server = context;
    struct exchange *exchange = *slot;
    if (!exchange->started) {
        exchange->started = true;
        return announces_too_much(connection, exchange) ? answer_too_large(server, connection)
                                                        : MHD_YES;
    }
    if (*upload_size > 0) {
        buf_append(&exchange->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (exchange->body.overflow) {
        return answer_too_large(server, connection);
    }
    struct http_request request;
    read_request(connection, method, exchange, &request);
    return answer_request(server, connection, &request);
}

// Cuts "host:port" or "[host]:port".
static bool cut_address(const char *address, char host[64], const char **out_port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '\0') {
        return false;
    }
    size_t size = (size_t)(colon - address);
    bool bracketed = size >= 2 && address[0] == '[' && colon[-1] == ']';
    snprintf(host, 64, "%.*s", (int)(bracketed ? size - 2 : size),
             bracketed ? address + 1 : address);
    *out_port = colon + 1;
    return size < 64;
}

static int start_daemon(struct http_server *server, const struct http_options *options,
                        const struct addrinfo *place)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                     MHD_USE_POLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
    flags |= place->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key},
        {MHD_OPTION_END, 0, NULL},
    };
    if (options->certificate != NULL) {
        flags |= MHD_USE_TLS;
    } else {
        tls[0].option = MHD_OPTION_END;
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR, place->ai_addr,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_end, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_END);
    return server->daemon == NULL ? E_UNAVAILABLE : 0;
}

static int resolve(const char *host, const char *port, struct addrinfo **out_place)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    return getaddrinfo(*host == '\0' ? NULL : host, port, &hints, out_place) == 0 ? 0 : E_SYNTAX;
}

static char *url_of(const struct http_server *server, const struct http_options *options,
                    const char *host)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const char *scheme = options->certificate == NULL ? "http" : "https";
    bool bracketed = strchr(host, ':') != NULL;
    return xasprintf("%s://%s%s%s:%u", scheme, bracketed ? "[" : "", host, bracketed ? "]" : "",
                     info == NULL ? 0U : info->port);
}

static struct http_server *server_alloc(struct service *service, unsigned roles)
{
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->service = service;
    server->roles = roles;
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&server->stop, &clock);
    pthread_condattr_destroy(&clock);
    return server;
}

int http_server_start(struct service *service, const struct http_options *options,
                      struct http_server **out_server)
{
    char host[64];
    const char *port;
    struct addrinfo *place = NULL;
    if (!cut_address(options->address, host, &port) || resolve(host, port, &place) != 0) {
        return E_SYNTAX;
    }
    struct http_server *server = server_alloc(service, options->roles);
    int error = start_daemon(server, options, place);
    freeaddrinfo(place);
    if (error != 0) {
        http_server_stop(server);
        return error;
    }
    server->url = url_of(server, options, host);
    *out_server = server;
    return 0;
}

const char *http_server_url(const struct http_server *server)
{
    return server->url;
}

void http_server_stop(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_cond_broadcast(&server->stop);
    pthread_mutex_unlock(&server->lock);
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    pthread_cond_destroy(&server->stop);
    pthread_mutex_destroy(&server->lock);
    free(server->url);
    free(server);
}
