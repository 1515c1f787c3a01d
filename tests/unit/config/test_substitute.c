#include "config/substitute.h"

#include <string.h>

#include "base/error.h"
#include "support/test_main.h"

static const char *environment(const char *name)
{
    static const char *const pairs[][2] = {
        {"A", "a"},        {"EMPTY", ""},      {"NESTED", "${A}"},   {"_under9", "u"},
        {"LATIN", "\xe4"}, {"YAML", "{a: [b"}, {"LONG_NAME", "long"}};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        if (strcmp(pairs[i][0], name) == 0) {
            return pairs[i][1];
        }
    }
    return NULL;
}

struct substitution {
    const char *text;
    const char *result; // or, with a '!' in front, the mistake
};

static const struct substitution substitutions[] = {
    {"", ""},
    {"plain", "plain"},
    {"$", "$"},
    {"$A", "$A"},
    {"a$", "a$"},
    {"^x$", "^x$"},
    {"${A}", "a"},
    {"<${A}${A}>", "<aa>"},
    {"${_under9}", "u"},
    {"${EMPTY}", ""},
    {"${EMPTY:-x}", "x"},
    {"${NO:-}", ""},
    {"${NO:-a b:-c}", "a b:-c"},
    {"${A:-x}", "a"},
    {"${NESTED}", "${A}"},
    {"${YAML}", "{a: [b"},
    {"$${A}", "${A}"},
    {"$${A} ${A}", "${A} a"},
    {"$$${A}", "$${A}"},
    {"$$", "$$"},
    {"}", "}"},
    {"${NO}", "!the environment variable NO is not set; set it, or write ${NO:-value}"},
    {"${LATIN}", "!the environment variable LATIN is not UTF-8"},
    {"${", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"${}", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"${A", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"${A:-", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"${A-x}", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"${9}", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
    {"a{2}${3,4}", "!\"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a plain \"${\""},
};

START_TEST(references_are_replaced_and_mistakes_named)
{
    const struct substitution *item = &substitutions[_i];
    char why[200] = "";
    struct buf out;
    buf_init(&out, 100);
    int error = substitute(item->text, environment, &out, why, sizeof why);
    if (item->result[0] == '!') {
        ck_assert_int_eq(error, E_CONFIG);
        ck_assert_str_eq(why, item->result + 1);
    } else {
        ck_assert_int_eq(error, 0);
        ck_assert_str_eq(buf_text(&out), item->result);
    }
    buf_deinit(&out);
}
END_TEST

START_TEST(a_result_that_is_too_long_is_a_mistake)
{
    char why[200] = "";
    struct buf out;
    buf_init(&out, 7);
    ck_assert_int_eq(substitute("${LONG_NAME}${LONG_NAME}", environment, &out, why, sizeof why),
                     E_CONFIG);
    ck_assert_str_eq(why, "too long after the environment variables are put in");
    buf_deinit(&out);
}
END_TEST

START_TEST(without_an_environment_every_variable_is_unset)
{
    char why[200] = "";
    struct buf out;
    buf_init(&out, 100);
    ck_assert_int_eq(substitute("${A}", NULL, &out, why, sizeof why), E_CONFIG);
    ck_assert_int_eq(substitute("${A:-b}", NULL, &out, why, sizeof why), 0);
    ck_assert_str_eq(buf_text(&out), "b");
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("substitute");
    TCase *tcase = tcase_create("substitute");
    tcase_add_loop_test(tcase, references_are_replaced_and_mistakes_named, 0,
                        (int)ARRAY_COUNT(substitutions));
    tcase_add_test(tcase, a_result_that_is_too_long_is_a_mistake);
    tcase_add_test(tcase, without_an_environment_every_variable_is_unset);
    suite_add_tcase(suite, tcase);
    return suite;
}
