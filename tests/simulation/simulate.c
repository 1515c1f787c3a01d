// Runs worlds: `simulate --seed N` one of them with its trace, `simulate --runs N` or
// `--minutes N` many of them, in as many processes as there are processors, `simulate --seeds FILE`
// those that a file names. A run that fails is named with the command that shows it. Without an
// option there are as many as KINTAIL_RUNS says.
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/number.h"
#include "base/slice.h"
#include "simulation/sim.h"
#include "support/runs.h"

enum { JOBS_MAX = 64, RUNS_DEFAULT = 10000 };

struct worker {
    pid_t pid;
    _Atomic uint64_t seed; // of the run under way
};

struct shared {
    _Atomic uint64_t next_seed;
    uint64_t end_seed;
    uint64_t end_s; // monotonic; 0: none
    struct worker workers[JOBS_MAX];
};

struct options {
    uint64_t seed;
    uint64_t first;
    uint64_t runs;
    uint64_t minutes;
    uint64_t jobs;
    uint64_t failures; // after which there is no more
    const char *seeds; // a file with a seed at the start of each line; a # begins a remark
};

static uint64_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void quiet(void)
{
    log_set_level((enum log_level)0);
}

static void work(struct shared *shared, struct worker *worker)
{
    quiet();
    for (;;) {
        uint64_t seed = atomic_fetch_add(&shared->next_seed, 1);
        if (seed >= shared->end_seed || (shared->end_s != 0 && now_s() >= shared->end_s)) {
            _Exit(EXIT_SUCCESS);
        }
        worker->seed = seed;
        sim_run(seed, false);
        worker->seed = 0;
    }
}

static void start(struct shared *shared, struct worker *worker)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        work(shared, worker);
    }
    worker->pid = pid;
}

static unsigned watch(struct shared *shared, const struct options *options)
{
    unsigned failures = 0;
    int status;
    pid_t pid;
    while ((pid = wait(&status)) > 0) {
        for (uint64_t i = 0; i < options->jobs; i++) {
            struct worker *worker = &shared->workers[i];
            if (worker->pid != pid || status == 0) {
                continue;
            }
            failures++;
            fprintf(stderr, "failed, status %d; to see it: ./dev simulate --seed %llu\n", status,
                    (unsigned long long)worker->seed);
            if (failures < options->failures) {
                start(shared, worker);
            } else {
                shared->end_seed = 0;
            }
        }
    }
    return failures;
}

static int run_many(const struct options *options)
{
    struct shared *shared =
        // cppcheck-suppress invalidFunctionArg
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return EXIT_FAILURE;
    }
    shared->next_seed = options->first;
    shared->end_seed = options->runs == 0 ? UINT64_MAX : options->first + options->runs;
    uint64_t start_s = now_s();
    shared->end_s = options->minutes == 0 ? 0 : start_s + options->minutes * 60;
    for (uint64_t i = 0; i < options->jobs; i++) {
        start(shared, &shared->workers[i]);
    }
    unsigned failures = watch(shared, options);
    uint64_t runs = shared->next_seed - options->first;
    runs = options->runs != 0 && runs > options->runs ? options->runs : runs;
    uint64_t took_s = now_s() - start_s;
    printf("%llu runs in %llu s, %u failures\n", (unsigned long long)runs,
           (unsigned long long)took_s, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_named(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, error_text(-errno));
        return EXIT_FAILURE;
    }
    char line[256];
    unsigned runs = 0;
    quiet();
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t seed;
        if (number_parse_u64(slice_of(line, strspn(line, "0123456789")), &seed) == 0) {
            sim_run(seed, false);
            runs++;
        }
    }
    fclose(file);
    printf("%u runs\n", runs);
    return runs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(void)
{
    fprintf(stderr, "usage: simulate [--seed N] [--first N] [--runs N] [--minutes N] [--jobs N] "
                    "[--failures N] [--seeds FILE]\n");
    return 64;
}

static uint64_t *option_of(struct options *options, const char *name)
{
    const struct {
        const char *name;
        uint64_t *value;
    } table[] = {{"--seed", &options->seed}, {"--first", &options->first},
                 {"--runs", &options->runs}, {"--minutes", &options->minutes},
                 {"--jobs", &options->jobs}, {"--failures", &options->failures}};
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        if (strcmp(name, table[i].name) == 0) {
            return table[i].value;
        }
    }
    return NULL;
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--seeds") == 0) {
            options->seeds = argv[i + 1];
            continue;
        }
        uint64_t *value = option_of(options, argv[i]);
        if (value == NULL || i + 1 == argc ||
            number_parse_u64(slice_of_text(argv[i + 1]), value) != 0) {
            return false;
        }
    }
    return options->first > 0 && options->jobs > 0 && options->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = {
        .first = 1, .jobs = processors > 0 ? (uint64_t)processors : 1, .failures = 10};
    if (!parse(argc, argv, &options)) {
        return usage();
    }
    if (options.seed != 0) {
        sim_run(options.seed, true);
        printf("everything held\n");
        return EXIT_SUCCESS;
    }
    if (options.seeds != NULL) {
        return run_named(options.seeds);
    }
    if (options.runs == 0 && options.minutes == 0) {
        struct runs wanted = runs_wanted(RUNS_DEFAULT);
        options.runs = wanted.end - wanted.first;
    }
    return run_many(&options);
}
