// Loading configurations of a test's own: files in a temporary directory, and what is reported.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "config/load.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static char *dir;
static struct buf report;

static inline void setup(void)
{
    dir = tempdir_create();
    buf_init(&report, 1 << 20);
}

static inline void teardown(void)
{
    buf_deinit(&report);
    tempdir_remove(dir);
}

static inline const char *environment(const char *name)
{
    return strcmp(name, "STREAM") == 0 ? "weblogs" : NULL;
}

static inline const char *environment_with_region(const char *name)
{
    return strcmp(name, "AWS_DEFAULT_REGION") == 0 ? "us-east-2" : NULL;
}

static inline void write_file(const char *name, const char *text, size_t size)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    free(path);
}

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static inline bool check_regex(const char *value, bool needs_named_groups, char *why,
                               size_t why_size)
{
    if (value[0] == '(' && value[1] != '?') {
        snprintf(why, why_size, "is not a regular expression: %s",
                 needs_named_groups ? "no named group" : "missing )");
        return false;
    }
    return true;
}

static inline bool check_url(const char *value, char *why, size_t why_size)
{
    snprintf(why, why_size, "must be a URL");
    return strncmp(value, "http", 4) == 0;
}

static inline bool check_encoding(const char *name, char *why, size_t why_size)
{
    snprintf(why, why_size, "is not known");
    return strncmp(name, "latin1", 6) == 0 || strncmp(name, "utf", 3) == 0;
}

static inline bool check_line_ending(const struct lines_config *lines, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot be written");
    return strcmp(lines->encoding, "latin1") != 0 || strlen(lines->line_ending) < 3 ||
           strcmp(lines->line_ending, "crlf") == 0;
}

static const struct config_checks checks = {.regex = check_regex,
                                            .url = check_url,
                                            .encoding = check_encoding,
                                            .line_ending = check_line_ending};

static inline int load_with(const char *(*getenv)(const char *name), struct config **out_config)
{
    char *path = xasprintf("%s/a.yaml", dir);
    char *dropins = xasprintf("%s/conf.d", dir);
    struct config_source source = {
        .path = path, .dropin_dir = dropins, .checks = &checks, .getenv = getenv};
    int error = config_load(io_posix(), &source, out_config, &report);
    free(path);
    free(dropins);
    return error;
}

static inline struct config *load_text(const char *text)
{
    struct config *config = NULL;
    write_text("a.yaml", text);
    int error = load_with(environment, &config);
    ck_assert_msg(error == 0, "%s", buf_text(&report));
    return config;
}

// What is reported, with the directory taken out.
static inline const char *mistakes(void)
{
    static char text[1 << 16];
    size_t size = 0;
    const char *rest = buf_text(&report);
    size_t prefix = strlen(dir) + 1;
    while (*rest != '\0' && size + 1 < sizeof text) {
        if (strncmp(rest, dir, prefix - 1) == 0 && rest[prefix - 1] == '/') {
            rest += prefix;
        } else {
            text[size++] = *rest++;
        }
    }
    text[size] = '\0';
    return text;
}

static inline const char *mistakes_in(const char *text)
{
    struct config *config = NULL;
    buf_clear(&report);
    write_text("a.yaml", text);
    ck_assert_int_eq(load_with(environment, &config), E_CONFIG);
    ck_assert_ptr_null(config);
    return mistakes();
}

#define TOP  "region: eu-west-1\n"
#define FLOW TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n"
