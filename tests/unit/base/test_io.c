#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"
#include "support/fault_io.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static struct fault_io fault;
static struct io *io;
static char *dir;

static void setup(void)
{
    fault_io_init(&fault, io_posix());
    io = &fault.io;
    dir = tempdir_create();
}

static void teardown(void)
{
    tempdir_remove(dir);
    fault_io_deinit(&fault);
}

// Returns an open descriptor of a new file with this content.
static int file_with(const char *content)
{
    char *path = xasprintf("%s/file", dir);
    int fd = io->open(io, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, content, strlen(content), 0), 0);
    free(path);
    return fd;
}

START_TEST(short_reads_are_continued)
{
    int fd = file_with("0123456789");
    fault_io_shorten(&fault, "pread", 1, 100, 3);
    char data[20];
    ck_assert_int_eq(io_pread_all(io, fd, data, 8, 1), 8);
    ck_assert_mem_eq(data, "12345678", 8);
    ck_assert_uint_eq(fault_io_calls(&fault, "pread"), 3);
    io->close(io, fd);
}
END_TEST

START_TEST(reading_ends_at_the_end_of_the_file)
{
    int fd = file_with("0123456789");
    fault_io_shorten(&fault, "pread", 1, 100, 3);
    char data[20];
    ck_assert_int_eq(io_pread_all(io, fd, data, sizeof data, 4), 6);
    ck_assert_mem_eq(data, "456789", 6);
    ck_assert_int_eq(io_pread_all(io, fd, data, sizeof data, 10), 0);
    ck_assert_int_eq(io_pread_all(io, fd, data, sizeof data, 1000), 0);
    io->close(io, fd);
}
END_TEST

START_TEST(a_read_that_fails_halfway_is_an_error)
{
    int fd = file_with("0123456789");
    fault_io_shorten(&fault, "pread", 1, 100, 3);
    fault_io_fail(&fault, "pread", 3, 1, -EIO);
    char data[20];
    ck_assert_int_eq(io_pread_all(io, fd, data, sizeof data, 0), -EIO);
    io->close(io, fd);
}
END_TEST

START_TEST(short_writes_are_continued)
{
    int fd = file_with("");
    fault_io_shorten(&fault, "pwrite", 1, 100, 4);
    ck_assert_int_eq(io_pwrite_all(io, fd, "0123456789", 10, 2), 0);
    ck_assert_uint_eq(fault_io_calls(&fault, "pwrite"), 3);
    char data[20];
    ck_assert_int_eq(io_pread_all(io, fd, data, sizeof data, 0), 12);
    ck_assert_mem_eq(data,
                     "\0\0"
                     "0123456789",
                     12);
    io->close(io, fd);
}
END_TEST

START_TEST(a_write_that_fails_or_makes_no_progress_is_an_error)
{
    int fd = file_with("");
    fault_io_shorten(&fault, "pwrite", 1, 1, 4);
    fault_io_fail(&fault, "pwrite", 2, 1, -ENOSPC);
    ck_assert_int_eq(io_pwrite_all(io, fd, "0123456789", 10, 0), -ENOSPC);
    fault_io_shorten(&fault, "pwrite", 1, 1, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, "0123456789", 10, 0), -EIO);
    struct file_stat stat;
    ck_assert_int_eq(io->fstat(io, fd, &stat), 0);
    ck_assert_uint_eq(stat.size, 4);
    io->close(io, fd);
}
END_TEST

START_TEST(read_file_returns_the_content_and_a_nul)
{
    int fd = file_with("hello");
    io->close(io, fd);
    char *path = xasprintf("%s/file", dir);
    fault_io_shorten(&fault, "pread", 1, 100, 2);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io, path, 5, &data, &size), 0);
    ck_assert_uint_eq(size, 5);
    ck_assert_str_eq((const char *)data, "hello");
    free(data);
    free(path);
}
END_TEST

