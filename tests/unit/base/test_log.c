#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "support/test_main.h"

static int saved_stderr;
static int pipe_read;
static char text[65536];

static void capture_start(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pipe_read = ends[0];
}

// Puts standard error back and returns what was written to it.
static const char *capture_end(void)
{
    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    size_t size = 0;
    ssize_t count;
    while ((count = read(pipe_read, text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)count;
    }
    text[size] = '\0';
    close(pipe_read);
    return text;
}

START_TEST(less_urgent_than_the_level_is_not_printed)
{
    capture_start();
    log_error("disk %d is gone", 3);
    log_notice("started");
    log_info("opened");
    log_set_level(LOG_LEVEL_INFO);
    log_info("closed");
    log_debug("batch");
    ck_assert_str_eq(capture_end(), "disk 3 is gone\nstarted\nclosed\n");
}
END_TEST

START_TEST(priorities_are_for_the_journal)
{
    capture_start();
    log_set_priority_prefix(true);
    log_error("a");
    log_warning("b");
    log_notice("c");
    ck_assert_str_eq(capture_end(), "<3>a\n<4>b\n<5>c\n");
}
END_TEST

START_TEST(a_site_limits_itself_and_says_what_it_left_out)
{
    struct log_site site = {0};
    struct log_site other = {0};
    capture_start();
    for (int i = 0; i < LOG_BURST + 3; i++) {
        log_write(&site, LOG_LEVEL_ERROR, "line %d", i);
    }
    log_write(&other, LOG_LEVEL_ERROR, "elsewhere");
    // As if the window had begun a long time ago.
    site.window_start_s = 0;
    log_write(&site, LOG_LEVEL_ERROR, "later");
    log_write(&site, LOG_LEVEL_ERROR, "last");
    ck_assert_str_eq(capture_end(), "line 0\nline 1\nline 2\nline 3\nline 4\nelsewhere\n"
                                    "later (and 3 more like it)\nlast\n");
}
END_TEST

START_TEST(what_is_not_printed_does_not_use_up_the_limit)
{
    struct log_site site = {0};
    capture_start();
    for (int i = 0; i < 100; i++) {
        log_write(&site, LOG_LEVEL_DEBUG, "noise");
    }
    log_write(&site, LOG_LEVEL_ERROR, "signal");
    ck_assert_str_eq(capture_end(), "signal\n");
}
END_TEST

START_TEST(a_value_cannot_start_a_line)
{
    capture_start();
    log_error("cannot open %s", "a\n<0>b\x1b[2J\x7f\xc3\xa9");
    ck_assert_str_eq(capture_end(), "cannot open a?<0>b?[2J?\xc3\xa9\n");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    char value[5000];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    capture_start();
    log_error("%s", value);
    const char *line = capture_end();
    ck_assert_uint_gt(strlen(line), 1000);
    ck_assert_uint_lt(strlen(line), 3000);
    ck_assert(line[strlen(line) - 1] == '\n');
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, less_urgent_than_the_level_is_not_printed);
    tcase_add_test(tests, priorities_are_for_the_journal);
    tcase_add_test(tests, a_site_limits_itself_and_says_what_it_left_out);
    tcase_add_test(tests, what_is_not_printed_does_not_use_up_the_limit);
    tcase_add_test(tests, a_value_cannot_start_a_line);
    tcase_add_test(tests, a_long_line_is_cut);
    suite_add_tcase(suite, tests);
    return suite;
}
