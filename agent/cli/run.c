#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/io_posix.h"
#include "base/log.h"
#include "cli/config_file.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "runtime/daemon.h"
#include "runtime/descriptors.h"

static enum log_level level_of(const char *name)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING}, {"notice", LOG_LEVEL_NOTICE},
        {"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG},
    };
    for (size_t i = 0; i < ARRAY_COUNT(levels); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            return levels[i].level;
        }
    }
    return LOG_LEVEL_NOTICE;
}

int verb_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"once", no_argument, NULL, 'o'}, {0}};
    const char *path = CONFIG_FILE_DEFAULT;
    bool once = false;
    int option;
    // Nothing else runs yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'o':
            once = true;
            break;
        default:
            return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kintail run: unexpected argument \"%s\"\n", argv[optind]);
        return EX_USAGE;
    }
    struct config *config;
    int status = config_file_load(path, &config);
    if (status != EX_OK) {
        return status;
    }
    // The journal sets JOURNAL_STREAM for what it reads (systemd.exec(5)).
    log_set_priority_prefix(getenv("JOURNAL_STREAM") != NULL); // NOLINT(concurrency-mt-unsafe)
    log_set_level(level_of(config->log_level));
    descriptors_share(config, descriptors_raise());
    status = daemon_run(io_posix(), config, once);
    config_free(config);
    return status;
}
