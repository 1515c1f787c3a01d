// JSON answers to PutRecords and PutRecordBatch: any bytes are read or refused, and an answer that
// is taken has an entry for each record, in order.
#include "base/assert.h"
#include "sink/answer.h"
#include "sink/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *context, size_t index, const struct answer_entry *entry)
{
    size_t *next = context;
    ASSERT(index == *next);
    *next = index + 1;
    (void)verdict_of_record(entry->error_code, entry->id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t next = 0;
    struct answer_reader reader = {
        .service = data[0] & 1 ? SERVICE_FIREHOSE : SERVICE_KINESIS,
        .records = data[0] >> 1 & 7,
        .entry = see,
        .context = &next,
    };
    int error = answer_read_json(&reader, slice_of(data + 1, size - 1));
    ASSERT(error != 0 || next == reader.records);
    return 0;
}
