// The verbs of the command line. Each takes the arguments behind its name (argv[0] is the verb) and
// returns an exit status of sysexits(3). kintail(1) says what they do.
#pragma once

int verb_run(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_try(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_shipped(int argc, char **argv);
int verb_queue(int argc, char **argv);
