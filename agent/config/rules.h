// What a text must look like to be a name, a path, a URL and so on: the checks that the table of
// settings names. Each returns false with a sentence for people in `why`; see schema_check_fn.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/load.h"

bool rule_not_empty(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size);
bool rule_flow_name(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size);
// Names of streams and delivery streams (API references of Kinesis CreateStream and Firehose
// CreateDeliveryStream): 1 to 128 letters, digits, '_', '.', '-'.
bool rule_stream(const struct config_checks *checks, const char *value, char *why, size_t why_size);
bool rule_region(const struct config_checks *checks, const char *value, char *why, size_t why_size);
bool rule_absolute(const struct config_checks *checks, const char *value, char *why,
                   size_t why_size);
// An absolute path that fits into a struct sockaddr_un (unix(7)).
bool rule_socket(const struct config_checks *checks, const char *value, char *why, size_t why_size);
bool rule_delimiter(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size);
bool rule_record_end(const struct config_checks *checks, const char *value, char *why,
                     size_t why_size);
bool rule_line_ending(const struct config_checks *checks, const char *value, char *why,
                      size_t why_size);
bool rule_secret(const struct config_checks *checks, const char *value, char *why, size_t why_size);

// These ask config_checks and accept everything where there are none.
bool rule_regex(const struct config_checks *checks, const char *value, char *why, size_t why_size);
bool rule_regex_named(const struct config_checks *checks, const char *value, char *why,
                      size_t why_size);
bool rule_encoding(const struct config_checks *checks, const char *value, char *why,
                   size_t why_size);
bool rule_url(const struct config_checks *checks, const char *value, char *why, size_t why_size);
