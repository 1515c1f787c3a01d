#include "sink/transport_curl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    HEADER_BYTES_MAX = 64 * 1024,
    IDLE_CONNECTION_S = 55, // below what load balancers in front of services allow
    POLL_MS_MAX = 3600 * 1000,
};

struct transfer {
    struct transfer *next; // in the list of free ones
    struct curl_transport *transport;
    CURL *easy;
    struct curl_slist *headers;
    struct buf answer;
    size_t header_bytes;
    unsigned starts; // times that libcurl was about to send the request
    void *context;
    char error[CURL_ERROR_SIZE];
};

struct curl_transport {
    struct transport base;
    CURLM *multi;
    struct trust *trust;
    struct transfer *transfers;
    unsigned count; // one more than may be under way, for the one that is handed out
    struct transfer *idle;
    struct transfer *handed_out; // its answer lives until the next collect
    unsigned under_way;
};

static struct curl_transport *self(struct transport *transport)
{
    return (struct curl_transport *)transport;
}

// ---- callbacks of libcurl, whose types are its own ----

// NOLINTBEGIN(readability-non-const-parameter)
static int on_start(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    struct transfer *transfer = context;
    return transfer->starts++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    (void)one;
    struct transfer *transfer = context;
    buf_append(&transfer->answer, data, size);
    return transfer->answer.overflow ? 0 : size;
}

static size_t on_header(char *data, size_t one, size_t size, void *context)
{
    (void)data;
    (void)one;
    struct transfer *transfer = context;
    transfer->header_bytes += size;
    return transfer->header_bytes > HEADER_BYTES_MAX ? 0 : size;
}

// NOLINTEND(readability-non-const-parameter)

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *context)
{
    (void)easy;
    struct transfer *transfer = context;
    trust_apply(transfer->transport->trust, ssl_ctx);
    return CURLE_OK;
}

// ---- submit ----

static void set_constant_options(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_start);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static void add_header(struct transfer *transfer, const char *line)
{
    transfer->headers = curl_slist_append(transfer->headers, line);
    ASSERT(transfer->headers != NULL);
}

// A line break in a value would smuggle in another header.
static int add_headers(struct transfer *transfer, const struct transport_request *request)
{
    bool has_content_type = false;
    for (unsigned i = 0; i < request->header_count; i++) {
        const struct transport_header *header = &request->headers[i];
        if (strpbrk(header->name, "\r\n:") != NULL || strpbrk(header->value, "\r\n") != NULL) {
            return E_RANGE;
        }
        has_content_type |= strcasecmp(header->name, "Content-Type") == 0;
        // An empty value is written with ';', or libcurl leaves the header out.
        char *line = header->value[0] == '\0' ? xasprintf("%s;", header->name)
                                              : xasprintf("%s: %s", header->name, header->value);
        add_header(transfer, line);
        free(line);
    }
    add_header(transfer, "Expect:");
    if (!has_content_type) {
        add_header(transfer, "Content-Type:");
    }
    return 0;
}

