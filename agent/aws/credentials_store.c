#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/credentials_provider.h"
#include "base/alloc.h"
#include "base/error.h"

struct credentials_store {
    pthread_mutex_t lock; // of everything below
    struct credentials keys;
    char description[2 * CREDENTIALS_WHY_MAX];
    bool refused;
    void (*bell)(void *context);
    void *bell_context;
};

static void free_secret(char *text)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}

void credentials_deinit(struct credentials *credentials)
{
    free_secret(credentials->access_key_id);
    free_secret(credentials->secret_access_key);
    free_secret(credentials->session_token);
    *credentials = (struct credentials){0};
}

struct credentials_store *credentials_store_create(void)
{
    struct credentials_store *store = xcalloc(1, sizeof *store);
    pthread_mutex_init(&store->lock, NULL);
    snprintf(store->description, sizeof store->description, "looking for keys");
    return store;
}

void credentials_store_free(struct credentials_store *store)
{
    if (store == NULL) {
        return;
    }
    credentials_deinit(&store->keys);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

int credentials_store_get(struct credentials_store *store, struct credentials *out_credentials)
{
    pthread_mutex_lock(&store->lock);
    const struct credentials *keys = &store->keys;
    int error = keys->access_key_id == NULL ? E_UNAVAILABLE : 0;
    if (error == 0) {
        *out_credentials = (struct credentials){
            .access_key_id = xstrdup(keys->access_key_id),
            .secret_access_key = xstrdup(keys->secret_access_key),
            .session_token = keys->session_token == NULL ? NULL : xstrdup(keys->session_token),
            .expires_s = keys->expires_s,
            .version = keys->version,
        };
    }
    pthread_mutex_unlock(&store->lock);
    return error;
}

void credentials_store_refused(struct credentials_store *store, uint64_t version)
{
    pthread_mutex_lock(&store->lock);
    bool ring = version == store->keys.version && !store->refused && store->bell != NULL;
    store->refused = store->refused || version == store->keys.version;
    void (*bell)(void *context) = store->bell;
    void *context = store->bell_context;
    pthread_mutex_unlock(&store->lock);
    if (ring) {
        bell(context);
    }
}

bool credentials_store_take_refusal(struct credentials_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool refused = store->refused;
    store->refused = false;
    pthread_mutex_unlock(&store->lock);
    return refused;
}

void credentials_store_describe(struct credentials_store *store, char *text, size_t size)
{
    pthread_mutex_lock(&store->lock);
    snprintf(text, size, "%s", store->description);
    pthread_mutex_unlock(&store->lock);
}

void credentials_store_set_bell(struct credentials_store *store, void (*bell)(void *context),
                                void *context)
{
    pthread_mutex_lock(&store->lock);
    store->bell = bell;
    store->bell_context = context;
    pthread_mutex_unlock(&store->lock);
}

void credentials_store_set(struct credentials_store *store, struct credentials *keys,
                           const char *where)
{
    pthread_mutex_lock(&store->lock);
    uint64_t version = store->keys.version + 1;
    credentials_deinit(&store->keys);
    store->keys = *keys;
    store->keys.version = version;
    store->refused = false;
    snprintf(store->description, sizeof store->description, "from %s", where);
    pthread_mutex_unlock(&store->lock);
    *keys = (struct credentials){0};
}

void credentials_store_fail(struct credentials_store *store, const char *why)
{
    pthread_mutex_lock(&store->lock);
    const char *kept = store->keys.access_key_id != NULL ? "; the old keys stay in use" : "";
    snprintf(store->description, sizeof store->description, "%s%s", why, kept);
    pthread_mutex_unlock(&store->lock);
}
