// Patterns as they are written: braces, classes, escapes, mistakes, exclusion.
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "source/glob.h"
#include "support/test_main.h"

static int compile_list(const char *const *texts, size_t count, const char *exclude,
                        struct glob **out_glob, const char **out_bad)
{
    struct string_list files = {.items = (char **)(uintptr_t)texts, .count = count};
    char *exclude_item = (char *)(uintptr_t)exclude;
    struct string_list excluded = {.items = &exclude_item, .count = exclude == NULL ? 0 : 1};
    return glob_create(&files, &excluded, out_glob, out_bad);
}

static const struct {
    const char *pattern;
    const char *yes; // paths it matches, with spaces between them
    const char *no;
} rows[] = {
    {"/d/{a,b}.log", "/d/a.log /d/b.log", "/d/c.log /d/ab.log /d/{a,b}.log"},
    {"/d/{a,b{1,2}}x", "/d/ax /d/b1x /d/b2x", "/d/bx /d/a1x"},
    {"/{d,e}/{a,b}", "/d/a /e/b", "/d/c /f/a"},
    {"/d/a{,.1}", "/d/a /d/a.1", "/d/a.2"},
    {"/d/{a/b,c}", "/d/a/b /d/c", "/d/a /d/b"},
    {"/d/a}", "/d/a}", "/d/a"},
    {"/d/[{]a", "/d/{a", "/d/a"},
    {"/d/\\{a,b\\}", "/d/{a,b}", "/d/a"},
    {"/d/[a-c]x", "/d/ax /d/cx", "/d/dx /d/-x"},
    {"/d/[!a-c]x", "/d/dx /d/-x", "/d/ax"},
    {"/d/[^a]", "/d/b", "/d/a"},
    {"/d/[]]", "/d/]", "/d/["},
    {"/d/[a-]", "/d/a /d/-", "/d/b"},
    {"/d/[\\]-_]", "/d/] /d/^ /d/_", "/d/a"},
    {"/d/[a-\\c]", "/d/a /d/b /d/c", "/d/d"},
    {"/d/\\*", "/d/*", "/d/a"},
    {"/d/*", "/d/a /d/a.b", "/d/.a /d/a/b"},
    {"/d/.*", "/d/.a", "/d/a"},
    {"/d/**", "/d/a /d/e/a /d/e/f/a", "/d/.a /d/.e/a /e/a"},
    {"/d/**/**/a", "/d/a /d/e/a /d/e/f/a", "/d/b"},
    {"/**/a", "/a /d/a /d/e/a", "/d/b"},
    {"/d//a", "/d/a", "/d/b"},
    {"/d/a**b", "/d/ab /d/axb", "/d/a/b"},
};

static void expect(const struct glob *glob, const char *pattern, const char *paths, bool matches)
{
    char *copy = xstrdup(paths);
    char *rest = NULL;
    for (const char *path = strtok_r(copy, " ", &rest); path != NULL;
         path = strtok_r(NULL, " ", &rest)) {
        ck_assert_msg(glob_matches_path(glob, path) == matches, "%s %s %s", pattern,
                      matches ? "does not match" : "matches", path);
    }
    free(copy);
}

START_TEST(a_pattern_matches_what_it_says)
{
    struct glob *glob;
    ck_assert_int_eq(compile_list(&rows[_i].pattern, 1, NULL, &glob, NULL), 0);
    expect(glob, rows[_i].pattern, rows[_i].yes, true);
    expect(glob, rows[_i].pattern, rows[_i].no, false);
    glob_free(glob);
}
END_TEST

static const char *const mistakes[] = {"",      "/d/[a",    "/d/{a", "/d/{a,{b}", "/d/a\\",
                                       "/d/a/", "/d/{a,}/", "/",     "/d/[!]",    "/d/{[a,b}"};

START_TEST(a_malformed_pattern_is_refused_and_named)
{
    static const char good[] = "/d/good";
    const char *texts[] = {good, mistakes[_i]};
    struct glob *glob;
    const char *bad = NULL;
    ck_assert_int_eq(compile_list(texts, 2, NULL, &glob, &bad), E_SYNTAX);
    ck_assert_ptr_eq(bad, mistakes[_i]);
}
END_TEST

