// Random patterns and names against fnmatch(3), and random paths against a matcher that tries
// everything.
#include <fnmatch.h>
#include <stdio.h>

#include "base/prng.h"
#include "source/glob.h"
#include "support/test_main.h"

enum { TEXT_SIZE = 256 };

static void append(char text[TEXT_SIZE], const char *more)
{
    size_t size = strlen(text);
    size_t added = strlen(more) + 1;
    ck_assert_uint_le(size + added, TEXT_SIZE);
    memcpy(text + size, more, added);
}

// One element of a component: few letters, so that it often matches.
static void append_element(struct prng *prng, char text[TEXT_SIZE])
{
    static const char *const elements[] = {"a",     "b", ".",     "*",     "?",   "[ab]",
                                           "[!a]",  "-", "[a-c]", "[]a]",  "\\*", "\\.",
                                           "[^b-]", "c", "\\[",   "[b\\]]"};
    append(text, elements[prng_below(prng, ARRAY_COUNT(elements))]);
}

static void make_pattern(struct prng *prng, char text[TEXT_SIZE])
{
    text[0] = '\0';
    for (uint64_t i = prng_below(prng, 5) + 1; i > 0; i--) {
        append_element(prng, text);
    }
    if (strcmp(text, "**") == 0) {
        text[1] = '\0';
    }
}

static void make_name(struct prng *prng, char text[TEXT_SIZE])
{
    static const char letters[] = "aaabbbccc..-*[]";
    size_t size = prng_below(prng, 5) + 1;
    for (size_t i = 0; i < size; i++) {
        text[i] = letters[prng_below(prng, sizeof letters - 1)];
    }
    text[size] = '\0';
}

// FNM_PERIOD of glibc also refuses some dots that are not leading.
static bool fnmatch_says(const char *pattern, const char *name)
{
    bool spells_dot = strncmp(pattern, ".", 1) == 0 || strncmp(pattern, "\\.", 2) == 0;
    return (name[0] != '.' || spells_dot) && fnmatch(pattern, name, FNM_PATHNAME) == 0;
}

START_TEST(a_component_matches_what_fnmatch_matches)
{
    struct prng prng = prng_of_seed(1);
    unsigned matched = 0;
    for (unsigned run = 0; run < 100000; run++) {
        char pattern[TEXT_SIZE];
        char name[TEXT_SIZE];
        make_pattern(&prng, pattern);
        make_name(&prng, name);
        bool expected = fnmatch_says(pattern, name);
        ck_assert_msg(glob_component_matches(pattern, name) == expected,
                      "\"%s\" and \"%s\": fnmatch says %s", pattern, name, expected ? "yes" : "no");
        matched += expected;
    }
    ck_assert_uint_gt(matched, 2000);
}
END_TEST

static const char *behind_slash(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash == NULL ? NULL : slash + 1;
}

static bool component_matches(const char *pattern, const char *path)
{
    char part[TEXT_SIZE];
    char name[TEXT_SIZE];
    snprintf(part, sizeof part, "%.*s", (int)strcspn(pattern, "/"), pattern);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "/"), path);
    return fnmatch_says(part, name);
}

// `pattern` and `path` begin with a component.
static bool matches_slowly(const char *pattern, const char *path)
{
    const char *next_pattern = behind_slash(pattern);
    const char *next_path = behind_slash(path);
    if (strcmp(pattern, "**") == 0) {
        pattern = "**/*";
        next_pattern = pattern + 3;
    }
    if (strncmp(pattern, "**/", 3) == 0) {
        return matches_slowly(next_pattern, path) ||
               (path[0] != '.' && next_path != NULL && matches_slowly(pattern, next_path));
    }
    if (!component_matches(pattern, path)) {
        return false;
    }
    if (next_pattern == NULL || next_path == NULL) {
        return next_pattern == NULL && next_path == NULL;
    }
    return matches_slowly(next_pattern, next_path);
}

static void make_path(struct prng *prng, char text[TEXT_SIZE],
                      void (*make)(struct prng *prng, char text[TEXT_SIZE]), bool stars)
{
    memset(text, 0, TEXT_SIZE);
    for (uint64_t i = prng_below(prng, 4) + 1; i > 0; i--) {
        char component[TEXT_SIZE];
        make(prng, component);
        bool any_depth = stars && prng_below(prng, 3) == 0;
        append(text, "/");
        append(text, any_depth ? "**" : component);
    }
}

START_TEST(a_path_matches_what_a_search_of_every_way_matches)
{
    struct prng prng = prng_of_seed(2);
    unsigned matched = 0;
    for (unsigned run = 0; run < 40000; run++) {
        char pattern[TEXT_SIZE];
        char path[TEXT_SIZE];
        make_path(&prng, pattern, make_pattern, true);
        make_path(&prng, path, make_name, false);
        char *item = pattern;
        struct string_list files = {.items = &item, .count = 1};
        struct string_list none = {0};
        struct glob *glob;
        ck_assert_int_eq(glob_create(&files, &none, &glob, NULL), 0);
        bool expected = matches_slowly(pattern + 1, path + 1);
        ck_assert_msg(glob_matches_path(glob, path) == expected, "\"%s\" and \"%s\": not %d",
                      pattern, path, !expected);
        matched += expected;
        glob_free(glob);
    }
    ck_assert_uint_gt(matched, 2000);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_prop_glob");
    TCase *tests = tcase_create("glob");
    tcase_add_test(tests, a_component_matches_what_fnmatch_matches);
    tcase_add_test(tests, a_path_matches_what_a_search_of_every_way_matches);
    suite_add_tcase(suite, tests);
    return suite;
}
