#include "runtime/keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/wake.h"
#include "sink/transport_curl.h"

struct keys {
    struct io *io;
    struct transport *transport;
    struct credentials_store *store;
    struct credentials_chain *chain;
    pthread_t thread;
    struct wake wake;
    _Atomic bool stop;
};

static void *run(void *context)
{
    struct keys *keys = context;
    while (!keys->stop) {
        uint64_t next_ns = credentials_chain_step(keys->chain, keys->io->monotonic_ns(keys->io));
        uint64_t now_ns = keys->io->monotonic_ns(keys->io);
        uint64_t wait_ms = next_ns == TIME_NEVER ? UINT32_MAX
                           : next_ns <= now_ns   ? 0
                                                 : (next_ns - now_ns) / NS_PER_MS + 1;
        wake_wait(&keys->wake, -1, wait_ms);
    }
    return NULL;
}

static void ring(void *context)
{
    struct keys *keys = context;
    wake_ring(&keys->wake);
}

static const char *environment(const char *name)
{
    return getenv(name); // NOLINT(concurrency-mt-unsafe): nothing changes the environment
}

int keys_create(struct io *io, const struct config *config, struct keys **out_keys)
{
    struct transport_options options = {.ca_file = config->tls.ca_file, .requests_max = 1};
    struct transport *transport;
    int error = transport_curl_create(&options, &transport);
    if (error != 0) {
        return error;
    }
    struct keys *keys = xcalloc(1, sizeof *keys);
    keys->io = io;
    keys->transport = transport;
    keys->store = credentials_store_create();
    struct credentials_chain_options chain_options = {
        .transport = transport,
        .config = &config->credentials,
        .region = config->region,
        .store = keys->store,
        .getenv = environment,
    };
    keys->chain = credentials_chain_create(io, &chain_options);
    wake_open(&keys->wake);
    credentials_store_set_bell(keys->store, ring, keys);
    error = pthread_create(&keys->thread, NULL, run, keys);
    ASSERT(error == 0);
    pthread_setname_np(keys->thread, "credentials");
    *out_keys = keys;
    return 0;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL) {
        return;
    }
    keys->stop = true;
    credentials_chain_stop(keys->chain);
    keys->transport->wake(keys->transport);
    wake_ring(&keys->wake);
    pthread_join(keys->thread, NULL);
    credentials_chain_free(keys->chain);
    credentials_store_free(keys->store);
    keys->transport->free(keys->transport);
    wake_close(&keys->wake);
    free(keys);
}

struct credentials_store *keys_store(struct keys *keys)
{
    return keys->store;
}
