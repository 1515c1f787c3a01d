#include "sandbox/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"
#include "sandbox/validate.h"

static const char help[] =
    "usage: kintail-sandbox [OPTION...]\n"
    "A local Kinesis Data Streams and Data Firehose for development and tests.\n"
    "\n"
    "  --listen ADDR:PORT         serve HTTP here (127.0.0.1:4567; port 0 picks a free one)\n"
    "  --tls-listen ADDR:PORT     serve HTTPS here too\n"
    "  --tls-cert FILE            certificate chain (PEM); without it one is made at the start\n"
    "  --tls-key FILE             its key (PEM)\n"
    "  --tls-ca-out FILE          write the certificate that was made, for clients to trust\n"
    "  --control ADDR:PORT        serve /_sandbox/ here only, not on the other addresses\n"
    "  --data DIR                 keep streams and records here (without it: in memory)\n"
    "  --delivery-dir DIR         where Firehose delivers (DIR/firehose of --data)\n"
    "  --discard                  count records and forget them\n"
    "  --max-memory SIZE          records kept in memory, at most (1GiB)\n"
    "  --keep TIME                how long records are kept, at most (their stream's retention)\n"
    "  --access-key ID:SECRET[:TOKEN]\n"
    "                             verify signatures with this key; may be repeated\n"
    "  --region REGION            region of ARNs and signatures (us-east-1)\n"
    "  --account NUMBER           12 digits (000000000000)\n"
    "  --stream NAME[:SHARDS]     make a stream at the start; without SHARDS it is on-demand\n"
    "  --delivery-stream NAME     make a delivery stream at the start\n"
    "  --no-limits[=LIST]         switch limits off: all, or some of write, read, control,\n"
    "                             firehose, size, count\n"
    "  --transition-time TIME     how long a stream is CREATING, UPDATING, DELETING (500ms)\n"
    "  --fault NAME=VALUE         let something go wrong; see kintail-sandbox(1)\n"
    "  --seed NUMBER              makes faults repeatable\n"
    "  --help, --version\n";

enum option_id {
    OPT_LISTEN = 256,
    OPT_TLS_LISTEN,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_TLS_CA_OUT,
    OPT_CONTROL,
    OPT_DATA,
    OPT_DELIVERY_DIR,
    OPT_DISCARD,
    OPT_MAX_MEMORY,
    OPT_KEEP,
    OPT_ACCESS_KEY,
    OPT_REGION,
    OPT_ACCOUNT,
    OPT_STREAM,
    OPT_DELIVERY_STREAM,
    OPT_NO_LIMITS,
    OPT_TRANSITION_TIME,
    OPT_FAULT,
    OPT_SEED,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tls-listen", required_argument, NULL, OPT_TLS_LISTEN},
    {"tls-cert", required_argument, NULL, OPT_TLS_CERT},
    {"tls-key", required_argument, NULL, OPT_TLS_KEY},
    {"tls-ca-out", required_argument, NULL, OPT_TLS_CA_OUT},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"data", required_argument, NULL, OPT_DATA},
    {"delivery-dir", required_argument, NULL, OPT_DELIVERY_DIR},
    {"discard", no_argument, NULL, OPT_DISCARD},
    {"max-memory", required_argument, NULL, OPT_MAX_MEMORY},
    {"keep", required_argument, NULL, OPT_KEEP},
    {"access-key", required_argument, NULL, OPT_ACCESS_KEY},
    {"region", required_argument, NULL, OPT_REGION},
    {"account", required_argument, NULL, OPT_ACCOUNT},
    {"stream", required_argument, NULL, OPT_STREAM},
    {"delivery-stream", required_argument, NULL, OPT_DELIVERY_STREAM},
    {"no-limits", optional_argument, NULL, OPT_NO_LIMITS},
    {"transition-time", required_argument, NULL, OPT_TRANSITION_TIME},
    {"fault", required_argument, NULL, OPT_FAULT},
    {"seed", required_argument, NULL, OPT_SEED},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

void options_print_help(void)
{
    fputs(help, stdout);
}

