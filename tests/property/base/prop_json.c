#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/prng.h"
#include "base/utf8.h"
#include "support/random_json.h"
#include "support/test_main.h"

enum { TEXT_MAX = 1 << 20 };

static struct buf compact;
static struct buf spaced;
static struct buf out;

static void setup(void)
{
    buf_init(&compact, TEXT_MAX);
    buf_init(&spaced, TEXT_MAX);
    buf_init(&out, TEXT_MAX);
}

static void teardown(void)
{
    buf_deinit(&compact);
    buf_deinit(&spaced);
    buf_deinit(&out);
}

static void next_document(struct prng *prng)
{
    buf_clear(&compact);
    buf_clear(&spaced);
    random_json(prng, &compact, &spaced);
    ck_assert(!spaced.overflow);
}

// A second reader of the grammar in RFC 8259, written for clarity: each function returns what is
// left behind the thing that it reads, or NULL.
static const uint8_t *read_value(const uint8_t *at, const uint8_t *end);

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static const uint8_t *read_space(const uint8_t *at, const uint8_t *end)
{
    while (at != NULL && at < end && is_space(*at)) {
        at++;
    }
    return at;
}

static const uint8_t *read_byte(const uint8_t *at, const uint8_t *end, const char *any)
{
    return at != NULL && at < end && *at != 0 && strchr(any, *at) != NULL ? at + 1 : NULL;
}

static const uint8_t *read_many(const uint8_t *at, const uint8_t *end, const char *any, size_t min,
                                size_t max)
{
    size_t count = 0;
    const uint8_t *next;
    while (count < max && (next = read_byte(at, end, any)) != NULL) {
        at = next;
        count++;
    }
    return count >= min ? at : NULL;
}

static const uint8_t *read_string(const uint8_t *at, const uint8_t *end)
{
    at = read_byte(at, end, "\"");
    while (at != NULL && at < end && *at != '"') {
        if (*at < 0x20) {
            return NULL;
        }
        if (*at == '\\') {
            const uint8_t *unicode = read_byte(at + 1, end, "u");
            at = unicode == NULL ? read_byte(at + 1, end, "\"\\/bfnrt")
                                 : read_many(unicode, end, "0123456789abcdefABCDEF", 4, 4);
            continue;
        }
        struct utf8_step step = utf8_step(slice_of(at, (size_t)(end - at)));
        at = step.valid ? at + step.length : NULL;
    }
    return read_byte(at, end, "\"");
}

static const uint8_t *read_number(const uint8_t *at, const uint8_t *end)
{
    at = read_many(at, end, "-", 0, 1);
    const uint8_t *zero = read_byte(at, end, "0");
    at = zero != NULL ? zero : read_many(at, end, "0123456789", 1, SIZE_MAX);
    const uint8_t *dot = read_byte(at, end, ".");
    if (dot != NULL) {
        at = read_many(dot, end, "0123456789", 1, SIZE_MAX);
    }
    const uint8_t *exponent = read_byte(at, end, "eE");
    if (exponent != NULL) {
        exponent = read_many(exponent, end, "+-", 0, 1);
        at = read_many(exponent, end, "0123456789", 1, SIZE_MAX);
    }
    return at;
}

static const uint8_t *read_list(const uint8_t *at, const uint8_t *end, bool object)
{
    const uint8_t *empty = read_byte(read_space(at + 1, end), end, object ? "}" : "]");
    if (empty != NULL) {
        return empty;
    }
    do {
        at++;
        if (object) {
            at = read_string(read_space(at, end), end);
            at = read_byte(read_space(at, end), end, ":");
        }
        at = read_value(at, end);
    } while (read_byte(at, end, ",") != NULL);
    return read_byte(at, end, object ? "}" : "]");
}

static const uint8_t *read_value(const uint8_t *at, const uint8_t *end)
{
    at = read_space(at, end);
    if (at == NULL || at == end) {
        return NULL;
    }
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(end - at) >= size && memcmp(at, words[i], size) == 0) {
            return read_space(at + size, end);
        }
    }
    if (*at == '{' || *at == '[') {
        at = read_list(at, end, *at == '{');
    } else {
        at = *at == '"' ? read_string(at, end) : read_number(at, end);
    }
    return read_space(at, end);
}

static bool reference_accepts(struct slice text)
{
    const uint8_t *end = text.data + text.size;
    return read_value(text.data, end) == end;
}