START_TEST(a_malformed_exclusion_is_refused_and_named)
{
    static const char *const good[] = {"/d/good"};
    struct glob *glob;
    const char *bad = NULL;
    ck_assert_int_eq(compile_list(good, 1, "[a", &glob, &bad), E_SYNTAX);
    ck_assert_str_eq(bad, "[a");
    ck_assert_int_eq(compile_list(good, 1, "", &glob, NULL), E_SYNTAX);
}
END_TEST

static const char *repeated(struct buf *buf, const char *text, size_t count)
{
    buf_init(buf, 1 << 20);
    buf_append_byte(buf, '/');
    for (size_t i = 0; i < count; i++) {
        buf_append_text(buf, text);
    }
    return buf_text(buf);
}

START_TEST(braces_that_multiply_beyond_the_limit_are_refused)
{
    struct buf buf;
    struct glob *glob;
    const char *text = repeated(&buf, "{a,b}", 12);
    ck_assert_int_eq(compile_list(&text, 1, NULL, &glob, NULL), 0);
    glob_free(glob);
    buf_deinit(&buf);
    text = repeated(&buf, "{a,b}", 13);
    ck_assert_int_eq(compile_list(&text, 1, NULL, &glob, NULL), E_TOO_LARGE);
    buf_deinit(&buf);
    text = repeated(&buf, "a", 5000);
    ck_assert_int_eq(compile_list(&text, 1, NULL, &glob, NULL), E_TOO_LARGE);
    buf_deinit(&buf);
    text = repeated(&buf, "*/", 2000);
    const char *many[12];
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = text;
    }
    buf_append_byte(&buf, 'a');
    many[0] = buf_text(&buf);
    for (size_t i = 1; i < ARRAY_COUNT(many); i++) {
        many[i] = many[0];
    }
    ck_assert_int_eq(compile_list(many, ARRAY_COUNT(many), NULL, &glob, NULL), E_TOO_LARGE);
    buf_deinit(&buf);
}
END_TEST

static const struct {
    const char *exclude;
    const char *excluded;
    const char *kept;
} exclusions[] = {
    {"*.gz", "/d/a.gz /d/e/a.gz", "/d/a /d/a.gz.1"},
    {"/d/e", "/d/e/a /d/e/f/a", "/d/f/a /d/ee/a"},
    {"/d/*/tmp", "/d/e/tmp /d/f/tmp/a", "/d/tmp /d/e/tmp2"},
    {"/d/**/x", "/d/x /d/e/x /d/e/f/x", "/d/y /d/e/xy"},
    {"{a,b}", "/d/a /d/b /d/e/a", "/d/c"},
    {"old", "/d/old /d/old/a", "/d/older"},
};

START_TEST(what_is_excluded_does_not_match)
{
    static const char *const all[] = {"/d/**"};
    struct glob *glob;
    ck_assert_int_eq(compile_list(all, 1, exclusions[_i].exclude, &glob, NULL), 0);
    expect(glob, exclusions[_i].exclude, exclusions[_i].excluded, false);
    expect(glob, exclusions[_i].exclude, exclusions[_i].kept, true);
    glob_free(glob);
}
END_TEST

START_TEST(patterns_with_one_beginning_share_a_directory)
{
    static const char *const texts[] = {"/var/log/*.log", "/var/log/a*", "/srv/**", "/x"};
    struct glob *glob;
    ck_assert_int_eq(compile_list(texts, ARRAY_COUNT(texts), NULL, &glob, NULL), 0);
    ck_assert_uint_eq(glob_base_count(glob), 3);
    ck_assert_str_eq(glob_base(glob, 0), "/var/log");
    ck_assert_str_eq(glob_base(glob, 1), "/srv");
    ck_assert_str_eq(glob_base(glob, 2), "/");
    glob_free(glob);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_glob");
    TCase *tests = tcase_create("glob");
    tcase_add_loop_test(tests, a_pattern_matches_what_it_says, 0, (int)ARRAY_COUNT(rows));
    tcase_add_loop_test(tests, a_malformed_pattern_is_refused_and_named, 0,
                        (int)ARRAY_COUNT(mistakes));
    tcase_add_test(tests, a_malformed_exclusion_is_refused_and_named);
    tcase_add_test(tests, braces_that_multiply_beyond_the_limit_are_refused);
    tcase_add_loop_test(tests, what_is_excluded_does_not_match, 0, (int)ARRAY_COUNT(exclusions));
    tcase_add_test(tests, patterns_with_one_beginning_share_a_directory);
    suite_add_tcase(suite, tests);
    return suite;
}
