#include "runtime/status_socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "support/tempdir.h"
#include "support/test_main.h"

enum { DOCUMENT_BYTES = 1 << 20 };

static char *dir;
static char *path;
static int server;
static char request[64];
static int accepted;

static void setup(void)
{
    dir = tempdir_create();
    path = xasprintf("%s/run/status", dir);
    server = status_socket_listen(path);
    ck_assert_msg(server >= 0, "%s", error_text(server));
    request[0] = '\0';
}

static void teardown(void)
{
    status_socket_close(server, path);
    ck_assert_int_ne(access(path, F_OK), 0);
    free(path);
    tempdir_remove(dir);
}

// Serves one client with a large document.
static void *serve(void *context)
{
    struct pollfd poll_fd = {.fd = server, .events = POLLIN};
    (void)poll(&poll_fd, 1, -1);
    accepted = status_socket_accept(server, request, sizeof request);
    if (accepted >= 0) {
        uint8_t *document = xmalloc(DOCUMENT_BYTES);
        memset(document, 'x', DOCUMENT_BYTES);
        status_socket_answer(accepted, slice_of(document, DOCUMENT_BYTES));
        free(document);
    }
    return context;
}

START_TEST(a_client_gets_the_whole_answer)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    struct buf answer;
    buf_init(&answer, 2 * (size_t)DOCUMENT_BYTES);
    ck_assert_int_eq(status_socket_ask(path, "status files", &answer), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(request, "status files");
    ck_assert_uint_eq(answer.size, DOCUMENT_BYTES);
    buf_deinit(&answer);
}
END_TEST

START_TEST(a_client_that_accepts_less_is_told)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    struct buf answer;
    buf_init(&answer, 1000);
    ck_assert_int_eq(status_socket_ask(path, "status", &answer), E_TOO_LARGE);
    pthread_join(thread, NULL);
    buf_deinit(&answer);
}
END_TEST

START_TEST(a_request_without_end_is_refused)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    char long_request[200];
    memset(long_request, 'a', sizeof long_request - 1);
    long_request[sizeof long_request - 1] = '\0';
    struct buf answer;
    buf_init(&answer, 1000);
    int error = status_socket_ask(path, long_request, &answer);
    pthread_join(thread, NULL);
    ck_assert_int_eq(accepted, E_TOO_LARGE);
    // The server may close before or after the last byte was sent.
    ck_assert(error == 0 || error == -ECONNRESET || error == -EPIPE);
    ck_assert_uint_eq(answer.size, 0);
    buf_deinit(&answer);
}
END_TEST

START_TEST(a_socket_in_use_is_refused_and_a_stale_one_replaced)
{
    ck_assert_int_eq(status_socket_listen(path), -EADDRINUSE);
    close(server);
    server = status_socket_listen(path);
    ck_assert_int_ge(server, 0);
}
END_TEST

START_TEST(nobody_there_and_a_path_that_does_not_fit_are_errors)
{
    struct buf answer;
    buf_init(&answer, 1000);
    ck_assert_int_eq(status_socket_ask("/nonexistent/socket", "status", &answer), -ENOENT);
    char long_path[200];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    ck_assert_int_eq(status_socket_listen(long_path), -ENAMETOOLONG);
    ck_assert_int_eq(status_socket_ask(long_path, "status", &answer), -ENAMETOOLONG);
    buf_deinit(&answer);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("status_socket");
    TCase *tests = tcase_create("status_socket");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_client_gets_the_whole_answer);
    tcase_add_test(tests, a_client_that_accepts_less_is_told);
    tcase_add_test(tests, a_request_without_end_is_refused);
    tcase_add_test(tests, a_socket_in_use_is_refused_and_a_stale_one_replaced);
    tcase_add_test(tests, nobody_there_and_a_path_that_does_not_fit_are_errors);
    suite_add_tcase(suite, tests);
    return suite;
}
