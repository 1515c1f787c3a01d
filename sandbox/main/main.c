// kintail-sandbox: reads its options, makes what they ask for, serves until a signal.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "base/log.h"
#include "sandbox/certificate.h"
#include "sandbox/http.h"
#include "sandbox/options.h"

enum {
    EXIT_USAGE = 64,
    EXIT_UNAVAILABLE = 69,
    EXIT_IO = 74,
    SERVERS_MAX = 3,
    TICK_NS = 100 * 1000 * 1000,
    PEM_BYTES_MAX = 1 << 20,
};

struct sandbox {
    struct options options;
    struct io *io;
    struct service *service;
    struct http_server *servers[SERVERS_MAX];
    size_t server_count;
};

static int make_streams(struct sandbox *sandbox)
{
    struct service *service = sandbox->service;
    for (size_t i = 0; i < sandbox->options.stream_count; i++) {
        const struct named_stream *named = &sandbox->options.streams[i];
        if (service_find_stream(service, slice_of_text(named->name)) != NULL) {
            continue;
        }
        struct stream_options options = {
            .name = named->name,
            .shard_count = named->shard_count == 0 ? ON_DEMAND_SHARDS : named->shard_count,
            .on_demand = named->shard_count == 0,
            .record_kib_max = RECORD_KIB_DEFAULT};
        struct stream *stream;
        int error = stream_create(&service->world, &options, service_now(service),
                                  sandbox->io->monotonic_ns(sandbox->io), &stream);
        if (error != 0) {
            log_error("the stream %s cannot be made: %s", named->name, error_text(error));
            return error;
        }
        service_add_stream(service, stream);
    }
    return 0;
}

static int make_delivery_streams(struct sandbox *sandbox)
{
    struct firehose *firehose = &sandbox->service->firehose;
    for (size_t i = 0; i < sandbox->options.delivery_stream_count; i++) {
        const char *name = sandbox->options.delivery_streams[i];
        if (firehose_find(firehose, slice_of_text(name)) != NULL) {
            continue;
        }
        struct delivery_stream *stream;
        json_t *configuration =
            json_pack("{s:s, s:s}", "RoleARN", "arn:aws:iam::000000000000:role/sandbox",
                      "BucketARN", "arn:aws:s3:::sandbox");
        int error = firehose_add(firehose, name, configuration, true, service_now(sandbox->service),
                                 &stream);
        if (error != 0) {
            log_error("the delivery stream %s cannot be made: %s", name, error_text(error));
            return error;
        }
    }
    return 0;
}

static int create_service(struct sandbox *sandbox, const char *delivery_dir)
{
    struct service_options options = sandbox->options.service;
    options.delivery_dir = delivery_dir;
    int error = service_create(sandbox->io, &options, &sandbox->service);
    if (error == 0) {
        sandbox->service->limits = sandbox->options.limits;
        sandbox->service->faults = sandbox->options.faults;
        error = make_streams(sandbox);
    }
    return error == 0 ? make_delivery_streams(sandbox) : error;
}

static int serve(struct sandbox *sandbox, const struct http_options *options)
{
    struct http_server *server;
    int error = http_server_start(sandbox->service, options, &server);
    if (error != 0) {
        log_error("%s: cannot listen: %s", options->address,
                  error == E_SYNTAX ? "not an address of the form HOST:PORT"
                                    : "the address is in use or not of this machine, or the "
                                      "certificate does not fit its key");
        return error;
    }
    sandbox->servers[sandbox->server_count++] = server;
    printf("listening %s\n", http_server_url(server));
    return fflush(stdout) == 0 ? 0 : E_UNAVAILABLE;
}

static int read_pem(struct sandbox *sandbox, const char *path, char **out_text)
{
    uint8_t *data;
    size_t size;
    int error = io_read_file(sandbox->io, path, PEM_BYTES_MAX, &data, &size);
    if (error != 0) {
        log_error("%s: cannot be read: %s", path, error_text(error));
        return error;
    }
    *out_text = (char *)data;
    return 0;
}

