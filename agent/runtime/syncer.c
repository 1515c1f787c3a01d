#include "runtime/syncer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/wake.h"

struct syncer {
    struct io *io;
    pthread_t thread;
    struct wake wake;
    _Atomic bool stop;

    pthread_mutex_t lock; // of everything below
    pthread_cond_t left;  // `busy` has become NULL
    struct queue **queues;
    size_t count;
    struct queue *busy; // the queue that the thread is in
};

// The queue at `index`, marked busy, or NULL behind the last.
static struct queue *enter(struct syncer *syncer, size_t index)
{
    pthread_mutex_lock(&syncer->lock);
    struct queue *queue = index < syncer->count ? syncer->queues[index] : NULL;
    syncer->busy = queue;
    pthread_mutex_unlock(&syncer->lock);
    return queue;
}

static void leave(struct syncer *syncer)
{
    pthread_mutex_lock(&syncer->lock);
    syncer->busy = NULL;
    pthread_cond_broadcast(&syncer->left);
    pthread_mutex_unlock(&syncer->lock);
}

static void *run(void *context)
{
    struct syncer *syncer = context;
    while (!syncer->stop) {
        uint64_t now_ns = syncer->io->monotonic_ns(syncer->io);
        uint64_t next_ns = TIME_NEVER;
        struct queue *queue;
        for (size_t i = 0; (queue = enter(syncer, i)) != NULL; i++) {
            uint64_t wanted_ns = queue_sync_step(queue, now_ns);
            leave(syncer);
            next_ns = wanted_ns < next_ns ? wanted_ns : next_ns;
        }
        now_ns = syncer->io->monotonic_ns(syncer->io);
        uint64_t wait_ms = next_ns == TIME_NEVER ? UINT32_MAX
                           : next_ns <= now_ns   ? 0
                                                 : (next_ns - now_ns) / NS_PER_MS + 1;
        wake_wait(&syncer->wake, -1, wait_ms);
    }
    return NULL;
}

struct syncer *syncer_create(struct io *io)
{
    struct syncer *syncer = xcalloc(1, sizeof *syncer);
    syncer->io = io;
    wake_open(&syncer->wake);
    pthread_mutex_init(&syncer->lock, NULL);
    pthread_cond_init(&syncer->left, NULL);
    int error = pthread_create(&syncer->thread, NULL, run, syncer);
    ASSERT(error == 0);
    pthread_setname_np(syncer->thread, "syncer");
    return syncer;
}

void syncer_free(struct syncer *syncer)
{
    if (syncer == NULL) {
        return;
    }
    ASSERT(syncer->count == 0);
    syncer->stop = true;
    wake_ring(&syncer->wake);
    pthread_join(syncer->thread, NULL);
    pthread_cond_destroy(&syncer->left);
    pthread_mutex_destroy(&syncer->lock);
    wake_close(&syncer->wake);
    free(syncer->queues);
    free(syncer);
}

void syncer_add(struct syncer *syncer, struct queue *queue)
{
    pthread_mutex_lock(&syncer->lock);
    syncer->queues = xreallocarray(syncer->queues, syncer->count + 1, sizeof(struct queue *));
    syncer->queues[syncer->count++] = queue;
    pthread_mutex_unlock(&syncer->lock);
    wake_ring(&syncer->wake);
}

void syncer_remove(struct syncer *syncer, struct queue *queue)
{
    pthread_mutex_lock(&syncer->lock);
    for (size_t i = 0; i < syncer->count; i++) {
        if (syncer->queues[i] == queue) {
            syncer->queues[i] = syncer->queues[--syncer->count];
            break;
        }
    }
    while (syncer->busy == queue) {
        pthread_cond_wait(&syncer->left, &syncer->lock);
    }
    pthread_mutex_unlock(&syncer->lock);
}

void syncer_ring(struct syncer *syncer)
{
    wake_ring(&syncer->wake);
}
