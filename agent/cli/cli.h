// The command line: a table of verbs, each in a file of its own.
#pragma once

// Runs the verb that the arguments name. Returns the exit status (sysexits.h): 0; 64 usage, 66 no
// input, 69 unavailable, 74 I/O, 77 permission, 78 configuration.
int cli_main(int argc, char **argv);
