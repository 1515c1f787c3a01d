#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"
#include "cli/answer.h"
#include "cli/config_file.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "runtime/status_socket.h"

enum { ANSWER_BYTES_MAX = 256 << 20 };

struct status_arguments {
    const char *config_path;
    const char *socket_path;
    const char *flow; // "": all
    bool json;
    bool files;
};

static int parse_arguments(int argc, char **argv, struct status_arguments *out_arguments)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"files", no_argument, NULL, 'f'},
                                            {0}};
    *out_arguments = (struct status_arguments){.config_path = CONFIG_FILE_DEFAULT, .flow = ""};
    int option;
    // Nothing else runs yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            out_arguments->config_path = optarg;
            break;
        case 's':
            out_arguments->socket_path = optarg;
            break;
        case 'j':
            out_arguments->json = true;
            break;
        case 'f':
            out_arguments->files = true;
            break;
        default:
            return EX_USAGE;
        }
    }
    if (argc > optind + 1) {
        fputs("kintail status: more than one flow was named\n", stderr);
        return EX_USAGE;
    }
    out_arguments->flow = argc > optind ? argv[optind] : "";
    return EX_OK;
}

// ---- the table ----

// A size with three digits and a unit, for reading: "1.25 GiB".
static const char *human_size(uint64_t bytes, char text[NUMBER_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_COUNT(units)) {
        value /= 1024;
        unit++;
    }
    int decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    snprintf(text, NUMBER_TEXT_MAX, "%.*f %s", decimals, value, units[unit]);
    return text;
}

static void print_books(const json_t *books)
{
    static const char *const names[] = {"read",    "acknowledged", "filtered", "dead_lettered",
                                        "dropped", "damaged",      "queued"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const json_t *tally = json_object_get(books, names[i]);
        uint64_t records = answer_number(tally, "records");
        if (records > 0 || i < 2 || i + 1 == ARRAY_COUNT(names)) {
            char size[NUMBER_TEXT_MAX];
            printf("  %-15s %12llu records  %10s\n", names[i], (unsigned long long)records,
                   human_size(answer_number(tally, "bytes"), size));
        }
    }
    static const char *const extras[] = {"skipped_bytes", "lost_bytes", "lost_bytes_at_least",
                                         "maybe_repeated"};
    for (size_t i = 0; i < ARRAY_COUNT(extras); i++) {
        if (answer_number(books, extras[i]) > 0) {
            printf("  %-20s %7llu\n", extras[i],
                   (unsigned long long)answer_number(books, extras[i]));
        }
    }
    if (!json_is_true(json_object_get(books, "balanced"))) {
        puts("  THE BOOKS DO NOT BALANCE; please report this");
    }
}

// Ends the line. A file can have any name; none may steer the terminal.
static void print_path(const char *path)
{
    for (; *path != '\0'; path++) {
        bool control = (unsigned char)*path < ' ' || *path == 0x7f;
        putchar(control ? '?' : *path);
    }
    putchar('\n');
}

// What of a file did not and will not arrive.
static void print_harm(const json_t *file)
{
    char harm[ANSWER_HARM_BYTES];
    for (size_t i = 0; answer_harm(file, i, harm); i++) {
        printf("%14s %s\n", "!", harm);
    }
    if (json_is_string(json_object_get(file, "after_ship"))) {
        printf("%14s after_ship: %s\n", "!", answer_text(file, "after_ship"));
    }
}

static void print_file(const json_t *file)
{
    char lag[NUMBER_TEXT_MAX];
    printf("  %10llu %14llu %14llu %10s  %-24s  ",
           (unsigned long long)answer_number(file, "generation"),
           (unsigned long long)answer_number(file, "position"),
           (unsigned long long)answer_number(file, "size"),
           human_size(answer_number(file, "lag"), lag), answer_text(file, "state"));
    print_path(answer_text(file, "path"));
    print_harm(file);
}

static void print_files(const json_t *files)
{
    if (!json_is_array(files)) {
        puts("  the files are not known now: their thread is busy or stopped; ask again");
        return;
    }
    printf("  %10s %14s %14s %10s  %-24s  %s\n", "generation", "position", "size", "lag", "state",
           "path");
    size_t index;
    const json_t *file;
    json_array_foreach(files, index, file)
    {
        print_file(file);
    }
}

static void print_watching(const json_t *watching)
{
    const json_t *reasons = json_object_get(watching, "polling_because");
    if (json_array_size(reasons) == 0) {
        printf("  watching        %s\n", answer_text(watching, "method"));
        return;
    }
    printf("  watching        polling %llu of %llu directories",
           (unsigned long long)answer_number(watching, "directories_polled"),
           (unsigned long long)answer_number(watching, "directories"));
    size_t index;
    const json_t *reason;
    json_array_foreach(reasons, index, reason)
    {
        printf("%s%s", index == 0 ? " because " : ", and ", json_string_value(reason));
    }
    putchar('\n');
}

