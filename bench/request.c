#include "request.h"

#include <stdio.h>
#include <strings.h>

#include "aws/cbor.h"
#include "base/error.h"
#include "base/number.h"

static bool equal_ignoring_case(struct slice a, const char *text)
{
    return a.size == strlen(text) && strncasecmp((const char *)a.data, text, a.size) == 0;
}

static struct slice trimmed(struct slice text)
{
    while (text.size != 0 && text.data[0] == ' ') {
        text = slice_skip(text, 1);
    }
    while (text.size != 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

static enum operation operation_of(struct slice target)
{
    if (equal_ignoring_case(target, "Kinesis_20131202.PutRecords")) {
        return OPERATION_PUT_RECORDS;
    }
    if (equal_ignoring_case(target, "Firehose_20150804.PutRecordBatch")) {
        return OPERATION_PUT_RECORD_BATCH;
    }
    return OPERATION_UNKNOWN;
}

static int read_header(struct slice line, struct request *request)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL) {
        return E_SYNTAX;
    }
    struct slice name = slice_of(line.data, (size_t)(colon - line.data));
    struct slice value = trimmed(slice_skip(line, name.size + 1));
    if (equal_ignoring_case(name, "content-length")) {
        uint64_t length;
        int error = number_parse_u64(value, &length);
        request->body_bytes = (size_t)length;
        return error == 0 && length > REQUEST_BODY_MAX ? E_TOO_LARGE : error;
    }
    if (equal_ignoring_case(name, "transfer-encoding")) {
        return E_SYNTAX;
    }
    if (equal_ignoring_case(name, "content-type")) {
        request->cbor = equal_ignoring_case(value, "application/x-amz-cbor-1.1");
    } else if (equal_ignoring_case(name, "x-amz-target")) {
        request->operation = operation_of(value);
    }
    return 0;
}

int request_read_head(struct slice data, struct request *out_request)
{
    const uint8_t *end = memmem(data.data, data.size, "\r\n\r\n", 4);
    if (end == NULL) {
        return data.size > REQUEST_HEAD_MAX ? E_TOO_LARGE : E_AGAIN;
    }
    struct request request = {.head_bytes = (size_t)(end - data.data) + 4};
    struct slice rest = slice_of(data.data, request.head_bytes - 2);
    for (bool first = true; rest.size != 0; first = false) {
        const uint8_t *line_end = memmem(rest.data, rest.size, "\r\n", 2);
        struct slice line = slice_of(rest.data, (size_t)(line_end - rest.data));
        rest = slice_skip(rest, line.size + 2);
        int error = first ? 0 : read_header(line, &request);
        if (error != 0) {
            return error;
        }
    }
    if (!slice_starts_with(data, slice_of_text("POST / HTTP/1.1\r\n"))) {
        return E_SYNTAX;
    }
    *out_request = request;
    return 0;
}

static int count_cbor(struct slice body, struct record_count *count)
{
    struct cbor_reader reader = cbor_reader_of(body);
    struct cbor_item item;
    bool after_name = false;
    while (cbor_next(&reader, &item)) {
        if (after_name && item.kind == CBOR_BYTES) {
            count->records++;
            count->data_bytes += item.string.size;
        }
        after_name = item.kind == CBOR_TEXT && slice_equal_text(item.string, "Data");
    }
    return reader.error;
}

// The text between the quote at the front of `rest` and the next one; moves `rest` behind it.
static int take_string(struct slice *rest, struct slice *out_text)
{
    size_t end = 1;
    for (;;) {
        const uint8_t *quote =
            end < rest->size ? memchr(rest->data + end, '"', rest->size - end) : NULL;
        if (quote == NULL) {
            return E_TRUNCATED;
        }
        end = (size_t)(quote - rest->data);
        size_t backslashes = 0;
        while (rest->data[end - 1 - backslashes] == '\\') {
            backslashes++;
        }
        if (backslashes % 2 == 0) {
            break;
        }
        end++;
    }
    *out_text = slice_of(rest->data + 1, end - 1);
    *rest = slice_skip(*rest, end + 1);
    return 0;
}

static uint64_t base64_decoded_size(struct slice text)
{
    uint64_t padding = 0;
    while (padding < text.size && padding < 2 && text.data[text.size - 1 - padding] == '=') {
        padding++;
    }
    return text.size / 4 * 3 - padding;
}

