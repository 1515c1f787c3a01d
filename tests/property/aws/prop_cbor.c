#include "aws/cbor.h"
#include "base/error.h"
#include "base/prng.h"
#include "support/test_main.h"

enum { DEPTH_MAX = 6, DOCUMENT_BYTES_MAX = 1 << 16, TEXT_BYTES_MAX = 300 };

static uint64_t random_number(struct prng *prng)
{
    return prng_next(prng) >> prng_below(prng, 64);
}

static struct slice random_text(struct prng *prng, uint8_t room[TEXT_BYTES_MAX])
{
    size_t size = prng_below(prng, TEXT_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        room[i] = (uint8_t)('a' + prng_below(prng, 26));
    }
    return slice_of(room, size);
}

static void write_value(struct prng *prng, unsigned depth, struct buf *out);

static void write_items(struct prng *prng, unsigned depth, uint64_t count, struct buf *out)
{
    for (uint64_t i = 0; i < count; i++) {
        write_value(prng, depth + 1, out);
    }
}

// A value of any kind; a container below DEPTH_MAX.
static void write_value(struct prng *prng, unsigned depth,
                        struct buf *out) // NOLINT(misc-no-recursion)
{
    uint8_t room[TEXT_BYTES_MAX];
    uint64_t count = prng_below(prng, 4);
    switch (prng_below(prng, depth < DEPTH_MAX ? 10 : 6)) {
    case 0:
        cbor_write_u64(out, random_number(prng));
        break;
    case 1:
        cbor_write_i64(out, -(int64_t)(random_number(prng) >> 1));
        break;
    case 2:
        cbor_write_text(out, random_text(prng, room));
        break;
    case 3:
        cbor_write_bytes(out, random_text(prng, room));
        break;
    case 4:
        cbor_write_double(out, (double)random_number(prng) / 3);
        break;
    case 5:
        if (count == 0) {
            cbor_write_null(out);
        } else {
            cbor_write_bool(out, count > 1);
        }
        break;
    case 6:
        cbor_write_array(out, count);
        write_items(prng, depth, count, out);
        break;
    case 7:
        cbor_write_map(out, count);
        write_items(prng, depth, 2 * count, out);
        break;
    case 8:
        cbor_write_indefinite_array(out);
        write_items(prng, depth, count, out);
        cbor_write_break(out);
        break;
    default:
        cbor_write_indefinite_map(out);
        write_items(prng, depth, 2 * count, out);
        cbor_write_break(out);
    }
}

static void copy_value(struct cbor_reader *reader, const struct cbor_item *item, struct buf *out);

static void copy_items(struct cbor_reader *reader, const struct cbor_item *container,
                       struct buf *out) // NOLINT(misc-no-recursion)
{
    struct cbor_item walked = *container;
    walked.argument *= container->kind == CBOR_MAP ? 2 : 1;
    struct cbor_item item;
    for (uint64_t done = 0; cbor_next_in(reader, &walked, done, &item); done++) {
        copy_value(reader, &item, out);
    }
    if (container->indefinite) {
        cbor_write_break(out);
    }
}

// Writes again what was read.
static void copy_value(struct cbor_reader *reader, const struct cbor_item *item,
                       struct buf *out) // NOLINT(misc-no-recursion)
{
    switch (item->kind) {
    case CBOR_UINT:
        cbor_write_u64(out, item->argument);
        break;
    case CBOR_NEGATIVE:
        cbor_write_i64(out, -1 - (int64_t)item->argument);
        break;
    case CBOR_TEXT:
        cbor_write_text(out, item->string);
        break;
    case CBOR_BYTES:
        cbor_write_bytes(out, item->string);
        break;
    case CBOR_FLOAT:
        cbor_write_double(out, item->number);
        break;
    case CBOR_BOOL:
        cbor_write_bool(out, item->boolean);
        break;
    case CBOR_ARRAY:
    case CBOR_MAP:
        if (item->indefinite && item->kind == CBOR_ARRAY) {
            cbor_write_indefinite_array(out);
        } else if (item->indefinite) {
            cbor_write_indefinite_map(out);
        } else if (item->kind == CBOR_ARRAY) {
            cbor_write_array(out, item->argument);
        } else {
            cbor_write_map(out, item->argument);
        }
        copy_items(reader, item, out);
        break;
    case CBOR_NULL:
        cbor_write_null(out);
        break;
    case CBOR_TAG:
    case CBOR_BREAK:
        ck_abort_msg("kind %d was not written", (int)item->kind);
    }
}

START_TEST(what_is_read_and_written_again_is_the_same)
{
    struct prng prng = prng_of_seed((uint64_t)_i + 1);
    struct buf document;
    struct buf copy;
    buf_init(&document, DOCUMENT_BYTES_MAX);
    buf_init(&copy, DOCUMENT_BYTES_MAX);
    for (unsigned run = 0; run < 200; run++) {
        buf_clear(&document);
        buf_clear(&copy);
        write_value(&prng, 0, &document);
        if (document.overflow) {
            continue;
        }
        struct cbor_reader reader = cbor_reader_of(buf_slice(&document));
        struct cbor_item item;
        ck_assert(cbor_next(&reader, &item));
        copy_value(&reader, &item, &copy);
        ck_assert_int_eq(reader.error, 0);
        ck_assert_uint_eq(reader.rest.size, 0);
        ck_assert(slice_equal(buf_slice(&document), buf_slice(&copy)));

        reader = cbor_reader_of(buf_slice(&document));
        cbor_skip(&reader);
        ck_assert_int_eq(reader.error, 0);
        ck_assert_uint_eq(reader.rest.size, 0);
    }
    buf_deinit(&document);
    buf_deinit(&copy);
}
END_TEST

START_TEST(a_document_that_is_cut_is_an_error)
{
    struct prng prng = prng_of_seed((uint64_t)_i + 1);
    struct buf document;
    buf_init(&document, DOCUMENT_BYTES_MAX);
    for (unsigned run = 0; run < 200; run++) {
        buf_clear(&document);
        write_value(&prng, 0, &document);
        size_t size = prng_below(&prng, document.size);
        struct cbor_reader reader = cbor_reader_of(slice_of(document.data, size));
        cbor_skip(&reader);
        ck_assert_int_eq(reader.error, E_TRUNCATED);
    }
    buf_deinit(&document);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cbor");
    TCase *tests = tcase_create("cbor");
    tcase_add_loop_test(tests, what_is_read_and_written_again_is_the_same, 0, 20);
    tcase_add_loop_test(tests, a_document_that_is_cut_is_an_error, 0, 20);
    suite_add_tcase(suite, tests);
    return suite;
}
