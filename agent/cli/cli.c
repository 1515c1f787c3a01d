#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int cli_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("kintail " KINTAIL_VERSION);
        return EX_OK;
    }
    fputs("usage: kintail --version\n", stderr);
    return EX_USAGE;
}