static int write_ca(struct sandbox *sandbox, const char *path, const char *text)
{
    struct io *io = sandbox->io;
    int fd = io->open(io, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int error = fd < 0 ? fd : io_pwrite_all(io, fd, text, strlen(text), 0);
    if (fd >= 0) {
        io->close(io, fd);
    }
    if (error != 0) {
        log_error("%s: cannot be written: %s", path, error_text(error));
    }
    return error;
}

static int get_certificate(struct sandbox *sandbox, char **out_certificate, char **out_key)
{
    const struct options *options = &sandbox->options;
    if (options->tls_cert != NULL) {
        int error = read_pem(sandbox, options->tls_cert, out_certificate);
        return error == 0 ? read_pem(sandbox, options->tls_key, out_key) : error;
    }
    int error = certificate_create(NULL, out_certificate, out_key);
    if (error != 0) {
        log_error("a certificate could not be made");
        return error;
    }
    return options->tls_ca_out == NULL ? 0
                                       : write_ca(sandbox, options->tls_ca_out, *out_certificate);
}

static int serve_tls(struct sandbox *sandbox, unsigned roles)
{
    char *certificate = NULL;
    char *key = NULL;
    int error = get_certificate(sandbox, &certificate, &key);
    if (error == 0) {
        struct http_options options = {.address = sandbox->options.tls_listen,
                                       .roles = roles,
                                       .certificate = certificate,
                                       .key = key};
        error = serve(sandbox, &options);
    }
    free(certificate);
    free(key);
    return error;
}

static int serve_all(struct sandbox *sandbox)
{
    const struct options *options = &sandbox->options;
    unsigned roles = options->control == NULL ? HTTP_API | HTTP_CONTROL : HTTP_API;
    int error = serve(sandbox, &(struct http_options){.address = options->listen, .roles = roles});
    if (error == 0 && options->tls_listen != NULL) {
        error = serve_tls(sandbox, roles);
    }
    if (error == 0 && options->control != NULL) {
        error = serve(sandbox,
                      &(struct http_options){.address = options->control, .roles = HTTP_CONTROL});
    }
    return error;
}

static void say_what_holds(const struct options *options, const char *delivery_dir)
{
    if (options->service.auth.key_count == 0) {
        log_notice("no --access-key is given: any well-formed signature passes");
    }
    if (options->service.discard) {
        log_notice("records are counted and forgotten");
    } else if (options->service.data_dir == NULL) {
        log_notice("records are kept in memory, at most %llu bytes",
                   (unsigned long long)options->service.memory_max);
    }
    if (delivery_dir == NULL || options->service.discard) {
        log_notice("what Firehose delivers is counted and forgotten");
    }
}

static void wait_for_signal(struct sandbox *sandbox, const sigset_t *signals)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};
    while (sigtimedwait(signals, NULL, &tick) < 0) {
        service_lock(sandbox->service);
        firehose_deliver(&sandbox->service->firehose, false, service_now(sandbox->service));
        service_settle(sandbox->service);
        service_unlock(sandbox->service);
    }
}

static int run(struct sandbox *sandbox, const char *delivery_dir)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigset_t blocked = signals;
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    say_what_holds(&sandbox->options, delivery_dir);
    int error = create_service(sandbox, delivery_dir);
    if (error != 0) {
        return EXIT_IO;
    }
    if (serve_all(sandbox) != 0) {
        return EXIT_UNAVAILABLE;
    }
    wait_for_signal(sandbox, &signals);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct sandbox sandbox = {.io = io_posix()};
    if (options_parse(argc, argv, &sandbox.options) != 0) {
        return EXIT_USAGE;
    }
    if (sandbox.options.help || sandbox.options.version) {
        if (sandbox.options.help) {
            options_print_help();
        } else {
            puts("kintail-sandbox " KINTAIL_VERSION);
        }
        options_deinit(&sandbox.options);
        return EXIT_SUCCESS;
    }
    const struct service_options *service = &sandbox.options.service;
    char *delivery_dir = NULL;
    if (service->delivery_dir != NULL) {
        delivery_dir = xstrdup(service->delivery_dir);
    } else if (service->data_dir != NULL) {
        delivery_dir = xasprintf("%s/firehose", service->data_dir);
    }
    int status = run(&sandbox, delivery_dir);
    while (sandbox.server_count > 0) {
        http_server_stop(sandbox.servers[--sandbox.server_count]);
    }
    if (sandbox.service != NULL) {
        service_free(sandbox.service);
    }
    free(delivery_dir);
    options_deinit(&sandbox.options);
    return status;
}
