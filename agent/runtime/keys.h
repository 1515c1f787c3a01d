// The credentials thread: keeps the keys that all senders share fresh, in the background.
#pragma once

#include "aws/credentials.h"
#include "base/compiler.h"
#include "base/io.h"
#include "config/config.h"

struct keys; // opaque

// Starts the thread. `config` is borrowed until keys_free.
NODISCARD int keys_create(struct io *io, const struct config *config, struct keys **out_keys);
void keys_free(struct keys *keys);
struct credentials_store *keys_store(struct keys *keys);
