#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *error_text(int error)
{
    switch (error) {
    case 0:
        return "no error";
#define X(name, code, class, text) \
    case code:                     \
        return text;
        ERROR_LIST(X)
#undef X
    default:
        break;
    }
    const char *text = strerrordesc_np(-error);
    if (text != NULL) {
        return text;
    }
    static _Thread_local char unknown[32];
    snprintf(unknown, sizeof unknown, "error %d", error);
    return unknown;
}

enum error_class error_class(int error)
{
    switch (error) {
#define X(name, code, class, text) \
    case code:                     \
        return class;
        ERROR_LIST(X)
#undef X
    case -EINTR:
    case -EAGAIN:
    case -ENOSPC:
    case -EDQUOT:
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
    case -EBUSY:
        return ERROR_RETRY;
    default:
        return ERROR_REJECT;
    }
}
