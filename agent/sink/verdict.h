// What to do about an answer: a table from what a service says to what the sender does. Pure
// functions; the sender carries them out.
//
// Data, not errors: every answer has a verdict, and one that nobody foresaw has a safe one. Codes
// decide, not HTTP statuses: Kinesis answers 400 where its documentation says 403.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "sink/service_error.h"

enum record_verdict {
    RECORD_ACCEPTED,
    RECORD_THROTTLED,   // try again, slower
    RECORD_RETRY,       // try again
    RECORD_DEAD_LETTER, // it will never be accepted
};

// Of the ErrorCode of one entry, "" where there is none. An entry with neither an error nor an id
// is RECORD_RETRY. A code that is not known is RECORD_RETRY.
enum record_verdict verdict_of_record(struct slice error_code, struct slice id);

enum call_verdict {
    CALL_RETRY,       // failed inside the service; whether anything was accepted is not known
    CALL_THROTTLED,   // too fast; nothing was accepted
    CALL_SPLIT,       // too large, or some record in it is not acceptable
    CALL_DEAD_LETTER, // the record at `record_index` is not acceptable
    CALL_CREDENTIALS, // the keys are expired, unknown or wrong
    CALL_CLOCK,       // the signature was made at the wrong time
    CALL_OTHER_WIRE,  // the encoding is not understood
    CALL_WAIT,        // only a person can mend it; try again slowly
};

struct call_judgement {
    enum call_verdict verdict;
    size_t record_index;   // with CALL_DEAD_LETTER
    bool names_record;     // with CALL_SPLIT: the refusal speaks of a record, not of the call
    bool accepted_unknown; // some of the call may have been accepted
};

// Of a call whose answer is not 200. `cbor`: how the call was encoded; `records`: how many it had.
struct call_judgement verdict_of_call(int status, const struct service_error *error, bool cbor,
                                      size_t records);
// For people, for example "throttled".
const char *call_verdict_text(enum call_verdict verdict);