static int prepare(struct transfer *transfer, const struct transport_request *request)
{
    CURL *easy = transfer->easy;
    curl_easy_reset(easy);
    set_constant_options(transfer);
    if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK ||
        add_headers(transfer, request) != 0) {
        return E_RANGE;
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    if (strcmp(request->method, "GET") != 0) {
        const void *body = request->body.size == 0 ? "" : (const void *)request->body.data;
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    if (request->no_proxy) {
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    transfer->answer.size_max = request->answer_bytes_max;
    transfer->context = request->context;
    return 0;
}

static void recycle(struct curl_transport *transport, struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    buf_deinit(&transfer->answer);
    transfer->header_bytes = 0;
    transfer->starts = 0;
    transfer->error[0] = '\0';
    transfer->next = transport->idle;
    transport->idle = transfer;
}

static int submit(struct transport *base, const struct transport_request *request)
{
    struct curl_transport *transport = self(base);
    if (transport->under_way == transport->count - 1) {
        return E_FULL;
    }
    struct transfer *transfer = transport->idle;
    ASSERT(transfer != NULL);
    transport->idle = transfer->next;
    int error = prepare(transfer, request);
    if (error == 0 && curl_multi_add_handle(transport->multi, transfer->easy) != CURLM_OK) {
        error = E_FULL;
    }
    if (error != 0) {
        recycle(transport, transfer);
        return error;
    }
    transport->under_way++;
    return 0;
}

// ---- collect ----

static enum transport_outcome outcome_of(const struct transfer *transfer, CURLcode code)
{
    if (code == CURLE_OK) {
        return TRANSPORT_ANSWERED;
    }
    if (transfer->starts == 0) {
        return TRANSPORT_NOT_SENT;
    }
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status != 0 || code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
                   code == CURLE_WRITE_ERROR
               ? TRANSPORT_BAD_ANSWER
               : TRANSPORT_NO_ANSWER;
}

static const char *header_of(CURL *easy, const char *name)
{
    struct curl_header *header;
    enum { LAST_RESPONSE = -1, FIRST = 0 };
    if (curl_easy_header(easy, name, FIRST, CURLH_HEADER, LAST_RESPONSE, &header) != CURLHE_OK) {
        return "";
    }
    return header->value;
}

static void describe(const struct transfer *transfer, CURLcode code, char detail[], size_t size)
{
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        snprintf(detail, size, "the connection was closed before an answer came");
    } else if (transfer->answer.overflow) {
        snprintf(detail, size, "it is larger than any answer of the service, %zu bytes",
                 transfer->answer.size_max);
    } else if (transfer->header_bytes > HEADER_BYTES_MAX ||
               (code == CURLE_OUT_OF_MEMORY && transfer->starts > 0)) {
        // libcurl calls one endless header a lack of memory.
        snprintf(detail, size, "its headers are larger than %d bytes", HEADER_BYTES_MAX);
    } else {
        const char *text = transfer->error[0] == '\0' ? curl_easy_strerror(code) : transfer->error;
        snprintf(detail, size, "%.*s", (int)size - 1, text);
    }
}

static void fill_answer(struct transfer *transfer, CURLcode code, struct transport_answer *answer)
{
    *answer = (struct transport_answer){
        .context = transfer->context,
        .outcome = outcome_of(transfer, code),
        .content_type = "",
        .date = "",
        .request_id = "",
        .error_type = "",
    };
    if (answer->outcome != TRANSPORT_ANSWERED) {
        describe(transfer, code, answer->detail, sizeof answer->detail);
        return;
    }
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = buf_slice(&transfer->answer);
    answer->content_type = header_of(transfer->easy, "Content-Type");
    answer->date = header_of(transfer->easy, "Date");
    answer->request_id = header_of(transfer->easy, "x-amzn-RequestId");
    answer->error_type = header_of(transfer->easy, "x-amzn-ErrorType");
}

static const CURLMsg *next_done(CURLM *multi)
{
    const CURLMsg *message;
    int left;
    do {
        message = curl_multi_info_read(multi, &left);
    } while (message != NULL && message->msg != CURLMSG_DONE);
    return message;
}

static int collect(struct transport *base, struct transport_answer *out_answer)
{
    struct curl_transport *transport = self(base);
    if (transport->handed_out != NULL) {
        recycle(transport, transport->handed_out);
        transport->handed_out = NULL;
    }
    const CURLMsg *message = next_done(transport->multi);
    if (message == NULL) {
        int running;
        curl_multi_perform(transport->multi, &running);
        message = next_done(transport->multi);
    }
    if (message == NULL) {
        return 0;
    }
    struct transfer *transfer;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (void *)&transfer);
    fill_answer(transfer, message->data.result, out_answer);
    curl_multi_remove_handle(transport->multi, transfer->easy);
    transport->handed_out = transfer;
    transport->under_way--;
    return 1;
}

static void wait_for(struct transport *base, uint64_t timeout_ms)
{
    int timeout = (int)(timeout_ms > POLL_MS_MAX ? POLL_MS_MAX : timeout_ms);
    curl_multi_poll(self(base)->multi, NULL, 0, timeout, NULL);
}

static void wake(struct transport *base)
{
    curl_multi_wakeup(self(base)->multi);
}

// ---- life ----

static void free_transport(struct transport *base)
{
    struct curl_transport *transport = self(base);
    for (unsigned i = 0; i < transport->count; i++) {
        struct transfer *transfer = &transport->transfers[i];
        curl_multi_remove_handle(transport->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        buf_deinit(&transfer->answer);
    }
    curl_multi_cleanup(transport->multi);
    trust_free(transport->trust);
    free(transport->transfers);
    free(transport);
}

static void init_libcurl(void)
{
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static CURLM *new_multi(unsigned requests_max)
{
    CURLM *multi = curl_multi_init();
    ASSERT(multi != NULL);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)requests_max);
    return multi;
}

int transport_curl_create(const struct transport_options *options, struct transport **out_transport)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libcurl);
    struct trust *trust = NULL;
    if (options->trust != NULL) {
        trust = trust_hold(options->trust);
    } else {
        int error = trust_create(options->ca_file, &trust);
        if (error != 0) {
            return error;
        }
    }
    struct curl_transport *transport = xcalloc(1, sizeof *transport);
    transport->base = (struct transport){submit, collect, wait_for, wake, free_transport};
    transport->multi = new_multi(options->requests_max);
    transport->trust = trust;
    transport->count = options->requests_max + 1;
    transport->transfers = xcalloc(transport->count, sizeof *transport->transfers);
    for (unsigned i = 0; i < transport->count; i++) {
        struct transfer *transfer = &transport->transfers[i];
        transfer->transport = transport;
        transfer->easy = curl_easy_init();
        ASSERT(transfer->easy != NULL);
        recycle(transport, transfer);
    }
    *out_transport = &transport->base;
    return 0;
}
