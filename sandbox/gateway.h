// From a whole HTTP request to a whole answer: the checks of the AWS front end in its order, then
// the operation. Knows nothing of connections, so tests and fuzzers call it directly.
//
// May be called by any number of threads at once.
#pragma once

#include "sandbox/http_message.h"
#include "sandbox/service.h"

// `out_answer->body` must be an empty buffer.
void gateway_answer(struct service *service, const struct http_request *request,
                    struct http_answer *out_answer);
