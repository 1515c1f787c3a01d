#include "base/wake.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io_posix.h"
#include "support/test_main.h"

enum { LONG_MS = 60 * 1000 };

static bool rung(const struct wake *wake)
{
    struct pollfd fd = {.fd = wake->fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

START_TEST(a_ring_ends_the_wait_and_is_swallowed)
{
    struct wake wake;
    wake_open(&wake);
    wake_ring(&wake);
    wake_ring(&wake);
    wake_wait(&wake, -1, LONG_MS);
    ck_assert(!rung(&wake));
    wake_close(&wake);
}
END_TEST

static void *ring(void *wake)
{
    wake_ring(wake);
    return NULL;
}

START_TEST(another_thread_can_ring)
{
    struct wake wake;
    wake_open(&wake);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, ring, &wake), 0);
    wake_wait(&wake, -1, LONG_MS);
    pthread_join(thread, NULL);
    wake_close(&wake);
}
END_TEST

START_TEST(another_descriptor_ends_the_wait_too)
{
    struct wake wake;
    wake_open(&wake);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    wake_wait(&wake, ends[0], LONG_MS);
    close(ends[0]);
    close(ends[1]);
    wake_close(&wake);
}
END_TEST

START_TEST(the_wait_ends_when_the_time_is_over)
{
    struct wake wake;
    wake_open(&wake);
    struct io *io = io_posix();
    uint64_t before = io->monotonic_ns(io);
    wake_wait(&wake, -1, 20);
    ck_assert_uint_ge(io->monotonic_ns(io) - before, 19 * NS_PER_MS);
    wake_close(&wake);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("wake");
    TCase *tests = tcase_create("wake");
    tcase_add_test(tests, a_ring_ends_the_wait_and_is_swallowed);
    tcase_add_test(tests, another_thread_can_ring);
    tcase_add_test(tests, another_descriptor_ends_the_wait_too);
    tcase_add_test(tests, the_wait_ends_when_the_time_is_over);
    suite_add_tcase(suite, tests);
    return suite;
}
