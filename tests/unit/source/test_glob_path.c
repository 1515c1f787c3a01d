// Whole paths against patterns.
#include "source/glob.h"
#include "support/test_main.h"

static struct glob *glob;

static void compile(const char *file, const char *exclude)
{
    char *file_item = (char *)(uintptr_t)file;
    char *exclude_item = (char *)(uintptr_t)exclude;
    struct string_list files = {.items = &file_item, .count = 1};
    struct string_list excluded = {.items = &exclude_item, .count = exclude == NULL ? 0 : 1};
    ck_assert_int_eq(glob_create(&files, &excluded, &glob, NULL), 0);
}

static void teardown(void)
{
    glob_free(glob);
}

START_TEST(a_path_matches_component_by_component)
{
    compile("/var/log/*/app.log*", NULL);
    ck_assert(glob_matches_path(glob, "/var/log/web/app.log"));
    ck_assert(glob_matches_path(glob, "/var/log/web/app.log.1"));
    ck_assert(!glob_matches_path(glob, "/var/log/app.log"));
    ck_assert(!glob_matches_path(glob, "/var/log/web/deep/app.log"));
    ck_assert(!glob_matches_path(glob, "/var/logs/web/app.log"));
    ck_assert(!glob_matches_path(glob, "/var/log"));
}
END_TEST

START_TEST(two_stars_match_any_depth)
{
    compile("/srv/**/*.json", NULL);
    ck_assert(glob_matches_path(glob, "/srv/a.json"));
    ck_assert(glob_matches_path(glob, "/srv/a/b/c.json"));
    ck_assert(!glob_matches_path(glob, "/srv/a/.hidden/c.json"));
}
END_TEST

START_TEST(what_is_excluded_does_not_match_nor_what_lies_below_it)
{
    compile("/srv/**/*.log", "/srv/old");
    ck_assert(glob_matches_path(glob, "/srv/new/a.log"));
    ck_assert(!glob_matches_path(glob, "/srv/old/a.log"));
}
END_TEST

START_TEST(a_plain_path_matches_itself)
{
    compile("/a.log", NULL);
    ck_assert(glob_matches_path(glob, "/a.log"));
    ck_assert(!glob_matches_path(glob, "/a.log.1"));
}
END_TEST

START_TEST(a_directory_below_which_a_file_can_match_is_told)
{
    compile("/srv/*/logs/**/*.log", "/srv/old");
    ck_assert(glob_matches_below(glob, "/srv/web/logs"));
    ck_assert(glob_matches_below(glob, "/srv/web/logs/"));
    ck_assert(glob_matches_below(glob, "/srv/web/logs/deep/deeper"));
    ck_assert(!glob_matches_below(glob, "/srv/web"));
    ck_assert(!glob_matches_below(glob, "/srv/web/other"));
    ck_assert(!glob_matches_below(glob, "/srv/web/logs/.hidden"));
    ck_assert(!glob_matches_below(glob, "/elsewhere"));
    ck_assert(!glob_matches_below(glob, ""));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_glob_path");
    TCase *tests = tcase_create("glob_path");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_path_matches_component_by_component);
    tcase_add_test(tests, two_stars_match_any_depth);
    tcase_add_test(tests, what_is_excluded_does_not_match_nor_what_lies_below_it);
    tcase_add_test(tests, a_plain_path_matches_itself);
    tcase_add_test(tests, a_directory_below_which_a_file_can_match_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}
