#include "aws/endpoint.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"

// Partitions by the prefix of their regions; the standard one takes the rest.
static const struct {
    const char *region_prefix;
    const char *suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"},    {"eusc-", "amazonaws.eu"},      {"us-isob-", "sc2s.sgov.gov"},
    {"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"}, {"us-iso-", "c2s.ic.gov"},
    {"", "amazonaws.com"},
};

const char *service_name(enum service service)
{
    return service == SERVICE_KINESIS ? "kinesis" : "firehose";
}

char *endpoint_url_of_name(const char *service, const char *region)
{
    size_t i = 0;
    while (strncmp(region, partitions[i].region_prefix, strlen(partitions[i].region_prefix)) != 0) {
        i++;
    }
    return xasprintf("https://%s.%s.%s", service, region, partitions[i].suffix);
}

char *endpoint_url(enum service service, const char *region)
{
    return endpoint_url_of_name(service_name(service), region);
}

static bool is_host_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

// Length of the host at `text`, "[...]" for IPv6; 0 when there is none.
static size_t host_length(const char *text)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        size_t inner = end == NULL ? 0 : strspn(text + 1, "0123456789abcdefABCDEF:.%");
        return end != NULL && inner > 0 && text + 1 + inner == end ? inner + 2 : 0;
    }
    size_t length = 0;
    while (is_host_char(text[length])) {
        length++;
    }
    return length;
}

static bool is_path(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || strchr("?#\"<>\\^`{|}", *text) != NULL ||
            (unsigned char)*text >= 0x7f) {
            return false;
        }
    }
    return true;
}

int endpoint_check(const char *url, const char **out_why)
{
    *out_why = "";
    const char *rest = url;
    if (strncmp(url, "https://", 8) == 0) {
        rest += 8;
    } else if (strncmp(url, "http://", 7) == 0) {
        rest += 7;
    } else {
        *out_why = "a URL starts with http:// or https://";
        return E_SYNTAX;
    }
    size_t length = host_length(rest);
    if (length == 0) {
        *out_why = "the URL has no host name or address";
        return E_SYNTAX;
    }
    rest += length;
    if (*rest == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        uint64_t port = 0;
        if (number_parse_u64(slice_of(rest + 1, digits), &port) != 0 || port == 0 || port > 65535) {
            *out_why = "the port is a number from 1 to 65535";
            return E_SYNTAX;
        }
        rest += 1 + digits;
    }
    if (*rest != '\0' && (*rest != '/' || !is_path(rest))) {
        *out_why = "behind the host there may be a port and a path, nothing else";
        return E_SYNTAX;
    }
    return 0;
}
