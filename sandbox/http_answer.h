// Sends an answer over a connection, with the headers of AWS, or lets it go wrong as planned.
#pragma once

#include <microhttpd.h>

#include "sandbox/http_message.h"
#include "sandbox/service.h"

// Takes the body of the answer. The result is what the handler of the connection returns.
enum MHD_Result http_answer_send(struct service *service, struct MHD_Connection *connection,
                                 struct http_answer *answer);
