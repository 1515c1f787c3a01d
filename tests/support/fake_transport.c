#include "support/fake_transport.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"

// 2026-11-22T10:00:00Z, after a minute of uptime.
#define START_MONOTONIC_NS (60 * NS_PER_S)
#define START_REAL_NS      (1795341600 * NS_PER_S)

static struct fake_transport *of_transport(struct transport *transport)
{
    return (struct fake_transport *)transport;
}

static struct fake_transport *of_io(struct io *io)
{
    return (struct fake_transport *)(void *)((char *)io - offsetof(struct fake_transport, io));
}

static uint64_t monotonic_ns(struct io *io)
{
    return of_io(io)->now_ns;
}

static uint64_t real_ns(struct io *io)
{
    return of_io(io)->now_ns + of_io(io)->real_offset_ns;
}

static void no_chance(struct io *io, void *data, size_t size)
{
    (void)io;
    memset(data, 0x5a, size);
}

static void note(struct fake_transport *fake, const struct transport_request *request)
{
    ASSERT(fake->sent_count < FAKE_TRANSPORT_MAX);
    struct fake_sent *sent = &fake->sent[fake->sent_count++];
    *sent = (struct fake_sent){
        .timeout_ms = request->timeout_ms, .no_proxy = request->no_proxy, .at_ns = fake->now_ns};
    snprintf(sent->method, sizeof sent->method, "%s", request->method);
    snprintf(sent->url, sizeof sent->url, "%s", request->url);
    ASSERT(request->body.size < sizeof sent->body);
    if (request->body.size > 0) {
        memcpy(sent->body, request->body.data, request->body.size);
    }
    size_t length = 0;
    for (unsigned i = 0; i < request->header_count; i++) {
        length += (size_t)snprintf(sent->headers + length, sizeof sent->headers - length,
                                   "%s: %s\n", request->headers[i].name, request->headers[i].value);
        ASSERT(length < sizeof sent->headers);
    }
}

// The scripted reply to a request, or the one of an empty script.
static struct fake_reply reply_to(const struct fake_transport *fake, unsigned index)
{
    return index < fake->reply_count ? fake->replies[index]
                                     : (struct fake_reply){.outcome = TRANSPORT_NOT_SENT};
}

static int submit(struct transport *transport, const struct transport_request *request)
{
    struct fake_transport *fake = of_transport(transport);
    if (fake->pending_count == FAKE_TRANSPORT_PENDING_MAX) {
        return E_FULL;
    }
    note(fake, request);
    unsigned index = fake->sent_count - 1;
    if (reply_to(fake, index).submit_error != 0) {
        return reply_to(fake, index).submit_error;
    }
    fake->pending[fake->pending_count].context = request->context;
    fake->pending[fake->pending_count++].index = index;
    return 0;
}

static uint64_t due_ns(const struct fake_transport *fake)
{
    unsigned index = fake->pending[0].index;
    return fake->sent[index].at_ns + reply_to(fake, index).delay_ms * NS_PER_MS;
}

static int collect(struct transport *transport, struct transport_answer *out_answer)
{
    struct fake_transport *fake = of_transport(transport);
    if (fake->pending_count == 0 || due_ns(fake) > fake->now_ns) {
        return 0;
    }
    struct fake_reply reply = reply_to(fake, fake->pending[0].index);
    *out_answer = (struct transport_answer){
        .context = fake->pending[0].context,
        .outcome = reply.outcome,
        .status = reply.status,
        .body = slice_of_text(reply.body == NULL ? "" : reply.body),
        .content_type = "",
        .date = "",
        .request_id = "",
        .error_type = "",
    };
    if (reply.outcome != TRANSPORT_ANSWERED) {
        snprintf(out_answer->detail, sizeof out_answer->detail, "the script says so");
    }
    fake->pending_count--;
    memmove(fake->pending, fake->pending + 1, fake->pending_count * sizeof fake->pending[0]);
    return 1;
}

static void wait(struct transport *transport, uint64_t timeout_ms)
{
    struct fake_transport *fake = of_transport(transport);
    uint64_t until_ns = fake->now_ns + timeout_ms * NS_PER_MS;
    if (fake->pending_count > 0 && due_ns(fake) < until_ns) {
        until_ns = due_ns(fake) > fake->now_ns ? due_ns(fake) : fake->now_ns;
    }
    fake->now_ns = until_ns;
}

static void wake(struct transport *transport)
{
    (void)transport;
}

void fake_transport_init(struct fake_transport *fake, struct io *inner)
{
    *fake = (struct fake_transport){
        .transport =
            {
                .submit = submit,
                .collect = collect,
                .wait = wait,
                .wake = wake,
                .free = wake,
            },
        .io = *inner,
        .now_ns = START_MONOTONIC_NS,
        .real_offset_ns = START_REAL_NS - START_MONOTONIC_NS,
    };
    fake->io.monotonic_ns = monotonic_ns;
    fake->io.real_ns = real_ns;
    fake->io.random = no_chance;
}

void fake_transport_deinit(struct fake_transport *fake)
{
    ASSERT(fake->sent_count >= fake->reply_count);
}

static void add(struct fake_transport *fake, struct fake_reply reply)
{
    // Requests that ran into an empty script have had their answer.
    while (fake->reply_count < fake->sent_count) {
        fake->replies[fake->reply_count++] = (struct fake_reply){.outcome = TRANSPORT_NOT_SENT};
    }
    ASSERT(fake->reply_count < FAKE_TRANSPORT_MAX);
    fake->replies[fake->reply_count++] = reply;
}

void fake_transport_answer(struct fake_transport *fake, int status, const char *body)
{
    add(fake, (struct fake_reply){.outcome = TRANSPORT_ANSWERED, .status = status, .body = body});
}

void fake_transport_fail(struct fake_transport *fake, enum transport_outcome outcome,
                         uint64_t delay_ms)
{
    add(fake, (struct fake_reply){.outcome = outcome, .delay_ms = delay_ms});
}

void fake_transport_refuse(struct fake_transport *fake, int error)
{
    add(fake, (struct fake_reply){.submit_error = error});
}

const struct fake_sent *fake_transport_sent(const struct fake_transport *fake, unsigned index)
{
    ASSERT(index < fake->sent_count);
    return &fake->sent[index];
}

void fake_transport_pass(struct fake_transport *fake, uint64_t seconds)
{
    fake->now_ns += seconds * NS_PER_S;
}
