// A source with its owner over a filesystem in memory, for tests of what happens to files. Files
// are made of lines "L00012 ...;" that the owner counts; a line that is read twice or out of order
// fails the test when the world is freed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "support/fault_io.h"
#include "support/simfs.h"
#include "support/source_owner.h"

struct source_world {
    struct simfs *fs;
    struct fault_io fault; // between the source and the files
    struct owner *owner;
    struct source_config config; // to be changed before the first step
    char *files[1];
};

// Files that match `pattern`, below "/d", which exists. Every file has a time of birth.
struct source_world *source_world_create(const char *pattern);
void source_world_free(struct source_world *world);
// Likewise of one in which something went wrong as it should: for files that are read again because
// they are others, though their lines are the same.
void source_world_free_failed(struct source_world *world, const char *failure);

// Appends the lines with these ids, all of one length.
void source_world_write(struct source_world *world, const char *path, unsigned from, unsigned to);
void source_world_append(struct source_world *world, const char *path, const char *text);
// Reads and stores everything that is there now. No time passes.
void source_world_read(struct source_world *world);
void source_world_pass_s(struct source_world *world, uint64_t seconds);
// Likewise for so long, every second.
void source_world_read_for_s(struct source_world *world, unsigned seconds);
// Stops the source, which has stored everything; the next step starts it.
void source_world_stop(struct source_world *world);
// The machine is started anew: what counts devices and events begins again.
void source_world_reboot(struct source_world *world, uint64_t device);

// Each of these lines was read so many times.
void source_world_check(const struct source_world *world, unsigned from, unsigned to,
                        unsigned times);
// The state of the file begins so.
void source_world_check_state(const struct source_world *world, const char *path,
                              const char *state);
