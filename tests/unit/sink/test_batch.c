#include "sink/batch.h"

#include "support/test_main.h"

enum { MEMORY = 1000 };

static struct batch_pool *pool;
static const struct limits limits = {.service = SERVICE_KINESIS,
                                     .call_records = 500,
                                     .call_bytes = 1 << 20,
                                     .record_bytes = 1 << 20};

static void setup(void)
{
    pool = batch_pool_create(MEMORY);
}

static void teardown(void)
{
    batch_pool_free(pool);
}

START_TEST(bodies_in_use_never_pass_the_memory)
{
    struct batch *first = batch_take(pool, 600);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(batch_take(pool, 401));
    struct batch *second = batch_take(pool, 400);
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_null(batch_take(pool, 1));
    batch_give_back(pool, first);
    first = batch_take(pool, 600);
    ck_assert_ptr_nonnull(first);
    batch_give_back(pool, first);
    batch_give_back(pool, second);
}
END_TEST

START_TEST(a_body_above_the_memory_goes_alone)
{
    struct batch *small = batch_take(pool, 1);
    ck_assert_ptr_null(batch_take(pool, MEMORY + 1));
    batch_give_back(pool, small);
    struct batch *large = batch_take(pool, MEMORY + 1);
    ck_assert_ptr_nonnull(large);
    ck_assert_ptr_null(batch_take(pool, 1));
    batch_give_back(pool, large);
    small = batch_take(pool, 1);
    ck_assert_ptr_nonnull(small);
    batch_give_back(pool, small);
}
END_TEST

START_TEST(a_batch_that_comes_back_is_new_again)
{
    struct batch *batch = batch_take(pool, 500);
    batch_open(batch, &encoder_kinesis_json, "s");
    struct offer offer = {.place = {.sequence = 9}, .slot = 3};
    batch_add(batch, &limits, slice_of_text("data"), slice_of_text("key"), &offer);
    batch->flawed = true;
    batch->trial = true;
    batch_finish(batch, "s");
    batch_give_back(pool, batch);
    batch = batch_take(pool, 500);
    ck_assert(!batch->flawed && !batch->trial && !batch->whole);
    ck_assert_uint_eq(batch->count, 0);
    ck_assert_uint_eq(batch->counted_bytes, 0);
    batch_give_back(pool, batch);
}
END_TEST

START_TEST(a_batch_knows_its_records)
{
    struct batch *batch = batch_take(pool, 500);
    batch_open(batch, &encoder_kinesis_cbor, "s");
    for (uint64_t i = 0; i < 3; i++) {
        struct offer offer = {.place = {.sequence = 10 - i}};
        batch_add(batch, &limits, slice_of_text("data"), slice_of_text(i == 1 ? "b" : "aa"),
                  &offer);
    }
    batch_finish(batch, "s");
    size_t size = batch->body.size;
    batch_finish(batch, "s");
    ck_assert_uint_eq(batch->body.size, size);
    ck_assert_uint_eq(batch->counted_bytes, 4 * 3 + 5);
    ck_assert_uint_eq(batch_last_sequence(batch), 10);
    ck_assert(slice_equal_text(batch_key(batch, &batch->offers[0]), "aa"));
    ck_assert(slice_equal_text(batch_key(batch, &batch->offers[1]), "b"));
    batch_give_back(pool, batch);
}
END_TEST

START_TEST(a_list_gives_the_first_first)
{
    struct batch batches[3];
    struct batch_list list;
    batch_list_init(&list);
    ck_assert_ptr_null(batch_list_pop(&list));
    batch_list_push(&list, &batches[1]);
    batch_list_push(&list, &batches[2]);
    batch_list_push_front(&list, &batches[0]);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ptr_eq(batch_list_pop(&list), &batches[i]);
    }
    ck_assert_ptr_null(batch_list_pop(&list));
    batch_list_push_front(&list, &batches[0]);
    batch_list_push(&list, &batches[1]);
    ck_assert_ptr_eq(batch_list_pop(&list), &batches[0]);
    ck_assert_ptr_eq(batch_list_pop(&list), &batches[1]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("batch");
    TCase *tests = tcase_create("batch");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, bodies_in_use_never_pass_the_memory);
    tcase_add_test(tests, a_body_above_the_memory_goes_alone);
    tcase_add_test(tests, a_batch_that_comes_back_is_new_again);
    tcase_add_test(tests, a_batch_knows_its_records);
    tcase_add_test(tests, a_list_gives_the_first_first);
    suite_add_tcase(suite, tests);
    return suite;
}
