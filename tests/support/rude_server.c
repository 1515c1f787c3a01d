#include "support/rude_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { CONNECTIONS_MAX = 64, HEADERS_MAX = 16384, HUGE_BYTES = 8 << 20 };

struct connection {
    struct rude_server *server;
    pthread_t thread;
    int fd;
    SSL *ssl; // NULL without TLS
};

struct rude_server {
    int fd;
    char url[64];
    const enum rude_act *script;
    size_t count;
    SSL_CTX *tls;
    pthread_t thread;
    atomic_bool stopping;
    atomic_uint requests;
    atomic_uint connections;
    struct connection connection[CONNECTIONS_MAX];
    pthread_mutex_t lock; // of what follows
    char last_headers[HEADERS_MAX];
};

// ---- TLS ----

static void add_extension(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    ASSERT(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static SSL_CTX *tls_context(const char *ca_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"rude", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
    ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);

    FILE *file = fopen(ca_file, "w");
    ASSERT(file != NULL && PEM_write_X509(file, certificate) == 1);
    fclose(file);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

// ---- bytes ----

static ssize_t receive(struct connection *connection, void *data, size_t size)
{
    return connection->ssl != NULL ? SSL_read(connection->ssl, data, (int)size)
                                   : recv(connection->fd, data, size, 0);
}

static bool send_bytes(struct connection *connection, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t sent = connection->ssl != NULL ? SSL_write(connection->ssl, at, (int)size)
                                               : send(connection->fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(struct connection *connection, const char *text)
{
    return send_bytes(connection, text, strlen(text));
}

// ---- requests ----

struct request {
    char headers[HEADERS_MAX];
    size_t body_bytes;
    size_t body_read; // what came with the headers
};

static bool read_headers(struct connection *connection, struct request *request)
{
    size_t size = 0;
    for (;;) {
        ssize_t got =
            receive(connection, request->headers + size, sizeof request->headers - 1 - size);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        request->headers[size] = '\0';
        char *end = strstr(request->headers, "\r\n\r\n");
        if (end != NULL) {
            request->body_read = size - (size_t)(end + 4 - request->headers);
            end[2] = '\0';
            break;
        }
        ASSERT(size < sizeof request->headers - 1);
    }
    const char *length = strcasestr(request->headers, "\r\nContent-Length: ");
    request->body_bytes = 0;
    if (length != NULL) {
        sscanf(length + 18, "%zu", &request->body_bytes); // NOLINT(cert-err34-c)
    }
    return true;
}

static bool read_body(struct connection *connection, const struct request *request)
{
    char data[65536];
    size_t left = request->body_bytes - request->body_read;
    while (left > 0) {
        ssize_t got = receive(connection, data, left < sizeof data ? left : sizeof data);
        if (got <= 0) {
            return false;
        }
        left -= (size_t)got;
    }
    return true;
}

// ---- acts ----

static const char good_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
                                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                  "x-amzn-RequestId: r-1\r\nContent-Length: 8\r\n\r\n{\"ok\":1}";

// connect(2) to AF_UNSPEC dissolves the connection, which resets it at once.
static void reset(struct connection *connection)
{
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    (void)connect(connection->fd, &nowhere, sizeof nowhere);
}

static void wait_for_end(struct connection *connection)
{
    char byte;
    while (receive(connection, &byte, 1) > 0) {
    }
}

static void send_huge(struct connection *connection)
{
    char *body = xmalloc(HUGE_BYTES);
    memset(body, ' ', HUGE_BYTES);
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", HUGE_BYTES);
    (void)(send_text(connection, head) && send_bytes(connection, body, HUGE_BYTES));
    free(body);
}

static void send_endlessly(struct connection *connection, const char *line)
{
    bool open = send_text(connection, "HTTP/1.1 200 OK\r\nX-Long: ");
    while (open && !atomic_load(&connection->server->stopping)) {
        open = send_text(connection, line);
    }
}

// Carries out what comes before the body is read. Returns false when that is all.
static bool act_early(struct connection *connection, enum rude_act act)
{
    if (act == RUDE_RESET_EARLY) {
        reset(connection);
        return false;
    }
    if (act == RUDE_EARLY_413) {
        send_text(connection, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n");
        shutdown(connection->fd, SHUT_WR);
        wait_for_end(connection);
        return false;
    }
    return true;
}

// Answers. Returns whether the connection takes another request.
static bool act_late(struct connection *connection, enum rude_act act)
{
    switch (act) {
    case RUDE_ANSWER:
        return send_text(connection, good_answer);
    case RUDE_CONTINUE:
        return send_text(connection, "HTTP/1.1 100 Continue\r\n\r\n") &&
               send_text(connection, good_answer);
    case RUDE_CHUNKED:
        return send_text(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "4\r\n{\"ok\r\n4\r\n\":1}\r\n0\r\n\r\n");
    case RUDE_ERROR:
        return send_text(connection, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n"
                                     "x-amzn-ErrorType: SomeException:\r\n\r\n{}");
    case RUDE_REDIRECT:
        return send_text(connection,
                         "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    case RUDE_TWICE:
        return send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"ok\":1}"
                                     "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    case RUDE_STALE:
        send_text(connection, good_answer);
        return false;
    case RUDE_TRUNCATE:
        send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Records\":[");
        return false;
    case RUDE_HUGE:
        send_huge(connection);
        return false;
    case RUDE_ENDLESS_HEADERS:
        send_endlessly(connection, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nX-Long: ");
        return false;
    case RUDE_ENDLESS_HEADER:
        send_endlessly(connection, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        return false;
    case RUDE_NOT_HTTP:
        send_text(connection, "SSH-2.0-OpenSSH_9.2\r\n");
        return false;
    case RUDE_SILENT:
        wait_for_end(connection);
        return false;
    case RUDE_RESET:
        reset(connection);
        return false;
    case RUDE_CLOSE:
    case RUDE_RESET_EARLY:
    case RUDE_EARLY_413:
        break;
    }
    return false;
}

static void serve(struct connection *connection)
{
    struct rude_server *server = connection->server;
    struct request request;
    while (read_headers(connection, &request)) {
        pthread_mutex_lock(&server->lock);
        memcpy(server->last_headers, request.headers, sizeof request.headers);
        pthread_mutex_unlock(&server->lock);
        unsigned number = atomic_fetch_add(&server->requests, 1);
        enum rude_act act = number < server->count ? server->script[number] : RUDE_ANSWER;
        if (!act_early(connection, act) || !read_body(connection, &request) ||
            !act_late(connection, act)) {
            break;
        }
    }
}

static void *run_connection(void *context)
{
    struct connection *connection = context;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    if (connection->ssl == NULL || SSL_accept(connection->ssl) == 1) {
        serve(connection);
    }
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

// Descriptors stay open until the server stops, so that their numbers are not used again.
static void *run_server(void *context)
{
    struct rude_server *server = context;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0 || atomic_load(&server->stopping)) {
            if (fd >= 0) {
                close(fd);
            }
            return NULL;
        }
        unsigned number = atomic_load(&server->connections);
        ASSERT(number < CONNECTIONS_MAX);
        struct connection *connection = &server->connection[number];
        connection->server = server;
        connection->fd = fd;
        if (server->tls != NULL) {
            connection->ssl = SSL_new(server->tls);
            SSL_set_fd(connection->ssl, fd);
        }
        atomic_store(&server->connections, number + 1);
        ASSERT(pthread_create(&connection->thread, NULL, run_connection, connection) == 0);
    }
}

struct rude_server *rude_server_start(const enum rude_act *script, size_t count,
                                      const char *ca_file)
{
    struct rude_server *server = xcalloc(1, sizeof *server);
    server->script = script;
    server->count = count;
    server->tls = ca_file == NULL ? NULL : tls_context(ca_file);
    pthread_mutex_init(&server->lock, NULL);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    ASSERT(bind(server->fd, (struct sockaddr *)&address, size) == 0);
    ASSERT(listen(server->fd, CONNECTIONS_MAX) == 0);
    ASSERT(getsockname(server->fd, (struct sockaddr *)&address, &size) == 0);
    snprintf(server->url, sizeof server->url, "%s://127.0.0.1:%u",
             ca_file == NULL ? "http" : "https", ntohs(address.sin_port));
    ASSERT(pthread_create(&server->thread, NULL, run_server, server) == 0);
    return server;
}

void rude_server_stop(struct rude_server *server)
{
    atomic_store(&server->stopping, true);
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (unsigned i = 0; i < atomic_load(&server->connections); i++) {
        struct connection *connection = &server->connection[i];
        shutdown(connection->fd, SHUT_RDWR);
        pthread_join(connection->thread, NULL);
        SSL_free(connection->ssl);
        close(connection->fd);
    }
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *rude_server_url(const struct rude_server *server)
{
    return server->url;
}

unsigned rude_server_requests(const struct rude_server *server)
{
    return atomic_load(&server->requests);
}

unsigned rude_server_connections(const struct rude_server *server)
{
    return atomic_load(&server->connections);
}

const char *rude_server_last_headers(struct rude_server *server)
{
    pthread_mutex_lock(&server->lock); // they were written by now
    pthread_mutex_unlock(&server->lock);
    return server->last_headers;
}
