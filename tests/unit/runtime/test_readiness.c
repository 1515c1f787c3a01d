#include "runtime/readiness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "support/tempdir.h"
#include "support/test_main.h"

START_TEST(the_manager_gets_the_state)
{
    char *dir = tempdir_create();
    char *path = xasprintf("%s/notify", dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(path), sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", path, 1); // NOLINT(concurrency-mt-unsafe)
    readiness_notify("READY=1\nSTATUS=2 flows");
    char text[64] = "";
    ck_assert_int_eq(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 22);
    ck_assert_str_eq(text, "READY=1\nSTATUS=2 flows");
    close(fd);
    free(path);
    tempdir_remove(dir);
}
END_TEST

START_TEST(without_a_manager_and_with_a_bad_address_nothing_happens)
{
    unsetenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe)
    readiness_notify("READY=1");
    setenv("NOTIFY_SOCKET", "vsock:1", 1); // NOLINT(concurrency-mt-unsafe)
    readiness_notify("READY=1");
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1); // NOLINT(concurrency-mt-unsafe)
    readiness_notify("READY=1");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("readiness");
    TCase *tests = tcase_create("readiness");
    tcase_add_test(tests, the_manager_gets_the_state);
    tcase_add_test(tests, without_a_manager_and_with_a_bad_address_nothing_happens);
    suite_add_tcase(suite, tests);
    return suite;
}
