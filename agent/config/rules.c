#include "config/rules.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/compiler.h"
#include "config/schema.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum {
    FLOW_NAME_MAX = 64,
    STREAM_NAME_MAX = 128,
    REGION_MAX = 64,
    RECORD_END_MAX = 16,
    LINE_ENDING_MAX = 16
};

static bool only(const char *value, const char *allowed, size_t length_max)
{
    size_t length = strlen(value);
    return length > 0 && length <= length_max && strspn(value, allowed) == length;
}

static bool refuse(char *why, size_t why_size, const char *sentence)
{
    snprintf(why, why_size, "%s", sentence);
    return false;
}

bool rule_not_empty(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size)
{
    (void)checks;
    return value[0] != '\0' || refuse(why, why_size, "must not be empty");
}

bool rule_flow_name(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size)
{
    (void)checks;
    if (only(value, LOWER DIGITS "_-", FLOW_NAME_MAX) && value[0] != '_' && value[0] != '-') {
        return true;
    }
    return refuse(why, why_size,
                  "must be 1 to 64 of a-z, 0-9, '_' and '-', and start with a letter or digit");
}

bool rule_stream(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    (void)checks;
    if (strncmp(value, "arn:", 4) == 0) {
        return refuse(why, why_size, "must be the name of the stream, not its ARN");
    }
    return only(value, LOWER UPPER DIGITS "_.-", STREAM_NAME_MAX) ||
           refuse(why, why_size, "must be 1 to 128 letters, digits, '_', '.' and '-'");
}

bool rule_region(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    (void)checks;
    return (only(value, LOWER DIGITS "-", REGION_MAX) && value[0] != '-') ||
           refuse(why, why_size, "must be the name of a region such as eu-west-1");
}

bool rule_absolute(const struct config_checks *checks, const char *value, char *why,
                   size_t why_size)
{
    (void)checks;
    return value[0] == '/' || refuse(why, why_size, "must be an absolute path (start with '/')");
}

bool rule_socket(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    struct sockaddr_un address;
    if (!rule_absolute(checks, value, why, why_size)) {
        return false;
    }
    if (strlen(value) < sizeof address.sun_path) {
        return true;
    }
    snprintf(why, why_size, "must be at most %zu bytes, as the path of a socket",
             sizeof address.sun_path - 1);
    return false;
}

bool rule_delimiter(const struct config_checks *checks, const char *value, char *why,
                    size_t why_size)
{
    (void)checks;
    bool usable = (value[0] > ' ' && value[0] < 0x7f && value[0] != '"') || value[0] == ' ' ||
                  value[0] == '\t';
    return usable || refuse(why, why_size,
                            "must be one ASCII character other than '\"' and those "
                            "that end a line");
}

bool rule_record_end(const struct config_checks *checks, const char *value, char *why,
                     size_t why_size)
{
    (void)checks;
    if (strchr(value, '\\') != NULL) {
        return refuse(why, why_size,
                      "holds a backslash; in double quotes \"\\n\" would be a newline");
    }
    return strlen(value) <= RECORD_END_MAX || refuse(why, why_size, "must be at most 16 bytes");
}

// A word that was meant to be one of ours would be an ending that no file has.
bool rule_line_ending(const struct config_checks *checks, const char *value, char *why,
                      size_t why_size)
{
    static const char *const words[][2] = {
        {"lf", "lf"},      {"crlf", "crlf"}, {"nul", "nul"},   {"null", "nul"},
        {"newline", "lf"}, {"unix", "lf"},   {"dos", "crlf"},  {"windows", "crlf"},
        {"auto", "lf"},    {"none", "lf"},   {"lfcr", "crlf"}, {"cr+lf", "crlf"},
        {"cr", "\\r"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (strcasecmp(value, words[i][0]) == 0 && strcmp(value, words[i][1]) != 0) {
            snprintf(why, why_size, "is taken for the word \"%s\"; did you mean \"%s\"?", value,
                     words[i][1]);
            return false;
        }
    }
    if (strchr(value, '\\') != NULL) {
        return refuse(why, why_size,
                      "holds a backslash; in double quotes \"\\r\\n\" would be a carriage return "
                      "and a newline");
    }
    size_t size = strlen(value);
    return rule_not_empty(checks, value, why, why_size) &&
           (size <= LINE_ENDING_MAX || refuse(why, why_size, "must be at most 16 bytes"));
}

bool rule_secret(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    if (strcmp(value, SCHEMA_HIDDEN) == 0) {
        return refuse(why, why_size,
                      "is what a printed configuration shows in place of a secret; put the secret "
                      "here, or ${VARIABLE}");
    }
    return rule_not_empty(checks, value, why, why_size);
}

bool rule_regex(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    return checks == NULL || checks->regex == NULL || checks->regex(value, false, why, why_size);
}

bool rule_regex_named(const struct config_checks *checks, const char *value, char *why,
                      size_t why_size)
{
    return checks == NULL || checks->regex == NULL || checks->regex(value, true, why, why_size);
}

bool rule_encoding(const struct config_checks *checks, const char *value, char *why,
                   size_t why_size)
{
    return checks == NULL || checks->encoding == NULL || checks->encoding(value, why, why_size);
}

bool rule_url(const struct config_checks *checks, const char *value, char *why, size_t why_size)
{
    return checks == NULL || checks->url == NULL || checks->url(value, why, why_size);
}
