// Writes an access log in the combined format of Apache and nginx, about 200 bytes a line, the same
// for the same seed.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/number.h"
#include "base/prng.h"

enum { CHUNK_BYTES = 1 << 20, LINE_BYTES_MAX = 1024, EXIT_USAGE = 64 };

struct options {
    uint64_t bytes;
    uint64_t seed;
    const char *output;
};

static const char *const paths[] = {
    "/",
    "/index.html",
    "/products/",
    "/products/search?q=lamp&page=",
    "/api/v1/orders/",
    "/api/v1/users/profile?id=",
    "/static/css/main.css?v=",
    "/static/js/app.bundle.js?v=",
    "/images/catalog/thumb_",
    "/blog/2024/05/how-we-measure-things-",
    "/cart/add?item=",
    "/login?next=%2Faccount%2F",
};
static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/124.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0 "
    "Safari/537.36",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "curl/8.5.0",
};
static const char *const referrers[] = {
    "-",
    "https://www.example.com/",
    "https://www.example.com/products/",
    "https://search.example.net/?q=desk+lamp",
};
static const char *const statuses[] = {"200", "200", "200", "200", "200", "200",
                                       "200", "304", "301", "404", "500"};

#define PICK(prng, list) (list)[prng_below((prng), ARRAY_COUNT(list))]

static void append_address(struct buf *out, struct prng *prng)
{
    uint64_t bits = prng_next(prng);
    buf_append_u64_decimal(out, 11 + bits % 200);
    for (int i = 1; i < 4; i++) {
        buf_append_byte(out, '.');
        buf_append_u64_decimal(out, bits >> (8 * i) & 0xff);
    }
}

// "[10/Oct/2024:13:55:36 +0000] " for a time in seconds since 1970; formatted once a second.
static void append_time(struct buf *out, uint64_t time_s)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)time_s;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_appendf(out, "[%02d/%s/%d:%02d:%02d:%02d +0000] ", tm.tm_mday, months[tm.tm_mon],
                tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void append_line(struct buf *out, struct prng *prng, struct slice time)
{
    append_address(out, prng);
    buf_append_text(out, prng_below(prng, 8) == 0 ? " - maria " : " - - ");
    buf_append_slice(out, time);
    buf_append_text(out, prng_below(prng, 6) == 0 ? "\"POST " : "\"GET ");
    buf_append_text(out, PICK(prng, paths));
    buf_append_u64_decimal(out, prng_below(prng, 1000000));
    buf_append_text(out, " HTTP/1.1\" ");
    buf_append_text(out, PICK(prng, statuses));
    buf_append_byte(out, ' ');
    buf_append_u64_decimal(out, prng_below(prng, 60000));
    buf_append_text(out, " \"");
    buf_append_text(out, PICK(prng, referrers));
    buf_append_text(out, "\" \"");
    buf_append_text(out, PICK(prng, agents));
    buf_append_text(out, "\"\n");
}

static int write_all(int fd, struct slice data)
{
    while (data.size != 0) {
        ssize_t count = write(fd, data.data, data.size);
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        data = slice_skip(data, count < 0 ? 0 : (size_t)count);
    }
    return 0;
}

static int generate(int fd, const struct options *options)
{
    struct prng prng = prng_of_seed(options->seed);
    struct buf chunk;
    struct buf time;
    buf_init(&chunk, CHUNK_BYTES + LINE_BYTES_MAX);
    buf_init(&time, 64);
    uint64_t time_s = 1714521600; // 1 May 2024
    uint64_t written = 0;
    int error = 0;
    append_time(&time, time_s);
    while (error == 0 && written < options->bytes) {
        buf_clear(&chunk);
        while (chunk.size < CHUNK_BYTES && written + chunk.size < options->bytes) {
            if (prng_below(&prng, 50) == 0) {
                buf_clear(&time);
                append_time(&time, ++time_s);
            }
            append_line(&chunk, &prng, buf_slice(&time));
        }
        error = write_all(fd, buf_slice(&chunk));
        written += chunk.size;
    }
    buf_deinit(&time);
    buf_deinit(&chunk);
    return error;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"bytes", required_argument, NULL, 'b'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"output", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    int option;
    // The program has one thread.
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        struct slice value = slice_of_text(optarg == NULL ? "" : optarg);
        if (option == 'b' && number_parse_size(value, &options->bytes) == 0) {
            continue;
        }
        if (option == 's' && number_parse_u64(value, &options->seed) == 0) {
            continue;
        }
        if (option != 'o') {
            return false;
        }
        options->output = optarg;
    }
    return optind == argc && options->output != NULL;
}

int main(int argc, char **argv)
{
    struct options options = {.bytes = 1000000000, .seed = 1};
    if (!parse_options(argc, argv, &options)) {
        fprintf(stderr, "usage: %s --output FILE [--bytes 1GB] [--seed 1]\n", argv[0]);
        return EXIT_USAGE;
    }
    int fd = open(options.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int error = fd < 0 ? -errno : generate(fd, &options);
    if (fd >= 0 && close(fd) != 0 && error == 0) {
        error = -errno;
    }
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", options.output, error_text(error));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
