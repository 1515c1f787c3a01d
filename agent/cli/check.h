// `kintail check`: is the configuration right, and what is in effect.
#pragma once

// kintail check [--config FILE] [--print]: names every mistake; with --print shows the effective
// configuration. kintail check --schema, --reference: the JSON schema and the reference page of all
// settings. argv[0] is the verb. Returns an exit status of sysexits(3).
int verb_check(int argc, char **argv);
