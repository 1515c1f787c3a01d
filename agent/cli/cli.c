#include "cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/compiler.h"
#include "cli/verbs.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments;
    const char *help;
};

static const struct verb verbs[] = {
    {"run", verb_run, "[--config FILE] [--once]", "ship what the configuration says"},
    {"check", verb_check, "[--config FILE] [--print | --schema | --reference]",
     "name every mistake of the configuration, or show what it amounts to"},
    {"try", verb_try, "[--config FILE] [--flow NAME]",
     "show what would be shipped for the lines on standard input"},
    {"status", verb_status, "[--config FILE | --socket PATH] [--json] [--files] [FLOW]",
     "show what the running agent does"},
    {"shipped", verb_shipped, "[--config FILE | --socket PATH] [--wait TIME] FILE...",
     "whether every byte of the files was delivered"},
    {"queue", verb_queue, "DIR",
     "list and verify the queue of a flow, its positions, its dead letters"},
};

static void print_usage(FILE *out)
{
    fputs("usage: kintail VERB [ARGUMENT...]\n\n", out);
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        fprintf(out, "  kintail %s %s\n      %s\n", verbs[i].name, verbs[i].arguments,
                verbs[i].help);
    }
    fputs("  kintail --version | --help\n\nSee kintail(1).\n", out);
}

static bool is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0) {
        puts("kintail " KINTAIL_VERSION);
        return EX_OK;
    }
    if (is_help(name) || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EX_OK;
    }
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            if (is_help(argv[argc - 1])) {
                print_usage(stdout);
                return EX_OK;
            }
            char full_name[32]; // that getopt_long begins its messages with
            (void)snprintf(full_name, sizeof full_name, "kintail %s", name);
            argv[1] = full_name;
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    if (name[0] != '\0') {
        fprintf(stderr, "kintail: there is no verb \"%s\"\n", name);
    }
    print_usage(stderr);
    return EX_USAGE;
}
