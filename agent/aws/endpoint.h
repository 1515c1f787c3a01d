// The URL of a service in a region. Source of the partitions and their suffixes: the endpoint rules
// that botocore publishes.
#pragma once

#include "base/compiler.h"
#include "config/config.h"

// "https://kinesis.eu-west-1.amazonaws.com", owned. A region of no known partition counts as one of
// the standard partition.
char *endpoint_url(enum service service, const char *region);
// The same for any service that has an endpoint in each region.
char *endpoint_url_of_name(const char *service, const char *region);
const char *service_name(enum service service); // as SigV4 names it: "kinesis", "firehose"
// Checks a configured URL: http or https, a host, an optional port and path, nothing else. Returns
// E_SYNTAX and a constant sentence for people in `*out_why`.
NODISCARD int endpoint_check(const char *url, const char **out_why);
