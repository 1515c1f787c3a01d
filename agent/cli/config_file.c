#include "cli/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "aws/endpoint.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "config/load.h"
#include "record/record.h"

static bool check_url(const char *value, char *why, size_t why_size)
{
    const char *text = "";
    if (endpoint_check(value, &text) == 0) {
        return true;
    }
    snprintf(why, why_size, "%s", text);
    return false;
}

static const char *environment(const char *name)
{
    return getenv(name); // NOLINT(concurrency-mt-unsafe): before any thread starts
}

// "conf.d" in the directory of `path`.
static char *dropin_dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? xstrdup("conf.d") : xasprintf("%.*s/conf.d", (int)(slash - path), path);
}

int config_file_load(const char *path, struct config **out_config)
{
    static const struct config_checks checks = {.regex = record_check_regex,
                                                .url = check_url,
                                                .encoding = record_check_encoding,
                                                .line_ending = record_check_line_ending};
    char *dropin_dir = dropin_dir_of(path);
    struct config_source source = {
        .path = path, .dropin_dir = dropin_dir, .checks = &checks, .getenv = environment};
    struct buf report;
    buf_init(&report, (size_t)1 << 20);
    int error = config_load(io_posix(), &source, out_config, &report);
    free(dropin_dir);
    if (error != 0) {
        fwrite(report.data, 1, report.size, stderr);
    }
    buf_deinit(&report);
    switch (error) {
    case 0:
        return EX_OK;
    case -EACCES:
        return EX_NOPERM;
    case -ENOENT:
        return EX_NOINPUT;
    default:
        return EX_CONFIG;
    }
}

char *config_file_socket(const char *config_path, const char *socket_path, int *out_status)
{
    if (socket_path != NULL) {
        return xstrdup(socket_path);
    }
    struct config *config;
    *out_status = config_file_load(config_path, &config);
    if (*out_status != EX_OK) {
        return NULL;
    }
    char *path = xstrdup(config->status_socket);
    config_free(config);
    return path;
}
