// `kintail try`: what a flow would make of lines, before it is let loose on files.
#pragma once

// kintail try [--config FILE] [--flow NAME]: reads lines from standard input and prints on standard
// output, byte for byte, what the flow would ship; what is filtered or set aside is said on
// standard error. The flow may be left out when there is only one. argv[0] is the verb. Returns an
// exit status of sysexits(3).
int verb_try(int argc, char **argv);
