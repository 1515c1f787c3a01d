#include "cli/verbs.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/io_posix.h"
#include "cli/config_file.h"
#include "config/load.h"
#include "runtime/janitor.h"

enum { OUTPUT_BYTES_MAX = 64 * 1024 * 1024 };

struct check_options {
    const char *path;
    bool print;
    bool schema;
    bool reference;
};

static int parse_options(int argc, char **argv, struct check_options *out_options)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"print", no_argument, NULL, 'p'},
                                            {"schema", no_argument, NULL, 's'},
                                            {"reference", no_argument, NULL, 'r'},
                                            {0}};
    int option;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out_options->path = optarg;
            break;
        case 'p':
            out_options->print = true;
            break;
        case 's':
            out_options->schema = true;
            break;
        case 'r':
            out_options->reference = true;
            break;
        default:
            return EX_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "kintail check: \"%s\" is no option; a file is given by --config\n",
                argv[optind]);
        return EX_USAGE;
    }
    return EX_OK;
}

static int write_out(const struct buf *text)
{
    bool ok = fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0;
    if (!ok) {
        perror("kintail check: standard output");
    }
    return ok ? EX_OK : EX_IOERR;
}

static int check_file(const struct check_options *options)
{
    struct config *config;
    int status = config_file_load(options->path, &config);
    if (status != EX_OK) {
        return status;
    }
    if (!options->print && !janitor_check(io_posix(), config)) {
        config_free(config);
        return EX_CONFIG;
    }
    struct buf text;
    buf_init(&text, OUTPUT_BYTES_MAX);
    if (options->print) {
        config_print(config, &text);
    } else {
        buf_appendf(&text, "%s: no mistakes; %zu flow%s\n", options->path, config->flow_count,
                    config->flow_count == 1 ? "" : "s");
    }
    status = write_out(&text);
    buf_deinit(&text);
    config_free(config);
    return status;
}

int verb_check(int argc, char **argv)
{
    struct check_options options = {.path = CONFIG_FILE_DEFAULT};
    int status = parse_options(argc, argv, &options);
    if (status != EX_OK) {
        return status;
    }
    if (!options.schema && !options.reference) {
        return check_file(&options);
    }
    struct buf text;
    buf_init(&text, OUTPUT_BYTES_MAX);
    if (options.schema) {
        config_print_schema(&text);
    } else {
        config_print_reference(&text);
    }
    status = write_out(&text);
    buf_deinit(&text);
    return status;
}