START_TEST(read_file_refuses_what_is_larger_than_its_limit)
{
    int fd = file_with("hello");
    io->close(io, fd);
    char *path = xasprintf("%s/file", dir);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io, path, 4, &data, &size), E_TOO_LARGE);
    // A file whose size says nothing is limited all the same.
    ck_assert_int_eq(io_read_file(io, "/proc/self/status", 10, &data, &size), E_TOO_LARGE);
    ck_assert_int_eq(io_read_file(io, "/proc/self/status", 100000, &data, &size), 0);
    ck_assert_uint_gt(size, 10);
    free(data);
    free(path);
}
END_TEST

START_TEST(read_file_of_nothing_is_empty_text)
{
    int fd = file_with("");
    io->close(io, fd);
    char *path = xasprintf("%s/file", dir);
    uint8_t *data;
    size_t size = 1;
    ck_assert_int_eq(io_read_file(io, path, 100, &data, &size), 0);
    ck_assert_uint_eq(size, 0);
    ck_assert_str_eq((const char *)data, "");
    free(data);
    free(path);
}
END_TEST

START_TEST(read_file_fails_cleanly_at_every_call)
{
    int fd = file_with("hello");
    io->close(io, fd);
    char *path = xasprintf("%s/file", dir);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io, "/nowhere/at/all", 100, &data, &size), -ENOENT);
    ck_assert_int_eq(io_read_file(io, dir, 100, &data, &size), -EISDIR);
    const char *calls[] = {"open", "fstat", "pread"};
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        fault_io_fail(&fault, calls[i], 1, 1, -EIO);
        ck_assert_int_eq(io_read_file(io, path, 100, &data, &size), -EIO);
        fault_io_heal(&fault);
    }
    free(path);
}
END_TEST

START_TEST(read_file_does_not_wait_for_a_writer_of_a_fifo)
{
    char *path = xasprintf("%s/fifo", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    uint8_t *data;
    size_t size;
    ck_assert_int_lt(io_read_file(io, path, 100, &data, &size), 0);
    free(path);
}
END_TEST

START_TEST(mkdir_all_creates_what_is_missing)
{
    char *path = xasprintf("%s/a/b//c/", dir);
    ck_assert_int_eq(io_mkdir_all(io, path, 0700), 0);
    ck_assert_int_eq(io_mkdir_all(io, path, 0700), 0);
    struct file_stat stat;
    ck_assert_int_eq(io->stat(io, path, true, &stat), 0);
    ck_assert_int_eq(stat.kind, FILE_DIRECTORY);
    free(path);
}
END_TEST

START_TEST(mkdir_all_says_what_stops_it)
{
    int fd = file_with("x");
    io->close(io, fd);
    char *below_file = xasprintf("%s/file/sub", dir);
    ck_assert_int_eq(io_mkdir_all(io, below_file, 0700), -ENOTDIR);
    char *file = xasprintf("%s/file", dir);
    ck_assert_int_eq(io_mkdir_all(io, file, 0700), -ENOTDIR);
    fault_io_fail(&fault, "mkdir", 1, 100, -EROFS);
    char *path = xasprintf("%s/new", dir);
    ck_assert_int_eq(io_mkdir_all(io, path, 0700), -EROFS);
    free(path);
    free(file);
    free(below_file);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("io");
    TCase *tests = tcase_create("io");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, short_reads_are_continued);
    tcase_add_test(tests, reading_ends_at_the_end_of_the_file);
    tcase_add_test(tests, a_read_that_fails_halfway_is_an_error);
    tcase_add_test(tests, short_writes_are_continued);
    tcase_add_test(tests, a_write_that_fails_or_makes_no_progress_is_an_error);
    tcase_add_test(tests, read_file_returns_the_content_and_a_nul);
    tcase_add_test(tests, read_file_refuses_what_is_larger_than_its_limit);
    tcase_add_test(tests, read_file_of_nothing_is_empty_text);
    tcase_add_test(tests, read_file_fails_cleanly_at_every_call);
    tcase_add_test(tests, read_file_does_not_wait_for_a_writer_of_a_fifo);
    tcase_add_test(tests, mkdir_all_creates_what_is_missing);
    tcase_add_test(tests, mkdir_all_says_what_stops_it);
    suite_add_tcase(suite, tests);
    return suite;
}
