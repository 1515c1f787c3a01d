#include "sandbox/http_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"

enum { READ_BLOCK = 64 << 10, ID2_BYTES = 72, ID2_TEXT = ID2_BYTES / 3 * 4 };

// A body that is shorter or longer than it should be.
struct odd_body {
    struct buf bytes;
    uint64_t sent_max; // behind this the connection is cut
};

static ssize_t read_odd(void *context, uint64_t position, char *out, size_t room)
{
    const struct odd_body *body = context;
    if (position >= body->sent_max) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    uint64_t left = body->sent_max - position;
    size_t size = left < room ? (size_t)left : room;
    size_t real = position < body->bytes.size ? body->bytes.size - (size_t)position : 0;
    real = real < size ? real : size;
    if (real > 0) {
        memcpy(out, body->bytes.data + position, real);
    }
    memset(out + real, ' ', size - real);
    return (ssize_t)size;
}

static void free_odd(void *context)
{
    struct odd_body *body = context;
    buf_deinit(&body->bytes);
    free(body);
}

static struct MHD_Response *odd_response(struct http_answer *answer)
{
    struct odd_body *body = xcalloc(1, sizeof(*body));
    body->bytes = answer->body;
    uint64_t size = answer->body.size;
    if (answer->plan.fault == FAULT_TRUNCATE) {
        body->sent_max = size / 2;
    } else {
        size = size > answer->plan.oversize_bytes ? size : answer->plan.oversize_bytes;
        body->sent_max = size;
    }
    return MHD_create_response_from_callback(size, READ_BLOCK, read_odd, body, free_odd);
}

static struct MHD_Response *plain_response(struct http_answer *answer)
{
    return MHD_create_response_from_buffer(answer->body.size, answer->body.data,
                                           MHD_RESPMEM_MUST_FREE);
}

static void add_ids(struct io *io, struct MHD_Response *response)
{
    uint8_t random[16 + ID2_BYTES];
    io->random(io, random, sizeof(random));
    const uint8_t *r = random;
    char id[REQUEST_ID_SIZE];
    snprintf(id, sizeof(id), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             r[0], r[1], r[2], r[3], r[4], r[5], (r[6] & 0x0f) | 0x40, r[7], (r[8] & 0x3f) | 0x80,
             r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
    MHD_add_response_header(response, "x-amzn-RequestId", id);
    uint8_t text[ID2_TEXT + 1];
    base64_encode(slice_of(random + 16, ID2_BYTES), text);
    text[ID2_TEXT] = '\0';
    MHD_add_response_header(response, "x-amz-id-2", (const char *)text);
}

static void add_date(struct service *service, struct MHD_Response *response)
{
    service_lock(service);
    time_t seconds = (time_t)(service_date(service) / NS_PER_S);
    service_unlock(service);
    struct tm tm;
    char date[64];
    gmtime_r(&seconds, &tm);
    // The C locale is never left, so the names are those of RFC 7231.
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    MHD_add_response_header(response, "Date", date);
}

static void add_preflight(struct MHD_Connection *connection, struct MHD_Response *response)
{
    static const char *const copied[][2] = {
        {"Access-Control-Request-Headers", "Access-Control-Allow-Headers"},
        {"Access-Control-Request-Method", "Access-Control-Allow-Methods"},
    };
    MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
    MHD_add_response_header(response, "Access-Control-Max-Age", "172800");
    for (size_t i = 0; i < ARRAY_COUNT(copied); i++) {
        const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, copied[i][0]);
        if (value != NULL) {
            MHD_add_response_header(response, copied[i][1], value);
        }
    }
}

// Makes the close of the connection a reset.
static void arm_reset(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (info != NULL) {
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
}

// Whether the connection ends without an answer.
static bool ends_connection(struct MHD_Connection *connection, enum fault fault)
{
    if (fault == FAULT_RESET_BEFORE || fault == FAULT_RESET_AFTER) {
        arm_reset(connection);
        return true;
    }
    return fault == FAULT_CLOSE_AFTER;
}

enum MHD_Result http_answer_send(struct service *service, struct MHD_Connection *connection,
                                 struct http_answer *answer)
{
    enum fault fault = answer->plan.fault;
    if (ends_connection(connection, fault)) {
        buf_deinit(&answer->body);
        return MHD_NO;
    }
    bool odd = fault == FAULT_TRUNCATE || fault == FAULT_OVERSIZE;
    struct MHD_Response *response = odd ? odd_response(answer) : plain_response(answer);
    if (response == NULL) {
        return MHD_NO;
    }
    if (answer->content_type != NULL && answer->body.size > 0) {
        MHD_add_response_header(response, "Content-Type", answer->content_type);
    }
    if (answer->preflight) {
        add_preflight(connection, response);
    }
    add_date(service, response);
    add_ids(service->io, response);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}
