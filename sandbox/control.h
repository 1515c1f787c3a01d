// The sandbox's own interface, below /_sandbox/:
//
//     GET  /_sandbox/status    counts of requests, records, refusals and injected faults
//     GET  /_sandbox/faults    what is set        POST: sets the members that are given
//     GET  /_sandbox/limits    what is enforced   POST: switches limits, sets rates of shards
//     POST /_sandbox/flush     delivers what delivery streams have buffered
//
// All bodies are JSON. A refused POST changes nothing and is answered with 400 and
// {"error": "<what and where>"}. kintail-sandbox(1) names the members.
#pragma once

#include "sandbox/http_message.h"
#include "sandbox/service.h"

// Whether a path belongs to the control interface.
bool control_is_path(struct slice path);
// `out_answer->body` must be an empty buffer.
void control_answer(struct service *service, const struct http_request *request,
                    struct http_answer *out_answer);
