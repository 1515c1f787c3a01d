#include "config/nearest.h"

#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "support/test_main.h"

struct pair {
    const char *a;
    const char *b;
    size_t distance;
};

static const struct pair pairs[] = {
    {"", "", 0},       {"", "abc", 3},           {"abc", "abc", 0},
    {"abc", "abd", 1}, {"abc", "ab", 1},         {"abc", "abcd", 1},
    {"ab", "ba", 1},   {"steam", "stream", 1},   {"regoin", "region", 1},
    {"ca", "abc", 3},  {"kitten", "sitting", 3}, {"abcdef", "badcfe", 3},
};

START_TEST(the_distance_counts_edits_and_swaps_of_neighbours)
{
    ck_assert_uint_eq(nearest_distance(pairs[_i].a, pairs[_i].b), pairs[_i].distance);
    ck_assert_uint_eq(nearest_distance(pairs[_i].b, pairs[_i].a), pairs[_i].distance);
}
END_TEST

START_TEST(words_that_are_too_long_are_near_nothing)
{
    char word[NEAREST_WORD_MAX + 2];
    memset(word, 'a', sizeof word);
    word[NEAREST_WORD_MAX] = '\0';
    ck_assert_uint_eq(nearest_distance(word, ""), NEAREST_WORD_MAX);
    word[NEAREST_WORD_MAX] = 'a';
    word[NEAREST_WORD_MAX + 1] = '\0';
    ck_assert_uint_eq(nearest_distance(word, word), SIZE_MAX);
    struct nearest nearest = {.word = word};
    nearest_offer(&nearest, word);
    ck_assert_ptr_null(nearest.best);
}
END_TEST

static const char *best_of(const char *word)
{
    static const char *const names[] = {"files", "exclude", "start_at", "to", "name", "filter"};
    struct nearest nearest = {.word = word};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        nearest_offer(&nearest, names[i]);
    }
    return nearest.best;
}

START_TEST(the_closest_name_is_meant_and_a_far_one_is_not)
{
    ck_assert_str_eq(best_of("file"), "files");
    ck_assert_str_eq(best_of("filtre"), "filter");
    ck_assert_str_eq(best_of("startat"), "start_at");
    ck_assert_str_eq(best_of("exclud"), "exclude");
    ck_assert_ptr_null(best_of("destination"));
    ck_assert_ptr_null(best_of("x"));
    ck_assert_ptr_null(best_of(""));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("nearest");
    TCase *tcase = tcase_create("nearest");
    tcase_add_loop_test(tcase, the_distance_counts_edits_and_swaps_of_neighbours, 0,
                        (int)ARRAY_COUNT(pairs));
    tcase_add_test(tcase, words_that_are_too_long_are_near_nothing);
    tcase_add_test(tcase, the_closest_name_is_meant_and_a_far_one_is_not);
    suite_add_tcase(suite, tcase);
    return suite;
}
