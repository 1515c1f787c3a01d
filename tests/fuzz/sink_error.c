// Error answers in every form: whatever the service says, the fields are text, and there is a
// verdict that names only records of the call.
#include <string.h>

#include "base/assert.h"
#include "sink/clock_offset.h"
#include "sink/shards.h"
#include "sink/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 3 };

static void judge(int status, const struct transport_answer *answer, bool cbor)
{
    struct service_error error;
    service_error_read(answer, &error);
    ASSERT(strlen(error.code) < sizeof error.code);
    ASSERT(strlen(error.message) < sizeof error.message);
    struct call_judgement judgement = verdict_of_call(status, &error, cbor, RECORDS);
    ASSERT(judgement.verdict != CALL_DEAD_LETTER || judgement.record_index < RECORDS);
    ASSERT(judgement.verdict != CALL_OTHER_WIRE || cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct transport_answer answer = {
        .body = slice_of(data + 1, size - 1),
        .content_type = data[0] & 1 ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1",
        .date = "",
        .request_id = "",
        .error_type = "",
    };
    judge(400 + (data[0] >> 2), &answer, (data[0] & 2) != 0);
    struct slice shard = shard_of_message(answer.body);
    ASSERT(shard.size == 0 || shard.data >= answer.body.data);
    char date[64];
    service_error_printable(answer.body, date, sizeof date);
    int64_t seconds;
    ASSERT(http_date_parse(date, &seconds) != 0 || seconds >= 0);
    return 0;
}