START_TEST(compact_of_a_spaced_document_is_the_compact_document)
{
    struct prng prng = prng_of_seed(10);
    for (int run = 0; run < 3000; run++) {
        next_document(&prng);
        size_t offset = 0;
        buf_clear(&out);
        ck_assert_msg(json_compact(buf_slice(&spaced), &out, &offset) == 0, "run %d at %zu: %s",
                      run, offset, buf_text(&spaced));
        ck_assert_msg(slice_equal(buf_slice(&out), buf_slice(&compact)), "%s", buf_text(&spaced));
        buf_clear(&out);
        ck_assert_int_eq(json_compact(buf_slice(&compact), &out, NULL), 0);
        ck_assert(slice_equal(buf_slice(&out), buf_slice(&compact)));
    }
}
END_TEST

START_TEST(damaged_documents_are_judged_as_by_the_grammar)
{
    static const uint8_t favourites[] = {"{}[]\",:\\-+.0eEu \ntrfn\x7f\x80\xc3\x00"};
    struct prng prng = prng_of_seed(11);
    unsigned refused = 0;
    for (int run = 0; run < 60000; run++) {
        if (run % 20 == 0) {
            next_document(&prng);
        }
        buf_clear(&out);
        buf_append_slice(&out, buf_slice(&spaced));
        size_t at = prng_below(&prng, out.size);
        if (prng_below(&prng, 4) == 0) {
            buf_truncate(&out, at);
        } else if (prng_below(&prng, 3) == 0) {
            memmove(out.data + at, out.data + at + 1, out.size - at - 1);
            buf_truncate(&out, out.size - 1);
        } else {
            out.data[at] = favourites[prng_below(&prng, sizeof favourites - 1)];
        }
        bool accepted = json_validate(buf_slice(&out), NULL) == 0;
        ck_assert_msg(accepted == reference_accepts(buf_slice(&out)), "run %d: %s", run,
                      buf_text(&out));
        refused += !accepted;
    }
    ck_assert_uint_gt(refused, 10000);
}
END_TEST

// Rebuilds the compact text from the parts that the walk hands out.
static void rebuild(struct slice value, struct buf *text)
{
    enum json_kind kind = json_kind_of(value);
    if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
        buf_append_slice(text, value);
        return;
    }
    struct json_walk walk;
    json_walk_init(&walk, value);
    buf_append_byte(text, kind == JSON_OBJECT ? '{' : '[');
    bool first = true;
    while (json_walk_next(&walk)) {
        buf_append_text(text, first ? "" : ",");
        first = false;
        if (kind == JSON_OBJECT) {
            buf_append_byte(text, '"');
            buf_append_slice(text, walk.name);
            buf_append_text(text, "\":");
        }
        rebuild(walk.value, text);
    }
    ck_assert_int_eq(walk.error, 0);
    buf_append_byte(text, kind == JSON_OBJECT ? '}' : ']');
}

static struct slice trimmed(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text = slice_skip(text, 1);
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

START_TEST(a_walk_hands_out_the_whole_document)
{
    struct prng prng = prng_of_seed(12);
    for (int run = 0; run < 3000; run++) {
        next_document(&prng);
        buf_clear(&out);
        rebuild(trimmed(buf_slice(&spaced)), &out);
        ck_assert_msg(slice_equal(buf_slice(&out), buf_slice(&compact)), "%s", buf_text(&spaced));
    }
}
END_TEST

START_TEST(any_bytes_survive_a_string)
{
    struct prng prng = prng_of_seed(13);
    struct buf back;
    struct buf expected;
    buf_init(&back, TEXT_MAX);
    buf_init(&expected, TEXT_MAX);
    for (int run = 0; run < 20000; run++) {
        uint8_t text[64];
        size_t size = prng_below(&prng, sizeof text + 1);
        bool ascii = prng_below(&prng, 2) == 0;
        for (size_t i = 0; i < size; i++) {
            text[i] = (uint8_t)prng_below(&prng, ascii ? 0x80 : 0x100);
        }
        buf_clear(&out);
        buf_clear(&back);
        buf_clear(&expected);
        size_t replaced = json_write_string(&out, slice_of(text, size));
        ck_assert_uint_eq(utf8_append_valid(&expected, slice_of(text, size)), replaced);
        ck_assert_int_eq(json_unescape(buf_slice(&out), &back), 0);
        ck_assert(slice_equal(buf_slice(&back), buf_slice(&expected)));
    }
    buf_deinit(&expected);
    buf_deinit(&back);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, compact_of_a_spaced_document_is_the_compact_document);
    tcase_add_test(tests, damaged_documents_are_judged_as_by_the_grammar);
    tcase_add_test(tests, a_walk_hands_out_the_whole_document);
    tcase_add_test(tests, any_bytes_survive_a_string);
    suite_add_tcase(suite, tests);
    return suite;
}
