#include "sink/answer.h"

#include <string.h>

const char *answer_list_name(enum service service)
{
    return service == SERVICE_FIREHOSE ? "RequestResponses" : "Records";
}

void answer_take_member(enum service service, struct slice name, struct slice value,
                        struct answer_entry *entry)
{
    if (slice_equal_text(name, "ErrorCode")) {
        entry->error_code = value;
    } else if (slice_equal_text(name, "ErrorMessage")) {
        entry->error_message = value;
    } else if (service == SERVICE_FIREHOSE) {
        if (slice_equal_text(name, "RecordId")) {
            entry->id = value;
        }
    } else if (slice_equal_text(name, "SequenceNumber")) {
        entry->id = value;
    } else if (slice_equal_text(name, "ShardId")) {
        entry->shard = value;
    }
}

int answer_read(const struct answer_reader *reader, const char *content_type, struct slice body)
{
    if (strstr(content_type, "cbor") != NULL) {
        return answer_read_cbor(reader, body);
    }
    return answer_read_json(reader, body);
}
