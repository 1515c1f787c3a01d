#include "support/fault_io.h"

#include <errno.h>
#include <fcntl.h>

#include "base/io_posix.h"
#include "support/test_main.h"

START_TEST(only_the_named_calls_fail)
{
    struct fault_io fault;
    fault_io_init(&fault, io_posix());
    struct io *io = &fault.io;
    fault_io_fail(&fault, "stat", 2, 2, -EIO);
    struct file_stat stat;
    ck_assert_int_eq(io->stat(io, "/", true, &stat), 0);
    ck_assert_int_eq(io->stat(io, "/", true, &stat), -EIO);
    int fd = io->open(io, "/", O_RDONLY | O_DIRECTORY, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io->stat(io, "/", true, &stat), -EIO);
    ck_assert_int_eq(io->stat(io, "/", true, &stat), 0);
    ck_assert_uint_eq(fault_io_struck(&fault), 2);
    ck_assert_uint_eq(fault_io_calls(&fault, "stat"), 4);
    ck_assert_uint_eq(fault_io_calls(&fault, FAULT_ANY), 5);
    io->close(io, fd);
    fault_io_deinit(&fault);
}
END_TEST

START_TEST(any_counts_every_function)
{
    struct fault_io fault;
    fault_io_init(&fault, io_posix());
    struct io *io = &fault.io;
    struct file_stat stat;
    uint64_t bytes;
    char id[37];
    fault_io_fail(&fault, FAULT_ANY, 2, 1, -EACCES);
    ck_assert_int_eq(io->stat(io, "/", true, &stat), 0);
    ck_assert_int_eq(io->free_bytes(io, "/", &bytes), -EACCES);
    ck_assert_int_eq(io->boot_id(io, id), 0);
    fault_io_fail(&fault, FAULT_ANY, 1, UINT64_MAX, -EACCES);
    ck_assert_int_eq(io->boot_id(io, id), -EACCES);
    fault_io_heal(&fault);
    ck_assert_int_eq(io->boot_id(io, id), 0);
    fault_io_deinit(&fault);
}
END_TEST

START_TEST(transfers_come_short)
{
    struct fault_io fault;
    fault_io_init(&fault, io_posix());
    struct io *io = &fault.io;
    int fd = io->open(io, "/dev/zero", O_RDONLY, 0);
    char data[8];
    fault_io_shorten(&fault, FAULT_ANY, 1, 2, 3);
    ck_assert_int_eq(io->pread(io, fd, data, 8, 0), 3);
    ck_assert_int_eq(io->pread(io, fd, data, 2, 0), 2);
    ck_assert_int_eq(io->pread(io, fd, data, 8, 0), 8);
    ck_assert_uint_eq(fault_io_struck(&fault), 1);
    io->close(io, fd);
    fault_io_deinit(&fault);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("fault_io");
    TCase *tests = tcase_create("fault_io");
    tcase_add_test(tests, only_the_named_calls_fail);
    tcase_add_test(tests, any_counts_every_function);
    tcase_add_test(tests, transfers_come_short);
    suite_add_tcase(suite, tests);
    return suite;
}