static void print_flow(const json_t *flow, bool files)
{
    const json_t *lag = json_object_get(flow, "lag");
    const json_t *queue = json_object_get(flow, "queue");
    const json_t *rates = json_object_get(flow, "rates");
    const json_t *counters = json_object_get(flow, "counters");
    char first[NUMBER_TEXT_MAX];
    char second[NUMBER_TEXT_MAX];
    printf("\nflow %s: %s, to %s stream %s\n", answer_text(flow, "name"),
           answer_text(flow, "state"), answer_text(flow, "service"), answer_text(flow, "stream"));
    printf("  files           %12llu matched  %10llu open  %10llu polled\n",
           (unsigned long long)answer_number(counters, "files"),
           (unsigned long long)answer_number(counters, "files_open"),
           (unsigned long long)answer_number(counters, "files_polled"));
    print_watching(json_object_get(flow, "watching"));
    printf("  lag             %12s          %8.1f s\n",
           human_size(answer_number(lag, "bytes"), first),
           json_number_value(json_object_get(lag, "seconds")));
    printf("  queue           %12s of %s, %llu records\n",
           human_size(answer_number(queue, "bytes"), first),
           human_size(answer_number(queue, "bytes_max"), second),
           (unsigned long long)answer_number(queue, "records"));
    printf(
        "  rates           %10s/s read, %.0f records/s acknowledged\n",
        human_size((uint64_t)json_number_value(json_object_get(rates, "read_bytes_per_s")), first),
        json_number_value(json_object_get(rates, "acknowledged_records_per_s")));
    printf("  requests        %12llu sent, %llu of %llu in flight, %llu failed\n",
           (unsigned long long)answer_number(counters, "requests"),
           (unsigned long long)answer_number(counters, "in_flight"),
           (unsigned long long)answer_number(counters, "in_flight_limit"),
           (unsigned long long)answer_number(counters, "request_failures"));
    printf("  refused         %12llu records, %llu of them throttled\n",
           (unsigned long long)answer_number(counters, "records_refused"),
           (unsigned long long)answer_number(counters, "throttled"));
    print_books(json_object_get(flow, "books"));
    const json_t *error = json_object_get(flow, "last_error");
    if (json_is_object(error)) {
        printf("  last error      %s\n", answer_text(error, "text"));
    }
    if (files) {
        print_files(json_object_get(flow, "files"));
    }
}

static int print_table(struct slice answer, const struct status_arguments *arguments)
{
    json_error_t error;
    json_t *document = json_loadb((const char *)answer.data, answer.size, 0, &error);
    if (document == NULL) {
        fprintf(stderr, "kintail status: the answer is not JSON: %s\n", error.text);
        return EX_PROTOCOL;
    }
    printf("kintail %s, pid %llu, %s for %llu s; keys: %s\n", answer_text(document, "version"),
           (unsigned long long)answer_number(document, "pid"), answer_text(document, "state"),
           (unsigned long long)answer_number(document, "uptime_s"),
           answer_text(document, "credentials"));
    size_t index;
    const json_t *flow;
    const json_t *flows = json_object_get(document, "flows");
    json_array_foreach(flows, index, flow)
    {
        print_flow(flow, arguments->files);
    }
    int status = EX_OK;
    if (arguments->flow[0] != '\0' && json_array_size(flows) == 0) {
        fprintf(stderr, "kintail status: the agent has no flow \"%s\"\n", arguments->flow);
        status = EX_NOINPUT;
    }
    json_decref(document);
    return status;
}

int verb_status(int argc, char **argv)
{
    struct status_arguments arguments;
    int status = parse_arguments(argc, argv, &arguments);
    if (status != EX_OK) {
        return status;
    }
    char *path = config_file_socket(arguments.config_path, arguments.socket_path, &status);
    if (path == NULL) {
        return status;
    }
    struct buf answer;
    buf_init(&answer, ANSWER_BYTES_MAX);
    bool files = arguments.json || arguments.files;
    char *request = xasprintf("%s %s", files ? "files" : "status", arguments.flow);
    int error = status_socket_ask(path, request, &answer);
    free(request);
    if (error != 0) {
        fprintf(stderr, "kintail status: no answer at %s: %s; is the agent running?\n", path,
                error_text(error));
        status = EX_UNAVAILABLE;
    } else if (arguments.json) {
        fwrite(answer.data, 1, answer.size, stdout);
    } else {
        status = print_table(buf_slice(&answer), &arguments);
    }
    buf_deinit(&answer);
    free(path);
    return status;
}
