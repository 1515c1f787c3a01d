// The answer to `kintail status --json`: the process and every flow.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/buf.h"
#include "base/io.h"
#include "runtime/flow.h"

struct status_source {
    struct io *io;
    uint64_t started_ns; // real time
    bool stopping;
    struct credentials_store *credentials;
    struct flow **flows;
    size_t flow_count;
    bool files;       // list every file
    const char *only; // name of the only flow that is wanted, NULL: all
};
void status_document_write(const struct status_source *source, struct buf *out);
// The answer to `kintail shipped`: what every flow knows of the file with this device and inode,
// which is at `path` now.
void shipped_document_write(const struct status_source *source, uint64_t device, uint64_t inode,
                            const char *path, struct buf *out);
