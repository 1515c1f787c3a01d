#include "aws/profile.h"

#include "base/compiler.h"
#include "support/test_main.h"

static void check_value(const char *text, enum profile_file kind, const char *profile,
                        const char *key, const char *expected)
{
    struct slice value = profile_get(slice_of_text(text), kind, profile, key);
    ck_assert_msg(slice_equal_text(value, expected), "in <%s>: <%.*s>, not <%s>", text,
                  (int)value.size, (const char *)value.data, expected);
}

START_TEST(a_value_is_what_stands_behind_the_equals_sign)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"[a]\nk=v", "v"},
        {"[a]\nk = v \n", "v"},
        {"[a]\r\nk = v\r\n", "v"},
        {"[a]\nK = v\n", "v"},
        {"[a]\nk = v=w\n", "v=w"},
        {"[a]\nk = v w\n", "v w"},
        {"[a]\nk =\n", ""},
        {"[a]\nk\n", ""},
        {"[a]\n= v\n", ""},
        {"[a]\nk = one\nk = two\n", "two"},
        {"[a]\nk = one\n[b]\nk = two\n", "one"},
        {"[a]\nk = one\n[b]\n[a]\nk = two\n", "two"},
        {"[a]\nkk = v\n", ""},
        {"k = v\n[a]\n", ""},
        {"[a]\nk = v # more\n", "v"},
        {"[a]\nk = v\t; more\n", "v"},
        {"[a]\nk = v#;more\n", "v#;more"},
        {"[a]\n# k = v\n;k = w\n", ""},
        {"[a]\ns3 =\n  k = v\n", ""},
        {"[a]\nk = v\n  nested = x\n\tk = y\n", "v"},
        {"[ a ] # the first\nk = v\n", "v"},
        {"\xef\xbb\xbf[a]\nk = v\n", "v"},
        {"[a\nk = v\n", ""},
        {"[b]\nk = w\n[a\n", ""},
        {"", ""},
        {"[", ""},
        {"]", ""},
        {"[]\nk = v\n", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        check_value(cases[i].text, PROFILE_CREDENTIALS, "a", "k", cases[i].expected);
    }
}
END_TEST

START_TEST(the_configuration_file_names_its_profiles_with_a_prefix)
{
    check_value("[profile a]\nk = v\n", PROFILE_CONFIG, "a", "k", "v");
    check_value("[ profile\ta ]\nk = v\n", PROFILE_CONFIG, "a", "k", "v");
    check_value("[profile \"a b\"]\nk = v\n", PROFILE_CONFIG, "a b", "k", "v");
    check_value("[profile 'a b']\nk = v\n", PROFILE_CONFIG, "a b", "k", "v");
    check_value("[a]\nk = v\n", PROFILE_CONFIG, "a", "k", "");
    check_value("[profilea]\nk = v\n", PROFILE_CONFIG, "a", "k", "");
    check_value("[profile]\nk = v\n", PROFILE_CONFIG, "profile", "k", "");
    check_value("[sso-session a]\nk = v\n", PROFILE_CONFIG, "a", "k", "");
    check_value("[default]\nk = v\n", PROFILE_CONFIG, "default", "k", "v");
    check_value("[profile default]\nk = v\n", PROFILE_CONFIG, "default", "k", "v");
}
END_TEST

START_TEST(the_credentials_file_takes_names_as_they_are)
{
    check_value("[profile a]\nk = v\n", PROFILE_CREDENTIALS, "a", "k", "");
    check_value("[profile a]\nk = v\n", PROFILE_CREDENTIALS, "profile a", "k", "v");
}
END_TEST

START_TEST(a_profile_without_properties_exists)
{
    struct slice text = slice_of_text("[a]\n[b]\nk = v\n[c]");
    ck_assert(profile_exists(text, PROFILE_CREDENTIALS, "a"));
    ck_assert(profile_exists(text, PROFILE_CREDENTIALS, "b"));
    ck_assert(profile_exists(text, PROFILE_CREDENTIALS, "c"));
    ck_assert(!profile_exists(text, PROFILE_CREDENTIALS, "d"));
    ck_assert(!profile_exists(slice_of(NULL, 0), PROFILE_CREDENTIALS, "a"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("profile");
    TCase *tests = tcase_create("profile");
    tcase_add_test(tests, a_value_is_what_stands_behind_the_equals_sign);
    tcase_add_test(tests, the_configuration_file_names_its_profiles_with_a_prefix);
    tcase_add_test(tests, the_credentials_file_takes_names_as_they_are);
    tcase_add_test(tests, a_profile_without_properties_exists);
    suite_add_tcase(suite, tests);
    return suite;
}
