// Loading the configuration for a verb, with its mistakes printed.
#pragma once

#include "base/compiler.h"
#include "config/config.h"

#define CONFIG_FILE_DEFAULT "/etc/kintail/kintail.yaml"

// Loads `path` and the drop-ins in conf.d beside it. Returns 0 with the configuration (owned by the
// caller), or the exit status after printing every mistake to standard error.
NODISCARD int config_file_load(const char *path, struct config **out_config);
// The path of the status socket, owned: `socket_path` when it is not NULL, else what the
// configuration says. NULL with an exit status after saying why not.
char *config_file_socket(const char *config_path, const char *socket_path, int *out_status);
