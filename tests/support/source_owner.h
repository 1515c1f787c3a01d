// Who owns a source in tests: it stores generations and positions as a queue would, reads lines
// that carry an id, and can be stopped with or without storing what it has read.
//
// A line is "L00012 text;". What is not of that shape is passed over. A line that is read twice, or
// one that is skipped, is a failure; the first failure is kept.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/io.h"
#include "base/slice.h"
#include "config/config.h"
#include "source/source.h"

struct owner; // opaque

enum { OWNER_LINES_MAX = 4096 };

// `config` is borrowed. `trace`: everything that happens is printed.
struct owner *owner_create(struct io *io, const struct source_config *config, bool trace);
void owner_free(struct owner *owner);

// A step of the source, which is started when it does not run.
void owner_step(struct owner *owner);
// Reads one chunk. False when there is nothing to read.
bool owner_read_some(struct owner *owner, size_t size);
// Steps and reads until everything is read.
void owner_drain(struct owner *owner);
// Stores what was read and told.
void owner_commit(struct owner *owner);
// Ends the source; what was not stored is read again after the next start.
void owner_stop(struct owner *owner);
bool owner_is_running(const struct owner *owner);
// The next start happens after a reboot. The source is stopped.
void owner_reboot(struct owner *owner);

// From now on it is no failure that a file cannot be read.
void owner_expect_faults(struct owner *owner);
// The source itself, NULL while it is stopped.
struct source *owner_source(const struct owner *owner);

// The id of a line without its newline, 0 when it has none.
unsigned owner_line_id(struct slice line);
unsigned owner_times_read(const struct owner *owner, unsigned id);
// What the source told to be lost, but for the newlines of lines that were read without.
uint64_t owner_lost_bytes(const struct owner *owner);

PRINTF_LIKE(2, 3) void owner_complain(struct owner *owner, const char *format, ...);
const char *owner_failure(const struct owner *owner); // NULL: none
// What the source says about the file with this name, owned; NULL when it knows of none.
char *owner_state_of(const struct owner *owner, const char *path);
void owner_print_files(const struct owner *owner);