static int complain(const char *option, const char *value, const char *why)
{
    fprintf(stderr, "kintail-sandbox: --%s %s: %s\n", option, value, why);
    return E_CONFIG;
}

// Cuts off and returns what stands before the next colon; the rest is left, or NULL.
static char *cut_part(char **rest)
{
    char *part = *rest;
    char *colon = part == NULL ? NULL : strchr(part, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    *rest = colon == NULL ? NULL : colon + 1;
    return part;
}

static int add_access_key(struct auth *auth, const char *text)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    const char *id = cut_part(&rest);
    const char *secret = cut_part(&rest);
    if (*id == '\0' || secret == NULL || *secret == '\0') {
        free(copy);
        return complain("access-key", "(not shown)", "must be ID:SECRET or ID:SECRET:TOKEN");
    }
    auth->keys = xreallocarray(auth->keys, auth->key_count + 1, sizeof(*auth->keys));
    auth->keys[auth->key_count++] = (struct access_key){
        .id = xstrdup(id), .secret = xstrdup(secret), .token = rest == NULL ? NULL : xstrdup(rest)};
    free(copy);
    return 0;
}

static bool is_name(const char *name, size_t size_max)
{
    struct slice text = slice_of_text(name);
    return text.size <= size_max && pattern_matches(PATTERN_NAME, text);
}

static int add_stream(struct options *options, const char *text)
{
    char *copy = xstrdup(text);
    char *rest = copy;
    char *name = cut_part(&rest);
    uint64_t shards = 0;
    bool valid = is_name(name, STREAM_NAME_MAX) && options->stream_count < NAMED_MAX;
    if (rest != NULL) {
        valid = valid && number_parse_u64(slice_of_text(rest), &shards) == 0 && shards > 0 &&
                shards <= SHARDS_STREAM_MAX;
    }
    if (!valid) {
        free(copy);
        return complain("stream", text, "must be NAME:SHARDS with 1 to 10000 shards");
    }
    options->streams[options->stream_count++] =
        (struct named_stream){.name = copy, .shard_count = (uint32_t)shards};
    return 0;
}

static int add_delivery_stream(struct options *options, const char *name)
{
    if (!is_name(name, DELIVERY_NAME_MAX) || options->delivery_stream_count == NAMED_MAX) {
        return complain("delivery-stream", name, "must be 1 to 64 of a-z, A-Z, 0-9, _ . -");
    }
    options->delivery_streams[options->delivery_stream_count++] = name;
    return 0;
}

static int set_no_limits(struct options *options, const char *list)
{
    if (list == NULL) {
        options->limits = (struct limits){{false}};
        return 0;
    }
    return limits_switch_off(&options->limits, slice_of_text(list))
               ? 0
               : complain("no-limits", list,
                          "must be a list of write, read, control, firehose, size, count");
}

static int set_fault(struct options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    double value = equals == NULL ? 0 : strtod(equals + 1, &end);
    if (equals == NULL || end == equals + 1 || *end != '\0') {
        return complain("fault", text, "must be NAME=NUMBER");
    }
    int error = faults_set(&options->faults, slice_of(text, (size_t)(equals - text)), value);
    if (error != 0) {
        return complain("fault", text,
                        error == E_RANGE ? "the value is out of range" : "no such fault");
    }
    return 0;
}

static int set_account(struct options *options, const char *text)
{
    uint64_t number;
    if (strlen(text) != 12 || number_parse_u64(slice_of_text(text), &number) != 0) {
        return complain("account", text, "must be 12 digits");
    }
    options->service.account = text;
    return 0;
}

static int set_seed(struct options *options, const char *text)
{
    if (number_parse_u64(slice_of_text(text), &options->service.seed) != 0) {
        return complain("seed", text, "must be a number");
    }
    options->faults.prng = prng_of_seed(options->service.seed);
    return 0;
}

