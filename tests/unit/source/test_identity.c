// The decisions about what a file is: each fact that decides, and what it outweighs.
#include "base/compiler.h"
#include "source/identity.h"
#include "support/test_main.h"

enum { BIRTH = 1000, OTHER_BIRTH = 2000, NO_BIRTH = 0 };

static const struct {
    struct inode_facts facts;
    bool same;
} INODES[] = {
    // boot, device, inode, path, known birth, birth
    {{true, true, true, false, BIRTH, BIRTH}, true},
    {{true, true, false, true, BIRTH, BIRTH}, false},
    {{true, true, true, true, BIRTH, OTHER_BIRTH}, false},
    {{true, false, true, true, BIRTH, BIRTH}, false},
    {{true, true, true, false, NO_BIRTH, NO_BIRTH}, true},
    {{true, true, true, false, NO_BIRTH, BIRTH}, true},
    {{true, true, true, false, BIRTH, NO_BIRTH}, true},
    {{false, false, true, false, BIRTH, BIRTH}, true},
    {{false, true, true, true, BIRTH, OTHER_BIRTH}, false},
    {{false, false, false, true, BIRTH, BIRTH}, false},
    {{false, false, true, true, NO_BIRTH, NO_BIRTH}, true},
    {{false, true, true, false, NO_BIRTH, NO_BIRTH}, false},
    {{false, true, true, false, BIRTH, NO_BIRTH}, false},
};

START_TEST(an_inode_is_known_by_device_and_birth_and_after_a_reboot_by_birth_or_path)
{
    ck_assert_int_eq(identity_same_inode(&INODES[_i].facts), INODES[_i].same);
}
END_TEST

static const struct {
    struct life_facts facts;
    bool goes_on;
} LIVES[] = {
    // size, position, head, tail
    {{10, 10, MATCH_EQUAL, MATCH_EQUAL}, true},
    {{11, 10, MATCH_EQUAL, MATCH_EQUAL}, true},
    {{9, 10, MATCH_EQUAL, MATCH_EQUAL}, false},
    {{10, 10, MATCH_DIFFERENT, MATCH_EQUAL}, false},
    {{10, 10, MATCH_EQUAL, MATCH_DIFFERENT}, false},
    {{0, 0, MATCH_UNKNOWN, MATCH_UNKNOWN}, true},
};

START_TEST(a_life_goes_on_while_nothing_says_that_the_file_was_cut)
{
    ck_assert_int_eq(identity_goes_on(&LIVES[_i].facts), LIVES[_i].goes_on);
}
END_TEST

static const struct {
    struct copy_facts facts;
    enum copy_verdict verdict;
} COPIES[] = {
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL, .original_gone = true}, COPY_CONTINUES},
    {{.was_prefix = true, .tail = MATCH_EQUAL, .original_gone = true}, COPY_CONTINUES},
    {{.tail = MATCH_EQUAL, .original_gone = true}, COPY_NOT},
    {{.head = MATCH_EQUAL, .original_gone = true}, COPY_NOT},
    {{.head = MATCH_EQUAL, .was_prefix = true, .original_gone = true}, COPY_READ},
    {{.was_prefix = true, .original_gone = true}, COPY_READ},
    {{.head = MATCH_DIFFERENT, .was_prefix = true, .original_gone = true}, COPY_NOT},
    {{.head = MATCH_EQUAL, .tail = MATCH_DIFFERENT, .original_gone = true}, COPY_NOT},
    {{.head = MATCH_EQUAL,
      .tail = MATCH_EQUAL,
      .original_gone = true,
      .was_prefix = true,
      .born_after_the_end = true},
     COPY_NOT},
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL}, COPY_PERHAPS},
    {{.head = MATCH_UNKNOWN, .tail = MATCH_UNKNOWN}, COPY_PERHAPS},
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL, .quiet = true}, COPY_NOT},
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL, .quiet = true, .original_gone = true},
     COPY_CONTINUES},
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL, .beside = true, .quiet = true}, COPY_BESIDE},
    {{.head = MATCH_EQUAL, .tail = MATCH_EQUAL, .beside = true, .all_read = true}, COPY_READ},
    {{.head = MATCH_EQUAL, .tail = MATCH_DIFFERENT, .beside = true, .all_read = true}, COPY_NOT},
};

START_TEST(a_copy_is_told_by_its_content_and_by_what_became_of_the_original)
{
    ck_assert_int_eq(identity_copy(&COPIES[_i].facts), COPIES[_i].verdict);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("identity");
    TCase *tests = tcase_create("decisions");
    tcase_add_loop_test(tests,
                        an_inode_is_known_by_device_and_birth_and_after_a_reboot_by_birth_or_path,
                        0, ARRAY_COUNT(INODES));
    tcase_add_loop_test(tests, a_life_goes_on_while_nothing_says_that_the_file_was_cut, 0,
                        ARRAY_COUNT(LIVES));
    tcase_add_loop_test(tests, a_copy_is_told_by_its_content_and_by_what_became_of_the_original, 0,
                        ARRAY_COUNT(COPIES));
    suite_add_tcase(suite, tests);
    return suite;
}
