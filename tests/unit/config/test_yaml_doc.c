#include "config/yaml_doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "support/test_main.h"

static struct mistakes *mistakes;
static struct yaml_doc *doc;

static void setup(void)
{
    mistakes = mistakes_create(10);
    mistakes_add_file(mistakes, "a.yaml");
    doc = NULL;
}

static void teardown(void)
{
    yaml_doc_free(doc);
    mistakes_free(mistakes);
}

static const struct node *parse(const char *text)
{
    ck_assert_int_eq(yaml_doc_parse(slice_of_text(text), 0, mistakes, &doc), 0);
    return yaml_doc_root(doc);
}

START_TEST(the_tree_has_every_value_with_its_place)
{
    const struct node *root = parse("a: 1\nb:\n  - x\n  - {c: \"2\"}\n");
    ck_assert_int_eq(root->kind, NODE_MAP);
    ck_assert_uint_eq(root->count, 2);
    const struct node *list = node_get(root, "b");
    ck_assert_int_eq(list->kind, NODE_LIST);
    ck_assert_str_eq(list->items[0]->text, "x");
    ck_assert(!list->items[0]->quoted);
    const struct node *value = node_get(list->items[1], "c");
    ck_assert_str_eq(value->text, "2");
    ck_assert(value->quoted);
    ck_assert_uint_eq(value->mark.line, 4);
    ck_assert_uint_eq(value->mark.column, 9);
    ck_assert_uint_eq(root->keys[1]->mark.line, 2);
    ck_assert_uint_eq(root->keys[1]->mark.column, 1);
    ck_assert_uint_eq(mistakes_count(mistakes), 0);
}
END_TEST

START_TEST(columns_count_characters_not_bytes)
{
    const struct node *root = parse("{\"\u00e9\u00e9\": x}");
    ck_assert_uint_eq(root->items[0]->mark.column, 8);
}
END_TEST

START_TEST(a_byte_order_mark_is_left_out)
{
    ck_assert_str_eq(node_get(parse("\xef\xbb\xbf"
                                    "a: b\n"),
                              "a")
                         ->text,
                     "b");
}
END_TEST

START_TEST(comments_alone_are_no_tree)
{
    ck_assert_ptr_null(parse("# nothing\n\n"));
    ck_assert_uint_eq(mistakes_count(mistakes), 0);
}
END_TEST

START_TEST(only_unquoted_words_mean_no_value)
{
    const struct node *root = parse("[~, null, '', \"~\", 'null', Null, x]");
    static const bool expected[] = {true, true, false, false, false, false, false};
    ck_assert_ptr_nonnull(root);
    for (size_t i = 0; i < root->count && i < 7; i++) {
        ck_assert_msg(node_is_null(root->items[i]) == expected[i], "%zu", i);
    }
}
END_TEST

START_TEST(an_alias_is_the_same_node)
{
    const struct node *root = parse("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n");
    ck_assert_ptr_eq(node_get(root, "b"), node_get(root, "a"));
    ck_assert_ptr_eq(node_get(root, "c")->items[1], node_get(root, "a"));
    ck_assert_uint_eq(node_get(root, "c")->weight, 7);
}
END_TEST

START_TEST(the_last_of_equal_anchors_counts)
{
    ck_assert_str_eq(node_get(parse("a: &x 1\nb: &x 2\nc: *x\n"), "c")->text, "2");
}
END_TEST

START_TEST(what_a_map_says_itself_wins_over_what_is_merged)
{
    const struct node *root = parse("a: &a {x: 1, y: 1, z: 1}\nb: &b {y: 2, w: 2}\n"
                                    "c: {<<: [*b, *a], x: 3}\n");
    const struct node *map = node_get(root, "c");
    ck_assert_uint_eq(map->count, 4);
    ck_assert_str_eq(node_get(map, "x")->text, "3");
    ck_assert_str_eq(node_get(map, "y")->text, "2");
    ck_assert_str_eq(node_get(map, "z")->text, "1");
    ck_assert_str_eq(node_get(map, "w")->text, "2");
}
END_TEST

START_TEST(the_first_of_two_equal_keys_stays_and_the_second_is_a_mistake)
{
    ck_assert_str_eq(node_get(parse("a: 1\na: 2\n"), "a")->text, "1");
    ck_assert_uint_eq(mistakes_count(mistakes), 1);
}
END_TEST

START_TEST(sixteen_levels_are_enough_and_seventeen_too_many)
{
    char text[40];
    memset(text, '[', 16);
    memset(text + 16, ']', 16);
    text[32] = '\0';
    ck_assert_ptr_nonnull(parse(text));
    yaml_doc_free(doc);
    doc = NULL;
    memset(text, '[', 17);
    memset(text + 17, ']', 17);
    ck_assert_int_eq(yaml_doc_parse(slice_of(text, 34), 0, mistakes, &doc), E_CONFIG);
}
END_TEST

START_TEST(an_alias_cannot_hide_depth)
{
    const char *text = "a: &a [[[[[[[[[x]]]]]]]]]\nb: [[[[[[[*a]]]]]]]\n";
    ck_assert_int_eq(yaml_doc_parse(slice_of_text(text), 0, mistakes, &doc), E_CONFIG);
    ck_assert_ptr_null(doc);
}
END_TEST

static void count_text(void *context, struct node *node)
{
    size_t *count = context;
    ck_assert_str_ne(node->text, "key");
    (*count)++;
}

START_TEST(each_text_is_visited_once_and_keys_are_not)
{
    size_t count = 0;
    parse("key: &a x\nb: *a\nc: [y, *a]\n");
    yaml_doc_each_text(doc, count_text, &count);
    ck_assert_uint_eq(count, 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("yaml_doc");
    TCase *tcase = tcase_create("yaml_doc");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_tree_has_every_value_with_its_place);
    tcase_add_test(tcase, columns_count_characters_not_bytes);
    tcase_add_test(tcase, a_byte_order_mark_is_left_out);
    tcase_add_test(tcase, comments_alone_are_no_tree);
    tcase_add_test(tcase, only_unquoted_words_mean_no_value);
    tcase_add_test(tcase, an_alias_is_the_same_node);
    tcase_add_test(tcase, the_last_of_equal_anchors_counts);
    tcase_add_test(tcase, what_a_map_says_itself_wins_over_what_is_merged);
    tcase_add_test(tcase, the_first_of_two_equal_keys_stays_and_the_second_is_a_mistake);
    tcase_add_test(tcase, sixteen_levels_are_enough_and_seventeen_too_many);
    tcase_add_test(tcase, an_alias_cannot_hide_depth);
    tcase_add_test(tcase, each_text_is_visited_once_and_keys_are_not);
    suite_add_tcase(suite, tcase);
    return suite;
}
