// Netstrings, "5:hello,": how a Python test and a small C program exchange bytes of any kind.
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/slice.h"

// Reads a stream to its end.
void netstring_read_all(FILE *stream, struct buf *out);
// Takes the next one off `rest`. Ends the process when there is none.
struct slice netstring_take(struct slice *rest);
void netstring_append(struct buf *out, struct slice content);
