#include "sandbox/token.h"

#include "base/error.h"
#include "support/test_main.h"

static struct token example(void)
{
    struct token token = {.kind = TOKEN_ITERATOR,
                          .issued_ns = 1700000000000000001,
                          .stream_created_ns = 1600000000000000002,
                          .shard = 7,
                          .position = 123456789012,
                          .filter = 3,
                          .filter_ns = 42};
    memset(token.stream, 'n', STREAM_NAME_MAX);
    return token;
}

START_TEST(a_token_brings_everything_back)
{
    struct token token = example();
    struct token back;
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    ck_assert_uint_le(text.size, 512);
    ck_assert_int_eq(token_open(buf_slice(&text), TOKEN_ITERATOR, &back), 0);
    ck_assert_uint_eq(back.issued_ns, token.issued_ns);
    ck_assert_uint_eq(back.stream_created_ns, token.stream_created_ns);
    ck_assert_uint_eq(back.shard, token.shard);
    ck_assert_uint_eq(back.position, token.position);
    ck_assert_uint_eq(back.filter, token.filter);
    ck_assert_uint_eq(back.filter_ns, token.filter_ns);
    ck_assert_str_eq(back.stream, token.stream);
    buf_deinit(&text);
}
END_TEST

START_TEST(a_token_of_another_kind_is_refused)
{
    struct token token = example();
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    ck_assert_int_eq(token_open(buf_slice(&text), TOKEN_SHARDS, &token), E_SYNTAX);
    buf_deinit(&text);
}
END_TEST

START_TEST(every_changed_character_is_noticed)
{
    struct token token = example();
    struct buf text;
    buf_init(&text, 1024);
    token_seal(&token, &text);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t kept = text.data[i];
        text.data[i] = kept == 'A' ? 'B' : 'A';
        ck_assert_int_eq(token_open(buf_slice(&text), TOKEN_ITERATOR, &token), E_SYNTAX);
        text.data[i] = kept;
    }
    for (size_t size = 0; size < text.size; size++) {
        ck_assert_int_eq(token_open(slice_of(text.data, size), TOKEN_ITERATOR, &token), E_SYNTAX);
    }
    buf_deinit(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("token");
    tcase_add_test(tests, a_token_brings_everything_back);
    tcase_add_test(tests, a_token_of_another_kind_is_refused);
    tcase_add_test(tests, every_changed_character_is_noticed);
    suite_add_tcase(suite, tests);
    return suite;
}