static int count_json(struct slice body, struct record_count *count)
{
    bool after_name = false;
    for (;;) {
        const uint8_t *quote = body.size == 0 ? NULL : memchr(body.data, '"', body.size);
        if (quote == NULL) {
            return 0;
        }
        body = slice_skip(body, (size_t)(quote - body.data));
        struct slice text;
        int error = take_string(&body, &text);
        if (error != 0) {
            return error;
        }
        if (after_name) {
            count->records++;
            count->data_bytes += base64_decoded_size(text);
        }
        // A string is a name when a colon follows it.
        struct slice behind = trimmed(slice_of(body.data, body.size < 8 ? body.size : 8));
        bool name = behind.size != 0 && behind.data[0] == ':';
        after_name = name && slice_equal_text(text, "Data");
    }
}

int request_count_records(const struct request *request, struct slice body,
                          struct record_count *out_count)
{
    struct record_count count = {0};
    int error = 0;
    if (request->operation != OPERATION_UNKNOWN) {
        error = request->cbor ? count_cbor(body, &count) : count_json(body, &count);
    }
    if (error == 0 && count.records > REQUEST_RECORDS_MAX) {
        error = E_TOO_LARGE;
    }
    if (error == 0) {
        *out_count = count;
    }
    return error;
}

enum { SEQUENCE_DIGITS = 56, ANSWER_BODY_MAX = 256 * REQUEST_RECORDS_MAX };

// Appends `records` entries that are alike but for their sequence numbers, which are as long as
// real ones.
static void append_entries(struct buf *body, struct slice front, struct slice back,
                           uint64_t records, uint64_t sequence)
{
    static const char digits[] = "49650000000000000000000000000000000000000000000000000000";
    _Static_assert(sizeof digits == SEQUENCE_DIGITS + 1, "as many digits as it says");
    for (uint64_t i = 0; i < records; i++) {
        uint8_t *room = buf_extend(body, front.size + SEQUENCE_DIGITS + back.size);
        memcpy(room, front.data, front.size);
        memcpy(room + front.size, digits, SEQUENCE_DIGITS);
        memcpy(room + front.size + SEQUENCE_DIGITS, back.data, back.size);
        uint8_t *last = room + front.size + SEQUENCE_DIGITS - 1;
        for (uint64_t rest = sequence + i; rest != 0; rest /= 10) {
            *last-- = (uint8_t)('0' + rest % 10);
        }
    }
}

static void answer_cbor(uint64_t records, uint64_t sequence, struct buf *body)
{
    cbor_write_map(body, 2);
    cbor_write_text(body, slice_of_text("FailedRecordCount"));
    cbor_write_u64(body, 0);
    cbor_write_text(body, slice_of_text("Records"));
    cbor_write_array(body, records);
    // An entry is a map of two pairs; the number is a text of 56 bytes (RFC 8949 section 3.1).
    append_entries(body, slice_of_text("\xa2\x6eSequenceNumber\x78\x38"),
                   slice_of_text("\x67ShardId\x74shardId-000000000000"), records, sequence);
}

static void answer_json(enum operation operation, uint64_t records, uint64_t sequence,
                        struct buf *body)
{
    if (operation == OPERATION_PUT_RECORD_BATCH) {
        buf_append_text(body, "{\"FailedPutCount\":0,\"Encrypted\":false,\"RequestResponses\":[");
        append_entries(body, slice_of_text("{\"RecordId\":\""), slice_of_text("\"},"), records,
                       sequence);
    } else {
        buf_append_text(body, "{\"FailedRecordCount\":0,\"Records\":[");
        append_entries(body, slice_of_text("{\"SequenceNumber\":\""),
                       slice_of_text("\",\"ShardId\":\"shardId-000000000000\"},"), records,
                       sequence);
    }
    buf_truncate(body, body->size - (records != 0)); // the last comma
    buf_append_text(body, "]}");
}

void request_answer(const struct request *request, uint64_t records, uint64_t sequence,
                    struct buf *out)
{
    struct buf body;
    buf_init(&body, ANSWER_BODY_MAX);
    int status = 200;
    if (request->operation == OPERATION_UNKNOWN) {
        status = 400;
        buf_append_text(&body, "{\"__type\":\"UnknownOperationException\"}");
    } else if (request->cbor && request->operation == OPERATION_PUT_RECORDS) {
        answer_cbor(records, sequence, &body);
    } else {
        answer_json(request->operation, records, sequence, &body);
    }
    bool cbor = request->cbor && request->operation == OPERATION_PUT_RECORDS;
    buf_appendf(out,
                "HTTP/1.1 %d %s\r\nx-amzn-RequestId: 00000000-0000-4000-8000-%012llx\r\n"
                "Content-Type: application/x-amz-%s-1.1\r\nContent-Length: %zu\r\n\r\n",
                status, status == 200 ? "OK" : "Bad Request",
                (unsigned long long)(sequence & 0xffffffffffff), cbor ? "cbor" : "json", body.size);
    buf_append_slice(out, buf_slice(&body));
    buf_deinit(&body);
}
