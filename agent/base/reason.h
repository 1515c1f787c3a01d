// Why a record is set aside as a dead letter. The numbers are part of the disk format and are never
// used again for something else.
#pragma once

enum record_reason {
    REASON_NONE = 0,
    REASON_UNMATCHED = 1, // no converter took it and on_mismatch says dead_letter
    REASON_OVER_LONG = 2, // longer than max_line and over_long says dead_letter
    REASON_TOO_LARGE = 3, // larger than the service takes, after conversion
    REASON_REFUSED = 4,   // the service refuses it for ever
};

// For people; "unknown reason" for any other number.
const char *record_reason_text(unsigned reason);
