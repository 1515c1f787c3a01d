#include "base/reason.h"

const char *record_reason_text(unsigned reason)
{
    switch (reason) {
    case REASON_NONE:
        return "none";
    case REASON_UNMATCHED:
        return "no converter matched";
    case REASON_OVER_LONG:
        return "longer than max_line";
    case REASON_TOO_LARGE:
        return "larger than the service takes";
    case REASON_REFUSED:
        return "refused by the service for ever";
    default:
        return "unknown reason";
    }
}
