// What a 200 answer to PutRecords or PutRecordBatch says about each record, in request order. The
// entries are read as they come; no tree is built.
//
// Diagnostics: E_SYNTAX for an answer that is not what the operation answers with, or whose list is
// not as long as the request: then nothing is known about any record. Sources: API reference of
// PutRecords and PutRecordBatch.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"

enum {
    ANSWER_BYTES_MAX = 1 << 20, // 500 refusals with their texts take a fifth
};

struct answer_entry { // borrowed for the call; empty when absent or null
    struct slice id;  // SequenceNumber or RecordId
    struct slice shard;
    struct slice error_code;
    struct slice error_message; // JSON escapes as written
};

// Called for each entry as it is read. What it gets counts only when answer_read returns 0.
typedef void answer_entry_fn(void *context, size_t index, const struct answer_entry *entry);

struct answer_reader {
    enum service service;
    size_t records; // of the request
    answer_entry_fn *entry;
    void *context;
};

// `content_type` decides between JSON and CBOR.
NODISCARD int answer_read(const struct answer_reader *reader, const char *content_type,
                          struct slice body);
NODISCARD int answer_read_json(const struct answer_reader *reader, struct slice body);
NODISCARD int answer_read_cbor(const struct answer_reader *reader, struct slice body);

// Puts one member of an entry where it belongs; unknown members are passed over.
void answer_take_member(enum service service, struct slice name, struct slice value,
                        struct answer_entry *entry);
// "Records" or "RequestResponses".
const char *answer_list_name(enum service service);
