#include "sandbox/sequence.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/prng.h"
#include "sandbox/u128.h"
#include "support/test_main.h"

static struct sequence random_sequence(struct prng *prng)
{
    return (struct sequence){.created_s = prng_below(prng, UINT64_C(1) << 36),
                             .counter = prng_next(prng) >> 1,
                             .put_s = prng_below(prng, UINT64_C(1) << 36),
                             .shard = (uint32_t)prng_next(prng)};
}

// 0x2 054e10a10 1 0000000000000007 00 054e10a13 00000001 2, computed with Python.
START_TEST(the_layout_is_that_of_47_hexadecimal_digits)
{
    struct sequence sequence = {
        .created_s = 0x54e10a10, .counter = 7, .put_s = 0x54e10a13, .shard = 1};
    char text[SEQUENCE_TEXT_SIZE];
    sequence_format(&sequence, text);
    ck_assert_str_eq(text, "49547969732119269347458164777177530317889024168378236946");
}
END_TEST

START_TEST(a_number_has_56_digits_and_starts_with_49)
{
    struct prng prng = prng_of_seed(1);
    for (int run = 0; run < 500; run++) {
        struct sequence sequence = random_sequence(&prng);
        sequence.created_s = 1400000000 + prng_below(&prng, 1000000000);
        char text[SEQUENCE_TEXT_SIZE];
        sequence_format(&sequence, text);
        ck_assert_uint_eq(strlen(text), 56);
        ck_assert(memcmp(text, "49", 2) == 0);
    }
}
END_TEST

START_TEST(what_is_written_reads_back)
{
    struct prng prng = prng_of_seed(2);
    for (int run = 0; run < 2000; run++) {
        struct sequence sequence = random_sequence(&prng);
        struct sequence back = {0};
        char text[SEQUENCE_TEXT_SIZE];
        sequence_format(&sequence, text);
        ck_assert_int_eq(sequence_parse(slice_of_text(text), &back), 0);
        ck_assert_uint_eq(back.created_s, sequence.created_s);
        ck_assert_uint_eq(back.counter, sequence.counter);
        ck_assert_uint_eq(back.put_s, sequence.put_s);
        ck_assert_uint_eq(back.shard, sequence.shard);
    }
}
END_TEST

START_TEST(numbers_of_a_shard_sort_by_their_counter)
{
    struct sequence sequence = {.created_s = 1700000000, .put_s = 1700000500, .shard = 3};
    char last[SEQUENCE_TEXT_SIZE] = "";
    for (uint64_t counter = 0; counter < 2000; counter += 7) {
        char text[SEQUENCE_TEXT_SIZE];
        sequence.counter = counter;
        sequence_format(&sequence, text);
        ck_assert_int_gt(strcmp(text, last), 0);
        snprintf(last, sizeof(last), "%s", text);
    }
}
END_TEST

START_TEST(other_numbers_are_refused)
{
    const char *wrong[] = {
        "",
        "0",
        "1234",
        "12x4",
        "-49547969732119269347458164777177530317889024168378236946",
        "49547969732119269347458164777177530317889024168378236947",
        "99999999999999999999999999999999999999999999999999999999",
        "9999999999999999999999999999999999999999999999999999999999999999999999999999999999",
    };
    struct sequence sequence;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        ck_assert_msg(sequence_parse(slice_of_text(wrong[i]), &sequence) == E_SYNTAX, "%s",
                      wrong[i]);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sequence");
    TCase *tests = tcase_create("sequence");
    tcase_add_test(tests, the_layout_is_that_of_47_hexadecimal_digits);
    tcase_add_test(tests, a_number_has_56_digits_and_starts_with_49);
    tcase_add_test(tests, what_is_written_reads_back);
    tcase_add_test(tests, numbers_of_a_shard_sort_by_their_counter);
    tcase_add_test(tests, other_numbers_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
