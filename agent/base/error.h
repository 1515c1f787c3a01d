// The error codes of the whole program. A function that can fail returns an int: 0 or a negative
// code. System errors are -errno; errors of our own start at -2000.
//
// The class tells a caller what to do with an error it does not know: try the same thing later,
// give this input up, or stop.
#pragma once

#include "base/compiler.h"

enum error_class {
    ERROR_RETRY,  // the same call can succeed later
    ERROR_REJECT, // this input never works
    ERROR_FATAL,  // the promise behind the call cannot be kept any more
};

//     name         code   class         text
#define ERROR_LIST(X)                                                                 \
    X(E_CORRUPT, -2000, ERROR_REJECT, "data is damaged")                              \
    X(E_TRUNCATED, -2001, ERROR_REJECT, "data ends too early")                        \
    X(E_VERSION, -2002, ERROR_REJECT, "a newer kintail wrote it; run that version")   \
    X(E_TOO_LARGE, -2003, ERROR_REJECT, "larger than its limit")                      \
    X(E_SYNTAX, -2004, ERROR_REJECT, "not well formed")                               \
    X(E_RANGE, -2005, ERROR_REJECT, "out of range")                                   \
    X(E_FULL, -2006, ERROR_RETRY, "full")                                             \
    X(E_AGAIN, -2007, ERROR_RETRY, "nothing there yet")                               \
    X(E_END, -2008, ERROR_REJECT, "no more")                                          \
    X(E_NOT_FOUND, -2009, ERROR_REJECT, "not found")                                  \
    X(E_CONDEMNED, -2010, ERROR_RETRY, "storage failed; the queue must be recovered") \
    X(E_LOCKED, -2011, ERROR_FATAL, "in use by another process")                      \
    X(E_CONFIG, -2012, ERROR_REJECT, "the configuration is not valid")                \
    X(E_UNAVAILABLE, -2013, ERROR_RETRY, "not available")                             \
    X(E_MIN_FREE, -2014, ERROR_RETRY, "the disk has no more free space than queue.min_free")

enum error {
#define X(name, code, class, text) name = (code),
    ERROR_LIST(X)
#undef X
};

// Text for people. Never NULL; the result is constant or lives until the thread's next call.
const char *error_text(int error);

// Class of a negative error. System errors that a full disk, a signal or a limit causes are
// ERROR_RETRY; every other system error is ERROR_REJECT.
enum error_class error_class(int error);
