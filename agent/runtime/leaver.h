// One file that after_ship may act on: looking at it, and acting on it. No threads, no flows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/generation.h"
#include "base/io.h"
#include "config/config.h"

struct leaver {
    uint64_t generation; // in the flow whose after_ship it is
    char *path;          // where it was seen last, owned; NULL: not yet
    struct file_stat seen;
    uint64_t seen_ns; // monotonic time at which it was first seen as it is, 0: never
    uint64_t retry_ns;
    unsigned failures;
};

enum leaver_look {
    LEAVER_GONE,    // the file is not there any more, or is another one
    LEAVER_CHANGED, // it is there, but not as it was seen before
    LEAVER_SAME,    // as before
};

void leaver_deinit(struct leaver *leaver);
// Whether the generation has left the name under which it began to live.
bool leaver_is_rotated(const struct generation *generation);
bool leaver_is_compressed(const struct flow_config *flow, const struct generation *generation);
// Finds the file of the generation, under its path or the one that it has while it is deleted. An
// error is one of the system.
NODISCARD int leaver_look_at(struct io *io, struct leaver *leaver,
                             const struct generation *generation, uint64_t now_ns,
                             enum leaver_look *out_look);
// Whether the file may go: nobody has it open for writing, and its content is what was read.
// `*out_why` is static text when it may not. An error is one of the system.
NODISCARD int leaver_may_go(struct io *io, const struct leaver *leaver,
                            const struct generation *generation, bool compressed,
                            const char **out_why);
// Deletes it. -ESTALE: another file had come to its path, which is there again.
NODISCARD int leaver_delete(struct io *io, const struct leaver *leaver);
// Moves it into `dir`; `*out_path` (owned) says where it is now. -ESTALE as above.
NODISCARD int leaver_move(struct io *io, const struct leaver *leaver, const char *dir,
                          char **out_path);
