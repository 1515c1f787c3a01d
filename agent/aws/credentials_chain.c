#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/credentials_provider.h"
#include "aws/metadata_call.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/prng.h"

enum {
    REFRESH_EARLY_S = 15 * 60, // before the keys expire
    RETRY_MS_MIN = 1000,       // after a failure, doubling
    RETRY_MS_MAX = 60 * 1000,
    REFRESH_LATE_S = 24 * 3600, // keys of a longer life are looked at once a day
    STALE_RETRY_S = 5 * 60,     // the service still hands out keys that are about to expire
    REFUSAL_PAUSE_S = 2,        // between two steps that a refusal asked for
};

struct credentials_chain {
    struct io *io;
    struct credentials_chain_options options;
    struct imds *imds;
    struct prng prng;
    uint64_t next_ns;  // of the next refresh, TIME_NEVER when the keys do not expire
    uint64_t tried_ns; // time of the last try
    uint64_t retry_ms; // 0 after a success
    _Atomic bool stop;
};

struct credentials_chain *credentials_chain_create(struct io *io,
                                                   const struct credentials_chain_options *options)
{
    struct credentials_chain *chain = xcalloc(1, sizeof *chain);
    chain->io = io;
    chain->options = *options;
    chain->imds = imds_create();
    uint64_t seed;
    io->random(io, &seed, sizeof seed);
    chain->prng = prng_of_seed(seed);
    return chain;
}

void credentials_chain_free(struct credentials_chain *chain)
{
    if (chain != NULL) {
        imds_free(chain->imds);
        free(chain);
    }
}

void credentials_chain_stop(struct credentials_chain *chain)
{
    chain->stop = true;
}

static int look_on_instance(struct credentials_lookup *lookup)
{
    int error = credentials_from_imds(lookup);
    if (error == 0) {
        return 0;
    }
    // Most machines without keys are no instances: what is missing comes first.
    char *imds_why = xstrdup(error == E_NOT_FOUND ? "" : lookup->why);
    snprintf(lookup->why, sizeof lookup->why,
             "no keys in the configuration, the environment or the shared files%s%s",
             imds_why[0] == '\0' ? "" : "; ", imds_why);
    free(imds_why);
    return E_UNAVAILABLE;
}

static int look_up(struct credentials_lookup *lookup)
{
    static int (*const places[])(struct credentials_lookup *) = {
        credentials_from_config, credentials_from_environment, credentials_from_profile,
        credentials_from_web_identity, credentials_from_container};
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        int error = places[i](lookup);
        if (error != E_NOT_FOUND) {
            return error;
        }
    }
    return look_on_instance(lookup);
}

static bool is_plain(const char *text)
{
    return text == NULL || metadata_is_plain(slice_of_text(text));
}

// Keys go into headers, where a line break would be another header and a space no key at all.
static int check_keys(struct credentials_lookup *lookup)
{
    const char *flawed = !is_plain(lookup->keys.access_key_id)       ? "access key id"
                         : !is_plain(lookup->keys.secret_access_key) ? "secret access key"
                         : !is_plain(lookup->keys.session_token)     ? "session token"
                                                                     : NULL;
    if (flawed == NULL) {
        return 0;
    }
    snprintf(lookup->why, sizeof lookup->why,
             "the %s from %.160s holds a space or another character that none has", flawed,
             lookup->where);
    credentials_deinit(&lookup->keys);
    return E_CONFIG;
}

// The time of the next refresh for keys that expire at `expires_s`, with up to a minute of jitter
// so that a fleet does not ask at once.
static uint64_t refresh_time(struct credentials_chain *chain, uint64_t expires_s, uint64_t now_ns)
{
    if (expires_s == 0) {
        return TIME_NEVER;
    }
    uint64_t real_s = chain->io->real_ns(chain->io) / NS_PER_S;
    uint64_t wait_s = STALE_RETRY_S;
    if (expires_s > real_s + REFRESH_EARLY_S + STALE_RETRY_S) {
        wait_s = expires_s - real_s - REFRESH_EARLY_S;
        wait_s = wait_s < REFRESH_LATE_S ? wait_s : REFRESH_LATE_S;
    }
    return now_ns + wait_s * NS_PER_S - prng_below(&chain->prng, 60 * NS_PER_S);
}

static void step(struct credentials_chain *chain, uint64_t now_ns)
{
    struct credentials_lookup lookup = {
        .io = chain->io,
        .imds = chain->imds,
        .stop = &chain->stop,
        .options = &chain->options,
    };
    chain->tried_ns = now_ns;
    int error = look_up(&lookup);
    if (error == 0) {
        error = check_keys(&lookup);
    }
    now_ns = chain->io->monotonic_ns(chain->io);
    if (error == 0) {
        chain->retry_ms = 0;
        chain->next_ns = refresh_time(chain, lookup.keys.expires_s, now_ns);
        credentials_store_set(chain->options.store, &lookup.keys, lookup.where);
        return;
    }
    chain->retry_ms = chain->retry_ms == 0 ? RETRY_MS_MIN : chain->retry_ms * 2;
    if (chain->retry_ms > RETRY_MS_MAX) {
        chain->retry_ms = RETRY_MS_MAX;
    }
    chain->next_ns = now_ns + chain->retry_ms * NS_PER_MS;
    credentials_store_fail(chain->options.store, lookup.why);
}

uint64_t credentials_chain_step(struct credentials_chain *chain, uint64_t now_ns)
{
    if (credentials_store_take_refusal(chain->options.store)) {
        uint64_t at_ns = chain->tried_ns + REFUSAL_PAUSE_S * NS_PER_S;
        chain->next_ns = at_ns < chain->next_ns ? at_ns : chain->next_ns;
    }
    if (now_ns >= chain->next_ns) {
        step(chain, now_ns);
    }
    return chain->next_ns;
}
