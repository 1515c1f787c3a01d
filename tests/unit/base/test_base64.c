#include "base/base64.h"

#include "base/error.h"
#include "support/test_main.h"

// RFC 4648 section 10.
static const struct {
    const char *plain;
    const char *encoded;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

START_TEST(rfc_vectors_encode)
{
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        uint8_t out[16] = {0};
        struct slice plain = slice_of_text(vectors[i].plain);
        base64_encode(plain, out);
        ck_assert_str_eq((const char *)out, vectors[i].encoded);
        ck_assert_uint_eq(base64_encoded_size(plain.size), strlen(vectors[i].encoded));
    }
}
END_TEST

START_TEST(rfc_vectors_decode)
{
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        buf_clear(&out);
        ck_assert_int_eq(base64_decode(slice_of_text(vectors[i].encoded), &out), 0);
        ck_assert_str_eq(buf_text(&out), vectors[i].plain);
    }
    buf_deinit(&out);
}
END_TEST

START_TEST(decoding_appends)
{
    struct buf out;
    buf_init(&out, 6);
    ck_assert_int_eq(base64_decode(slice_of_text("Zm9v"), &out), 0);
    ck_assert_int_eq(base64_decode(slice_of_text("Zm8="), &out), 0);
    ck_assert_str_eq(buf_text(&out), "foofo");
    ck_assert_int_eq(base64_decode(slice_of_text("Zm8="), &out), E_TOO_LARGE);
    ck_assert(out.overflow);
    ck_assert_uint_eq(out.size, 5);
    buf_deinit(&out);
}
END_TEST

START_TEST(what_is_not_strictly_base64_is_refused)
{
    const char *bad[] = {"Z",     "Zg",       "Zg=",  "Zg===", "Z===",     "====",    "=",
                         "Zm9=v", "Zg==Zg==", "Zh==", "Zm9=",  "Zm9v\n",   " Zm9v",   "Zm-v",
                         "Zm_v",  "Z=9v",     "=m9v", "Zm=v",  "Zm9v====", "Zm\x80v", "Zm9vZm9"};
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        ck_assert_msg(base64_decode(slice_of_text(bad[i]), &out) == E_SYNTAX, "%s", bad[i]);
        ck_assert_uint_eq(out.size, 0);
    }
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");
    tcase_add_test(tests, rfc_vectors_encode);
    tcase_add_test(tests, rfc_vectors_decode);
    tcase_add_test(tests, decoding_appends);
    tcase_add_test(tests, what_is_not_strictly_base64_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
