#!/usr/bin/env bash
# Rules of the house that no other tool checks. Prints what breaks them and exits 1.
set -u
cd "$(dirname "$0")/../.." || exit 1
failed=0
complain() { # complain RULE FINDINGS
    [ -n "$2" ] || return 0
    printf '%s:\n%s\n' "$1" "$2"
    failed=1
}

product=$(git ls-files -- 'agent/*.c' 'agent/*.h' 'sandbox/*.c' 'sandbox/*.h' 'bench/*.c')
code=$(git ls-files -- '*.c' '*.h' '*.py' '*.sh' dev)

complain "banned function (see CONTRIBUTING.md)" "$(printf '%s\n' "$product" |
    xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|strtol|strtoul|strtoull|gets|alloca|signal|system|popen|mktemp|tmpnam)\(' |
    grep -v '^agent/base/number.c')"
complain "plain allocation outside base (use base/alloc.h)" "$(printf '%s\n' "$product" |
    grep -v '^agent/base/alloc.c' | xargs grep -nE '[^_a-z](malloc|calloc|realloc|strdup|strndup)\(')"
complain "system call of the data path outside base/io_posix.c" "$(printf '%s\n' "$product" |
    grep -E '^agent/(source|record|queue|aws)/' |
    xargs grep -nE '[^_a-z>.](open|read|write|pread|pwrite|close|fsync|fdatasync|rename|unlink|time|clock_gettime|usleep|sleep|nanosleep)\(')"
complain "a file of more than 800 lines" "$(printf '%s\n' "$code" | xargs wc -l |
    awk '$1 > 800 && $2 != "total"')"
complain "sleep in a test (poll a condition with a deadline)" "$(git ls-files -- 'tests/*.c' 'tests/*.py' |
    grep -v '^tests/e2e/support/' | xargs grep -nE '\b(sleep|usleep)\(')"
complain "header without #pragma once" "$(git ls-files -- '*.h' | xargs grep -L '#pragma once')"
complain "unfinished" "$(printf '%s\n' "$code" | grep -v house_rules.sh |
    xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b')"
rows=$(awk '/^\| found \| verdict/ { inside = 1; getline; next } !/^\|/ { inside = 0 } inside' ARCHITECTURE.md)
complain "the table of cases is not where it is looked for" "$([ -n "$rows" ] || echo ARCHITECTURE.md)"
complain "a case without a unit test (last column of the table in ARCHITECTURE.md)" "$(
    printf '%s\n' "$rows" | while IFS= read -r row; do
        name=$(tr -d '`' <<<"$row" | sed -nE 's/.*\| ([a-z0-9_]+) \|$/\1/p')
        [ -n "$name" ] && git grep -q "START_TEST($name)" -- tests/unit || echo "$row"
    done)"
exit "$failed"
