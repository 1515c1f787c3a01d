// Where keys come from: the configuration, the environment, shared files with profiles, the
// services of a container and an instance, roles. A struct credentials_store holds the current keys
// for every thread; a provider refreshes it before they expire (credentials thread of runtime).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/transport.h"
#include "config/config.h"

struct credentials { // copies; wiped by credentials_deinit
    char *access_key_id;
    char *secret_access_key;
    char *session_token; // NULL for long-lived keys
    uint64_t expires_s;  // Unix seconds; 0: never
    uint64_t version;    // grows with every refresh
};
void credentials_deinit(struct credentials *credentials);

struct credentials_store; // opaque, any thread

struct credentials_store *credentials_store_create(void);
void credentials_store_free(struct credentials_store *store);
// A copy of the current keys. E_UNAVAILABLE when there are none, with the reason in the status.
NODISCARD int credentials_store_get(struct credentials_store *store,
                                    struct credentials *out_credentials);
// The service refused these keys (expired, unknown): asks for a refresh at once unless a newer
// version is there already.
void credentials_store_refused(struct credentials_store *store, uint64_t version);
// Called, from any thread, when credentials_store_refused wants a step of the chain at once.
void credentials_store_set_bell(struct credentials_store *store, void (*bell)(void *context),
                                void *context);
// Where the keys come from, or why there are none. One sentence for people, at most `size` bytes.
void credentials_store_describe(struct credentials_store *store, char *text, size_t size);

// The chain: configuration, environment, shared files with profiles, the role of a pod, the service
// beside a container, instance metadata. The first that is set up decides; one that is set up
// wrongly is an error and not passed over. One step does one bounded try; the thread of the caller
// waits in between.
struct credentials_chain; // opaque
struct credentials_chain_options {
    struct transport *transport; // for the services that hand out keys
    const struct credentials_config *config;
    const char *region; // where roles are asked for; may be NULL
    struct credentials_store *store;
    const char *(*getenv)(const char *name);
};
// `options` is copied, what it points to is borrowed.
struct credentials_chain *credentials_chain_create(struct io *io,
                                                   const struct credentials_chain_options *options);
void credentials_chain_free(struct credentials_chain *chain);
// Refreshes when it is time. Returns the monotonic time of the next step. May block on `transport`.
uint64_t credentials_chain_step(struct credentials_chain *chain, uint64_t now_ns);
// From any thread: a step that is under way ends as soon as its transport is woken, and no later
// one asks anybody.
void credentials_chain_stop(struct credentials_chain *chain);
