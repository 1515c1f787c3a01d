#include "cli/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/config_file.h"
#include "config/load.h"
#include "record/try.h"

enum { CHUNK_BYTES = 64 * 1024 };

static int parse_options(int argc, char **argv, const char **out_path, const char **out_flow)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"flow", required_argument, NULL, 'f'}, {0}};
    int option;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs
    while ((option = getopt_long(argc, argv, "c:f:", options, NULL)) != -1) {
        if (option == 'c') {
            *out_path = optarg;
        } else if (option == 'f') {
            *out_flow = optarg;
        } else {
            return EX_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr,
                "kintail try: \"%s\" is no option; lines are read from standard input, as in "
                "kintail try --flow NAME < FILE\n",
                argv[optind]);
        return EX_USAGE;
    }
    return EX_OK;
}

static const struct flow_config *find_flow(const struct config *config, const char *name)
{
    if (name == NULL && config->flow_count == 1) {
        return &config->flows[0];
    }
    for (size_t i = 0; name != NULL && i < config->flow_count; i++) {
        if (strcmp(config->flows[i].name, name) == 0) {
            return &config->flows[i];
        }
    }
    if (name == NULL) {
        fputs("kintail try: which flow? Give --flow NAME:", stderr);
    } else {
        fprintf(stderr, "kintail try: there is no flow \"%s\"; there are:", name);
    }
    for (size_t i = 0; i < config->flow_count; i++) {
        fprintf(stderr, " %s", config->flows[i].name);
    }
    fputc('\n', stderr);
    return NULL;
}

static void print_data(void *context, struct slice data)
{
    (void)context;
    fwrite(data.data, 1, data.size, stdout);
}

static void print_note(void *context, const char *text)
{
    (void)context;
    fflush(stdout); // so that both streams keep their order on a terminal
    fprintf(stderr, "%s\n", text);
}

static int feed_standard_input(struct trial *trial)
{
    static uint8_t chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t count = read(STDIN_FILENO, chunk, sizeof chunk);
        if (count < 0) {
            perror("kintail try: standard input");
            return EX_IOERR;
        }
        if (count == 0) {
            break;
        }
        trial_feed(trial, slice_of(chunk, (size_t)count));
        fflush(stdout);
    }
    trial_finish(trial);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("kintail try: standard output");
        return EX_IOERR;
    }
    return EX_OK;
}

static int try_flow(const struct flow_config *flow)
{
    const struct trial_output output = {.shipped = print_data, .note = print_note};
    struct trial *trial;
    int error = trial_create(flow, &output, &trial);
    if (error != 0) {
        fprintf(stderr, "kintail try: %s\n", error_text(error));
        return EX_OSERR;
    }
    int status = feed_standard_input(trial);
    trial_free(trial);
    return status;
}

int verb_try(int argc, char **argv)
{
    const char *path = CONFIG_FILE_DEFAULT;
    const char *name = NULL;
    int status = parse_options(argc, argv, &path, &name);
    if (status != EX_OK) {
        return status;
    }
    struct config *config;
    status = config_file_load(path, &config);
    if (status != EX_OK) {
        return status;
    }
    const struct flow_config *flow = find_flow(config, name);
    status = flow == NULL ? EX_USAGE : try_flow(flow);
    config_free(config);
    return status;
}