// Options whose value is taken as it is.
static bool set_text(struct options *options, int id, const char *value)
{
    switch (id) {
    case OPT_LISTEN:
        options->listen = value;
        return true;
    case OPT_TLS_LISTEN:
        options->tls_listen = value;
        return true;
    case OPT_TLS_CERT:
        options->tls_cert = value;
        return true;
    case OPT_TLS_KEY:
        options->tls_key = value;
        return true;
    case OPT_TLS_CA_OUT:
        options->tls_ca_out = value;
        return true;
    case OPT_CONTROL:
        options->control = value;
        return true;
    case OPT_DATA:
        options->service.data_dir = value;
        return true;
    case OPT_DELIVERY_DIR:
        options->service.delivery_dir = value;
        return true;
    case OPT_REGION:
        options->service.auth.region = value;
        return true;
    default:
        return false;
    }
}

static int set_value(struct options *options, int id, const char *value)
{
    switch (id) {
    case OPT_MAX_MEMORY:
        return number_parse_size(slice_of_text(value), &options->service.memory_max) == 0
                   ? 0
                   : complain("max-memory", value, "must be a size such as 512MiB");
    case OPT_KEEP:
        return number_parse_duration(slice_of_text(value), &options->service.kept_ms_max) == 0
                   ? 0
                   : complain("keep", value, "must be a time such as 5m");
    case OPT_TRANSITION_TIME:
        return number_parse_duration(slice_of_text(value), &options->service.transition_ms) == 0
                   ? 0
                   : complain("transition-time", value, "must be a time such as 500ms");
    case OPT_ACCESS_KEY:
        return add_access_key(&options->service.auth, value);
    case OPT_ACCOUNT:
        return set_account(options, value);
    case OPT_STREAM:
        return add_stream(options, value);
    case OPT_DELIVERY_STREAM:
        return add_delivery_stream(options, value);
    case OPT_NO_LIMITS:
        return set_no_limits(options, value);
    case OPT_FAULT:
        return set_fault(options, value);
    case OPT_SEED:
        return set_seed(options, value);
    default:
        fputs("kintail-sandbox: try --help\n", stderr);
        return E_CONFIG;
    }
}

static int set_option(struct options *options, int id, const char *value)
{
    if (id == OPT_DISCARD) {
        options->service.discard = true;
        return 0;
    }
    if (id == OPT_HELP || id == OPT_VERSION) {
        options->help = options->help || id == OPT_HELP;
        options->version = options->version || id == OPT_VERSION;
        return 0;
    }
    return set_text(options, id, value) ? 0 : set_value(options, id, value);
}

static void set_initials(struct options *options)
{
    *options = (struct options){
        .service = {.auth = {.region = "us-east-1"},
                    .account = "000000000000",
                    .memory_max = UINT64_C(1) << 30,
                    .transition_ms = 500},
        .listen = "127.0.0.1:4567",
        .limits = limits_all(),
    };
    faults_init(&options->faults, 0);
}

static int check_together(const struct options *options)
{
    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        fputs("kintail-sandbox: --tls-cert and --tls-key belong together\n", stderr);
        return E_CONFIG;
    }
    if (options->tls_listen == NULL && (options->tls_cert != NULL || options->tls_ca_out != NULL)) {
        fputs("kintail-sandbox: the certificate options need --tls-listen\n", stderr);
        return E_CONFIG;
    }
    return 0;
}

int options_parse(int argc, char **argv, struct options *out_options)
{
    set_initials(out_options);
    optind = 1;
    int error = 0;
    int id;
    // getopt_long is called before any thread exists.
    while (error == 0 && (id = getopt_long(argc, argv, "", long_options, NULL)) != -1) { // NOLINT
        error = set_option(out_options, id, optarg);
    }
    if (error == 0 && optind < argc) {
        fprintf(stderr, "kintail-sandbox: %s: only options are understood; try --help\n",
                argv[optind]);
        error = E_CONFIG;
    }
    if (error == 0) {
        error = check_together(out_options);
    }
    if (error != 0) {
        options_deinit(out_options);
    }
    return error;
}

void options_deinit(struct options *options)
{
    for (size_t i = 0; i < options->service.auth.key_count; i++) {
        free(options->service.auth.keys[i].id);
        free(options->service.auth.keys[i].secret);
        free(options->service.auth.keys[i].token);
    }
    free(options->service.auth.keys);
    for (size_t i = 0; i < options->stream_count; i++) {
        free(options->streams[i].name);
    }
}
