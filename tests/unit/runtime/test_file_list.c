// A copied list of files, as JSON.
#include <jansson.h>

#include "runtime/file_list.h"
#include "support/test_main.h"

START_TEST(a_copied_file_is_written_with_everything_that_is_known)
{
    struct file_list list;
    struct buf out;
    file_list_init(&list);
    buf_init(&out, SIZE_MAX);
    struct listed_file file = {.generation = 7, .position = 40, .size = 100, .state = "reading"};
    char path[] = "/var/log/\"a\".log";
    file_list_add(&list, &file, path);
    path[1] = 'X';
    file_list_add(&list, &(struct listed_file){.state = "not read: a directory"}, "/var/log/b");
    file_list_write(&list, &out);
    json_t *document = json_loadb((const char *)out.data, out.size, 0, NULL);
    ck_assert_uint_eq(json_array_size(document), 2);
    json_t *first = json_array_get(document, 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "path")), "/var/log/\"a\".log");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "generation")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "lag")), 60);
    json_t *second = json_array_get(document, 1);
    ck_assert_str_eq(json_string_value(json_object_get(second, "state")), "not read: a directory");
    json_decref(document);
    file_list_deinit(&list);
    buf_deinit(&out);
}
END_TEST

START_TEST(a_list_can_be_used_again)
{
    struct file_list list;
    struct buf out;
    file_list_init(&list);
    buf_init(&out, SIZE_MAX);
    file_list_add(&list, &(struct listed_file){.state = "reading"}, "/a");
    file_list_clear(&list);
    file_list_write(&list, &out);
    ck_assert(slice_equal_text(buf_slice(&out), "[]"));
    file_list_deinit(&list);
    buf_deinit(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("runtime_file_list");
    TCase *tests = tcase_create("file_list");
    tcase_add_test(tests, a_copied_file_is_written_with_everything_that_is_known);
    tcase_add_test(tests, a_list_can_be_used_again);
    suite_add_tcase(suite, tests);
    return suite;
}
