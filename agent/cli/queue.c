#include <stdio.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/io_posix.h"
#include "cli/verbs.h"
#include "queue/inspect.h"

enum { DESCRIPTION_BYTES_MAX = 1 << 30 };

int verb_queue(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-') {
        fputs("usage: kintail queue DIR\n"
              "DIR is the directory of a flow: STATE_DIR/FLOW, by default /var/lib/kintail/FLOW\n",
              stderr);
        return EX_USAGE;
    }
    const char *dir = argv[1];
    struct buf out;
    buf_init(&out, DESCRIPTION_BYTES_MAX);
    int error = queue_inspect(io_posix(), dir, &out);
    if (out.size > 0) {
        fwrite(out.data, 1, out.size, stdout);
    }
    if (out.overflow) {
        fprintf(stderr, "kintail queue: the description ends here: it is larger than 1 GiB\n");
    }
    buf_deinit(&out);
    if (error == E_NOT_FOUND) {
        fprintf(stderr,
                "kintail queue: %s: holds no queue; name the directory of a flow in state_dir\n",
                dir);
        return EX_NOINPUT;
    }
    if (error == E_CORRUPT) {
        fprintf(stderr, "kintail queue: %s: holds damage, marked above\n", dir);
        return EX_DATAERR;
    }
    if (error != 0) {
        fprintf(stderr, "kintail queue: %s: %s\n", dir, error_text(error));
        return EX_NOINPUT;
    }
    return EX_OK;
}
