// A struct transport that answers by a script, with a clock that only moves when somebody waits: an
// answer takes as long as the script says and nobody sleeps.
//
//     struct fake_transport network;
//     fake_transport_init(&network, io_posix());
//     fake_transport_answer(&network, 200, "token");
//     fake_transport_fail(&network, TRANSPORT_NO_ANSWER, 1000);
//     ... (&network.transport, &network.io) ...
//     ck_assert_str_eq(fake_transport_sent(&network, 0)->url, "http://...");
//     fake_transport_deinit(&network);
//
// One thread. Answers come in the order of the requests. A request that the script has no answer
// for gets TRANSPORT_NOT_SENT.
#pragma once

#include "base/io.h"
#include "base/transport.h"

enum { FAKE_TRANSPORT_MAX = 64, FAKE_TRANSPORT_PENDING_MAX = 16, FAKE_TRANSPORT_TEXT_MAX = 1024 };

struct fake_sent {
    char method[8];
    char url[FAKE_TRANSPORT_TEXT_MAX];
    char headers[FAKE_TRANSPORT_TEXT_MAX]; // "name: value\n"...
    char body[FAKE_TRANSPORT_TEXT_MAX];
    uint64_t timeout_ms;
    bool no_proxy;
    uint64_t at_ns; // virtual time
};

struct fake_reply {
    enum transport_outcome outcome;
    int status;
    const char *body; // borrowed
    int submit_error; // or 0: what submit itself returns
    uint64_t delay_ms;
};

struct fake_transport {
    struct transport transport; // must stay the first member
    struct io io;               // the io that was given, but for the clocks and chance
    uint64_t now_ns;            // monotonic
    uint64_t real_offset_ns;    // real time - monotonic time
    struct fake_reply replies[FAKE_TRANSPORT_MAX];
    unsigned reply_count;
    struct fake_sent sent[FAKE_TRANSPORT_MAX];
    unsigned sent_count;
    struct {
        void *context;
        unsigned index; // of the request
    } pending[FAKE_TRANSPORT_PENDING_MAX];
    unsigned pending_count;
};

// `inner` serves everything but the clocks and chance. The clocks start at an arbitrary time.
void fake_transport_init(struct fake_transport *fake, struct io *inner);
// Checks that every scripted answer was asked for.
void fake_transport_deinit(struct fake_transport *fake);

// The answer to the next request that has none yet. `body` is borrowed.
void fake_transport_answer(struct fake_transport *fake, int status, const char *body);
// The next request ends without an answer after `delay_ms`.
void fake_transport_fail(struct fake_transport *fake, enum transport_outcome outcome,
                         uint64_t delay_ms);
// The next request is refused by submit.
void fake_transport_refuse(struct fake_transport *fake, int error);

// The request with this number, from 0, which must have been made.
const struct fake_sent *fake_transport_sent(const struct fake_transport *fake, unsigned index);
void fake_transport_pass(struct fake_transport *fake, uint64_t seconds);
