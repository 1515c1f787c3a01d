#include "sink/limits.h"

static size_t least(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

struct limits limits_of(const struct destination_config *to, const struct batch_config *batch)
{
    struct limits limits = {
        .service = to->service,
        .call_records = least(batch->max_records, LIMITS_CALL_RECORDS),
    };
    if (to->service == SERVICE_FIREHOSE) {
        limits.call_bytes = least(batch->max_size, LIMITS_FIREHOSE_CALL_BYTES);
        limits.record_bytes = LIMITS_FIREHOSE_RECORD_BYTES;
    } else {
        limits.call_bytes = least(batch->max_size, LIMITS_KINESIS_CALL_BYTES);
        limits.record_bytes = least(to->max_record_size, LIMITS_KINESIS_RECORD_BYTES);
    }
    return limits;
}

size_t limits_count(const struct limits *limits, size_t data_size, size_t key_size)
{
    return limits->service == SERVICE_FIREHOSE ? data_size : data_size + key_size;
}

size_t limits_random_key(const struct limits *limits, size_t data_size)
{
    if (data_size >= limits->record_bytes) {
        return 0;
    }
    return least(limits->record_bytes - data_size, LIMITS_RANDOM_KEY);
}

bool limits_fit(const struct limits *limits, size_t records, size_t bytes, size_t more)
{
    if (records == 0) {
        return true;
    }
    return records < limits->call_records && bytes <= limits->call_bytes &&
           more <= limits->call_bytes - bytes;
}
