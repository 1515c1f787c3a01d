// The command line of kintail-sandbox.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "sandbox/faults.h"
#include "sandbox/limits.h"
#include "sandbox/service.h"

enum { NAMED_MAX = 64 };

struct named_stream {
    char *name;           // owned
    uint32_t shard_count; // 0: on-demand
};

struct options {
    struct service_options service;
    const char *listen;
    const char *tls_listen; // NULL: no TLS
    const char *tls_cert;
    const char *tls_key;
    const char *tls_ca_out;
    const char *control; // NULL: on the main listeners
    struct limits limits;
    struct faults faults;
    struct named_stream streams[NAMED_MAX];
    size_t stream_count;
    const char *delivery_streams[NAMED_MAX];
    size_t delivery_stream_count;
    bool help;
    bool version;
};

// Texts are borrowed from `argv`, apart from what is said to be owned. On failure a message that
// names the option went to standard error.
NODISCARD int options_parse(int argc, char **argv, struct options *out_options);
void options_deinit(struct options *options);
void options_print_help(void);
