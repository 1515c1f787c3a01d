// Giving up the oldest records where the configuration says so (`when_full: drop_oldest`).
#include <stdlib.h>

#include "base/log.h"
#include "sink/sender_state.h"

static bool has_record_up_to(const struct batch *batch, uint64_t last)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->offers[i].place.sequence <= last) {
            return true;
        }
    }
    return false;
}

static bool in_flight_up_to(const struct sender *sender, uint64_t last)
{
    for (unsigned i = 0; i < sender->in_flight_count; i++) {
        if (has_record_up_to(sender->in_flight[i], last)) {
            return true;
        }
    }
    return false;
}

// Takes a batch apart: what is newer than `last` waits to be encoded again.
static void take_apart(struct sender *sender, struct batch *batch, uint64_t last, uint64_t now_ns)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct offer offer = batch->offers[i];
        offer.slot = 0;
        if (offer.place.sequence > last) {
            parked_until(sender->parked, &offer, now_ns);
        }
    }
    sender_release(sender, batch);
}

static void forget_ready(struct sender *sender, uint64_t last, uint64_t now_ns)
{
    struct batch_list kept;
    batch_list_init(&kept);
    struct batch *batch;
    while ((batch = batch_list_pop(&sender->ready)) != NULL) {
        if (has_record_up_to(batch, last)) {
            take_apart(sender, batch, last, now_ns);
        } else {
            batch_list_push(&kept, batch);
        }
    }
    while ((batch = batch_list_pop(&kept)) != NULL) {
        batch_list_push(&sender->ready, batch);
    }
}

static void forget_regroups(struct sender *sender, uint64_t last)
{
    struct regroup **link = &sender->regroups;
    while (*link != NULL) {
        struct regroup *regroup = *link;
        size_t kept = 0;
        for (size_t i = 0; i < regroup->count; i++) {
            if (regroup->offers[i].place.sequence > last) {
                regroup->offers[kept++] = regroup->offers[i];
            }
        }
        regroup->count = kept;
        if (kept == 0) {
            sender->flawed_groups -= regroup->flawed;
            *link = regroup->next;
            free(regroup);
        } else {
            link = &regroup->next;
        }
    }
}

static void forget_up_to(struct sender *sender, uint64_t last, uint64_t now_ns)
{
    if (sender->filling != NULL) {
        take_apart(sender, sender->filling, last, now_ns);
        sender->filling = NULL;
    }
    forget_ready(sender, last, now_ns);
    forget_regroups(sender, last);
    if (sender->held.any && sender->held.offer.place.sequence <= last) {
        sender->held.any = false;
    }
    sender->held.fresh = false; // the queue reads the segment to drop it
    parked_forget(sender->parked, last);
}

bool sender_make_room(struct sender *sender, uint64_t now_ns)
{
    uint64_t last;
    if (!queue_wants_drop(sender->queue, &last)) {
        return false;
    }
    if (in_flight_up_to(sender, last)) {
        return true;
    }
    forget_up_to(sender, last, now_ns);
    int64_t dropped = queue_drop_oldest(sender->queue);
    if (dropped > 0) {
        sender->acks_due = true;
        log_warning("flow %s: the queue is full, dropped its oldest %lld records",
                    sender->flow->name, (long long)dropped);
    }
    return false;
}
